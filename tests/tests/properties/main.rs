//! What must hold for every input: small inputs by chance, shrunk where something does not hold, and every input that a
//! fuzzer has ever found.

mod append;
mod corpus;
mod files;
mod order;
mod origins;
mod people;
mod texts;

use proptest::test_runner::{Config, RngAlgorithm, RngSeed};

/// So many cases of each property, always the same ones: a run by chance is the fuzzers'.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(0x005e_ed0f_7e57),
        // What is found becomes a file of `tests/fuzz/findings`, or a test with a name.
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    }
}

//! Every input that the fuzzers begin with, and every one that they have found.

use std::fs;
use std::path::{Path, PathBuf};

use tests::probe::PROBES;

fn files(folder: &str, probe: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder).join(probe);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

#[test]
fn every_input_that_was_kept_or_found_holds() {
    for (name, probe) in PROBES {
        let kept = files("corpus", name);
        assert!(!kept.is_empty(), "the fuzzer of {name} begins with nothing");
        for file in kept.into_iter().chain(files("findings", name)) {
            let bytes = fs::read(&file).expect("readable");
            println!("{}", file.display());
            probe(&bytes);
        }
    }
}

#[test]
fn every_probe_has_its_fuzzer_and_every_fuzzer_its_probe() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut fuzzers: Vec<_> = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    fuzzers.sort();
    let mut probes: Vec<_> = PROBES.iter().map(|(name, _)| (*name).to_owned()).collect();
    probes.sort();
    assert_eq!(fuzzers, probes);
}

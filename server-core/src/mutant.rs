//! Mechanisms that a test build can switch off, to show that the simulator notices; other builds know none of them.

/// A mechanism that is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "mutants"), expect(unreachable_pub, reason = "public in test builds only"))]
pub enum Mutant {
    /// The id of a message is not looked up.
    NoIds,
    /// The `n` of a message is not looked at.
    NoOrder,
    /// A published event is delivered although one before it is missing.
    NoGapCheck,
    /// The cursor of a `hello` is not looked at.
    NoCursor,
    /// A cursor of another epoch is taken for one of this log.
    NoEpoch,
    /// A resume begins one event too late.
    OffByOne,
    /// Every client's first message brings the welcome.
    ManyWelcomes,
    /// What a full queue threw away is not read again.
    NoCatchUp,
}

#[cfg(feature = "mutants")]
mod switch {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static OFF: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Switches one mechanism off for this thread, and every other one on.
    pub fn switch_off(mutant: Option<Mutant>) {
        OFF.set(mutant);
    }

    pub(crate) fn off(mutant: Mutant) -> bool {
        OFF.get() == Some(mutant)
    }
}

#[cfg(feature = "mutants")]
pub(crate) use switch::off;
#[cfg(feature = "mutants")]
pub use switch::switch_off;

/// Says that nothing is switched off.
#[cfg(not(feature = "mutants"))]
pub(crate) const fn off(_mutant: Mutant) -> bool {
    false
}

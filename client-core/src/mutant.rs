//! Mechanisms that a test build can switch off, to show that the simulator notices; other builds know none of them.

/// A mechanism that is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "mutants"), expect(unreachable_pub, reason = "public in test builds only"))]
pub enum Mutant {
    /// An event at or before the cursor is applied again.
    NoCursor,
    /// An event beyond the next one is applied at once.
    NoGapCheck,
    /// A message that is sent again gets another id.
    FreshIds,
    /// A message leaves the outbox when it is sent.
    SentIsStored,
    /// What an earlier page left behind is not taken up.
    NoRestore,
    /// Silence of a link means nothing.
    NoPulse,
    /// A gap in the log is not asked for.
    NoSync,
    /// The numbers of the messages stay what they were on the last link.
    NoRenumber,
    /// Another log goes on where the last one ended.
    NoReset,
    /// All links of a page are one sender of ordered messages.
    OneSender,
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

//! What happened, in lines; kept only when asked for, because a seed brings it back.

/// The lines of a schedule, and a digest of what was told even when no lines are kept.
#[derive(Debug)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
    digest: u64,
}

impl Trace {
    pub(crate) fn new(kept: bool) -> Self {
        Self { lines: kept.then(Vec::new), digest: 0xcbf2_9ce4_8422_2325 }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    pub(crate) fn push(&mut self, line: String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// Mixes into the digest what reached somebody.
    pub(crate) fn mix(&mut self, at: u64, text: &str) {
        for byte in at.to_le_bytes().iter().chain(text.as_bytes()) {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

/// Writes a line, if lines are kept.
macro_rules! trace {
    ($sim:expr, $($format:tt)*) => {
        if $sim.trace.is_kept() {
            let line = format!("{:>9} {}", $sim.now, format_args!($($format)*));
            $sim.trace.push(line);
        }
    };
}
pub(crate) use trace;

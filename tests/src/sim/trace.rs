//! What happened, as lines for people; written only when somebody will read it.

use holdfast_inventory::Moment;

/// The lines of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    is_kept: bool,
    lines: Vec<String>,
}

impl Trace {
    pub(super) fn new(is_kept: bool) -> Self {
        Self { is_kept, lines: Vec::new() }
    }

    /// Adds a line; its words are made only if it is kept.
    pub(super) fn note(&mut self, now: Moment, words: impl FnOnce() -> String) {
        if self.is_kept {
            self.lines.push(format!("{:>9.3} ms  {}", now.0 as f64 / 1e3, words()));
        }
    }

    /// All lines.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

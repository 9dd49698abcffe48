//! The rows of one file that are of one part of it.

use std::sync::Arc;

/// The parts, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Dev,
    Test,
}

/// Lets the rows of one part through.
#[derive(Clone, Debug)]
pub(super) struct Only {
    parts: Arc<[Part]>,
    part: Part,
    at: usize,
}

impl Only {
    /// The rows of `part`, where `parts` has the part of each row of the file.
    pub fn of(parts: Arc<[Part]>, part: Part) -> Self {
        Only { parts, part, at: 0 }
    }

    /// Whether the next row of the file is one.
    pub fn takes_next(&mut self) -> bool {
        let part = self.parts.get(self.at);
        self.at += 1;
        part == Some(&self.part)
    }
}

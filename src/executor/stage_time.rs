//! The time that each part of a step takes.

use alloc::{string::String, vec::Vec};

/// What a dispatch of a step did, and how long it took.
#[derive(Clone, Debug, PartialEq)]
pub struct StageTime {
    /// Op, entry point and width: `linear forward 256 to 128`.
    pub name: String,
    /// Dispatches that are added up here; each is 1 before [`merged`](StageTime::merged).
    pub count: u32,
    /// Seconds.
    pub seconds: f64,
    /// Multiplications and additions.
    pub flops: f64,
    /// Bytes of buffers that had to be read and written, each once.
    pub bytes: f64,
}

impl StageTime {
    /// Those of one name added up, in the order in which each came first: the slices of a batch, layers of one shape,
    /// the same dispatch of several steps.
    pub fn merged(stages: impl IntoIterator<Item = StageTime>) -> Vec<StageTime> {
        let mut merged: Vec<StageTime> = Vec::new();
        for stage in stages {
            match merged.iter_mut().find(|there| there.name == stage.name) {
                Some(there) => {
                    there.count += stage.count;
                    there.seconds += stage.seconds;
                    there.flops += stage.flops;
                    there.bytes += stage.bytes;
                }
                None => merged.push(stage),
            }
        }
        merged
    }
}

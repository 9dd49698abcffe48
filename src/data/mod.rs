//! Interactions, their readers and splits, and the batches made from them.

mod batch;

pub use batch::{Batch, IdColumn, Segment};

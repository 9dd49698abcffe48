//! Interactions, their readers and splits, and the batches made from them.

mod batch;
mod candidates;
mod csr;
mod decimal;
mod filter;
mod generate;
mod ids;
mod interactions;
mod leave_one_out;
mod positives;
#[cfg(feature = "std")]
mod read;
mod renumber;
mod sampler;
pub mod samples;
mod split;
mod text;
mod times;

pub use batch::{Batch, IdColumn, Segment};
pub use generate::{Planted, PlantedData};
pub use ids::IdMap;
pub use interactions::{Interactions, ReadReport};
pub use positives::Positives;
#[cfg(feature = "std")]
pub use read::{
    BadRows, Column, Dataset, Delimited, Delimiter, FileLayout, FittedFiles, Parting, RowReport, SampleFiles,
    SampleFormat, Survey, SurveyedColumn,
};
#[cfg(feature = "gpu")]
pub(crate) use sampler::Epochs;
pub use sampler::{NEGATIVE_STREAM, ORDER_STREAM, Sampler};
pub use split::{Candidates, Split, SplitReport, TestCase};

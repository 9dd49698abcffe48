//! Interactions and clicks, their readers and splits, and the batches made from them.
//!
//! - `interactions`: pairs of users and items, their keys, splits, and which user has which item.
//! - [`clicks`]: fields, behaviour sequences and labels, encoded for click-through models.
//! - `read`: files of either.
//! - `planted`: made-up data of either, whose truth is known.
//! - `graph`: who is reached from whom, and what is known of items: triples.
//! - `features`: what is known of items and users besides, from side tables.
//! - `batch` and `sampler`: what steps of training take, and what draws it from pairs.

mod batch;
pub mod clicks;
mod features;
#[cfg(feature = "std")]
mod file_layout;
mod graph;
mod interactions;
mod planted;
#[cfg(feature = "std")]
mod read;
mod sampler;
mod text;

pub use batch::{Batch, IdColumn, Segment};
#[cfg(feature = "checkpoint")]
pub(crate) use features::StoredColumn;
pub use features::{FeatureKind, FeatureReport, FeatureTable, Features};
pub(crate) use features::{FeaturedBatch, vocabulary_of};
#[cfg(feature = "std")]
pub use file_layout::{Delimiter, FileLayout};
pub use graph::{Edge, Graph, GraphBuilder, ItemLinks, Knowledge, Relations, TripleReport, Triples};
pub(crate) use graph::{Head, RelatedTo, neighbour_columns};
#[cfg(feature = "checkpoint")]
pub(crate) use graph::{MOST_NEIGHBOURS, Relation};
pub use interactions::{Candidates, IdMap, Interactions, Positives, ReadReport, Split, SplitReport, TestCase};
pub use planted::{Planted, PlantedData, PlantedPathData, PlantedPaths};
#[cfg(feature = "std")]
pub use read::{
    BadRows, Column, Dataset, Delimited, FeatureFile, FittedFiles, Parting, RelationFile, RowReport, SampleFiles,
    SampleFormat, Survey, SurveyedColumn, TripleFile,
};
#[cfg(feature = "gpu")]
pub(crate) use sampler::Epochs;
pub(crate) use sampler::{Asks, push_history, push_related, push_typed, sequence_columns};
pub use sampler::{
    LIST_STREAM, NEGATIVE_STREAM, ORDER_STREAM, SEQUENCE_LIST_STREAM, SEQUENCE_ORDER_STREAM, Sampler, Sampling,
    SequenceSampler, USER_STREAM,
};

//! The id columns of a plan: whose ids they are, and which are ranked for which.

use alloc::string::String;

use crate::view::Space;

/// A column of ids in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it is called.
    pub name: String,
    /// Index of the vocabulary whose ids it holds: a candidate item and the items of a history share one.
    pub vocabulary: usize,
    /// One id a sample, or one a step of a sequence.
    pub space: Space,
    /// Whether each id has a weight, which what is looked up is multiplied by.
    pub weighted: bool,
    /// Whose ids they are.
    pub part: Part,
}

/// Which part of a sample the ids of a column are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// A feature of the sample.
    #[default]
    Feature,
    /// Whom candidates are ranked for: the user.
    Query,
    /// What is ranked: the item.
    Candidate,
    /// A candidate that the loss compares with the sample's own; training alone reads it.
    Negative,
}

/// A column of ids that have features: what an executor fills in beside it ([`Plan::with_features`](super::Plan::with_features)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Featured {
    /// The column of ids.
    pub of: usize,
    /// The column of the ids themselves, along a sequence of one step, or none where an id is left out.
    pub own: usize,
    /// The column of their features, along another.
    pub features: usize,
    /// Whether ids have weights, by which their features count as well.
    pub is_weighted: bool,
}

/// The id columns of a plan that scores a candidate for a query by nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The column of the query, the user.
    pub query: usize,
    /// The column of the candidate, the item.
    pub candidate: usize,
}

impl Pair {
    /// Ids of queries and of candidates in the order of the columns.
    pub fn columns<'a>(self, queries: &'a [u32], candidates: &'a [u32]) -> [&'a [u32]; 2] {
        match self.query < self.candidate {
            true => [queries, candidates],
            false => [candidates, queries],
        }
    }
}

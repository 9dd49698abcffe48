//! One training batch: ids by column, labels, and each column's ids in sorted order.
//!
//! Executors rely on the sorted order without checking it, so a batch knows whether its order belongs to its ids: every
//! call that allows ids to be changed drops the order, and [`Batch::sort`] makes it anew. Executors refuse a step on a batch
//! that is not sorted.

mod column;
mod renumbered;

use alloc::vec::Vec;
use core::ops::Range;

pub use column::{IdColumn, Segment};

use column::with_room;

use crate::{Error, Result, rng::Rng};

/// One training batch. Its buffers are kept between fills, so that a warm step allocates nothing.
///
/// ```
/// use pocketrec::data::Batch;
/// let mut batch = Batch::new(2, 3);
/// batch.push(&[5, 1], 1.0);
/// batch.push(&[5, 0], 0.0);
/// batch.push(&[2, 1], 0.0);
/// batch.sort();
/// assert_eq!(batch.column(0).order, [2, 0, 1]);
/// assert_eq!(batch.column(0).segments[1].row, 5);
/// ```
///
/// A batch of sequences, as the click-through models take it, is filled column by column:
///
/// ```
/// use pocketrec::data::Batch;
/// let mut batch = Batch::default();
/// batch.reset(2, 1); // two columns, one sequence
/// for (item, history, label) in [(5, &[7, 8][..], 1.0), (6, &[], 0.0)] {
///     batch.ids_mut(0).push(item);
///     batch.ids_mut(1).extend_from_slice(history);
///     batch.end_sequence(0, history.len());
///     batch.labels_mut().push(label);
/// }
/// batch.sort();
/// assert_eq!(batch.offsets(0), [0, 2, 2]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    columns: Vec<IdColumn>,
    /// For each sequence, where each sample's steps begin, and where the last one's end.
    offsets: Vec<Vec<u32>>,
    numeric: Vec<f32>,
    labels: Vec<f32>,
    /// One a sample, or none where all count alike.
    weights: Vec<f32>,
    /// One a sample, or none where the plan's loss does not ask for them.
    log_q: Vec<f32>,
    /// How many of the last columns have the ids of a list, and none of a sample.
    listed: usize,
    /// The id columns that hold negatives.
    negatives: Range<usize>,
    noise: Rng,
    holds_statistics: bool,
    /// Whether ids may have changed since they were sorted.
    unsorted: bool,
    /// Whether a sample was pushed with other than one id a column.
    ragged: bool,
}

impl Batch {
    /// An empty batch of `columns` id columns with room for `capacity` samples, as far as there is memory: it takes more.
    pub fn new(columns: usize, capacity: usize) -> Self {
        Batch {
            columns: (0..columns).map(|_| IdColumn::with_capacity(capacity)).collect(),
            offsets: Vec::new(),
            labels: with_room(capacity),
            ..Batch::default()
        }
    }

    /// Empties the batch and gives it so many columns and sequences; memory is kept.
    pub fn reset(&mut self, columns: usize, sequences: usize) {
        self.columns.resize_with(columns, IdColumn::default);
        self.offsets.resize_with(sequences, Vec::new);
        self.negatives = 0..0;
        self.listed = 0;
        self.clear();
    }

    /// The ids of a column, to be filled. The batch is to be [sorted](Batch::sort) afterwards.
    ///
    /// # Panics
    /// Where there is no such column, as an index out of range does.
    pub fn ids_mut(&mut self, column: usize) -> &mut Vec<u32> {
        self.forget_order();
        &mut self.columns[column].ids
    }

    /// The ids of a column and their weights, to be filled: as many where the plan's column is
    /// [weighted](crate::plan::Column::weighted), else none. The batch is to be [sorted](Batch::sort) afterwards.
    ///
    /// # Panics
    /// As [`ids_mut`](Batch::ids_mut).
    pub fn ids_and_weights_mut(&mut self, column: usize) -> (&mut Vec<u32>, &mut Vec<f32>) {
        self.forget_order();
        let IdColumn { ids, weights, .. } = &mut self.columns[column];
        (ids, weights)
    }

    /// Ends a sample's steps of a sequence, which are `steps` long in each of its columns.
    ///
    /// # Panics
    /// Where there is no such sequence, as an index out of range does.
    pub fn end_sequence(&mut self, sequence: usize, steps: usize) {
        let offsets = &mut self.offsets[sequence];
        let steps = u32::try_from(steps).unwrap_or(u32::MAX); // more than a column can have, so it will be refused
        let end = offsets.last().copied().unwrap_or(0).saturating_add(steps);
        offsets.push(end);
    }

    /// Fills the last column with a list that all samples share, which a plan has by
    /// [`PlanBuilder::list`](crate::plan::PlanBuilder::list): once all samples are there, and before the batch is
    /// [sorted](Batch::sort). Samples are then pushed with an id for each column before it.
    ///
    /// The list is the steps of the last sequence; those of the first sample, as it does not matter whose they are.
    ///
    /// ```
    /// use pocketrec::data::Batch;
    /// let mut batch = Batch::default();
    /// batch.reset_with_list(3);
    /// batch.push(&[5, 1], 1.0);
    /// batch.push(&[2, 0], 1.0);
    /// batch.set_list([7, 8, 9]);
    /// batch.sort();
    /// assert_eq!((batch.len(), batch.offsets(0)), (2, &[0, 3, 3][..]));
    /// ```
    ///
    /// # Panics
    /// Where there is no column or no sequence, as an index out of range does.
    pub fn set_list(&mut self, ids: impl IntoIterator<Item = u32>) {
        self.forget_order();
        let (samples, last) = (self.len(), self.columns.len() - 1);
        let column = &mut self.columns[last].ids;
        column.clear();
        column.extend(ids);
        let end = u32::try_from(column.len()).unwrap_or(u32::MAX);
        if let Some(offsets) = self.offsets.last_mut() {
            offsets.clear();
            offsets.push(0);
            offsets.resize(samples + 1, end);
        }
    }

    /// Empties the batch and gives it so many columns, the last of which is a [list](Batch::set_list) along the only sequence;
    /// memory is kept.
    pub fn reset_with_list(&mut self, columns: usize) {
        self.reset(columns, 1);
        self.listed = 1;
    }

    /// Numeric features, `[samples, features]`, to be filled with finite numbers.
    pub fn numeric_mut(&mut self) -> &mut Vec<f32> {
        &mut self.numeric
    }

    /// The id columns that hold negatives of each sample's candidate, as many as it has; none where samples are positives and
    /// negatives themselves, by their labels.
    pub fn negatives(&self) -> Range<usize> {
        self.negatives.clone()
    }

    /// Says which id columns hold negatives, for plans whose loss compares each candidate with some
    /// ([`Plan::negatives`](crate::plan::Plan::negatives)). It stays so when the batch is cleared, not when it is
    /// [reset](Batch::reset).
    ///
    /// ```
    /// use pocketrec::data::Batch;
    /// let mut batch = Batch::from_columns(&[&[5, 2], &[1, 0], &[3, 4]], &[1.0, 1.0])?; // user, item, negative
    /// batch.set_negatives(2..3);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn set_negatives(&mut self, columns: Range<usize>) {
        self.negatives = columns;
    }

    /// What is drawn at random in a step on this batch (dropout's masks): a stream of its own for each batch.
    pub fn noise(&self) -> Rng {
        self.noise
    }

    /// Sets [`noise`](Batch::noise).
    pub fn set_noise(&mut self, noise: Rng) {
        self.noise = noise;
    }

    /// Whether a step on this batch normalises by the running statistics and leaves them as they are.
    pub fn holds_statistics(&self) -> bool {
        self.holds_statistics
    }

    /// Has steps on this batch normalise (batch normalisation, Dice) by the running statistics, as in use, and leave them
    /// as they are, instead of by the batch's own: for batches of too few samples to have any. It stays so when the batch
    /// is filled anew.
    pub fn hold_statistics(&mut self, hold: bool) {
        self.holds_statistics = hold;
    }

    /// Labels in 0..=1, to be filled.
    pub fn labels_mut(&mut self) -> &mut Vec<f32> {
        &mut self.labels
    }

    /// How much each sample counts, to be filled: one finite number of at least 0 a sample, or none where all count alike.
    ///
    /// The loss of a batch of `n` samples with losses `l` and weights `w` is `(w[0] l[0] + ... + w[n-1] l[n-1]) / n`, and
    /// gradients are those of that: the mean still divides by the number of samples, so that a weight of 2 equals
    /// having the sample twice while still dividing by the old number, and one of 0 leaves it out. Weights that are all 1
    /// give the same bits as no weights. An auxiliary loss weights the pairs of a sample's steps likewise. L2 terms and statistics of the batch (batch
    /// normalisation, Dice) know no weights.
    ///
    /// ```
    /// use pocketrec::data::Batch;
    /// let mut batch = Batch::from_columns(&[&[5, 2], &[1, 0]], &[1.0, 0.0])?;
    /// batch.weights_mut().extend([1.0, 0.25]); // the second counts a quarter
    /// assert_eq!(batch.weights(), [1.0, 0.25]);
    /// batch.clear();
    /// assert!(batch.weights().is_empty());
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn weights_mut(&mut self) -> &mut Vec<f32> {
        &mut self.weights
    }

    /// The natural logarithm of the probability by which each sample's candidate is drawn into a batch, as
    /// [`log_q_mut`](Batch::log_q_mut) words it.
    pub fn log_q(&self) -> &[f32] {
        &self.log_q
    }

    /// The natural logarithm of the probability by which each sample's candidate is drawn into a batch, to be filled: a finite
    /// number a sample, where the plan's loss [corrects](crate::ops::SoftmaxCrossEntropy::corrects) for it, or none. A constant
    /// that is added to all changes no gradient.
    pub fn log_q_mut(&mut self) -> &mut Vec<f32> {
        &mut self.log_q
    }

    /// A sorted batch from whole columns and labels.
    ///
    /// # Errors
    /// [`Error::Length`] where a column and the labels differ in length.
    pub fn from_columns(columns: &[&[u32]], labels: &[f32]) -> Result<Self> {
        let mut batch = Batch::new(columns.len(), labels.len());
        for (to, from) in batch.columns.iter_mut().zip(columns) {
            if from.len() != labels.len() {
                return Err(Error::Length {
                    what: "ids of a column, which go with the labels".into(),
                    expected: labels.len(),
                    got: from.len(),
                });
            }
            to.ids.extend_from_slice(from);
        }
        batch.labels.extend_from_slice(labels);
        batch.sort();
        Ok(batch)
    }

    /// Removes all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.labels.clear();
        self.weights.clear();
        self.log_q.clear();
        self.numeric.clear();
        (self.unsorted, self.ragged) = (false, false);
        for offsets in &mut self.offsets {
            offsets.clear();
            offsets.push(0);
        }
        for column in &mut self.columns {
            column.ids.clear();
            column.weights.clear();
            column.order.clear();
            column.segments.clear();
        }
    }

    /// Adds a sample: one id a column, and its label in 0..=1. With other than one id a column, executors refuse the batch
    /// until it is [cleared](Batch::clear).
    #[inline]
    pub fn push(&mut self, ids: &[u32], label: f32) {
        self.forget_order();
        self.ragged |= ids.len() != self.columns.len().saturating_sub(self.listed);
        for (column, &id) in self.columns.iter_mut().zip(ids) {
            column.ids.push(id);
        }
        self.labels.push(label);
    }

    /// Takes away an order that will not be that of the ids; what is filled has none any more.
    #[inline]
    fn forget_order(&mut self) {
        if !self.unsorted {
            self.unsorted = true;
            for column in &mut self.columns {
                column.order.clear();
                column.segments.clear();
            }
        }
    }

    /// Sorts every column; to be called once after the last sample and before a step.
    pub fn sort(&mut self) {
        for column in &mut self.columns {
            column.sort();
        }
        self.unsorted = false;
    }

    /// Whether the columns' order is that of their ids: no id could be changed or was pushed since the last
    /// [`sort`](Batch::sort). An empty batch is sorted.
    pub fn is_sorted(&self) -> bool {
        !self.unsorted
    }

    /// Whether a sample was pushed with other than one id a column.
    pub(crate) fn is_ragged(&self) -> bool {
        self.ragged
    }

    /// Columns and labels, for what fills and sorts a batch elsewhere, and says so by
    /// [`set_sorted`](Batch::set_sorted).
    #[cfg(feature = "gpu")]
    pub(crate) fn parts_mut(&mut self) -> (&mut Vec<IdColumn>, &mut Vec<f32>) {
        self.forget_order();
        (&mut self.columns, &mut self.labels)
    }

    /// Takes the word of what has sorted the batch elsewhere.
    #[cfg(feature = "gpu")]
    pub(crate) fn set_sorted(&mut self) {
        self.unsorted = false;
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The id columns, in the order of the plan's.
    pub fn columns(&self) -> &[IdColumn] {
        &self.columns
    }

    /// One id column.
    ///
    /// # Panics
    /// Where there is no such column, as an index out of range does.
    pub fn column(&self, index: usize) -> &IdColumn {
        &self.columns[index]
    }

    /// Where each sample's steps of a sequence begin, and where the last one's end: `[samples + 1]`.
    ///
    /// # Panics
    /// Where there is no such sequence, as an index out of range does.
    pub fn offsets(&self, sequence: usize) -> &[u32] {
        &self.offsets[sequence]
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.offsets.len()
    }

    /// Numeric features, `[samples, features]`.
    pub fn numeric(&self) -> &[f32] {
        &self.numeric
    }

    /// One label a sample.
    pub fn labels(&self) -> &[f32] {
        &self.labels
    }

    /// One weight a sample, or none where all count alike.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }
}

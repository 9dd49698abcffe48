//! What every operation computes on a batch, forward and backward, in `f64`.
//!
//! An operation's file has the functions, and how it calls them on its operands: so a whole plan runs by the
//! specification alone, [`Reference`](crate::reference::Reference).

use alloc::vec::Vec;

use crate::{rng::Rng, view::View};

/// What an operation computes, on the operands that a [`Context`] gives.
pub trait Specification {
    /// What is written, `[rows, output.width]`; of a loss, its value for the batch alone, without a weight of its own.
    fn forward(&self, on: &dyn Context) -> Vec<f64>;

    /// The gradients of the [inputs](super::Op::inputs), in their order, from that of the output, `[rows, output.width]`;
    /// nothing of inputs for a look-up, which has none. Those of [parameters](super::Op::params) are added to
    /// `d_params`, one matrix a parameter of the plan.
    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>>;

    /// Running statistics after a training batch, each with its index among the parameters: all
    /// [statistics](crate::plan::ParamKind::Statistic) of a plan are some operation's to move.
    fn statistics(&self, _on: &dyn Context) -> Vec<(usize, Vec<f64>)> {
        Vec::new()
    }
}

/// What an operation finds on a batch.
pub trait Context {
    /// Whether this is a training step: dropout leaves values out, and statistics are the batch's.
    fn is_training(&self) -> bool;

    /// Whether running statistics stand in for the batch's.
    fn holds_statistics(&self) -> bool;

    /// The columns of an activation, `[rows, view.width]`.
    fn read(&self, view: View) -> Vec<f64>;

    /// Rows of an activation.
    fn rows(&self, view: View) -> usize;

    /// Where each sample's steps begin in an activation, and the last one's end; nothing where it has a row a sample.
    fn offsets(&self, view: View) -> &[u32];

    /// A parameter.
    fn value(&self, param: usize) -> &[f64];

    /// The nodes that a node of the graph is joined to, and the weight of each, as
    /// [`Graph::of_node`](crate::data::Graph::of_node) has them.
    fn neighbours(&self, node: usize) -> (&[u32], &[f32]);

    /// The ids of a column, and their weights: one for each id, or none at all.
    fn ids(&self, column: usize) -> (&[u32], &[f32]);

    /// The numeric features of the samples, and how many a sample has.
    fn numeric(&self) -> (&[f32], usize);

    /// The samples' labels.
    fn labels(&self) -> Vec<f64>;

    /// The samples' weights, if they have some.
    fn sample_weights(&self) -> Option<Vec<f64>>;

    /// The logarithm of the probability by which each sample's candidate was drawn.
    fn log_q(&self) -> Vec<f64>;

    /// What the operation draws from.
    fn noise(&self) -> Rng;
}

/// Adds to a gradient.
pub(super) fn add(sum: &mut [f64], terms: &[f64]) {
    for (sum, x) in sum.iter_mut().zip(terms) {
        *sum += x;
    }
}

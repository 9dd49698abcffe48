//! Each step of a tile's histories beside the next; the specification is [`ops::pair_with_next`].

use super::{
    accumulate::deliver_row,
    rows::{Rows, RowsMut, check_offsets},
    simd::Simd,
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::{ops, plan::Accumulate};

/// Writes `[states[t], items[t + 1]]` for every step, zeros at a sample's last. `offsets` `[samples + 1]` are those of
/// the batch; row 0 of the operands is step `offsets[0]`.
///
/// # Panics
/// Where an operand has fewer rows than the offsets say, these descend, or `output` is not as wide as both.
pub fn forward(offsets: &[u32], states: Rows<'_>, items: Rows<'_>, mut output: RowsMut<'_>) {
    states.check_shape();
    items.check_shape();
    output.check_shape();
    for (steps, last) in histories(offsets) {
        for t in steps {
            let (state, item) = output.row(t).split_at_mut(states.width);
            if t == last {
                state.fill(0.0);
                item.fill(0.0);
            } else {
                state.copy_from_slice(states.row(t));
                item.copy_from_slice(items.row(t + 1));
            }
        }
    }
}

/// Gradient of the states: the first columns of `d_output`, zero at a sample's last step.
///
/// # Panics
/// As [`forward`].
pub fn states_backward(offsets: &[u32], d_output: Rows<'_>, mut d_states: RowsMut<'_>, accumulate: Accumulate) {
    d_output.check_shape();
    d_states.check_shape();
    let width = d_states.width;
    for (steps, last) in histories(offsets) {
        for t in steps {
            let row = (t != last).then(|| &d_output.row(t)[..width]);
            deliver(row, d_states.row(t), accumulate);
        }
    }
}

/// Gradient of the items: the last columns of `d_output` of the step before, zero at a sample's first step.
///
/// # Panics
/// As [`forward`].
pub fn items_backward(offsets: &[u32], d_output: Rows<'_>, mut d_items: RowsMut<'_>, accumulate: Accumulate) {
    d_output.check_shape();
    d_items.check_shape();
    let width = d_items.width;
    for (steps, _) in histories(offsets) {
        for t in steps.clone() {
            let row = (t != steps.start).then(|| &d_output.row(t - 1)[d_output.width - width..]);
            deliver(row, d_items.row(t), accumulate);
        }
    }
}

/// Each sample's rows, and the last of them.
fn histories(offsets: &[u32]) -> impl Iterator<Item = (core::ops::Range<usize>, usize)> {
    check_offsets(offsets);
    let begin = offsets.first().copied().unwrap_or(0);
    offsets.windows(2).map(move |pair| {
        let steps = (pair[0] - begin) as usize..(pair[1] - begin) as usize;
        (steps.clone(), steps.end.wrapping_sub(1))
    })
}

/// Nothing stands for zeros.
fn deliver(row: Option<&[f32]>, to: &mut [f32], accumulate: Accumulate) {
    match (row, accumulate) {
        (Some(row), _) => deliver_row(row, to, accumulate),
        (None, Accumulate::Overwrite) => to.fill(0.0),
        (None, Accumulate::Add) => {}
    }
}

impl TileOp for ops::PairWithNext {
    type Workspace = ();

    fn forward<S: Simd>(&self, _: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        let [states, items] = self.inputs.map(|view| on.activation(view));
        forward(on.offsets(self.output), states, items, output);
    }

    fn backward<S: Simd>(&self, _: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let ([states, items], offsets, dy) = (self.inputs, on.offsets(self.output), d.output.rows());
        states_backward(offsets, dy, d.inputs.of(states), d.accumulate[0]);
        items_backward(offsets, dy, d.inputs.of(items), d.accumulate[1]);
    }
}

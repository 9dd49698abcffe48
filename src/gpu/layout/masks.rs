//! Where a gradient is cut to a delta as it is written.

use super::{Columns, Range4};
use crate::{
    ops,
    plan::{Activation, Plan, Stage, View},
};

/// The columns of each buffer that a linear stage with ReLU writes and only linear stages read: who writes their
/// gradient cuts it to a delta at once. For the other ReLU stages that is a dispatch of its own.
pub(in super::super) struct Relus {
    /// For each stage, whether its delta is cut by those who write the gradient.
    pub fused: Vec<bool>,
}

impl Relus {
    pub fn new(plan: &Plan, columns: &Columns) -> Self {
        let fused = |stage: &Stage| {
            let Some(output) = relu_output(stage) else { return false };
            let mut readers = plan.stages().iter().filter(|reader| reads(reader, output));
            readers.all(|reader| match reader {
                Stage::Linear(ops::Linear { input, .. }) => mask(plan, columns, *input).is_some(),
                _ => false,
            })
        };
        Relus {
            fused: plan.stages().iter().map(fused).collect(),
        }
    }
}

/// The vec4s of `view` that ReLU stages write, counted from the view's beginning, where they are one range.
pub(in super::super) fn mask(plan: &Plan, columns: &Columns, view: View) -> Option<Range4> {
    let whole = columns.range(view);
    let inside = |output: View| {
        let range = columns.range(output);
        let (first, end) = (range.first.max(whole.first), range.end().min(whole.end()));
        (output.buffer == view.buffer && first < end).then_some((first, end))
    };
    let mut ranges: Vec<(u32, u32)> = plan
        .stages()
        .iter()
        .filter_map(relu_output)
        .filter_map(inside)
        .collect();
    ranges.sort_unstable();
    let adjacent = ranges.windows(2).all(|pair| pair[0].1 == pair[1].0);
    match (ranges.first(), ranges.last()) {
        (Some(&(first, _)), Some(&(_, end))) if adjacent => Some(Range4 {
            first: first - whole.first,
            width: end - first,
        }),
        _ => None,
    }
}

fn relu_output(stage: &Stage) -> Option<View> {
    match stage {
        Stage::Linear(ops::Linear {
            output,
            activation: Activation::Relu,
            ..
        })
        | Stage::AttentionUnit(ops::AttentionUnit {
            output,
            activation: Activation::Relu,
            ..
        }) => Some(*output),
        _ => None,
    }
}

fn reads(stage: &Stage, output: View) -> bool {
    let overlaps = |view: &View| {
        view.buffer == output.buffer
            && view.start < output.start + output.width
            && output.start < view.start + view.width
    };
    stage.inputs().iter().any(overlaps)
}

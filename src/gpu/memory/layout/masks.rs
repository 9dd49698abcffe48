//! Where a gradient is cut to a delta as it is written.

use crate::{
    gpu::memory::layout::{Columns, Range4},
    plan::{Plan, Stage, View},
};

/// The columns of each buffer that a ReLU writes and only stages read that can cut their gradient to a delta as they
/// write it. For the other ReLUs that is a dispatch of its own.
pub(crate) struct Relus {
    /// For each stage, whether its delta is cut by those who write the gradient.
    pub fused: Vec<bool>,
}

impl Relus {
    pub fn new(plan: &Plan, columns: &Columns) -> Self {
        let fused = |stage: usize| {
            let Some(output) = columns.needs()[stage].relu_output() else {
                return false;
            };
            let stages = plan.stages().iter().zip(columns.needs());
            let mut readers = stages.filter(|(reader, _)| reads(reader, output));
            readers.all(|(_, needs)| needs.cuts.is_some_and(|input| mask(columns, input).is_some()))
        };
        Relus {
            fused: (0..plan.stages().len()).map(fused).collect(),
        }
    }
}

/// The vec4s of `view` that ReLU stages write, counted from the view's beginning, where they are one range.
pub(crate) fn mask(columns: &Columns, view: View) -> Option<Range4> {
    let whole = columns.range(view);
    let inside = |output: View| {
        let range = columns.range(output);
        let (first, end) = (range.first.max(whole.first), range.end().min(whole.end()));
        (output.buffer == view.buffer && first < end).then_some((first, end))
    };
    let relus = columns.needs().iter().filter_map(|needs| needs.relu_output());
    let mut ranges: Vec<(u32, u32)> = relus.filter_map(inside).collect();
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

fn reads(stage: &Stage, output: View) -> bool {
    let overlaps = |view: &View| {
        view.buffer == output.buffer
            && view.start < output.start + output.width
            && output.start < view.start + view.width
    };
    stage.inputs().iter().any(overlaps)
}

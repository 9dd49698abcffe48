use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        layout::Columns,
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
        spaces::{PerSpace, SPACES},
    },
    Drafter,
};
use crate::{
    ops,
    plan::{Accumulate, Plan, Stage, View},
};

/// `Auxiliary` in `shaders/auxiliary.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct AuxiliaryShape {
    logits: ViewShape,
    gradient: ViewShape,
    before: PerSpace,
    label: f32,
    weight: f32,
    add: u32,
    pad: u32,
}

/// Dispatches of auxiliary losses in each space, of the first `stages` of a plan.
pub(in super::super::super) fn auxiliary_losses(plan: &Plan, columns: &Columns, stages: usize) -> PerSpace {
    let mut dispatches = [0; SPACES];
    for stage in &plan.stages()[..stages] {
        if let Stage::Auxiliary(ops::Auxiliary { logits, .. }) = stage {
            dispatches[columns.space(logits[0].buffer)] += 2;
        }
    }
    dispatches
}

impl<'a> Drafter<'a> {
    /// The loss of stage `index`, of clicked items and of negatives.
    pub(in super::super) fn auxiliary(
        self,
        index: usize,
        logits: [View; 2],
        weight: f32,
        accumulate: &[Accumulate],
    ) -> [Draft<'a>; 2] {
        let mut before = auxiliary_losses(self.plan, self.columns, index);
        [0, 1].map(|k| {
            let ((x, from), (gradient, to)) = (self.activation(logits[k]), self.gradient(logits[k]));
            let shape = AuxiliaryShape {
                logits: x,
                gradient,
                before,
                label: [1.0, 0.0][k],
                weight,
                add: (accumulate[k] == Accumulate::Add).into(),
                pad: 0,
            };
            before[x.space()] += 1;
            let buffers = vec![(3, from), (4, to), (5, self.losses)];
            let grid = Grid::Rows {
                space: x.space(),
                threads: 1,
            };
            let (entry, reads) = ("forward_backward", Reads::CallAndBatch);
            Draft::new(Shader::Auxiliary, entry, grid, reads, &shape, buffers)
                .of(["clicked", "negative"][k].into())
                .cost(0, 32 + 16 * u64::from(shape.add))
        })
    }
}

use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        layout::Columns,
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter, Purpose,
};
use crate::{
    ops,
    plan::{Accumulate, Plan, Stage, View},
};

/// `BatchNorm` in `shaders/batch_norm.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct BatchNormShape {
    input: ViewShape,
    output: ViewShape,
    delta: ViewShape,
    statistics: u32,
    mean: u32,
    variance: u32,
    add: u32,
    momentum: f32,
    epsilon: f32,
    pad: [u32; 2],
}

/// A stage of batch normalisation.
#[derive(Clone, Copy)]
pub(in super::super::super) struct BatchNorm {
    pub mean: usize,
    pub variance: usize,
    pub input: View,
    pub output: View,
    pub momentum: f32,
    pub epsilon: f32,
}

/// vec4s of a row of each stage of batch normalisation.
pub(in super::super::super) fn norm_widths(plan: &Plan, columns: &Columns) -> impl Iterator<Item = u32> {
    plan.stages().iter().filter_map(|stage| match *stage {
        Stage::BatchNorm(ops::BatchNorm { output, .. }) => Some(columns.range(output).width),
        _ => None,
    })
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn batch_norm_forward(
        self,
        (index, stage): (usize, BatchNorm),
        purpose: Purpose,
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let ((x, from), (y, to)) = (self.activation(stage.input), self.activation(stage.output));
        let shape = self.norm_shape((index, stage), (x, y, ViewShape::default()), Accumulate::Overwrite);
        let (dense, statistics) = (&self.tensors.dense.slots.value, &self.buffers.statistics);
        let bytes = 16 * u64::from(y.width);
        let draft = |entry, grid, bytes, buffers| {
            Draft::new(Shader::BatchNorm, entry, grid, Reads::Call, &shape, buffers)
                .of(format!("{}", stage.output.width))
                .cost(2 * stage.output.width as u64, bytes)
        };
        let each = Grid::elements(y);
        if purpose == Purpose::Score {
            drafts.push(draft("running", each, 2 * bytes, vec![(3, from), (6, dense), (7, to)]));
            return;
        }
        let sums = &self.buffers.norm_sums;
        drafts.push(draft(
            "moments",
            Grid::column_sums(x),
            bytes,
            vec![(3, from), (4, sums)],
        ));
        let (columns, buffers) = (
            Grid::Threads(x.width.into()),
            vec![(4, sums), (5, statistics), (6, dense)],
        );
        drafts.push(draft("merge_moments", columns, 0, buffers));
        drafts.push(draft(
            "normalise",
            each,
            2 * bytes,
            vec![(3, from), (5, statistics), (7, to)],
        ));
    }

    pub(in super::super) fn batch_norm_backward(
        self,
        (index, stage): (usize, BatchNorm),
        accumulate: Accumulate,
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let ((y, outputs), (dx, to)) = (self.activation(stage.output), self.gradient(stage.input));
        let (delta, of) = self.gradient(stage.output);
        let shape = self.norm_shape((index, stage), (y, dx, delta), accumulate);
        let (sums, statistics) = (&self.buffers.norm_sums, &self.buffers.statistics);
        let bytes = 16 * u64::from(y.width);
        let draft = |entry, grid, bytes, buffers| {
            Draft::new(Shader::BatchNorm, entry, grid, Reads::Call, &shape, buffers)
                .of(format!("{}", stage.output.width))
                .cost(3 * stage.output.width as u64, bytes)
        };
        let buffers = vec![(3, outputs), (4, sums), (8, of)];
        drafts.push(draft("gradient_sums", Grid::column_sums(y), 2 * bytes, buffers));
        let columns = Grid::Threads(y.width.into());
        drafts.push(draft("merge_gradients", columns, 0, vec![(4, sums), (5, statistics)]));
        let buffers = vec![(3, outputs), (5, statistics), (7, to), (8, of)];
        drafts.push(draft("input_gradient", Grid::elements(dx), 3 * bytes, buffers));
    }

    fn norm_shape(
        self,
        (index, stage): (usize, BatchNorm),
        (input, output, delta): (ViewShape, ViewShape, ViewShape),
        accumulate: Accumulate,
    ) -> BatchNormShape {
        let before = self.plan.stages()[..index].iter();
        let before = before.filter(|stage| matches!(stage, Stage::BatchNorm(_))).count();
        let widths = norm_widths(self.plan, self.columns).take(before);
        BatchNormShape {
            input,
            output,
            delta,
            statistics: widths.map(|width| 4 * width).sum(),
            mean: self.tensors.at(stage.mean),
            variance: self.tensors.at(stage.variance),
            add: (accumulate == Accumulate::Add).into(),
            momentum: stage.momentum,
            epsilon: stage.epsilon,
            pad: [0; 2],
        }
    }
}

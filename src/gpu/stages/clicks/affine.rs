use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter,
};
use crate::plan::{Accumulate, View};

/// `Affine` in `shaders/affine.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct AffineShape {
    input: ViewShape,
    output: ViewShape,
    delta: ViewShape,
    to_input: ViewShape,
    weight: u32,
    bias: u32,
    relu: u32,
    total: u32,
    add: u32,
    pad: [u32; 3],
}

/// An affine stage.
#[derive(Clone, Copy)]
pub(in super::super::super) struct Affine {
    pub weight: usize,
    pub bias: usize,
    pub input: View,
    pub output: View,
    pub relu: bool,
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn affine_forward(self, stage: Affine) -> Draft<'a> {
        let ((_, from), (y, to)) = (self.activation(stage.input), self.activation(stage.output));
        let buffers = vec![(3, from), (4, &self.tensors.dense.slots.value), (5, to)];
        let (grid, shape) = (Grid::elements(y), self.affine_shape(stage, Accumulate::Overwrite));
        Draft::new(Shader::Affine, "forward", grid, Reads::Call, &shape, buffers)
            .of(format!("{}", stage.output.width))
            .cost(2 * stage.output.width as u64, 32 * u64::from(y.width))
    }

    /// `accumulate` is that of the input's gradient, and that of the parameters'.
    pub(in super::super) fn affine_backward(
        self,
        stage: Affine,
        accumulate: [Accumulate; 2],
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let ((x, inputs), (_, outputs)) = (self.activation(stage.input), self.activation(stage.output));
        let ((dx, to), (_, of)) = (self.gradient(stage.input), self.gradient(stage.output));
        let shape = self.affine_shape(stage, accumulate[0]);
        let dense = &self.tensors.dense.slots.value;
        let buffers = vec![(4, dense), (5, to), (6, of), (7, outputs)];
        let grid = Grid::elements(dx);
        let draft = Draft::new(Shader::Affine, "input_gradient", grid, Reads::Call, &shape, buffers)
            .of(format!("{}", stage.output.width))
            .cost(stage.output.width as u64, 16 * u64::from(dx.width * (3 + shape.add)));
        drafts.push(draft);
        let shape = self.affine_shape(stage, accumulate[1]);
        let buffers = vec![(3, inputs), (5, &self.buffers.slots), (6, of), (7, outputs)];
        let grid = Grid::column_sums(x);
        let draft = Draft::new(Shader::Affine, "parameter_gradient", grid, Reads::Call, &shape, buffers)
            .of(format!("{}", stage.output.width))
            .cost(3 * stage.output.width as u64, 48 * u64::from(x.width));
        drafts.push(draft);
    }

    fn affine_shape(self, stage: Affine, accumulate: Accumulate) -> AffineShape {
        AffineShape {
            input: self.activation(stage.input).0,
            output: self.activation(stage.output).0,
            delta: self.gradient(stage.output).0,
            to_input: self.gradient(stage.input).0,
            weight: self.tensors.at(stage.weight),
            bias: self.tensors.at(stage.bias),
            relu: stage.relu.into(),
            total: self.tensors.dense.placement.trained,
            add: (accumulate == Accumulate::Add).into(),
            pad: [0; 3],
        }
    }
}

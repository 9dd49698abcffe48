use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter,
};
use crate::plan::{Accumulate, View};

/// `Prelu` in `shaders/prelu.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PreluShape {
    input: ViewShape,
    output: ViewShape,
    delta: ViewShape,
    alpha: u32,
    total: u32,
    add: u32,
    pad: u32,
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn prelu_forward(self, alpha: usize, input: View, output: View) -> Draft<'a> {
        let ((x, from), (y, to)) = (self.activation(input), self.activation(output));
        let shape = self.prelu_shape(alpha, (x, y, ViewShape::default()), Accumulate::Overwrite);
        let buffers = vec![(3, from), (4, &self.tensors.dense.slots.value), (5, to)];
        Draft::new(
            Shader::Prelu,
            "forward",
            Grid::elements(y),
            Reads::Call,
            &shape,
            buffers,
        )
        .of(format!("{}", output.width))
        .cost(output.width as u64, 32 * u64::from(y.width))
    }

    /// `accumulate` is that of the input's gradient, and that of the slopes'.
    pub(in super::super) fn prelu_backward(
        self,
        alpha: usize,
        input: View,
        output: View,
        accumulate: [Accumulate; 2],
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let ((x, from), (dx, to), (delta, of)) = (self.activation(input), self.gradient(input), self.gradient(output));
        let shape = self.prelu_shape(alpha, (x, dx, delta), accumulate[0]);
        let buffers = vec![(3, from), (4, &self.tensors.dense.slots.value), (5, to), (6, of)];
        let grid = Grid::elements(dx);
        let draft = Draft::new(Shader::Prelu, "input_gradient", grid, Reads::Call, &shape, buffers)
            .of(format!("{}", output.width))
            .cost(output.width as u64, 16 * u64::from(dx.width * (3 + shape.add)));
        drafts.push(draft);
        let shape = self.prelu_shape(alpha, (x, ViewShape::default(), delta), accumulate[1]);
        let buffers = vec![(3, from), (5, &self.buffers.slots), (6, of)];
        let grid = Grid::column_sums(x);
        let draft = Draft::new(Shader::Prelu, "alpha_gradient", grid, Reads::Call, &shape, buffers)
            .of(format!("{}", output.width))
            .cost(2 * output.width as u64, 32 * u64::from(x.width));
        drafts.push(draft);
    }

    fn prelu_shape(
        self,
        alpha: usize,
        (input, output, delta): (ViewShape, ViewShape, ViewShape),
        accumulate: Accumulate,
    ) -> PreluShape {
        PreluShape {
            input,
            output,
            delta,
            alpha: self.tensors.at(alpha),
            total: self.tensors.dense.placement.trained,
            add: (accumulate == Accumulate::Add).into(),
            pad: 0,
        }
    }
}

use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter,
};
use crate::plan::{Flow, View};

/// `Fm` in `shaders/fm.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct FmShape {
    input: ViewShape,
    output: ViewShape,
    delta: ViewShape,
    factors: u32,
    add: u32,
    pad: [u32; 2],
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn fm_forward(self, input: View, factors: usize, output: View) -> Draft<'a> {
        let ((input_shape, from), (output, to)) = (self.activation(input), self.activation(output));
        let shape = FmShape {
            input: input_shape,
            output,
            delta: ViewShape::default(),
            factors: self.columns.range(input.columns(0, factors)).width,
            add: 0,
            pad: [0; 2],
        };
        let grid = Grid::Rows {
            space: output.space(),
            threads: 1,
        };
        Draft::new(
            Shader::Fm,
            "forward",
            grid,
            Reads::Call,
            &shape,
            vec![(3, from), (4, to)],
        )
        .of(format!("{}", input.width))
        .cost(3 * input.width as u64, 16 * u64::from(input_shape.width + 1))
    }

    pub(in super::super) fn fm_backward(self, input: View, factors: usize, output: View, flow: Flow) -> Draft<'a> {
        let ((x, from), (dx, to), (delta, of)) = (self.activation(input), self.gradient(input), self.gradient(output));
        let shape = FmShape {
            input: x,
            output: dx,
            delta,
            factors: self.columns.range(input.columns(0, factors)).width,
            add: (flow == Flow::Add).into(),
            pad: [0; 2],
        };
        let grid = Grid::Rows {
            space: dx.space(),
            threads: shape.factors,
        };
        let buffers = vec![(3, from), (4, to), (5, of)];
        Draft::new(Shader::Fm, "input_gradient", grid, Reads::Call, &shape, buffers)
            .of(format!("{}", input.width))
            .cost(3 * input.width as u64, 16 * u64::from(x.width * (2 + shape.add) + 1))
    }
}

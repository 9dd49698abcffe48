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
        let ((x, from), (output, to)) = (self.activation(input), self.activation(output));
        let shape = FmShape {
            input: x,
            output,
            delta: ViewShape::default(),
            factors: self.columns.range(input.columns(0, factors)).width,
            add: 0,
            pad: [0; 2],
        };
        let buffers = vec![(3, from), (4, to)];
        let draft = fm(["forward", "forward_steps"], (output, 1), shape, buffers);
        draft.cost_a_row(x, 3 * input.width as u64, 16 * u64::from(x.width + 1))
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
        let buffers = vec![(3, from), (4, to), (5, of)];
        let draft = fm(
            ["input_gradient", "steps_gradient"],
            (delta, shape.factors),
            shape,
            buffers,
        );
        let bytes = 16 * u64::from(x.width * (2 + shape.add) + 1);
        draft.cost_a_row(x, 3 * input.width as u64, bytes)
    }
}

/// So many threads for each of the samples, by the first entry, or the second where the input lies along steps.
fn fm<'a>(
    [fields, steps]: [&'static str; 2],
    (samples, threads): (ViewShape, u32),
    shape: FmShape,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let along_steps = shape.input.space() != samples.space();
    let entry = if along_steps { steps } else { fields };
    let grid = Grid::Rows {
        space: samples.space(),
        threads,
    };
    let reads = if along_steps { Reads::CallAndBatch } else { Reads::Call };
    Draft::new(Shader::Fm, entry, grid, reads, &shape, buffers).of(format!("{}", 4 * shape.input.width))
}

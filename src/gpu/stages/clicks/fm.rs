use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter,
};
use crate::plan::{Accumulate, Space, View};

/// `Fm` in `shaders/fm.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct FmShape {
    input: ViewShape,
    output: ViewShape,
    delta: ViewShape,
    factors: u32,
    add: u32,
    steps: u32,
    pad: u32,
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn fm_forward(self, input: View, factors: usize, output: View) -> Draft<'a> {
        let ((x, from), (y, to)) = (self.activation(input), self.activation(output));
        let shape = self.fm_shape(input, factors, (y, ViewShape::default()), Accumulate::Overwrite);
        let bytes = 16 * u64::from(x.width + 1);
        fm("forward", (y, 1), shape, vec![(3, from), (4, to)]).cost_a_row(x, 3 * input.width as u64, bytes)
    }

    pub(in super::super) fn fm_backward(
        self,
        input: View,
        factors: usize,
        output: View,
        accumulate: Accumulate,
    ) -> Draft<'a> {
        let ((x, from), (dx, to), (delta, of)) = (self.activation(input), self.gradient(input), self.gradient(output));
        let shape = self.fm_shape(input, factors, (dx, delta), accumulate);
        let (grid, buffers) = ((delta, shape.factors), vec![(3, from), (4, to), (5, of)]);
        let bytes = 16 * u64::from(x.width * (2 + shape.add) + 1);
        fm("input_gradient", grid, shape, buffers).cost_a_row(x, 3 * input.width as u64, bytes)
    }

    fn fm_shape(
        self,
        input: View,
        factors: usize,
        (output, delta): (ViewShape, ViewShape),
        accumulate: Accumulate,
    ) -> FmShape {
        FmShape {
            input: self.activation(input).0,
            output,
            delta,
            factors: self.columns.range(input.columns(0, factors)).width,
            add: (accumulate == Accumulate::Add).into(),
            steps: (self.plan.space(input.buffer) != Space::Samples).into(),
            pad: 0,
        }
    }
}

/// So many threads for each of the samples.
fn fm<'a>(
    entry: &'static str,
    (samples, threads): (ViewShape, u32),
    shape: FmShape,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let space = samples.space();
    let (grid, reads) = (Grid::Rows { space, threads }, Reads::CallAndBatch);
    Draft::new(Shader::Fm, entry, grid, reads, &shape, buffers).of(format!("{}", 4 * shape.input.width))
}

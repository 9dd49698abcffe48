use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter,
};
use crate::plan::{Accumulate, View};

/// `Softmax` in `shaders/softmax.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SoftmaxShape {
    input: ViewShape,
    output: ViewShape,
    delta: ViewShape,
    add: u32,
    pad: [u32; 3],
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn softmax_forward(self, input: View, output: View) -> Draft<'a> {
        let ((x, from), (y, to)) = (self.activation(input), self.activation(output));
        softmax(
            "forward",
            (x, y, ViewShape::default()),
            Accumulate::Overwrite,
            vec![(3, from), (4, to)],
        )
    }

    pub(in super::super) fn softmax_backward(self, input: View, output: View, accumulate: Accumulate) -> Draft<'a> {
        let ((y, from), (dx, to), (delta, of)) = (self.activation(output), self.gradient(input), self.gradient(output));
        softmax(
            "input_gradient",
            (y, dx, delta),
            accumulate,
            vec![(3, from), (4, to), (5, of)],
        )
    }
}

fn softmax<'a>(
    entry: &'static str,
    (input, output, delta): (ViewShape, ViewShape, ViewShape),
    accumulate: Accumulate,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let shape = SoftmaxShape {
        input,
        output,
        delta,
        add: (accumulate == Accumulate::Add).into(),
        pad: [0; 3],
    };
    Draft::new(
        Shader::Softmax,
        entry,
        Grid::SAMPLES,
        Reads::CallAndBatch,
        &shape,
        buffers,
    )
    .cost_a_row(input, 4, 16 * u64::from(2 + shape.add))
}

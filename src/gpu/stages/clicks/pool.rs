use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter, Operand,
};
use crate::plan::{Accumulate, View};

/// `Pool` in `shaders/pool.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PoolShape {
    steps: ViewShape,
    samples: ViewShape,
    mean: u32,
    add: u32,
    pad: [u32; 2],
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn pool_forward(self, input: View, output: View, mean: bool) -> Draft<'a> {
        let ((steps, from), (samples, to)) = (self.activation(input), self.activation(output));
        pool(
            "forward",
            (steps, samples),
            mean,
            Accumulate::Overwrite,
            vec![(3, from), (4, to)],
        )
    }

    pub(in super::super) fn pool_backward(
        self,
        input: View,
        output: View,
        mean: bool,
        accumulate: Accumulate,
    ) -> Draft<'a> {
        let ((steps, to), (samples, from)) = (self.gradient(input), self.gradient(output));
        pool("backward", (steps, samples), mean, accumulate, vec![(3, from), (4, to)])
    }
}

/// The sum of each sample's steps, from one operand to another.
pub(super) fn sum_steps<'a>((steps, from): Operand<'a>, (samples, to): Operand<'a>) -> Draft<'a> {
    pool(
        "forward",
        (steps, samples),
        false,
        Accumulate::Overwrite,
        vec![(3, from), (4, to)],
    )
}

fn pool<'a>(
    entry: &'static str,
    (steps, samples): (ViewShape, ViewShape),
    mean: bool,
    accumulate: Accumulate,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let shape = PoolShape {
        steps,
        samples,
        mean: mean.into(),
        add: (accumulate == Accumulate::Add).into(),
        pad: [0; 2],
    };
    let grid = Grid::elements(samples);
    Draft::new(Shader::Pool, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * samples.width))
        .cost_a_row(
            steps,
            4 * u64::from(steps.width),
            16 * u64::from(steps.width * (1 + shape.add)),
        )
}

use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter,
};
use crate::plan::{Accumulate, View};

/// `LastStep` in `shaders/last_step.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct LastStepShape {
    steps: ViewShape,
    samples: ViewShape,
    add: u32,
    pad: [u32; 3],
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn last_step_forward(self, input: View, output: View) -> Draft<'a> {
        let ((steps, from), (samples, to)) = (self.activation(input), self.activation(output));
        let grid = Grid::elements(samples);
        last(
            "forward",
            grid,
            (steps, samples),
            Accumulate::Overwrite,
            vec![(3, from), (4, to)],
        )
    }

    pub(in super::super) fn last_step_backward(self, input: View, output: View, accumulate: Accumulate) -> Draft<'a> {
        let ((steps, to), (samples, from)) = (self.gradient(input), self.gradient(output));
        let grid = Grid::elements(steps);
        last("backward", grid, (steps, samples), accumulate, vec![(3, from), (4, to)])
    }
}

fn last<'a>(
    entry: &'static str,
    grid: Grid,
    (steps, samples): (ViewShape, ViewShape),
    accumulate: Accumulate,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let shape = LastStepShape {
        steps,
        samples,
        add: (accumulate == Accumulate::Add).into(),
        pad: [0; 3],
    };
    Draft::new(Shader::LastStep, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * samples.width))
        .cost(0, 32 * u64::from(samples.width))
}

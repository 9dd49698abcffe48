//! The last step of each sample: `shaders/last_step.wgsl`.

use crate::{gpu::ops::prelude::*, ops::LastStep, plan::Accumulate};

const SHADER: Shader = shader!("last_step", "last_step");

uniform! {
    struct LastStepShape as LastStep {
        steps: ViewShape,
        samples: ViewShape,
        add: u32,
        pad: [u32; 3],
    }
}

impl Shaders for LastStep {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[LastStepShape::LAYOUT];
}

impl GpuOp for LastStep {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.input, self.output]]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((steps, from), (samples, to)) = (ctx.activation(self.input), ctx.activation(self.output));
        let (grid, buffers) = (Grid::elements(samples), vec![(3, from), (4, to)]);
        drafts.push(last_step(
            "forward",
            grid,
            [steps, samples],
            Accumulate::Overwrite,
            buffers,
        ));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((steps, to), (samples, from)) = (ctx.gradient(self.input), ctx.gradient(self.output));
        let (grid, buffers) = (Grid::elements(steps), vec![(3, from), (4, to)]);
        drafts.push(last_step(
            "backward",
            grid,
            [steps, samples],
            pass.accumulate[0],
            buffers,
        ));
        Ok(())
    }
}

fn last_step<'a>(
    entry: &'static str,
    grid: Grid,
    [steps, samples]: [ViewShape; 2],
    accumulate: Accumulate,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let shape = LastStepShape {
        steps,
        samples,
        add: is_added(accumulate),
        pad: [0; 3],
    };
    Draft::new(SHADER, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * samples.width))
        .cost(0, 32 * u64::from(samples.width))
}

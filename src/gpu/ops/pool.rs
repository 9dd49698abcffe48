//! Sums and means of a sample's steps: `shaders/pool.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Pool, plan::Accumulate};

const SHADER: Shader = shader!("pool", "pool");

uniform! {
    struct PoolShape as Pool {
        steps: ViewShape,
        samples: ViewShape,
        mean: u32,
        add: u32,
        pad: [u32; 2],
    }
}

impl Shaders for Pool {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[PoolShape::LAYOUT];
}

impl GpuOp for Pool {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.input, self.output]]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((steps, from), (samples, to)) = (ctx.activation(self.input), ctx.activation(self.output));
        let (overwrite, buffers) = (Accumulate::Overwrite, vec![(3, from), (4, to)]);
        drafts.push(pool("forward", [steps, samples], self.mean, overwrite, buffers));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((steps, to), (samples, from)) = (ctx.gradient(self.input), ctx.gradient(self.output));
        let buffers = vec![(3, from), (4, to)];
        drafts.push(pool(
            "backward",
            [steps, samples],
            self.mean,
            pass.accumulate[0],
            buffers,
        ));
        Ok(())
    }
}

/// The sum of each sample's steps, from one operand to another.
pub(crate) fn sum_steps<'a>((steps, from): Operand<'a>, (samples, to): Operand<'a>) -> Draft<'a> {
    let buffers = vec![(3, from), (4, to)];
    pool("forward", [steps, samples], false, Accumulate::Overwrite, buffers)
}

fn pool<'a>(
    entry: &'static str,
    [steps, samples]: [ViewShape; 2],
    mean: bool,
    accumulate: Accumulate,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let shape = PoolShape {
        steps,
        samples,
        mean: mean.into(),
        add: is_added(accumulate),
        pad: [0; 2],
    };
    let (grid, width) = (Grid::elements(samples), u64::from(steps.width));
    Draft::new(SHADER, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * samples.width))
        .cost_a_row(steps, 4 * width, 16 * width * u64::from(1 + shape.add))
}

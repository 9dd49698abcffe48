//! Batch normalisation: `shaders/batch_norm.wgsl`.

use crate::{
    gpu::ops::{context::Purpose, prelude::*},
    ops::BatchNorm,
    plan::Accumulate,
};

const SHADER: Shader = shader!("batch_norm", "column_sums", "batch_norm");

uniform! {
    struct BatchNormShape as BatchNorm {
        input: ViewShape,
        output: ViewShape,
        delta: ViewShape,
        statistics: u32,
        mean: u32,
        variance: u32,
        add: u32,
        momentum: f32,
        epsilon: f32,
        pad: [u32; 2],
    }
}

impl Shaders for BatchNorm {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[BatchNormShape::LAYOUT];
}

impl GpuOp for BatchNorm {
    fn stored(&self) -> Vec<(usize, Stored)> {
        [self.mean, self.variance]
            .map(|param| (param, Stored::Vector(self.output)))
            .to_vec()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.input, self.output]]
    }

    fn statistics(&self) -> Option<View> {
        Some(self.output)
    }

    fn forward<'a>(&self, ctx: Context<'a>, pass: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((x, from), (y, to)) = (ctx.activation(self.input), ctx.activation(self.output));
        let shape = BatchNormShape {
            input: x,
            output: y,
            ..shape(self, ctx, pass.stage, Accumulate::Overwrite)?
        };
        let bytes = 16 * u64::from(y.width);
        let draft = |entry, grid, bytes, buffers| {
            Draft::new(SHADER, entry, grid, Reads::Call, &shape, buffers)
                .of(format!("{}", self.output.width))
                .cost(2 * self.output.width as u64, bytes)
        };
        let (dense, each) = (ctx.dense(), Grid::elements(y));
        if pass.purpose == Purpose::Score {
            drafts.push(draft("running", each, 2 * bytes, vec![(3, from), (6, dense), (7, to)]));
            return Ok(());
        }
        let (sums, statistics) = (&ctx.buffers.norm_sums, &ctx.buffers.statistics);
        let buffers = vec![(3, from), (4, sums)];
        drafts.push(draft("moments", Grid::column_sums(x), bytes, buffers));
        let (columns, buffers) = (
            Grid::Threads(x.width.into()),
            vec![(4, sums), (5, statistics), (6, dense)],
        );
        drafts.push(draft("merge_moments", columns, 0, buffers));
        let buffers = vec![(3, from), (5, statistics), (7, to)];
        drafts.push(draft("normalise", each, 2 * bytes, buffers));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((y, outputs), (dx, to)) = (ctx.activation(self.output), ctx.gradient(self.input));
        let (delta, of) = ctx.gradient(self.output);
        let shape = BatchNormShape {
            input: y,
            output: dx,
            delta,
            ..shape(self, ctx, pass.stage, pass.accumulate[0])?
        };
        let (sums, statistics) = (&ctx.buffers.norm_sums, &ctx.buffers.statistics);
        let bytes = 16 * u64::from(y.width);
        let draft = |entry, grid, bytes, buffers| {
            Draft::new(SHADER, entry, grid, Reads::Call, &shape, buffers)
                .of(format!("{}", self.output.width))
                .cost(3 * self.output.width as u64, bytes)
        };
        let buffers = vec![(3, outputs), (4, sums), (8, of)];
        drafts.push(draft("gradient_sums", Grid::column_sums(y), 2 * bytes, buffers));
        let columns = Grid::Threads(y.width.into());
        drafts.push(draft("merge_gradients", columns, 0, vec![(4, sums), (5, statistics)]));
        let buffers = vec![(3, outputs), (5, statistics), (7, to), (8, of)];
        drafts.push(draft("input_gradient", Grid::elements(dx), 3 * bytes, buffers));
        Ok(())
    }
}

/// What is the same both ways.
fn shape(op: &BatchNorm, ctx: Context<'_>, stage: usize, accumulate: Accumulate) -> Result<BatchNormShape> {
    Ok(BatchNormShape {
        statistics: ctx.statistics(stage)?,
        mean: ctx.at(op.mean)?,
        variance: ctx.at(op.variance)?,
        add: is_added(accumulate),
        momentum: op.momentum,
        epsilon: op.epsilon,
        ..BatchNormShape::default()
    })
}

//! The second order of a factorisation machine: `shaders/fm.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Fm, plan::Space};

const SHADER: Shader = shader!("fm", "fm");

uniform! {
    struct FmShape as Fm {
        input: ViewShape,
        output: ViewShape,
        delta: ViewShape,
        factors: u32,
        add: u32,
        steps: u32,
        pad: u32,
    }
}

impl Shaders for Fm {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[FmShape::LAYOUT];
}

impl GpuOp for Fm {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    /// The vectors of all fields.
    fn alike(&self) -> Vec<Vec<View>> {
        let vectors = 0..self.input.width / self.factors;
        vec![
            vectors
                .map(|field| self.input.columns(field * self.factors, self.factors))
                .collect(),
        ]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((x, from), (y, to)) = (ctx.activation(self.input), ctx.activation(self.output));
        let shape = FmShape {
            output: y,
            ..shape(self, ctx)
        };
        let (work, bytes) = (3 * self.input.width as u64, 16 * u64::from(x.width + 1));
        drafts.push(fm("forward", (y, 1), shape, vec![(3, from), (4, to)]).cost_a_row(x, work, bytes));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (x, from) = ctx.activation(self.input);
        let ((dx, to), (delta, of)) = (ctx.gradient(self.input), ctx.gradient(self.output));
        let shape = FmShape {
            output: dx,
            delta,
            add: is_added(pass.accumulate[0]),
            ..shape(self, ctx)
        };
        let (threads, buffers) = ((delta, shape.factors), vec![(3, from), (4, to), (5, of)]);
        let (work, bytes) = (
            3 * self.input.width as u64,
            16 * u64::from(x.width * (2 + shape.add) + 1),
        );
        drafts.push(fm("input_gradient", threads, shape, buffers).cost_a_row(x, work, bytes));
        Ok(())
    }
}

/// What is the same both ways.
fn shape(op: &Fm, ctx: Context<'_>) -> FmShape {
    FmShape {
        input: ctx.activation(op.input).0,
        factors: ctx.columns.range(op.input.columns(0, op.factors)).width,
        steps: (ctx.plan.space(op.input.buffer) != Space::Samples).into(),
        ..FmShape::default()
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
    Draft::new(SHADER, entry, grid, reads, &shape, buffers).of(format!("{}", 4 * shape.input.width))
}

//! Scales and shifts: `shaders/affine.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Affine, plan::Accumulate};

const SHADER: Shader = shader!("affine", "column_sums", "affine");

uniform! {
    struct AffineShape as Affine {
        input: ViewShape,
        output: ViewShape,
        delta: ViewShape,
        to_input: ViewShape,
        weight: u32,
        bias: u32,
        relu: u32,
        total: u32,
        add: u32,
        pad: [u32; 3],
    }
}

impl Shaders for Affine {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[AffineShape::LAYOUT];
}

impl GpuOp for Affine {
    fn stored(&self) -> Vec<(usize, Stored)> {
        [self.weight, self.bias]
            .map(|param| (param, Stored::Vector(self.output)))
            .to_vec()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.input, self.output]]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((_, from), (y, to)) = (ctx.activation(self.input), ctx.activation(self.output));
        let buffers = vec![(3, from), (4, ctx.dense()), (5, to)];
        let (grid, shape) = (Grid::elements(y), shape(self, ctx, Accumulate::Overwrite)?);
        let draft = Draft::new(SHADER, "forward", grid, Reads::Call, &shape, buffers)
            .of(format!("{}", self.output.width))
            .cost(2 * self.output.width as u64, 32 * u64::from(y.width));
        drafts.push(draft);
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((x, inputs), (_, outputs)) = (ctx.activation(self.input), ctx.activation(self.output));
        let ((dx, to), (_, of)) = (ctx.gradient(self.input), ctx.gradient(self.output));
        let width = self.output.width as u64;
        let described = |draft: Draft<'a>| draft.of(format!("{width}"));
        let to_input = shape(self, ctx, pass.accumulate[0])?;
        let buffers = vec![(4, ctx.dense()), (5, to), (6, of), (7, outputs)];
        let (entry, grid) = ("input_gradient", Grid::elements(dx));
        let draft = Draft::new(SHADER, entry, grid, Reads::Call, &to_input, buffers);
        drafts.push(described(draft).cost(width, 16 * u64::from(dx.width * (3 + to_input.add))));
        let to_params = shape(self, ctx, pass.params)?;
        let buffers = vec![(3, inputs), (5, &ctx.buffers.slots), (6, of), (7, outputs)];
        let (entry, grid) = ("parameter_gradient", Grid::column_sums(x));
        let draft = Draft::new(SHADER, entry, grid, Reads::Call, &to_params, buffers);
        drafts.push(described(draft).cost(3 * width, 48 * u64::from(x.width)));
        Ok(())
    }
}

fn shape(op: &Affine, ctx: Context<'_>, accumulate: Accumulate) -> Result<AffineShape> {
    Ok(AffineShape {
        input: ctx.activation(op.input).0,
        output: ctx.activation(op.output).0,
        delta: ctx.gradient(op.output).0,
        to_input: ctx.gradient(op.input).0,
        weight: ctx.at(op.weight)?,
        bias: ctx.at(op.bias)?,
        relu: op.relu.into(),
        total: ctx.trained(),
        add: is_added(accumulate),
        pad: [0; 3],
    })
}

//! PReLU: `shaders/prelu.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Prelu, plan::Accumulate};

const SHADER: Shader = shader!("prelu", "column_sums", "prelu");

uniform! {
    struct PreluShape as Prelu {
        input: ViewShape,
        output: ViewShape,
        delta: ViewShape,
        alpha: u32,
        total: u32,
        add: u32,
        pad: u32,
    }
}

impl Shaders for Prelu {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[PreluShape::LAYOUT];
}

impl GpuOp for Prelu {
    fn stored(&self) -> Vec<(usize, Stored)> {
        vec![(self.alpha, Stored::Vector(self.output))]
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.input, self.output]]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((x, from), (y, to)) = (ctx.activation(self.input), ctx.activation(self.output));
        let shape = shape(self, ctx, [x, y, ViewShape::default()], Accumulate::Overwrite)?;
        let buffers = vec![(3, from), (4, ctx.dense()), (5, to)];
        let draft = Draft::new(SHADER, "forward", Grid::elements(y), Reads::Call, &shape, buffers)
            .of(format!("{}", self.output.width))
            .cost(self.output.width as u64, 32 * u64::from(y.width));
        drafts.push(draft);
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (x, from) = ctx.activation(self.input);
        let ((dx, to), (delta, of)) = (ctx.gradient(self.input), ctx.gradient(self.output));
        let width = self.output.width as u64;
        let to_input = shape(self, ctx, [x, dx, delta], pass.accumulate[0])?;
        let buffers = vec![(3, from), (4, ctx.dense()), (5, to), (6, of)];
        let (entry, grid) = ("input_gradient", Grid::elements(dx));
        let draft = Draft::new(SHADER, entry, grid, Reads::Call, &to_input, buffers)
            .of(format!("{width}"))
            .cost(width, 16 * u64::from(dx.width * (3 + to_input.add)));
        drafts.push(draft);
        let slopes = shape(self, ctx, [x, ViewShape::default(), delta], pass.params)?;
        let buffers = vec![(3, from), (5, &ctx.buffers.slots), (6, of)];
        let (entry, grid) = ("alpha_gradient", Grid::column_sums(x));
        let draft = Draft::new(SHADER, entry, grid, Reads::Call, &slopes, buffers)
            .of(format!("{width}"))
            .cost(2 * width, 32 * u64::from(x.width));
        drafts.push(draft);
        Ok(())
    }
}

fn shape(
    op: &Prelu,
    ctx: Context<'_>,
    [input, output, delta]: [ViewShape; 3],
    accumulate: Accumulate,
) -> Result<PreluShape> {
    Ok(PreluShape {
        input,
        output,
        delta,
        alpha: ctx.at(op.alpha)?,
        total: ctx.trained(),
        add: is_added(accumulate),
        pad: 0,
    })
}

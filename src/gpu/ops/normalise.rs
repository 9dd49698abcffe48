//! Rows at length 1: `shaders/normalise.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Normalise};

const SHADER: Shader = shader!("normalise", "normalise");

uniform! {
    struct NormaliseShape as Normalise {
        input: ViewShape,
        output: ViewShape,
        delta: ViewShape,
        add: u32,
        pad: [u32; 3],
    }
}

impl Shaders for Normalise {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[NormaliseShape::LAYOUT];
}

impl GpuOp for Normalise {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.input, self.output]]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((input, from), (output, to)) = (ctx.activation(self.input), ctx.activation(self.output));
        let shape = NormaliseShape {
            input,
            output,
            ..NormaliseShape::default()
        };
        let buffers = vec![(3, from), (5, to)];
        drafts.push(self.draft("forward", input, &shape, buffers));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((input, from), (output, to)) = (ctx.activation(self.input), ctx.gradient(self.input));
        let (delta, of) = ctx.gradient(self.output);
        let shape = NormaliseShape {
            input,
            output,
            delta,
            add: is_added(pass.accumulate[0]),
            ..NormaliseShape::default()
        };
        let buffers = vec![(3, from), (4, of), (5, to)];
        drafts.push(self.draft("backward", input, &shape, buffers));
        Ok(())
    }
}

impl Normalise {
    fn draft<'a>(
        &self,
        entry: &'static str,
        rows: ViewShape,
        shape: &NormaliseShape,
        buffers: Vec<(u32, &'a wgpu::Buffer)>,
    ) -> Draft<'a> {
        let (width, grid) = (
            self.input.width as u64,
            Grid::Rows {
                space: rows.space(),
                threads: 1,
            },
        );
        let moved = 16 * u64::from(rows.width) * buffers.len() as u64;
        Draft::new(SHADER, entry, grid, Reads::Call, shape, buffers)
            .of(format!("{width}"))
            .cost(2 * width, moved)
    }
}

//! Numeric features: `shaders/numeric.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Numeric};

const SHADER: Shader = shader!("numeric", "numeric");

uniform! {
    struct NumericShape as Numeric {
        output: ViewShape,
        first: u32,
        width: u32,
        features: u32,
        pad: u32,
    }
}

impl Shaders for Numeric {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[NumericShape::LAYOUT];
}

impl GpuOp for Numeric {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        Vec::new()
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        for ((output, to), piece) in ctx.activation_pieces(self.output) {
            let shape = NumericShape {
                output,
                first: (self.first + piece.start - self.output.start) as u32,
                width: piece.width as u32,
                features: ctx.plan.numerics() as u32,
                pad: 0,
            };
            let (grid, reads) = (Grid::elements(output), Reads::CallAndBatch);
            let draft = Draft::new(SHADER, "forward", grid, reads, &shape, vec![(4, to)])
                .of(format!("{}", piece.width))
                .cost(0, 32 * u64::from(output.width));
            drafts.push(draft);
        }
        Ok(())
    }

    /// There is nothing to learn.
    fn backward<'a>(&self, _: Context<'a>, _: Backward<'a>, _: &mut Vec<Draft<'a>>) -> Result<()> {
        Ok(())
    }
}

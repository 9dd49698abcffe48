//! The loss: `shaders/sigmoid_cross_entropy.wgsl`.

use crate::{gpu::ops::prelude::*, ops::SigmoidCrossEntropy};

const SHADER: Shader = shader!("sigmoid_cross_entropy", "cross_entropy", "sigmoid_cross_entropy");

uniform! {
    struct CrossEntropyShape as CrossEntropy {
        logit: ViewShape,
        gradient: ViewShape,
    }
}

impl Shaders for SigmoidCrossEntropy {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[CrossEntropyShape::LAYOUT];
}

impl GpuOp for SigmoidCrossEntropy {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        Vec::new()
    }

    /// A loss is taken where its gradient is.
    fn forward<'a>(&self, _: Context<'a>, _: Forward, _: &mut Vec<Draft<'a>>) -> Result<()> {
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, _: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((logit, from), (gradient, to)) = (ctx.activation(self.logit), ctx.gradient(self.logit));
        let shape = CrossEntropyShape { logit, gradient };
        let (entry, buffers) = ("forward_backward", vec![(3, from), (4, to), (5, ctx.losses)]);
        let (grid, reads) = (Grid::SAMPLES, Reads::CallAndBatch);
        drafts.push(Draft::new(SHADER, entry, grid, reads, &shape, buffers).cost(0, 36));
        Ok(())
    }
}

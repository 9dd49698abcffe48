//! BPR: `shaders/bpr.wgsl`.

use crate::{
    gpu::ops::{pair_loss, prelude::*},
    ops::Bpr,
};

const SHADER: Shader = shader!("bpr", "cross_entropy", "bpr");

uniform! {
    struct BprShape as Bpr {
        item: ViewShape,
        negative: ViewShape,
        item_gradient: ViewShape,
        negative_gradient: ViewShape,
    }
}

impl Shaders for Bpr {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[BprShape::LAYOUT];
}

impl GpuOp for Bpr {
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
        let shape = |[item, negative]: [ViewShape; 2], [item_gradient, negative_gradient]: [ViewShape; 2]| BprShape {
            item,
            negative,
            item_gradient,
            negative_gradient,
        };
        drafts.push(pair_loss::draft(ctx, SHADER, self.logits, shape));
        Ok(())
    }
}

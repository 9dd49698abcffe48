//! The cosine contrastive loss: `shaders/ccl.wgsl`.

use crate::{
    gpu::ops::{pair_loss, prelude::*},
    ops::Ccl,
};

const SHADER: Shader = shader!("ccl", "ccl");

uniform! {
    struct CclShape as Ccl {
        item: ViewShape,
        negative: ViewShape,
        item_gradient: ViewShape,
        negative_gradient: ViewShape,
        margin: f32,
        weight: f32,
        pad: [u32; 2],
    }
}

impl Shaders for Ccl {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[CclShape::LAYOUT];
}

impl GpuOp for Ccl {
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
        let shape = |[item, negative]: [ViewShape; 2], [item_gradient, negative_gradient]: [ViewShape; 2]| CclShape {
            item,
            negative,
            item_gradient,
            negative_gradient,
            margin: self.margin,
            weight: self.weight,
            pad: [0; 2],
        };
        drafts.push(pair_loss::draft(ctx, SHADER, self.logits, shape));
        Ok(())
    }
}

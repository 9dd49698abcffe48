//! The cosine contrastive loss: `shaders/ccl.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Ccl};

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
        let [(item, items), (negative, negatives)] = self.logits.map(|view| ctx.activation(view));
        let [(item_gradient, to_items), (negative_gradient, to_negatives)] = self.logits.map(|view| ctx.gradient(view));
        let shape = CclShape {
            item,
            negative,
            item_gradient,
            negative_gradient,
            margin: self.margin,
            weight: self.weight,
            pad: [0; 2],
        };
        let buffers = vec![
            (3, items),
            (4, to_items),
            (5, ctx.losses),
            (6, negatives),
            (7, to_negatives),
        ];
        let (grid, reads) = (Grid::SAMPLES, Reads::CallAndBatch);
        drafts.push(Draft::new(SHADER, "forward_backward", grid, reads, &shape, buffers).cost(2, 72));
        Ok(())
    }
}

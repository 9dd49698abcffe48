//! The loss of pairs up to a margin: `shaders/margin.wgsl`.

use crate::{
    gpu::ops::{pair_loss, prelude::*},
    ops::Margin,
};

const SHADER: Shader = shader!("margin", "margin");

uniform! {
    struct MarginShape as Margin {
        item: ViewShape,
        negative: ViewShape,
        item_gradient: ViewShape,
        negative_gradient: ViewShape,
        margin: f32,
        pad: [u32; 3],
    }
}

impl Shaders for Margin {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[MarginShape::LAYOUT];
}

impl GpuOp for Margin {
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
        let shape =
            |[item, negative]: [ViewShape; 2], [item_gradient, negative_gradient]: [ViewShape; 2]| MarginShape {
                item,
                negative,
                item_gradient,
                negative_gradient,
                margin: self.margin,
                pad: [0; 3],
            };
        drafts.push(pair_loss::draft(ctx, SHADER, self.logits, shape));
        Ok(())
    }
}

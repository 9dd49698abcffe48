//! The loss of pairs up to a margin: `shaders/margin.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Margin};

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
        let [(item, items), (negative, negatives)] = self.logits.map(|view| ctx.activation(view));
        let [(item_gradient, to_items), (negative_gradient, to_negatives)] = self.logits.map(|view| ctx.gradient(view));
        let shape = MarginShape {
            item,
            negative,
            item_gradient,
            negative_gradient,
            margin: self.margin,
            pad: [0; 3],
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

//! DIEN's auxiliary loss: `shaders/auxiliary.wgsl`.

use crate::{
    gpu::{
        ops::{context::auxiliary_losses, prelude::*},
        program::spaces::PerSpace,
    },
    ops::Auxiliary,
};

const SHADER: Shader = shader!("auxiliary", "cross_entropy", "auxiliary");

uniform! {
    struct AuxiliaryShape as Auxiliary {
        logits: ViewShape,
        gradient: ViewShape,
        before: PerSpace,
        label: f32,
        weight: f32,
        add: u32,
        pad: u32,
    }
}

impl Shaders for Auxiliary {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[AuxiliaryShape::LAYOUT];
}

impl GpuOp for Auxiliary {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        Vec::new()
    }

    fn auxiliary_logits(&self) -> Vec<View> {
        self.logits.to_vec()
    }

    /// A loss is taken where its gradient is.
    fn forward<'a>(&self, _: Context<'a>, _: Forward, _: &mut Vec<Draft<'a>>) -> Result<()> {
        Ok(())
    }

    /// The loss of clicked items, and that of negatives.
    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let mut before = auxiliary_losses(ctx.columns, pass.stage);
        for (k, (label, name)) in [(1.0, "clicked"), (0.0, "negative")].into_iter().enumerate() {
            let ((x, from), (gradient, to)) = (ctx.activation(self.logits[k]), ctx.gradient(self.logits[k]));
            let shape = AuxiliaryShape {
                logits: x,
                gradient,
                before,
                label,
                weight: self.weight,
                add: is_added(pass.accumulate[k]),
                pad: 0,
            };
            before[x.space()] += 1;
            let buffers = vec![(3, from), (4, to), (5, ctx.losses)];
            let grid = Grid::Rows {
                space: x.space(),
                threads: 1,
            };
            let (entry, reads) = ("forward_backward", Reads::CallAndBatch);
            let draft = Draft::new(SHADER, entry, grid, reads, &shape, buffers)
                .of(name.into())
                .cost(0, 32 + 16 * u64::from(shape.add));
            drafts.push(draft);
        }
        Ok(())
    }
}

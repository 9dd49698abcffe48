//! Random zeros: `shaders/dropout.wgsl`.

use crate::{
    gpu::ops::{context::Piece, prelude::*},
    ops::{Dropout, dropout},
    plan::Accumulate,
};

const SHADER: Shader = shader!("dropout", "threefry", "dropout");

uniform! {
    struct DropoutShape as Dropout {
        input: ViewShape,
        output: ViewShape,
        width: u32,
        start: u32,
        key: u32,
        threshold: u32,
        scale: f32,
        add: u32,
        pad: [u32; 2],
    }
}

impl Shaders for Dropout {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[DropoutShape::LAYOUT];
}

impl GpuOp for Dropout {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.input, self.output]]
    }

    fn is_random(&self) -> bool {
        true
    }

    fn forward<'a>(&self, ctx: Context<'a>, pass: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let pieces = [ctx.activation_pieces(self.input), ctx.activation_pieces(self.output)];
        drafts.extend(apply(self, ctx.random_key(pass.stage)?, pieces, Accumulate::Overwrite));
        Ok(())
    }

    /// The same mask on the gradients.
    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let pieces = [ctx.gradient_pieces(self.output), ctx.gradient_pieces(self.input)];
        drafts.extend(apply(self, ctx.random_key(pass.stage)?, pieces, pass.accumulate[0]));
        Ok(())
    }
}

/// The mask from one operand to another, activations or gradients, by the random stream of a key.
fn apply<'a>(
    op: &Dropout,
    key: u32,
    [from, to]: [Vec<Piece<'a>>; 2],
    accumulate: Accumulate,
) -> impl Iterator<Item = Draft<'a>> {
    let threshold = dropout::threshold(op.rate);
    let (width, mut start) = (op.output.width as u32, 0);
    from.into_iter()
        .zip(to)
        .map(move |(((input, from), piece), ((output, to), _))| {
            let shape = DropoutShape {
                input,
                output,
                width,
                start,
                key,
                threshold: threshold.into(),
                scale: dropout::scale(threshold) as f32,
                add: is_added(accumulate),
                pad: [0; 2],
            };
            start += piece.width as u32;
            let (grid, reads) = (Grid::elements(output), Reads::CallAndBatch);
            Draft::new(SHADER, "apply", grid, reads, &shape, vec![(3, from), (4, to)])
                .of(format!("{}", piece.width))
                .cost(0, 16 * u64::from(output.width * (2 + shape.add)))
        })
}

//! Sums of columns: `shaders/sum.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Sum};

const SHADER: Shader = shader!("sum", "sum");

uniform! {
    struct SumShape as Sum {
        input: ViewShape,
        output: ViewShape,
        width: u32,
        bias: u32,
        total: u32,
        add: u32,
    }
}

impl Shaders for Sum {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[SumShape::LAYOUT];
}

impl GpuOp for Sum {
    fn stored(&self) -> Vec<(usize, Stored)> {
        let bias = self.bias.map(|bias| (bias, Stored::Vector(self.output)));
        bias.into_iter().collect()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        Vec::new()
    }

    /// A dispatch an input: the first overwrites.
    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (output, to) = ctx.activation(self.output);
        for (index, &view) in self.inputs.iter().enumerate() {
            let (input, from) = ctx.activation(view);
            let shape = SumShape {
                input,
                output,
                width: view.width as u32,
                bias: ctx.bias(self.bias)?,
                total: ctx.trained(),
                add: (index > 0).into(),
            };
            let buffers = vec![(3, from), (4, ctx.dense()), (5, to)];
            let grid = Grid::Rows {
                space: output.space(),
                threads: 1,
            };
            let draft = Draft::new(SHADER, "forward", grid, Reads::Call, &shape, buffers)
                .of(format!("{}", view.width))
                .cost(view.width as u64, 16 * u64::from(input.width + 1));
            drafts.push(draft);
        }
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (delta, from) = ctx.gradient(self.output);
        let shape = SumShape {
            input: delta,
            bias: ctx.bias(self.bias)?,
            total: ctx.trained(),
            ..SumShape::default()
        };
        if self.bias.is_some() {
            let (space, buffers) = (delta.space(), vec![(3, from), (5, &ctx.buffers.slots)]);
            let grid = Grid::Slots { space, x: 1, y: 1 };
            drafts.push(Draft::new(SHADER, "bias_gradient", grid, Reads::Call, &shape, buffers).cost(1, 16));
        }
        // Piece by piece, so that the pad between two pieces is left zero.
        for (&view, &accumulate) in self.inputs.iter().zip(pass.accumulate) {
            for ((output, to), piece) in ctx.gradient_pieces(view) {
                let shape = SumShape {
                    output,
                    width: piece.width as u32,
                    add: is_added(accumulate),
                    ..shape
                };
                let (grid, buffers) = (Grid::elements(output), vec![(3, from), (5, to)]);
                let draft = Draft::new(SHADER, "input_gradient", grid, Reads::Call, &shape, buffers)
                    .of(format!("{}", piece.width))
                    .cost(0, 16 * u64::from(1 + (1 + shape.add) * output.width));
                drafts.push(draft);
            }
        }
        Ok(())
    }
}

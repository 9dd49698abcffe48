//! Dice: `shaders/dice.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Dice};

const SHADER: Shader = shader!("dice", "sigmoid", "column_sums", "dice");

uniform! {
    struct DiceShape as Dice {
        input: ViewShape,
        normal: ViewShape,
        output: ViewShape,
        delta: ViewShape,
        to_normal: ViewShape,
        alpha: u32,
        total: u32,
        add: u32,
        add_normal: u32,
    }
}

impl Shaders for Dice {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[DiceShape::LAYOUT];
}

impl GpuOp for Dice {
    fn stored(&self) -> Vec<(usize, Stored)> {
        vec![(self.alpha, Stored::Vector(self.output))]
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.inputs[0], self.inputs[1], self.output]]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [(input, from), (normal, normals)] = self.inputs.map(|view| ctx.activation(view));
        let (output, to) = ctx.activation(self.output);
        let shape = DiceShape {
            input,
            normal,
            output,
            alpha: ctx.at(self.alpha)?,
            total: ctx.trained(),
            ..DiceShape::default()
        };
        let buffers = vec![(3, from), (4, normals), (5, ctx.dense()), (6, to)];
        let draft = Draft::new(SHADER, "forward", Grid::elements(output), Reads::Call, &shape, buffers)
            .of(format!("{}", self.output.width))
            .cost(8 * self.output.width as u64, 48 * u64::from(output.width));
        drafts.push(draft);
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [(input, from), (normal, normals)] = self.inputs.map(|view| ctx.activation(view));
        let [(dx, to), (to_normal, to_normals)] = self.inputs.map(|view| ctx.gradient(view));
        let (delta, of) = ctx.gradient(self.output);
        let shape = DiceShape {
            input,
            normal,
            delta,
            alpha: ctx.at(self.alpha)?,
            total: ctx.trained(),
            ..DiceShape::default()
        };
        let (width, vec4s) = (self.output.width as u64, input.width);
        let both = DiceShape {
            output: dx,
            to_normal,
            add: is_added(pass.accumulate[0]),
            add_normal: is_added(pass.accumulate[1]),
            ..shape
        };
        let buffers = vec![
            (3, from),
            (4, normals),
            (5, ctx.dense()),
            (6, to),
            (7, of),
            (8, to_normals),
        ];
        let (entry, grid) = ("input_gradient", Grid::elements(dx));
        let bytes = 16 * u64::from(vec4s * (5 + both.add + both.add_normal));
        let draft = Draft::new(SHADER, entry, grid, Reads::Call, &both, buffers)
            .of(format!("{width}"))
            .cost(14 * width, bytes);
        drafts.push(draft);
        let slopes = DiceShape {
            add: is_added(pass.params),
            ..shape
        };
        let buffers = vec![(3, from), (4, normals), (6, &ctx.buffers.slots), (7, of)];
        let (entry, grid) = ("alpha_gradient", Grid::column_sums(input));
        let draft = Draft::new(SHADER, entry, grid, Reads::Call, &slopes, buffers)
            .of(format!("{width}"))
            .cost(8 * width, 48 * u64::from(vec4s));
        drafts.push(draft);
        Ok(())
    }
}

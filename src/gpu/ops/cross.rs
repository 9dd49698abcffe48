//! Cross layers, around their matrix products (`linear.rs`): `shaders/cross.wgsl`.

use crate::{
    gpu::{memory::layout::needs::Scratch, ops::prelude::*},
    ops::Cross,
    plan::Activation,
};

const SHADER: Shader = shader!("cross", "cross");

uniform! {
    struct CrossShape as Cross {
        x0: ViewShape,
        u: ViewShape,
        target_: ViewShape,
        other: ViewShape,
        delta: ViewShape,
        add: u32,
        pad: [u32; 3],
    }
}

impl Shaders for Cross {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[CrossShape::LAYOUT];
}

impl GpuOp for Cross {
    fn stored(&self) -> Vec<(usize, Stored)> {
        let (input, output) = (self.inputs[2], self.output);
        let weight = (self.weight, Stored::Weight { input, output });
        vec![weight, (self.bias, Stored::Vector(output))]
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.inputs[0], self.inputs[1], self.output]]
    }

    /// `u`, the linear map, kept for the backward pass.
    fn scratch(&self) -> Vec<Scratch> {
        vec![Scratch {
            part: self.output,
            parts: 1,
            rows: self.output,
        }]
    }

    fn forward<'a>(&self, ctx: Context<'a>, pass: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let u = ctx.activation(ctx.scratch(pass.stage, 0)?);
        let places = [ctx.at(self.weight)?, ctx.at(self.bias)?];
        let mapped = ctx.activation(self.inputs[2]);
        drafts.push(ctx.mapped((mapped, u), places, (Activation::Identity, 0)));
        let [x0, x, output] = [self.inputs[0], self.inputs[1], self.output].map(|view| ctx.activation(view));
        let shape = CrossShape {
            x0: x0.0,
            u: u.0,
            target_: output.0,
            other: x.0,
            ..CrossShape::default()
        };
        let buffers = vec![(3, x0.1), (4, u.1), (5, output.1), (6, x.1)];
        drafts.push(dispatch("forward", &shape, buffers, 4));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let of_u = ctx.scratch(pass.stage, 0)?;
        let (x0, u, d) = (
            ctx.activation(self.inputs[0]),
            ctx.activation(of_u),
            ctx.gradient(self.output),
        );
        let (d_x0, d_x, delta) = (
            ctx.gradient(self.inputs[0]),
            ctx.gradient(self.inputs[1]),
            ctx.gradient(of_u),
        );
        let shape = CrossShape {
            x0: x0.0,
            u: u.0,
            target_: d_x0.0,
            other: d.0,
            delta: delta.0,
            add: is_added(pass.accumulate[0]),
            ..CrossShape::default()
        };
        let buffers = vec![(3, x0.1), (4, u.1), (5, d_x0.1), (6, d.1), (7, delta.1)];
        drafts.push(dispatch("product_gradient", &shape, buffers, 5 + shape.add));
        let shape = CrossShape {
            target_: d_x.0,
            other: d.0,
            add: is_added(pass.accumulate[1]),
            ..CrossShape::default()
        };
        drafts.push(dispatch("pass_on", &shape, vec![(5, d_x.1), (6, d.1)], 2 + shape.add));
        let params = (self.weight, Some(self.bias));
        let mapped = ctx.activation(self.inputs[2]);
        drafts.push(ctx.weight_gradient(params, pass.params, delta, mapped)?);
        let weights = (ctx.at(self.weight)?, ctx.dense());
        drafts.push(ctx.mapped_back((delta, self.inputs[2]), weights, None, pass.accumulate[2]));
        Ok(())
    }
}

/// A thread a vec4, which reads and writes so many.
fn dispatch<'a>(
    entry: &'static str,
    shape: &CrossShape,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
    touched: u32,
) -> Draft<'a> {
    let (grid, floats) = (Grid::elements(shape.target_), 4 * u64::from(shape.target_.width));
    Draft::new(SHADER, entry, grid, Reads::Call, shape, buffers)
        .of(format!("{floats}"))
        .cost(2 * floats, 4 * floats * u64::from(touched))
}

//! Elementwise products: `shaders/product.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Product, plan::Accumulate};

const SHADER: Shader = shader!("product", "product");

uniform! {
    struct ProductShape as Product {
        left: ViewShape,
        right: ViewShape,
        output: ViewShape,
        add: u32,
        pad: [u32; 3],
    }
}

impl Shaders for Product {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[ProductShape::LAYOUT];
}

impl GpuOp for Product {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.inputs[0], self.inputs[1], self.output]]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let inputs = self.inputs.map(|view| ctx.activation(view));
        drafts.push(product(
            "forward",
            inputs,
            ctx.activation(self.output),
            Accumulate::Overwrite,
        ));
        Ok(())
    }

    /// Each input's gradient is the output's times the other input.
    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        for k in [0, 1] {
            let factors = [ctx.gradient(self.output), ctx.activation(self.inputs[1 - k])];
            let to = ctx.gradient(self.inputs[k]);
            drafts.push(product("backward", factors, to, pass.accumulate[k]));
        }
        Ok(())
    }
}

fn product<'a>(
    entry: &'static str,
    [(left, l), (right, r)]: [Operand<'a>; 2],
    (output, o): Operand<'a>,
    accumulate: Accumulate,
) -> Draft<'a> {
    let shape = ProductShape {
        left,
        right,
        output,
        add: is_added(accumulate),
        pad: [0; 3],
    };
    let (grid, floats) = (Grid::elements(output), 4 * u64::from(output.width));
    let buffers = vec![(3, l), (4, r), (5, o)];
    Draft::new(SHADER, entry, grid, Reads::Call, &shape, buffers)
        .of(format!("{floats}"))
        .cost(floats, 4 * floats * u64::from(3 + shape.add))
}

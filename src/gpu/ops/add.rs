//! Sums column by column: `shaders/add.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Add};

const SHADER: Shader = shader!("add", "add");

uniform! {
    struct AddShape as Add {
        a: ViewShape,
        b: ViewShape,
        output: ViewShape,
        add: u32,
        pad: [u32; 3],
    }
}

impl Shaders for Add {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[AddShape::LAYOUT];
}

impl GpuOp for Add {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.inputs[0], self.inputs[1], self.output]]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [(a, from), (b, beside)] = self.inputs.map(|view| ctx.activation(view));
        let (output, to) = ctx.activation(self.output);
        let shape = AddShape {
            a,
            b,
            output,
            ..AddShape::default()
        };
        drafts.push(add("forward", shape, vec![(3, from), (4, beside), (5, to)]));
        Ok(())
    }

    /// Each input has the gradient of the output.
    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (a, from) = ctx.gradient(self.output);
        for (&input, &accumulate) in self.inputs.iter().zip(pass.accumulate) {
            let (output, to) = ctx.gradient(input);
            let shape = AddShape {
                a,
                output,
                add: is_added(accumulate),
                ..AddShape::default()
            };
            drafts.push(add("backward", shape, vec![(3, from), (5, to)]));
        }
        Ok(())
    }
}

fn add<'a>(entry: &'static str, shape: AddShape, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Draft<'a> {
    let (grid, floats) = (Grid::elements(shape.output), 4 * u64::from(shape.output.width));
    Draft::new(SHADER, entry, grid, Reads::Call, &shape, buffers)
        .of(format!("{floats}"))
        .cost(floats, 12 * floats)
}

//! Softmax over the steps of each sample: `shaders/softmax.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Softmax, plan::Accumulate};

const SHADER: Shader = shader!("softmax", "softmax");

uniform! {
    struct SoftmaxShape as Softmax {
        input: ViewShape,
        output: ViewShape,
        delta: ViewShape,
        add: u32,
        pad: [u32; 3],
    }
}

impl Shaders for Softmax {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[SoftmaxShape::LAYOUT];
}

impl GpuOp for Softmax {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        Vec::new()
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((x, from), (y, to)) = (ctx.activation(self.input), ctx.activation(self.output));
        let (views, buffers) = ([x, y, ViewShape::default()], vec![(3, from), (4, to)]);
        drafts.push(softmax("forward", views, Accumulate::Overwrite, buffers));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (y, from) = ctx.activation(self.output);
        let ((dx, to), (delta, of)) = (ctx.gradient(self.input), ctx.gradient(self.output));
        let (views, buffers) = ([y, dx, delta], vec![(3, from), (4, to), (5, of)]);
        drafts.push(softmax("input_gradient", views, pass.accumulate[0], buffers));
        Ok(())
    }
}

fn softmax<'a>(
    entry: &'static str,
    [input, output, delta]: [ViewShape; 3],
    accumulate: Accumulate,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let shape = SoftmaxShape {
        input,
        output,
        delta,
        add: is_added(accumulate),
        pad: [0; 3],
    };
    let (grid, reads) = (Grid::SAMPLES, Reads::CallAndBatch);
    Draft::new(SHADER, entry, grid, reads, &shape, buffers).cost_a_row(input, 4, 16 * u64::from(2 + shape.add))
}

//! Weighted sums of steps: `shaders/attention.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Attention};

pub(super) const SHADER: Shader = shader!("attention", "attention");

uniform! {
    pub(super) struct AttentionShape as Attention {
        pub weights: ViewShape,
        pub values: ViewShape,
        pub output: ViewShape,
        pub delta: ViewShape,
        pub add: u32,
        pub pad: [u32; 3],
    }
}

impl Shaders for Attention {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[AttentionShape::LAYOUT];
}

impl GpuOp for Attention {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.inputs[1], self.output]]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (output, to) = ctx.activation(self.output);
        let [(weights, from), (values, of)] = self.inputs.map(|view| ctx.activation(view));
        let shape = AttentionShape {
            weights,
            values,
            output,
            ..AttentionShape::default()
        };
        let buffers = vec![(3, from), (4, of), (5, to)];
        drafts.push(attention("forward", Grid::elements(output), shape, buffers));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [(weights, w), (values, v)] = self.inputs.map(|view| ctx.activation(view));
        let [of_weights, of_values] = self.inputs.map(|view| ctx.gradient(view));
        let (delta, of) = ctx.gradient(self.output);
        let shape = |k: usize, output: ViewShape| AttentionShape {
            weights,
            values,
            output,
            delta,
            add: is_added(pass.accumulate[k]),
            pad: [0; 3],
        };
        let grid = Grid::Rows {
            space: of_weights.0.space(),
            threads: 1,
        };
        let buffers = vec![(4, v), (5, of_weights.1), (6, of)];
        drafts.push(attention("weight_gradient", grid, shape(0, of_weights.0), buffers));
        let (grid, buffers) = (Grid::elements(delta), vec![(3, w), (5, of_values.1), (6, of)]);
        drafts.push(attention("value_gradient", grid, shape(1, of_values.0), buffers));
        Ok(())
    }
}

/// One of the shader's passes, over steps of `shape.values`' width.
pub(super) fn attention<'a>(
    entry: &'static str,
    grid: Grid,
    shape: AttentionShape,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let width = u64::from(shape.values.width);
    Draft::new(SHADER, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * width))
        .cost_a_row(shape.values, 8 * width, 16 * (width + 1))
}

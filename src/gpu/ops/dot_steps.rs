//! Dot products of a sample's vector with its steps: `shaders/dot_steps.wgsl`.

use crate::{gpu::ops::prelude::*, ops::DotSteps};

const SHADER: Shader = shader!("dot_steps", "dot_steps");

uniform! {
    struct DotShape as DotSteps {
        query: ViewShape,
        key: ViewShape,
        delta: ViewShape,
        output: ViewShape,
        add: u32,
        pad: [u32; 3],
    }
}

impl Shaders for DotSteps {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[DotShape::LAYOUT];
}

impl GpuOp for DotSteps {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![self.inputs.to_vec()]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (output, to) = ctx.activation(self.output);
        let [(query, q), (key, k)] = self.inputs.map(|view| ctx.activation(view));
        let shape = DotShape {
            query,
            key,
            output,
            ..DotShape::default()
        };
        let grid = Grid::Rows {
            space: output.space(),
            threads: 1,
        };
        drafts.push(dot_steps("forward", grid, shape, vec![(3, q), (4, k), (6, to)]));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [(query, q), (key, k)] = self.inputs.map(|view| ctx.activation(view));
        let [of_query, of_key] = self.inputs.map(|view| ctx.gradient(view));
        let (delta, of) = ctx.gradient(self.output);
        let shape = |input: usize, output: ViewShape| DotShape {
            query,
            key,
            delta,
            output,
            add: is_added(pass.accumulate[input]),
            pad: [0; 3],
        };
        let (grid, buffers) = (Grid::elements(of_query.0), vec![(4, k), (5, of), (6, of_query.1)]);
        drafts.push(dot_steps("query_gradient", grid, shape(0, of_query.0), buffers));
        let (grid, buffers) = (Grid::elements(query), vec![(3, q), (5, of), (6, of_key.1)]);
        drafts.push(dot_steps("key_gradient", grid, shape(1, of_key.0), buffers));
        Ok(())
    }
}

fn dot_steps<'a>(entry: &'static str, grid: Grid, shape: DotShape, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Draft<'a> {
    let width = u64::from(shape.key.width);
    Draft::new(SHADER, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * width))
        .cost_a_row(shape.key, 8 * width, 16 * (width + 1))
}

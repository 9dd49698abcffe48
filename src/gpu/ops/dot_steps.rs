//! Dot products of a sample's vector with its steps, by the passes of `shaders/attention.wgsl`: products are the gradients that its
//! weights have where the query is its output's gradient, and from theirs come the query's gradient, as its weighted sum, and the keys',
//! as its values'.

use super::attention::{AttentionShape, attention};
use crate::{gpu::ops::prelude::*, ops::DotSteps};

impl Shaders for DotSteps {
    /// Attention's, which has it in its list.
    const SHADERS: &'static [Shader] = &[];
    /// Likewise.
    const UNIFORMS: &'static [UniformLayout] = &[];
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
        let shape = AttentionShape {
            values: key,
            delta: query,
            output,
            ..AttentionShape::default()
        };
        let grid = Grid::Rows {
            space: output.space(),
            threads: 1,
        };
        let buffers = vec![(4, k), (5, to), (6, q)];
        drafts.push(attention("weight_gradient", grid, shape, buffers));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [(query, q), (key, k)] = self.inputs.map(|view| ctx.activation(view));
        let [of_query, of_key] = self.inputs.map(|view| ctx.gradient(view));
        let (weights, of) = ctx.gradient(self.output);
        let shape = |input: usize, output: ViewShape| AttentionShape {
            weights,
            values: key,
            delta: query,
            output,
            add: is_added(pass.accumulate[input]),
            ..AttentionShape::default()
        };
        let buffers = vec![(3, of), (4, k), (5, of_query.1)];
        drafts.push(attention(
            "forward",
            Grid::elements(of_query.0),
            shape(0, of_query.0),
            buffers,
        ));
        let buffers = vec![(3, of), (5, of_key.1), (6, q)];
        drafts.push(attention(
            "value_gradient",
            Grid::elements(query),
            shape(1, of_key.0),
            buffers,
        ));
        Ok(())
    }
}

//! Embedding look-ups: `shaders/gather.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Gather};

const SHADER: Shader = shader!("gather", "gather");

uniform! {
    struct GatherShape as Gather {
        output: ViewShape,
        column: u32,
        first: u32,
        rows: u32,
        pad: u32,
    }
}

impl Shaders for Gather {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[GatherShape::LAYOUT];
}

impl GpuOp for Gather {
    fn stored(&self) -> Vec<(usize, Stored)> {
        vec![(self.table, Stored::Table(self.output))]
    }

    fn alike(&self) -> Vec<Vec<View>> {
        Vec::new()
    }

    /// A dispatch for each shard of the table, which copies the rows that it has; one where it is propagated.
    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (output, to) = ctx.activation(self.output);
        if let (Some(from), Some(graph)) = (self.propagated, ctx.graph) {
            let shape = GatherShape {
                output,
                column: self.column as u32,
                // Nodes are counted from the first table's first row.
                first: 0u32.wrapping_sub(ctx.first_node(from.side)),
                rows: graph.graph.nodes() as u32,
                pad: 0,
            };
            drafts.push(gather("forward", shape, vec![(3, &graph.mean), (4, to)]));
            return Ok(());
        }
        for shard in ctx.shards(self.table)? {
            let shape = GatherShape {
                output,
                column: self.column as u32,
                first: shard.first,
                rows: shard.capacity,
                pad: 0,
            };
            drafts.push(gather("forward", shape, vec![(3, &shard.slots.value), (4, to)]));
        }
        Ok(())
    }

    /// The gradient of what was looked up, times the weights of the ids, for the updates to read. Without weights it is
    /// where it should be.
    fn backward<'a>(&self, ctx: Context<'a>, _: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        if ctx.plan.columns()[self.column].weighted {
            let (output, to) = ctx.gradient(self.output);
            let shape = GatherShape {
                output,
                column: self.column as u32,
                ..GatherShape::default()
            };
            drafts.push(gather("gradient", shape, vec![(4, to)]));
        }
        Ok(())
    }
}

fn gather<'a>(entry: &'static str, shape: GatherShape, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Draft<'a> {
    let (grid, width) = (Grid::elements(shape.output), u64::from(shape.output.width));
    Draft::new(SHADER, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * width))
        .cost(0, 32 * width + 4)
}

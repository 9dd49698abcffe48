//! Propagation of whole tables: `shaders/propagate.wgsl`.
//!
//! It is no part of a slice: its dispatches run before the first slice of a batch and behind the last one, before the
//! updates.

use crate::{
    gpu::{memory::graph::GraphBuffers, ops::prelude::*, program::grid::Sources},
    ops::Propagate,
    plan::Storage,
};

const SHADER: Shader = shader!("propagate", "picked", "rows_f32", "propagate");
const HALVES: Shader = shader!("propagate halves", "picked", "rows_f16", "propagate");

uniform! {
    struct PropagateShape as Propagate {
        width: u32,
        nodes: u32,
        first: u32,
        rows: u32,
        sources: u32,
        scale: f32,
        pad: [u32; 2],
        columns: [u32; 8],
    }
}

impl Shaders for Propagate {
    const SHADERS: &'static [Shader] = &[SHADER, HALVES];
    const UNIFORMS: &'static [UniformLayout] = &[PropagateShape::LAYOUT];
}

impl GpuOp for Propagate {
    fn stored(&self) -> Vec<(usize, Stored)> {
        self.tables.map(|table| (table, Stored::Table(self.output))).into()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        Vec::new()
    }

    fn forward<'a>(&self, _: Context<'a>, _: Forward, _: &mut Vec<Draft<'a>>) -> Result<()> {
        Ok(())
    }

    fn backward<'a>(&self, _: Context<'a>, _: Backward<'a>, _: &mut Vec<Draft<'a>>) -> Result<()> {
        Ok(())
    }
}

impl<'a> Context<'a> {
    /// What is propagated, along what.
    fn propagated(self) -> Option<(Propagate, &'a GraphBuffers)> {
        Some((*self.plan.propagation()?, self.graph?))
    }

    /// All layers and their mean: a dispatch for each shard of both tables, and one a layer. Of the nodes that the batch picks
    /// alone, the last is one for each table.
    ///
    /// # Errors
    /// Of what the plan lacks on the device.
    pub fn propagate(self, picked: bool) -> Result<Vec<Draft<'a>>> {
        let (mut drafts, Some((op, graph))) = (Vec::new(), self.propagated()) else {
            return Ok(Vec::new());
        };
        let shape = self.propagate_shape(op, graph);
        let storage = if picked { op.storage } else { Storage::F32 };
        let [even, odd] = &graph.layers;
        for (side, table) in op.tables.into_iter().enumerate() {
            for shard in self.shards(table)? {
                let rows =
                    self.plan.params()[table].rows as u32 - shard.first.min(self.plan.params()[table].rows as u32);
                let shape = PropagateShape {
                    first: self.first_node(side) + shard.first,
                    rows: rows.min(shard.capacity),
                    ..shape
                };
                let buffers = vec![(3, &shard.slots.value), (4, even), (5, &graph.mean)];
                drafts.push(draft(storage, "copy", shape, shape.rows, Reads::Nothing, buffers));
            }
        }
        let layer = |index: usize| if index.is_multiple_of(2) { even } else { odd };
        for index in 1..op.layers {
            let buffers = vec![(3, layer(index - 1)), (4, layer(index)), (5, &graph.mean)];
            drafts.push(draft(
                storage,
                "product",
                shape,
                shape.nodes,
                Reads::Nothing,
                with_edges(buffers, graph),
            ));
        }
        let buffers = with_edges(vec![(3, layer(op.layers - 1)), (5, &graph.mean)], graph);
        if !picked {
            drafts.push(draft(storage, "last", shape, shape.nodes, Reads::Nothing, buffers));
            return Ok(drafts);
        }
        for (side, table) in op.tables.into_iter().enumerate() {
            let sources = Sources::new(self.plan.gathers(table).map(|(column, _)| column));
            let shape = PropagateShape {
                first: self.first_node(side),
                sources: sources.columns().len() as u32,
                columns: sources.padded(),
                ..shape
            };
            let threads = shape.width;
            let grid = Grid::AllSegments { sources, threads };
            drafts.push(Draft {
                grid,
                ..draft(storage, "last_picked", shape, 0, Reads::Batch, buffers.clone())
            });
        }
        Ok(drafts)
    }

    /// The way back, from the gradients of the mean to those of the first layer, and the buffer where these are then.
    pub fn propagate_back(self) -> (Vec<Draft<'a>>, Option<&'a wgpu::Buffer>) {
        let Some((op, graph)) = self.propagated() else {
            return (Vec::new(), None);
        };
        let (shape, mut reached) = (self.propagate_shape(op, graph), None);
        let drafts = (0..op.layers).map(|index| {
            let to = &graph.layers[index % 2];
            let buffers = vec![(4, to), (5, &graph.mean)];
            let is_last = index + 1 == op.layers;
            // In halves, what is kept is kept times a number that the call says.
            let scaled = match op.storage {
                Storage::F32 => Reads::Nothing,
                Storage::F16 => Reads::Call,
            };
            let (entry, reads, buffers) = match reached.replace(to) {
                None if is_last => ("only_back", Reads::Nothing, buffers),
                None => ("first_back", scaled, buffers),
                Some(from) => {
                    let entry = if is_last { "last_back" } else { "back" };
                    (entry, scaled, [(3, from)].into_iter().chain(buffers).collect())
                }
            };
            draft(op.storage, entry, shape, shape.nodes, reads, with_edges(buffers, graph))
        });
        (drafts.collect(), reached)
    }

    /// The node of a table's first row.
    pub fn first_node(self, side: usize) -> u32 {
        self.plan.nodes()[..side].iter().sum::<usize>() as u32
    }

    fn propagate_shape(self, op: Propagate, graph: &GraphBuffers) -> PropagateShape {
        PropagateShape {
            width: self.columns.stride(op.output.buffer),
            nodes: graph.graph.nodes() as u32,
            scale: 1.0 / (op.layers + 1) as f32,
            ..PropagateShape::default()
        }
    }
}

fn with_edges<'a>(mut buffers: Vec<(u32, &'a wgpu::Buffer)>, graph: &'a GraphBuffers) -> Vec<(u32, &'a wgpu::Buffer)> {
    buffers.extend([(6, &graph.offsets), (7, &graph.edges)]);
    buffers
}

/// A dispatch over so many rows.
fn draft<'a>(
    storage: Storage,
    entry: &'static str,
    shape: PropagateShape,
    rows: u32,
    reads: Reads,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let grid = Grid::Threads(u64::from(rows) * u64::from(shape.width));
    let shader = match storage {
        Storage::F32 => SHADER,
        Storage::F16 => HALVES,
    };
    Draft::new(shader, entry, grid, reads, &shape, buffers)
        .of(format!("{}", 4 * shape.width))
        .cost(0, 48)
}

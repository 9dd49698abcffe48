//! The optimiser on all parameters.

use crate::{
    gpu::{
        memory::{placement::BLOCK, tables::Shard},
        ops::context::Context,
        program::{
            draft::{Draft, Reads},
            grid::{Grid, Sources},
        },
        shaders::{Shader, shader},
        shapes::{Uniform, UniformLayout, ViewShape, uniform},
    },
    ops::Propagate,
    plan::{L2, Optimizer, View},
};

/// Sparse update by Adam.
const ROW_UPDATE_ADAM: Shader = shader!("row_update", "picked", "adam", "row_update");
/// Sparse update by SGD.
const ROW_UPDATE_SGD: Shader = shader!("row_update", "picked", "sgd", "row_update");
/// Update of weights and biases by Adam.
const DENSE_UPDATE_ADAM: Shader = shader!("dense_update", "adam", "dense_update");
/// Update of weights and biases by SGD.
const DENSE_UPDATE_SGD: Shader = shader!("dense_update", "sgd", "dense_update");

/// All that are dispatched from here.
pub(crate) const SHADERS: &[Shader] = &[ROW_UPDATE_ADAM, ROW_UPDATE_SGD, DENSE_UPDATE_ADAM, DENSE_UPDATE_SGD];

uniform! {
    struct TableShape as Table {
        gradient: ViewShape,
        width: u32,
        column: u32,
        first: u32,
        rows: u32,
        sources: u32,
        place: u32,
        node: u32,
        scale: f32,
        columns: [u32; 8],
    }
}

uniform! {
    struct DenseShape as Dense {
        total: u32,
        layers: u32,
        pad: [u32; 2],
    }
}

/// The uniforms of the updates.
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) const UNIFORMS: &[UniformLayout] = &[TableShape::LAYOUT, DenseShape::LAYOUT];

/// What an optimiser's dispatches are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Updates {
    /// Adam; else gradient descent.
    pub adam: bool,
    /// Whether rows outside the batch move too.
    pub every_row: bool,
}

impl Updates {
    pub fn of(optimizer: &Optimizer, l2: L2) -> Self {
        Updates {
            adam: optimizer.has_moments(),
            every_row: optimizer.moves_every_row(l2),
        }
    }
}

impl<'a> Context<'a> {
    /// One dispatch for all dense parameters, and two for each table; one more for each look-up in one that is shared, and
    /// one for its chunks. For both tables that are propagated, two for each look-up in them, two for each and one a layer.
    pub fn updates(self, updates: Updates) -> Vec<Draft<'a>> {
        let (rows, dense) = match updates.adam {
            true => (ROW_UPDATE_ADAM, DENSE_UPDATE_ADAM),
            false => (ROW_UPDATE_SGD, DENSE_UPDATE_SGD),
        };
        let mut drafts = vec![self.dense_update(dense, updates)];
        let propagated = self.plan.propagation();
        if let Some(propagate) = propagated {
            drafts.extend(self.propagated_updates(rows, updates, propagate));
        }
        for table in 0..self.plan.params().len() {
            let Some(of) = self.tensors.table(table) else { continue };
            if propagated.is_some_and(|propagate| propagate.side(table).is_some()) {
                continue;
            }
            let gathers: Vec<(usize, View)> = self.plan.gathers(table).collect();
            let sources = Sources::new(gathers.iter().map(|(column, _)| *column));
            for (place, &(column, output)) in gathers.iter().enumerate() {
                let shape = self.table_shape(column, output, (sources, place));
                drafts.push(self.sum_chunks(rows, column, output, shape));
                if gathers.len() > 1 {
                    drafts.push(self.sum_segments(rows, column, output, shape));
                }
            }
            for shard in &of.shards {
                drafts.push(self.row_update(rows, updates, gathers[0], sources, shard));
            }
        }
        drafts
    }

    /// Of both tables that are propagated: their gradients among all nodes, the way back, and every row.
    fn propagated_updates(self, shader: Shader, updates: Updates, op: &Propagate) -> Vec<Draft<'a>> {
        let mut drafts = Vec::new();
        let Some(graph) = self.graph else { return drafts };
        let mut shapes = Vec::new();
        for (side, &table) in op.tables.iter().enumerate() {
            let gathers: Vec<(usize, View)> = self.plan.gathers(table).collect();
            let sources = Sources::new(gathers.iter().map(|(column, _)| *column));
            let Some(&(column, output)) = gathers.first() else {
                continue;
            };
            let shape = TableShape {
                rows: self.plan.params()[table].rows as u32,
                node: self.first_node(side),
                scale: 1.0 / (op.layers + 1) as f32,
                ..self.table_shape(column, output, (sources, 0))
            };
            for (place, &(column, output)) in gathers.iter().enumerate() {
                let of_column = self.table_shape(column, output, (sources, place));
                drafts.push(self.sum_chunks(shader, column, output, of_column));
                drafts.push(self.sum_segments(shader, column, output, of_column));
            }
            let grid = Grid::Threads(u64::from(shape.rows) * u64::from(shape.width));
            let buffers = vec![(8, &self.buffers.segment_sums), (9, &graph.mean)];
            let spread = Draft::new(shader, "spread", grid, Reads::Batch, &shape, buffers);
            drafts.push(spread.of(format!("{}", 4 * shape.width)).cost(0, 16));
            shapes.push((table, shape));
        }
        let (back, reached) = self.propagate_back();
        drafts.extend(back);
        for (table, shape) in shapes {
            let shards = self.tensors.table(table).map_or(&[][..], |table| &table.shards);
            for (shard, reached) in shards.iter().zip(core::iter::repeat(reached).flatten()) {
                let rows = shape.rows.saturating_sub(shard.first).min(shard.capacity);
                let shape = TableShape {
                    first: shard.first,
                    rows,
                    ..shape
                };
                let mut buffers = vec![(5, &shard.slots.value), (9, reached)];
                if let Some([m, v]) = shard.slots.moments.as_ref().filter(|_| updates.adam) {
                    buffers.extend([(6, m), (7, v)]);
                }
                let grid = Grid::Threads(u64::from(rows) * u64::from(shape.width));
                let update = Draft::new(shader, "every_propagated", grid, Reads::CallAndBatch, &shape, buffers);
                let floats = if updates.adam { 7 } else { 3 };
                drafts.push(update.of(format!("{}", 4 * shape.width)).cost(0, 16 * floats));
            }
        }
        drafts
    }

    /// The transposed weights from the weights.
    pub fn transpose(self) -> Draft<'a> {
        let dense = &self.tensors.dense;
        let buffers = vec![(4, self.layers), (5, &dense.slots.value), (8, &dense.transposed)];
        let grid = Grid::Threads(dense.placement.trained.into());
        Draft::new(
            DENSE_UPDATE_SGD,
            "transpose",
            grid,
            Reads::Nothing,
            &self.dense_shape(),
            buffers,
        )
        .cost(0, 32)
    }

    fn dense_shape(self) -> DenseShape {
        DenseShape {
            total: self.trained(),
            layers: self.tensors.dense.placement.layers.len() as u32,
            pad: [0; 2],
        }
    }

    fn dense_update(self, shader: Shader, updates: Updates) -> Draft<'a> {
        let dense = &self.tensors.dense;
        let mut buffers = vec![
            (3, &self.buffers.slots),
            (4, self.layers),
            (5, &dense.slots.value),
            (8, &dense.transposed),
        ];
        if let Some([m, v]) = dense.slots.moments.as_ref().filter(|_| updates.adam) {
            buffers.extend([(6, m), (7, v)]);
        }
        let grid = Grid::Groups((dense.placement.trained / BLOCK).into());
        let kept = if updates.adam { 7 } else { 3 };
        Draft::new(shader, "reduce", grid, Reads::Call, &self.dense_shape(), buffers)
            .of(format!("{} floats, without the slots", 4 * dense.placement.trained))
            .cost(0, kept * 16 * u64::from(BLOCK))
    }

    fn table_shape(self, column: usize, output: View, (sources, place): (Sources, usize)) -> TableShape {
        let (gradient, _) = self.gradient(output);
        TableShape {
            gradient,
            width: gradient.width,
            column: column as u32,
            first: 0,
            rows: 0,
            sources: sources.columns().len() as u32,
            place: place as u32,
            node: 0,
            scale: 0.0,
            columns: sources.padded(),
        }
    }

    /// The sums of the chunks of a column's long segments.
    fn sum_chunks(self, shader: Shader, column: usize, output: View, shape: TableShape) -> Draft<'a> {
        let threads = shape.width;
        let buffers = vec![
            (3, &self.buffers.gradients[output.buffer]),
            (4, &self.buffers.chunk_sums),
        ];
        let grid = Grid::Chunks { column, threads };
        Draft::new(shader, "sum_chunks", grid, Reads::Batch, &shape, buffers)
            .of(format!("{}", 4 * threads))
            .cost(0, 33 * 16 * u64::from(threads))
    }

    /// The sums of the segments of a column that shares its table with others.
    fn sum_segments(self, shader: Shader, column: usize, output: View, shape: TableShape) -> Draft<'a> {
        let threads = shape.width;
        let buffers = vec![
            (3, &self.buffers.gradients[output.buffer]),
            (4, &self.buffers.chunk_sums),
            (8, &self.buffers.segment_sums),
        ];
        let grid = Grid::Segments { column, threads };
        Draft::new(shader, "sum_segments", grid, Reads::Batch, &shape, buffers)
            .of(format!("{}", 4 * threads))
            .cost(0, 2 * 16 * u64::from(threads))
    }

    /// The rows of a shard; the gradient lies in the buffers of the only look-up, or was added up by segments.
    fn row_update(
        self,
        shader: Shader,
        updates: Updates,
        (column, output): (usize, View),
        sources: Sources,
        shard: &'a Shard,
    ) -> Draft<'a> {
        let shape = TableShape {
            first: shard.first,
            rows: shard.capacity,
            ..self.table_shape(column, output, (sources, 0))
        };
        let is_shared = sources.columns().len() > 1;
        let mut buffers = match is_shared {
            true => vec![(8, &self.buffers.segment_sums)],
            false => vec![
                (3, &self.buffers.gradients[output.buffer]),
                (4, &self.buffers.chunk_sums),
            ],
        };
        buffers.push((5, &shard.slots.value));
        if let Some([m, v]) = shard.slots.moments.as_ref().filter(|_| updates.adam) {
            buffers.extend([(6, m), (7, v)]);
        }
        let threads = shape.width;
        // A row and its moments are read and written; of its samples, one at least is read.
        let row = 16 * u64::from(threads) * if updates.adam { 7 } else { 3 };
        let all = Grid::Threads(u64::from(shard.capacity) * u64::from(threads));
        let floats = if updates.adam { 6 } else { 2 }; // of a row that is not picked
        let (entry, grid, bytes) = match (updates.every_row, is_shared) {
            (true, false) => ("every", all, 16 * floats),
            (true, true) => ("every_merged", all, 16 * floats),
            (false, false) => ("sparse", Grid::Segments { column, threads }, row),
            (false, true) => ("sparse_merged", Grid::AllSegments { sources, threads }, row),
        };
        Draft::new(shader, entry, grid, Reads::CallAndBatch, &shape, buffers)
            .of(format!("{}", 4 * threads))
            .cost(0, bytes)
    }
}

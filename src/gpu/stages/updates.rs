//! The optimiser on all parameters.

use super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads},
        tables::Shard,
        tensors::BLOCK,
    },
    Drafter, Updates,
    shapes::{DenseShape, TableShape},
};
use crate::plan::{Stage, View};

impl<'a> Drafter<'a> {
    /// One dispatch for all dense parameters, and two for each table.
    pub fn updates(self, updates: Updates) -> Vec<Draft<'a>> {
        let (rows, dense) = match updates {
            Updates::Sgd => (Shader::RowUpdateSgd, Shader::DenseUpdateSgd),
            Updates::LazyAdam | Updates::Adam => (Shader::RowUpdateAdam, Shader::DenseUpdateAdam),
        };
        let mut drafts = vec![self.dense_update(dense, updates)];
        for stage in self.plan.stages() {
            let Stage::Gather { table, column, output } = *stage else {
                continue;
            };
            let Some(of) = self.tensors.table(table) else { continue };
            drafts.push(self.sum_chunks(rows, column, output));
            for shard in &of.shards {
                drafts.push(self.row_update(rows, updates, column, output, shard));
            }
        }
        drafts
    }

    /// The transposed weights from the weights.
    pub fn transpose(self) -> Draft<'a> {
        let dense = &self.tensors.dense;
        let buffers = vec![(4, self.layers), (5, &dense.slots.value), (8, &dense.transposed)];
        let grid = Grid::Threads(dense.total.into());
        Draft::new(
            Shader::DenseUpdateSgd,
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
            total: self.tensors.dense.total,
            layers: self.tensors.dense.layers.len() as u32,
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
        if let Some([m, v]) = dense.slots.moments.as_ref().filter(|_| updates != Updates::Sgd) {
            buffers.extend([(6, m), (7, v)]);
        }
        let grid = Grid::Groups((dense.total / BLOCK).into());
        let kept = if updates == Updates::Sgd { 3 } else { 7 };
        Draft::new(shader, "reduce", grid, Reads::Call, &self.dense_shape(), buffers)
            .of(format!("{} floats, without the slots", 4 * dense.total))
            .cost(0, kept * 16 * u64::from(BLOCK))
    }

    fn table_shape(self, column: usize, output: View, shard: Option<&Shard>) -> TableShape {
        let (gradient, _) = self.gradient(output);
        TableShape {
            gradient,
            width: gradient.width,
            column: column as u32,
            first: shard.map_or(0, |shard| shard.first),
            rows: shard.map_or(0, |shard| shard.capacity),
        }
    }

    /// The sums of the chunks of a column's long segments.
    fn sum_chunks(self, shader: Shader, column: usize, output: View) -> Draft<'a> {
        let shape = self.table_shape(column, output, None);
        let threads = shape.width;
        let buffers = vec![
            (3, &self.buffers.gradients[output.buffer]),
            (4, &self.buffers.chunk_sums),
        ];
        Draft::new(
            shader,
            "sum_chunks",
            Grid::Chunks { column, threads },
            Reads::Batch,
            &shape,
            buffers,
        )
        .of(format!("{}", 4 * threads))
        .cost(0, 33 * 16 * u64::from(threads))
    }

    fn row_update(self, shader: Shader, updates: Updates, column: usize, output: View, shard: &'a Shard) -> Draft<'a> {
        let shape = self.table_shape(column, output, Some(shard));
        let mut buffers = vec![
            (3, &self.buffers.gradients[output.buffer]),
            (4, &self.buffers.chunk_sums),
            (5, &shard.slots.value),
        ];
        if let Some([m, v]) = shard.slots.moments.as_ref().filter(|_| updates != Updates::Sgd) {
            buffers.extend([(6, m), (7, v)]);
        }
        let threads = shape.width;
        // A row and its moments are read and written; of its samples, one at least is read.
        let row = 16 * u64::from(threads) * if updates == Updates::Sgd { 3 } else { 7 };
        let (entry, grid, bytes) = match updates {
            Updates::Adam => (
                "every",
                Grid::Threads(u64::from(shard.capacity) * u64::from(threads)),
                16 * 6,
            ),
            Updates::Sgd | Updates::LazyAdam => ("sparse", Grid::Segments { column, threads }, row),
        };
        Draft::new(shader, entry, grid, Reads::CallAndBatch, &shape, buffers)
            .of(format!("{}", 4 * threads))
            .cost(0, bytes)
    }
}

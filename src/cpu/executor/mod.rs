//! The tile-major executor: each thread takes tiles of rows through the whole network, then rows of tables.
//!
//! A step has two phases, with all threads meeting after each:
//!
//! 1. *Tiles.* A partial is a fixed run of tiles; a thread takes a partial, runs its tiles forward and backward,
//!    and leaves its weight gradients and its loss in the partial, and the gradients of gathered rows in the
//!    batch-wide gradient. The next batch is filled as one more task.
//! 2. *Updates.* A thread takes a dense parameter (adds up the partials in order, updates, packs for the next
//!    step) or a run of a table's rows (adds up each row's samples in order, updates).
//!
//! Where a stage has statistics of the whole batch, the first phase is cut into passes: a pass takes every tile through
//! the stages up to there, its activations kept, and what it leaves is added up in the tiles' order. So does a loss over lists
//! of samples, which is computed block by block between the passes; but one against rows of a table, which are looked up before
//! the tiles, is a tile's own.
//!
//! How many partials there are depends on plan and batch alone, so the bits do not depend on the threads.
//!
//! While a step runs, buffers are taken out of the executor. If something in it panics, such as the caller's `prefetch`,
//! they are lost and parameters may be half updated: the executor then refuses every call until a state is set.

mod exact;
mod graph;
mod kept;
mod layers;
mod lists;
mod node_runs;
mod parts;
mod propagation;
mod scoring;
mod state;
mod step;
mod training;

use alloc::{format, string::String, vec::Vec};

#[cfg(not(feature = "parallel"))]
use super::serial::Pool;
#[cfg(feature = "parallel")]
use super::threads::Pool;
use super::{
    Isa, Scalar,
    aligned::AlignedVec,
    batch_norm::BatchStatistics,
    catalogue::{Catalogue, Separable},
    packed::Packed,
    prepare::{Pass, TableSource},
    simd::Proof,
    softmax_cross_entropy::{Blocks, KnownList},
    source::Source,
    tile::{Scratch, Values},
    update::TaskMemory,
};
use crate::{
    Result,
    checks::{check_growth, check_ids, check_rows, check_scored, check_state},
    data::Batch,
    executor::{
        Activations, Executor, KeepRows, LossSum, Pending, Propagation, ScoreCatalogue, SearchCatalogue, StepTables,
    },
    plan::{L2, Layout, Optimizer, Param, ParamKind, Plan, RowType, State},
};

/// Partials of a step at most; more threads than that share no further work in the first phase.
const MAX_PARTIALS: usize = 16;

/// What tiles read; a macro, because a method would borrow the pool as well.
macro_rules! network {
    ($executor:ident) => {
        Network {
            plan: &$executor.plan,
            layout: &$executor.layout,
            tensors: &$executor.tensors,
            packed: &$executor.packed,
            dense_offsets: &$executor.dense_offsets,
            statistics: &[],
            blocks: None,
            known_list: None,
            propagated: $executor
                .propagated
                .as_ref()
                .map_or(&[], |propagated| &propagated.output),
            by_place: false,
        }
    };
}
pub(in crate::cpu) use layers::{LastLayer, LastProduct};
use network;
use propagation::Propagated;
use step::Moves;

/// Runs a plan on the processor.
pub struct CpuExecutor {
    plan: Plan,
    layout: Layout,
    /// Steps taken, by any optimiser.
    step: u64,
    tensors: Vec<Values>,
    packed: Vec<Packed>,
    dense_offsets: Vec<usize>,
    dense_len: usize,
    proof: Proof,
    isa: Isa,
    pool: Pool,
    tile_rows: usize,
    scratch: Vec<Scratch>,
    passes: Vec<Pass>,
    /// Those of a batch that holds the running statistics.
    held_passes: Vec<Pass>,
    /// One a tile, where there are several passes.
    tiles: Vec<Scratch>,
    /// Of the present batch, one for each stage that has some.
    statistics: Vec<BatchStatistics>,
    /// Of the present batch, where the loss is over lists.
    blocks: Blocks,
    /// Its list, where that is known before the tiles.
    known_list: Option<KnownList>,
    partials: Vec<AlignedVec>,
    /// The batch-wide gradient of each space.
    row_gradients: Vec<AlignedVec>,
    /// For each table, where its gradient comes from.
    table_sources: Vec<Vec<TableSource>>,
    update_tasks: TaskMemory,
    /// Whether dense parameters are those of linear layers alone, so that a step can [leave them out](Moves::Tables).
    has_layers_alone: bool,
    separable: Option<Separable>,
    /// Items' parts of all logits, until the parameters change.
    catalogue: Option<Catalogue>,
    /// What is kept to propagate tables.
    propagated: Option<Propagated>,
    loss: LossSum,
    auxiliary: LossSum,
    /// Bytes of a batch that was found to fit.
    room: u64,
    /// Whether a call that takes buffers out has begun and has not ended.
    interrupted: bool,
}

impl Executor for CpuExecutor {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn device(&self) -> String {
        let threads = self.pool.threads();
        format!(
            "cpu {}, {threads} thread{}",
            self.isa,
            if threads == 1 { "" } else { "s" }
        )
    }

    fn step(
        &mut self,
        batch: &Batch,
        optimizer: &Optimizer,
        l2: L2,
        prefetch: &mut (dyn FnMut() + Send),
    ) -> Pending<'_, ()> {
        Pending::now(|| self.take_step(batch, optimizer, l2, prefetch, Moves::All))
    }

    fn poll(&mut self) -> Result<bool> {
        self.ready().map(|()| true)
    }

    fn take_loss(&mut self) -> Pending<'_, LossSum> {
        Pending::now(|| {
            self.ready()?;
            Ok(core::mem::take(&mut self.loss))
        })
    }

    fn take_auxiliary(&mut self) -> Pending<'_, LossSum> {
        Pending::now(|| {
            self.ready()?;
            Ok(core::mem::take(&mut self.auxiliary))
        })
    }

    fn score<'a>(&'a mut self, columns: &'a [&'a [u32]], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            self.ready()?;
            check_ids(&self.plan, columns, out.len())?;
            self.check_graph()?;
            self.make_room(out.len(), false)?;
            self.guarded(|executor| executor.score_source(Source::Ids(columns), out));
            Ok(())
        })
    }

    fn score_batch<'a>(&'a mut self, batch: &'a Batch, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            self.ready()?;
            check_scored(&self.plan, batch, out.len())?;
            self.check_graph()?;
            self.check_room(batch)?;
            self.make_room(out.len(), false)?;
            self.guarded(|executor| executor.score_source(Source::Batch(batch), out));
            Ok(())
        })
    }

    fn state(&mut self) -> Pending<'_, State> {
        Pending::now(|| {
            self.ready()?;
            let moments = self.tensors.iter().any(|tensor| !tensor.m.is_empty());
            self.plan.need("a copy of the parameters", moments, 1).check()?;
            let tensors = self.tensors.iter().zip(self.plan.params());
            let tensors = tensors.map(|(values, param)| values.copy(&param.name));
            Ok(State {
                step: self.step,
                tensors: tensors.collect::<Result<_>>()?,
            })
        })
    }

    fn set_state<'a>(&'a mut self, state: &'a State) -> Pending<'a, ()> {
        Pending::now(|| {
            check_state(&self.plan, state)?;
            if self.interrupted {
                self.renew();
            }
            self.interrupted = true; // where memory is short in the middle, too
            self.take_over(state)?;
            self.interrupted = false;
            Ok(())
        })
    }

    fn read_rows<'a>(&'a mut self, param: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            self.ready()?;
            check_rows(&self.plan, param, first, out.len())?;
            let width = self.plan.params()[param].width;
            let table = self.tensors[param].table();
            for (row, to) in (first as u32..).zip(out.chunks_exact_mut(width)) {
                table.copy(Scalar, row, to);
            }
            Ok(())
        })
    }

    fn write_rows<'a>(&'a mut self, param: usize, first: usize, values: &'a [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            self.ready()?;
            check_rows(&self.plan, param, first, values.len())?;
            self.changed();
            let Param { width, kind, .. } = self.plan.params()[param];
            let mut place = first;
            if let ParamKind::Table { vocabulary } = kind
                && self.tensors[param].stored.is_some()
            {
                let rows: Vec<u32> = (first as u32..).take(values.len() / width).collect();
                self.make_exact(vocabulary, &rows)?;
                // Rows in a run have places in a run; of no rows there is none, and nothing is written.
                place = self.tensors[param].place(first as u32).unwrap_or_default();
            }
            let range = place * width..place * width + values.len();
            let tensor = &mut self.tensors[param];
            tensor.value[range.clone()].copy_from_slice(values);
            for moments in [&mut tensor.m, &mut tensor.v] {
                if let Some(moments) = moments.get_mut(range.clone()) {
                    moments.fill(0.0);
                }
            }
            self.pack(param);
            Ok(())
        })
    }

    fn grow(&mut self, vocabulary: usize, rows: usize) -> Pending<'_, ()> {
        Pending::now(|| {
            self.ready()?;
            check_growth(&self.plan, vocabulary, rows)?;
            let graph = self.grown_graph(vocabulary, rows)?;
            if self.plan.row_type() != RowType::F32 {
                let later: Vec<u32> = (self.plan.rows(vocabulary) as u32..rows as u32).collect();
                self.make_exact(vocabulary, &later)?;
                self.changed();
                self.plan.set_rows(vocabulary, rows);
                return self.take_graph(graph);
            }
            // Reserves for all tables before any length changes: where memory is short, nothing has changed.
            for (param, tensor) in self.plan.params().iter().zip(&mut self.tensors) {
                if param.kind == (ParamKind::Table { vocabulary }) {
                    for values in [&mut tensor.value, &mut tensor.m, &mut tensor.v] {
                        if !values.is_empty() {
                            values.reserve(rows * param.width, || format!("{rows} rows of {}", param.name))?;
                        }
                    }
                }
            }
            for (param, tensor) in self.plan.params().iter().zip(&mut self.tensors) {
                if param.kind == (ParamKind::Table { vocabulary }) {
                    for values in [&mut tensor.value, &mut tensor.m, &mut tensor.v] {
                        if !values.is_empty() {
                            values.resize(rows * param.width);
                        }
                    }
                }
            }
            self.changed();
            self.plan.set_rows(vocabulary, rows);
            self.take_graph(graph)
        })
    }

    fn step_bytes(&self) -> u64 {
        let propagated = self.propagated.as_ref().map_or(0, Propagated::bytes);
        self.room.saturating_add(propagated)
    }

    fn tables_alone(&mut self) -> Option<&mut dyn StepTables> {
        match self.has_layers_alone {
            true => Some(self),
            false => None,
        }
    }

    fn catalogue(&mut self) -> Option<&mut dyn ScoreCatalogue> {
        match self.separable {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn propagation(&mut self) -> Option<&mut dyn Propagation> {
        match self.propagated {
            Some(_) if cfg!(feature = "graphs") => Some(self),
            _ => None, // a plan whose kernels are left out is refused
        }
    }

    fn search(&mut self) -> Option<&mut dyn SearchCatalogue> {
        match self.separable {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn keeping(&mut self) -> Option<&mut dyn KeepRows> {
        Some(self)
    }

    fn activations(&mut self) -> Option<&mut dyn Activations> {
        Some(self)
    }
}

//! The executor's part that propagates: what steps and scores ask of [`Propagated`].

use alloc::vec::Vec;

use super::{CpuExecutor, node_runs::Workers, propagation::Propagated};
#[cfg(not(feature = "parallel"))]
use crate::cpu::serial::Pool;
#[cfg(feature = "parallel")]
use crate::cpu::threads::Pool;
use crate::{
    Result,
    checks::{check_graph, check_propagated, check_sent, nodes_of},
    cpu::{
        prepare::TableSource,
        propagate::NodeRows,
        simd::Proof,
        tile::{Scratch, Values},
        update::UpdateContext,
    },
    data::{Batch, Graph},
    executor::{Pending, Propagation},
    shared::Arc,
};

/// The parts of an executor that propagation works with, borrowed one by one.
macro_rules! with_propagated {
    ($executor:ident, |$propagated:ident, $sources:ident, $tables:ident, $workers:ident| $body:expr) => {
        // Nothing is propagated where kernels of graphs are left out; said here, the compiler leaves out all that would.
        if cfg!(feature = "graphs")
            && let Some($propagated) = &mut $executor.propagated
        {
            let [first, second] = $propagated.op.tables;
            #[allow(unused_variables)]
            let $sources = [
                &$executor.table_sources[first][..],
                &$executor.table_sources[second][..],
            ];
            #[allow(unused_variables)]
            let $tables = NodeRows {
                first: value(&$executor.tensors, first),
                second: value(&$executor.tensors, second),
                width: $propagated.width,
            };
            #[allow(unused_variables, unused_mut)]
            let mut $workers = Workers {
                pool: &mut $executor.pool,
                scratch: &mut $executor.scratch,
                proof: $executor.proof,
                width: $propagated.width,
            };
            $body
        }
    };
}

fn value(tensors: &[Values], param: usize) -> &[f32] {
    &tensors[param].value
}

impl CpuExecutor {
    /// There is a graph where one is needed.
    pub(super) fn check_graph(&self) -> Result<()> {
        check_graph(&self.plan, self.propagated.as_ref().and_then(Propagated::graph))
    }

    /// Room for what a step on a batch propagates.
    pub(super) fn reserve_propagated(&mut self, batch: &Batch) -> Result<()> {
        with_propagated!(self, |propagated, sources, tables, workers| propagated
            .reserve(batch, sources)?);
        Ok(())
    }

    /// What the tiles of a batch look up.
    pub(super) fn propagate_picked(&mut self, batch: &Batch) {
        with_propagated!(self, |propagated, sources, tables, workers| {
            propagated.forget();
            propagated.pick(batch, sources);
            propagated.forward(tables, &mut workers, true);
        });
    }

    /// What any sample looks up, where that is not there yet.
    pub(super) fn propagate_all(&mut self) {
        with_propagated!(self, |propagated, sources, tables, workers| {
            if !propagated.is_whole {
                propagated.forward(tables, &mut workers, false);
                propagated.is_whole = true;
            }
        });
    }

    /// The way back of what the tiles have left, but for its last product.
    pub(super) fn propagate_back(
        propagated: &mut Propagated,
        context: UpdateContext<'_>,
        sources: &[Vec<TableSource>],
        (pool, scratch, proof): (&mut Pool, &mut [Scratch], Proof),
    ) {
        let sources = propagated.op.tables.map(|table| &sources[table][..]);
        let width = propagated.width;
        let mut workers = Workers {
            pool,
            scratch,
            proof,
            width,
        };
        if cfg!(feature = "graphs") {
            propagated.backward(context, sources, &mut workers);
        }
    }

    /// The graph of tables that have grown.
    pub(super) fn grown_graph(&self, vocabulary: usize, rows: usize) -> Result<Option<Arc<Graph>>> {
        let Some(graph) = self.propagated.as_ref().and_then(Propagated::graph) else {
            return Ok(None);
        };
        let grown = nodes_of(&self.plan.clone().with_rows(vocabulary, rows));
        Ok(Some(Arc::new(graph.with_nodes(grown)?)))
    }

    pub(super) fn take_graph(&mut self, graph: Option<Arc<Graph>>) -> Result<()> {
        match (&mut self.propagated, graph) {
            (Some(propagated), Some(graph)) => propagated.set_graph(graph),
            _ => Ok(()),
        }
    }
}

impl Propagation for CpuExecutor {
    fn set_graph(&mut self, graph: Arc<Graph>) -> Pending<'_, ()> {
        Pending::now(|| {
            self.ready()?;
            check_graph(&self.plan, Some(&graph))?;
            self.catalogue = None;
            self.take_graph(Some(graph))
        })
    }

    fn propagated_rows<'a>(&'a mut self, table: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            self.ready()?;
            let (nodes, width) = check_propagated(&self.plan, table, first, out.len())?;
            self.check_graph()?;
            self.guarded(|executor| executor.propagate_all());
            if let Some(propagated) = &self.propagated {
                out.copy_from_slice(&propagated.output[nodes.start * width..nodes.end * width]);
            }
            Ok(())
        })
    }

    fn sent_rows<'a>(&'a mut self, table: usize, rows: &'a [u32], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            self.ready()?;
            let (first, width) = check_sent(&self.plan, table, rows, out.len())?;
            self.check_graph()?;
            self.guarded(|executor| executor.propagate_all());
            if let Some(propagated) = &self.propagated {
                let value = value(&self.tensors, table);
                for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
                    out.copy_from_slice(&value[row as usize * width..][..width]);
                    propagated.add_layers(first + row as usize, out);
                }
            }
            Ok(())
        })
    }

    fn graph(&self) -> Option<&Graph> {
        self.propagated.as_ref().and_then(Propagated::graph)
    }
}

//! The graph that tables are propagated along.

use std::{ops::Range, sync::Arc};

use crate::{
    Result,
    checks::{check_graph, check_propagated, check_sent, nodes_of},
    data::Graph,
    executor::{Pending, Propagation},
    gpu::{
        executor::GpuExecutor,
        memory::graph::GraphBuffers,
        program::{
            dispatch::record,
            grid::Work,
            spaces::{SPACES, samples_alone},
        },
    },
    plan::Plan,
};

impl GpuExecutor {
    /// There is a graph where one is needed.
    pub(crate) fn check_graph(&self) -> Result<()> {
        check_graph(&self.plan, self.graph.as_ref().map(|graph| &*graph.graph))
    }

    /// Parameters have changed.
    pub(crate) fn forget_propagated(&mut self) {
        if let Some(graph) = &mut self.graph {
            graph.is_whole = false;
        }
    }

    /// Whether all nodes have to be propagated before something is scored; from now on they are.
    pub(crate) fn propagation_is_due(&mut self) -> bool {
        let Some(graph) = &mut self.graph else { return false };
        !std::mem::replace(&mut graph.is_whole, true)
    }

    async fn take_graph(&mut self, graph: Arc<Graph>) -> Result<()> {
        let Some(op) = self.plan.propagation() else {
            return Ok(());
        };
        let stride = self.columns.stride(op.output.buffer);
        // What is under way may still read the old one; its buffers live as long.
        self.graph = Some(GraphBuffers::new(&self.gpu, graph, stride).await?);
        self.program = None;
        Ok(())
    }

    /// The graph of a plan whose tables have grown.
    pub(crate) async fn grow_graph(&mut self, grown: &Plan) -> Result<()> {
        let Some(graph) = &self.graph else { return Ok(()) };
        let graph = Arc::new(graph.graph.with_nodes(nodes_of(grown))?);
        self.take_graph(graph).await
    }

    async fn read_propagated(&mut self, table: usize, first: usize, out: &mut [f32]) -> Result<()> {
        self.ready()?;
        let (nodes, width) = check_propagated(&self.plan, table, first, out.len())?;
        self.check_graph()?;
        self.prepare(samples_alone(1), [0; SPACES])?;
        if self.propagation_is_due() {
            self.submit_layers(true);
        }
        self.read_means(nodes, width, out).await
    }

    /// What is sent over edges is the sum of all layers but the last, which stands where their mean comes to be.
    async fn read_sent(&mut self, table: usize, rows: &[u32], out: &mut [f32]) -> Result<()> {
        self.ready()?;
        let (first, width) = check_sent(&self.plan, table, rows, out.len())?;
        self.check_graph()?;
        self.prepare(samples_alone(1), [0; SPACES])?;
        self.submit_layers(false);
        self.forget_propagated();
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
            let node = first + row as usize;
            self.read_means(node..node + 1, width, out).await?;
        }
        let layers = self.plan.propagation().map_or(1, |op| op.layers);
        let scale = 1.0 / (layers + 1) as f32;
        out.iter_mut().for_each(|x| *x *= scale);
        Ok(())
    }

    /// Propagates all nodes, over all layers or all but the last, which is one dispatch.
    fn submit_layers(&mut self, all: bool) {
        let Some(program) = &self.program else { return };
        let dispatches = &program.propagate_all[..];
        let count = dispatches.len().saturating_sub(usize::from(!all));
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        let work = Work {
            rows: [0; SPACES],
            slots: 0,
            columns: &self.inputs.work,
        };
        self.counts.dispatches += record(&mut encoder, &[&dispatches[..count]], work, None);
        self.counts.submits += 1;
        self.in_flight.push_back(self.gpu.submit([encoder.finish()]));
    }

    /// Rows of the buffer that has the mean of layers, or their sum so far.
    async fn read_means(&mut self, nodes: Range<usize>, width: usize, out: &mut [f32]) -> Result<()> {
        let (Some(graph), Some(op)) = (&self.graph, self.plan.propagation()) else {
            return Ok(());
        };
        let (stride, runs) = (
            4 * self.columns.stride(op.output.buffer) as usize,
            self.columns.runs(op.output),
        );
        let mut floats = vec![0.0; nodes.len() * stride];
        let take = &mut |before: usize, piece: &[f32]| floats[before..before + piece.len()].copy_from_slice(piece);
        let (first, len) = (nodes.start * stride, nodes.len() * stride);
        self.readback.read(&self.gpu, &graph.mean, first, len, take).await?;
        for (row, out) in floats.chunks_exact(stride).zip(out.chunks_exact_mut(width)) {
            for run in &runs {
                out[run.from..run.from + run.len].copy_from_slice(&row[run.to..run.to + run.len]);
            }
        }
        Ok(())
    }
}

impl Propagation for GpuExecutor {
    fn set_graph(&mut self, graph: Arc<Graph>) -> Pending<'_, ()> {
        Pending::start(async move {
            self.ready()?;
            check_graph(&self.plan, Some(&graph))?;
            self.take_graph(graph).await
        })
    }

    fn propagated_rows<'a>(&'a mut self, table: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::start(self.read_propagated(table, first, out))
    }

    fn sent_rows<'a>(&'a mut self, table: usize, rows: &'a [u32], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::start(self.read_sent(table, rows, out))
    }

    fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref().map(|graph| &*graph.graph)
    }
}

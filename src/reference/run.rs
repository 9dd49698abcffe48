//! The stages of a batch, forward and backward.

use alloc::{vec, vec::Vec};

use super::{Activations, Reference};
use crate::{
    Result,
    checks::{check_graph, check_labels, check_log_q, check_scored},
    data::Batch,
    ops::Context,
    rng::Rng,
    view::View,
};

impl Reference {
    /// The stages in order. A loss writes nothing.
    pub(super) fn run_forward<'a>(&self, batch: &'a Batch, training: bool) -> Result<Activations<'a>> {
        check_scored(&self.plan, batch, batch.len())?;
        check_graph(&self.plan, self.graph.as_deref())?;
        if training {
            check_labels(batch)?;
            check_log_q(&self.plan, batch)?;
        }
        let mut a = Activations::new(&self.plan, batch);
        for (index, stage) in self.plan.stages().iter().enumerate() {
            if let Some(output) = stage.output().filter(|_| !training || self.plan.is_trained(index)) {
                let values = stage.specification().forward(&self.on(&a, index, training));
                a.write(output, &values);
            }
        }
        Ok(a)
    }

    /// The gradients of the parameters, without the L2 terms: the backward stages in order.
    pub(super) fn run_backward(&self, a: &Activations<'_>) -> Vec<Vec<f64>> {
        let mut d_params: Vec<Vec<f64>> = self.plan.params().iter().map(|p| vec![0.0; p.len()]).collect();
        // The gradients of activations, in the same buffers and views.
        let mut d = Activations::new(&self.plan, a.batch());
        for backward in self.plan.backward() {
            let stage = &self.plan.stages()[backward.stage];
            let d_output = stage.output().map_or_else(Vec::new, |output| d.read(output));
            let on = self.on(a, backward.stage, true);
            let d_inputs = stage.specification().backward(&on, &d_output, &mut d_params);
            for ((&input, &accumulate), gradient) in stage.inputs().iter().zip(&backward.accumulate).zip(&d_inputs) {
                d.deliver(input, accumulate, gradient);
            }
        }
        d_params
    }

    /// The value of a loss in training.
    pub(super) fn loss_at(&self, a: &Activations<'_>, stage: usize) -> f64 {
        let loss = &self.plan.stages()[stage];
        loss.specification().forward(&self.on(a, stage, true)).iter().sum()
    }

    /// What a stage finds.
    pub(super) fn on<'a>(&'a self, activations: &'a Activations<'a>, stage: usize, training: bool) -> OnBatch<'a> {
        OnBatch {
            reference: self,
            activations,
            stage,
            training,
        }
    }
}

/// A batch in the middle of a pass, as one stage finds it.
pub(super) struct OnBatch<'a> {
    reference: &'a Reference,
    activations: &'a Activations<'a>,
    /// The stage's index.
    stage: usize,
    training: bool,
}

impl Context for OnBatch<'_> {
    fn is_training(&self) -> bool {
        self.training
    }

    fn holds_statistics(&self) -> bool {
        self.activations.batch().holds_statistics()
    }

    fn read(&self, view: View) -> Vec<f64> {
        self.activations.read(view)
    }

    fn rows(&self, view: View) -> usize {
        self.activations.rows(view)
    }

    fn offsets(&self, view: View) -> &[u32] {
        self.activations.offsets(view)
    }

    fn value(&self, param: usize) -> &[f64] {
        self.reference.value(param)
    }

    fn neighbours(&self, node: usize) -> (&[u32], &[f32]) {
        self.reference
            .graph
            .as_ref()
            .map_or((&[], &[]), |graph| graph.of_node(node))
    }

    fn ids(&self, column: usize) -> (&[u32], &[f32]) {
        let column = self.activations.batch().column(column);
        (&column.ids, &column.weights)
    }

    fn numeric(&self) -> (&[f32], usize) {
        (self.activations.batch().numeric(), self.reference.plan.numerics())
    }

    fn labels(&self) -> Vec<f64> {
        let labels = self.activations.batch().labels();
        labels.iter().copied().map(f64::from).collect()
    }

    fn sample_weights(&self) -> Option<Vec<f64>> {
        let weights = self.activations.batch().weights();
        (!weights.is_empty()).then(|| weights.iter().copied().map(f64::from).collect())
    }

    fn log_q(&self) -> Vec<f64> {
        let log_q = self.activations.batch().log_q();
        log_q.iter().copied().map(f64::from).collect()
    }

    fn noise(&self) -> Rng {
        self.activations.batch().noise().stream(self.stage as u32)
    }
}

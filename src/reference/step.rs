//! What a training step changes: running statistics and parameters.

use alloc::vec::Vec;

use super::{Activations, Reference, Tensor, picks};
use crate::{
    Result,
    data::Batch,
    ops::{adam, row_update, sgd},
    plan::{AdamConfig, L2, Optimizer, Param, ParamKind, Stage},
};

impl Reference {
    /// One training step: [`gradients`](Reference::gradients), then the optimiser. An empty batch is no step.
    /// Nothing changes on an error.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward), and [`Error::Config`](crate::Error::Config) where the optimiser's settings
    /// are out of range.
    pub fn step(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2) -> Result<()> {
        let a = self.run_forward(batch, true)?;
        optimizer.validate()?;
        if batch.is_empty() {
            return Ok(());
        }
        let gradients = self.gradients_of(&a, l2);
        let auxiliary: f64 = self.auxiliary_losses(&a).iter().map(|(loss, _)| loss).sum();
        self.loss.sum += self.loss_of(&a) * batch.len() as f64;
        self.loss.samples += batch.len() as u64;
        self.auxiliary.sum += auxiliary * batch.len() as f64;
        self.auxiliary.samples += batch.len() as u64;
        self.steps = self.steps.saturating_add(1);
        if !batch.holds_statistics() {
            self.update_statistics(&a);
        }
        let params = self.plan.params().iter().zip(&mut self.tensors);
        for (index, ((param, tensor), gradient)) in params.zip(&gradients).enumerate() {
            let rows = param.rows as u32;
            // Every row of a propagated table is in every batch.
            let is_propagated = self
                .plan
                .propagation()
                .is_some_and(|propagate| propagate.side(index).is_some());
            let picked = || match is_propagated {
                true => (0..rows).collect::<Vec<u32>>(),
                false => row_update::counts(&picks(&self.plan, batch, index))
                    .into_keys()
                    .collect(),
            };
            tensor.update(param, gradient, optimizer, self.steps, picked);
        }
        Ok(())
    }

    /// Moves running statistics towards a batch's.
    fn update_statistics(&mut self, a: &Activations<'_>) {
        let stages = self.plan.stages().iter().enumerate();
        let of_stage = |(index, stage): (usize, &Stage)| stage.specification().statistics(&self.on(a, index, true));
        let moved: Vec<(usize, Vec<f64>)> = stages.flat_map(of_stage).collect();
        let kept = self
            .plan
            .params()
            .iter()
            .filter(|param| param.kind == ParamKind::Statistic);
        assert_eq!(moved.len(), kept.count(), "a statistic that no operation moves");
        for (param, value) in moved {
            self.tensors[param].value = value;
        }
    }
}

impl Tensor {
    /// An optimiser's step. `picked` gives the rows of a table that the batch picks.
    fn update(
        &mut self,
        param: &Param,
        gradient: &[f64],
        optimizer: &Optimizer,
        step: u64,
        picked: impl FnOnce() -> Vec<u32>,
    ) {
        match (optimizer, param.kind) {
            // Moved with the batch; its moments stay zero.
            (Optimizer::Sgd { .. }, ParamKind::Statistic) => {}
            (_, ParamKind::Statistic) => self.begin_moments(),
            (Optimizer::Sgd { learning_rate }, _) => sgd::update(&mut self.value, gradient, (*learning_rate).into()),
            (Optimizer::LazyAdam(config), ParamKind::Table { .. }) => {
                for row in picked() {
                    let first = row as usize * param.width;
                    self.adam(first..first + param.width, gradient, step, config);
                }
            }
            (Optimizer::Adam(config) | Optimizer::LazyAdam(config), _) => {
                self.adam(0..param.len(), gradient, step, config);
            }
        }
    }

    /// Adam on a range of the values.
    fn adam(&mut self, range: core::ops::Range<usize>, gradient: &[f64], step: u64, config: &AdamConfig) {
        self.begin_moments();
        let (m, v) = (&mut self.m[range.clone()], &mut self.v[range.clone()]);
        adam::update(&mut self.value[range.clone()], m, v, &gradient[range], step, config);
    }

    /// Moments begin at zero.
    fn begin_moments(&mut self) {
        self.m.resize(self.value.len(), 0.0);
        self.v.resize(self.value.len(), 0.0);
    }
}

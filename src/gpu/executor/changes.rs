//! Changes of the parameters from outside: a whole state, rows, longer tables. Where one is given up midway, the executor
//! refuses to go on from what is there, or is as it was.

use crate::{
    Result,
    checks::{check_growth, check_rows, check_state},
    executor::LossSum,
    gpu::{
        executor::{GpuExecutor, has_moments},
        memory::budget::parameters,
        program::inputs::Inputs,
    },
    plan::{Param, ParamKind, State},
};

impl GpuExecutor {
    pub(super) async fn set_state_async(&mut self, state: &State) -> Result<()> {
        check_state(&self.plan, state)?;
        if self.interrupted {
            // All that a step works with is made anew when it is next needed.
            (self.buffers, self.program) = (None, None);
            self.inputs = Inputs::default();
            self.in_flight.clear();
            self.loss_copies.clear();
            self.pending = [0; 2];
            (self.loss, self.auxiliary) = (LossSum::default(), LossSum::default());
        }
        if has_moments(state) {
            self.need_moments()?;
        }
        self.interrupted = true; // where this is dropped, or the device lost, in the middle
        if self.tensors.write_state(&self.plan, state).await? {
            self.program = None;
        }
        self.transpose_is_due = true;
        self.forget_propagated();
        self.steps = state.step;
        self.interrupted = false;
        Ok(())
    }

    pub(super) async fn write_rows_async(&mut self, param: usize, first: usize, values: &[f32]) -> Result<()> {
        self.ready()?;
        check_rows(&self.plan, param, first, values.len())?;
        // Tables, vectors and statistics have no transpose.
        let Param { kind, is_vector, .. } = &self.plan.params()[param];
        self.transpose_is_due |= *kind == ParamKind::Dense && !is_vector;
        self.forget_propagated();
        self.interrupted = true; // where this is dropped in the middle
        let written = self.tensors.write_rows(&self.plan, param, first, values).await;
        self.interrupted = false;
        written
    }

    pub(super) async fn grow_async(&mut self, vocabulary: usize, rows: usize) -> Result<()> {
        self.ready()?;
        check_growth(&self.plan, vocabulary, rows)?;
        let grown = self.plan.clone().with_rows(vocabulary, rows);
        let moments = self.tensors.dense.slots.moments.is_some();
        parameters(&self.gpu, &grown, &self.columns, moments)?
            .0
            .check(&self.gpu)?;
        if self.tensors.grow(&self.plan, vocabulary, rows).await? {
            self.program = None;
        }
        self.grow_graph(&grown).await?;
        self.plan = grown;
        Ok(())
    }
}

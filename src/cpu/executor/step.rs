//! A step from its checks to its end.

use alloc::format;

use super::{
    CpuExecutor,
    training::{spaces, training_part},
};
use crate::{
    Result,
    checks::check_batch,
    cpu::tile::SPACES,
    data::Batch,
    memory,
    plan::{L2, Optimizer, Space},
};

/// What a step moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moves {
    /// All parameters.
    All,
    /// Rows of tables. Gradients of dense parameters, which are those of [linear layers](super::CpuExecutor::tables_alone), are not
    /// computed: their partial sums have no length.
    Tables,
}

impl CpuExecutor {
    /// One step.
    pub(super) fn take_step(
        &mut self,
        batch: &Batch,
        optimizer: &Optimizer,
        l2: L2,
        prefetch: &mut (dyn FnMut() + Send),
        moves: Moves,
    ) -> Result<()> {
        self.ready()?;
        check_batch(&self.plan, batch)?;
        self.check_graph()?;
        optimizer.validate()?;
        if batch.is_empty() {
            prefetch();
            return Ok(());
        }
        self.changed(); // first: what was computed of the parameters makes room for exact rows
        let by_place = self.by_place(batch)?;
        let batch = by_place.as_ref().unwrap_or(batch);
        if optimizer.has_moments() {
            for (tensor, param) in self.tensors.iter_mut().zip(self.plan.params()) {
                tensor.need_moments(&param.name)?;
            }
        }
        self.check_room(batch)?;
        self.make_room(batch.len(), true)?;
        self.reserve_propagated(batch)?;
        self.guarded(|executor| {
            executor.propagate_picked(batch);
            executor.run_tiles(batch, prefetch, moves);
            executor.step = executor.step.saturating_add(1);
            executor.run_updates(batch, optimizer, l2, moves);
        });
        Ok(())
    }

    /// Checks that there is memory for what a step on this batch works with, before it is begun: gradients of its rows,
    /// partial sums, and the activations of tiles. Costs a look at the offsets of the tiles once such a batch has fitted.
    pub(super) fn check_room(&mut self, batch: &Batch) -> Result<()> {
        let (partials, _) = self.partials_of(batch.len());
        let whole = training_part(batch, 0..batch.len());
        let strides = spaces().zip(&self.layout.row_gradient_strides);
        let gradients = strides.map(|(space, stride)| whole.rows(space).len().saturating_mul(*stride));
        // A tile's rows of each space: those of the samples, and the steps of the longest. Where every tile has its own, the
        // batch's rows in all.
        let is_kept = self.passes_of(batch).len() > 1;
        let mut rows = [if is_kept { batch.len() } else { 0 } + self.tile_rows * self.scratch.len(); SPACES];
        for (sequence, steps) in (0..batch.sequences()).zip(&mut rows[1..]) {
            let offsets = batch.offsets(sequence).chunks(self.tile_rows);
            let starts = offsets.clone().map(|offsets| offsets[0]);
            let ends = offsets
                .skip(1)
                .map(|offsets| offsets[0])
                .chain(batch.offsets(sequence).last().copied());
            let longest = starts.zip(ends).map(|(start, end)| (end - start) as usize).max();
            *steps = match is_kept {
                true => whole.rows(Space::Steps(sequence)).len(),
                false => longest.unwrap_or(0).saturating_mul(self.scratch.len()),
            };
        }
        let strides = self.layout.strides.iter().enumerate();
        let activations = strides
            .map(|(buffer, stride)| {
                stride.saturating_mul(rows.get(self.plan.space(buffer).index()).copied().unwrap_or(0))
            })
            .fold(0, usize::saturating_add);
        let floats = gradients
            .fold(0, usize::saturating_add)
            .saturating_add(partials.saturating_mul(self.dense_len))
            // Activations, gradients, and what recurrent layers keep.
            .saturating_add(activations.saturating_mul(3));
        let bytes = memory::bytes_of::<f32>(floats.saturating_add(self.floats_of_lists(batch, &rows)));
        if bytes > self.room {
            memory::check(bytes - self.room, || {
                format!("a step on a batch of {} samples", batch.len())
            })?;
            self.room = bytes;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cpu::Isa,
        executor::Executor,
        models::NeuMf,
        plan::{RowType, State},
    };

    /// Rows move to the bits that they move to in a whole step, also where they are kept as bytes, and nothing else moves.
    #[test]
    fn a_step_of_tables_alone_moves_rows_as_a_whole_step_does() {
        let plan = NeuMf::new(6, 9).factors(4).plan().unwrap();
        let mut batch = Batch::new(2, 8);
        for sample in 0..8 {
            batch.push(&[sample % 6, sample * 5 % 9], (sample % 2) as f32);
        }
        batch.sort();
        let optimizer = Optimizer::Sgd { learning_rate: 0.5 };
        for rows in [RowType::F32, RowType::I8] {
            let state = State::initial(&plan, 3, false).unwrap();
            let state = state.with_tables_as(&plan, rows).unwrap();
            let plan = plan.clone().with_tables_as(rows);
            let executor = || CpuExecutor::new(plan.clone(), state.clone(), Isa::Scalar, 1).unwrap();
            let (mut whole, mut alone) = (executor(), executor());
            whole
                .step(&batch, &optimizer, L2::default(), &mut || ())
                .wait()
                .unwrap();
            let part = alone.tables_alone().unwrap();
            part.step_tables(&batch, &optimizer, L2::default()).wait().unwrap();
            let (whole, alone) = (whole.state().wait().unwrap(), alone.state().wait().unwrap());
            for (index, param) in plan.params().iter().enumerate() {
                let [before, whole, alone] = [&state, &whole, &alone].map(|state| &state.tensors[index]);
                match param.is_table() {
                    true => assert_eq!(whole, alone, "{}", param.name),
                    false => assert_eq!(before, alone, "{}", param.name),
                }
                assert_ne!(before, whole, "{}", param.name);
            }
        }
    }
}

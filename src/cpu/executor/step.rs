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

//! What an executor holds: made, taken over from a state, and made anew after a panic.

use alloc::{format, vec, vec::Vec};

use super::{CpuExecutor, MAX_PARTIALS, propagation::Propagated};
#[cfg(not(feature = "parallel"))]
use crate::cpu::serial::Pool;
#[cfg(feature = "parallel")]
use crate::cpu::threads::Pool;
use crate::{
    Error, Result,
    checks::check_state,
    cpu::{
        Isa,
        aligned::AlignedVec,
        catalogue::Separable,
        prepare::{
            batch_statistics, dense_offsets, has_layers_alone, packed_weights, passes, table_sources, tile_rows,
            work_len,
        },
        simd::{Proof, dispatch},
        softmax_cross_entropy::{Blocks, KnownList},
        tile::{Scratch, Values},
        update::TaskMemory,
    },
    executor::{LossSum, interrupted},
    memory,
    ops::check_built,
    plan::{Layout, Plan, State},
};

impl CpuExecutor {
    /// An executor for `plan` on `threads` threads that starts from `state`.
    ///
    /// # Errors
    /// [`Error::Plan`] where kernels of a stage are left out of this build; [`Error::Device`] where the processor lacks the
    /// instruction set, or threads cannot be had;
    /// [`Error::Length`] where the state does not fit the plan; [`Error::Memory`] where there is not enough.
    pub fn new(plan: Plan, state: State, isa: Isa, threads: usize) -> Result<Self> {
        check_built(plan.stages())?;
        let proof = Proof::new(isa)?;
        if threads == 0 || (threads > 1 && cfg!(not(feature = "parallel"))) {
            let reason = "threads: at least 1; more than 1 need the feature `parallel`";
            return Err(Error::Device(reason.into()));
        }
        check_state(&plan, &state)?;
        let pool = Pool::new(threads).map_err(|e| Error::Device(format!("cannot start {threads} threads: {e}")))?;
        let layout = Layout::new(&plan);
        let tile_rows = tile_rows(&plan);
        let (dense_offsets, dense_len) = dense_offsets(&plan);
        let mut need = plan.need_of("the parameters", &state);
        let strides: usize = layout.strides.iter().sum();
        need.add("packed weights", memory::bytes_of::<[f32; 2]>(dense_len));
        let activations = strides.saturating_mul(tile_rows).saturating_mul(pool.threads());
        need.add("activations", memory::bytes_of::<[f32; 2]>(activations));
        need.check()?;
        let packed = packed_weights(&plan, proof);
        let work = work_len(&packed, proof, tile_rows);
        let mut executor = CpuExecutor {
            packed,
            scratch: vec![Scratch::new(&plan, &layout, work); pool.threads()],
            passes: passes(&plan, false),
            held_passes: passes(&plan, true),
            blocks: Blocks::default(),
            known_list: KnownList::of(&plan),
            tiles: Vec::new(),
            statistics: batch_statistics(&plan),
            partials: vec![AlignedVec::default(); MAX_PARTIALS],
            row_gradients: vec![AlignedVec::default(); layout.row_gradient_strides.len()],
            table_sources: table_sources(&plan, &layout),
            update_tasks: TaskMemory::default(),
            has_layers_alone: has_layers_alone(&plan),
            separable: Separable::of(&plan),
            catalogue: None,
            propagated: Propagated::of(&plan),
            loss: LossSum::default(),
            auxiliary: LossSum::default(),
            room: 0,
            interrupted: false,
            tensors: plan.params().iter().map(|_| Values::default()).collect(),
            plan,
            layout,
            step: state.step,
            dense_offsets,
            dense_len,
            proof,
            isa,
            pool,
            tile_rows,
        };
        executor.take_over(&state)?;
        Ok(executor)
    }

    /// Copies a state that fits the plan.
    pub(super) fn take_over(&mut self, state: &State) -> Result<()> {
        let params = self.plan.params().iter().zip(&state.tensors);
        for (values, (param, tensor)) in self.tensors.iter_mut().zip(params) {
            values.set(tensor, &param.name)?;
        }
        self.agree_on_exact()?;
        self.step = state.step;
        self.changed();
        (0..self.tensors.len()).for_each(|param| self.pack(param));
        Ok(())
    }

    /// Forgets what was computed of parameters that have changed.
    pub(super) fn changed(&mut self) {
        self.catalogue = None;
        if let Some(propagated) = &mut self.propagated {
            propagated.forget();
        }
    }

    /// Sees that all threads' tiles have room for so many samples.
    ///
    /// # Errors
    /// [`Error::Memory`] where there is not enough.
    pub(super) fn make_room(&mut self, samples: usize, trains: bool) -> Result<()> {
        let rows = samples.min(self.tile_rows);
        let mut all = self.scratch.iter_mut().chain(&mut self.tiles);
        all.try_for_each(|scratch| scratch.make_room(&self.layout, rows, trains))
    }

    /// Packs a parameter that has changed.
    pub(super) fn pack(&mut self, param: usize) {
        let (packed, value) = (&mut self.packed[param], &self.tensors[param].value);
        dispatch!(self.proof, s => packed.pack(s, value));
    }

    /// An error where a panic has left buffers and parameters in an unknown state.
    pub(super) fn ready(&self) -> Result<()> {
        match self.interrupted {
            false => Ok(()),
            true => Err(interrupted()),
        }
    }

    /// Runs something that takes buffers out: if it panics, the executor is [interrupted](CpuExecutor::ready).
    pub(super) fn guarded<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.interrupted = true;
        let done = run(self);
        self.interrupted = false;
        done
    }

    /// Makes everything but the parameters anew, after a panic.
    pub(super) fn renew(&mut self) {
        let work = work_len(&self.packed, self.proof, self.tile_rows);
        let scratch = Scratch::new(&self.plan, &self.layout, work);
        self.scratch = vec![scratch; self.pool.threads()];
        self.tiles = Vec::new();
        self.statistics = batch_statistics(&self.plan);
        self.blocks = Blocks::default();
        self.partials = vec![AlignedVec::default(); MAX_PARTIALS];
        self.row_gradients = vec![AlignedVec::default(); self.layout.row_gradient_strides.len()];
        self.update_tasks = TaskMemory::default();
        (self.loss, self.auxiliary) = (LossSum::default(), LossSum::default());
        self.room = 0;
        if let Some(propagated) = &mut self.propagated {
            propagated.renew();
        }
    }
}

//! Training on samples that are drawn and sorted on the device: a step uploads its header and nothing else.

use crate::{
    Error, Result,
    data::{Sampler, Sampling},
    gpu::memory::layout::Columns,
    gpu::{
        executor::{GpuExecutor, program::Source},
        ops::updates::Updates,
        program::{
            call::Call,
            profile::Timer,
            room::{Draw, Room},
            spaces::Extent,
        },
        sampling::{maker::Maker, positives::Positives},
    },
    plan::{L2, Optimizer, Pair, Plan},
};

/// Samples of a batch that the device draws, where nothing else is asked for ([`GpuOptions`](crate::gpu::GpuOptions)).
const DRAW_FROM: usize = 2048;

impl GpuExecutor {
    /// Keeps what a sampler draws from, where the plan takes a user and an item, batches are large enough for it to pay,
    /// and everything fits.
    pub(crate) async fn keep(&mut self, sampler: &Sampler, batch_size: usize) -> Result<bool> {
        self.resident = None;
        if let Some(program) = &mut self.program {
            program.maker = None;
        }
        self.gpu.check()?;
        let rows = [sampler.positives().users(), sampler.positives().items()];
        let by_users = sampler.sampling() == Sampling::UniformUsers;
        let has_more = sampler.has_log_q() || sampler.has_list() || sampler.has_related() || sampler.has_relations();
        if sampler.is_pairwise() || by_users || has_more || !draws_all(&self.plan, &self.columns) {
            return Ok(false);
        }
        for (column, rows) in rows.into_iter().enumerate() {
            if rows as usize > self.plan.rows_of(column) {
                return Err(Error::Id {
                    column: self.plan.columns()[column].name.clone(),
                    id: u64::from(rows) - 1,
                    rows: self.plan.rows_of(column) as u64,
                });
            }
        }
        let draw_from = self.gpu.options().draw_from.unwrap_or(DRAW_FROM);
        if batch_size < draw_from || !self.fits(sampler, batch_size) {
            return Ok(false);
        }
        match Positives::new(&self.gpu, sampler).await {
            Ok(positives) => self.resident = Some(positives),
            Err(error) => {
                self.gpu.check()?; // it is lost; else its memory is full
                let _ = error;
            }
        }
        Ok(self.resident.is_some())
    }

    /// Whether the positives, and the scratch of a batch's sort, lie within bindings and within the memory that may be
    /// taken.
    fn fits(&self, sampler: &Sampler, batch_size: usize) -> bool {
        let samples = (batch_size as u64).min(sampler.samples_per_epoch());
        let room = Room {
            columns: 2,
            capacity: samples as u32,
        };
        let [largest, positives] = Positives::bytes(sampler);
        if largest.max(room.scratch()).max(4 * room.words()) > self.gpu.max_binding() {
            return false;
        }
        let memory = GpuExecutor::memory(&self.gpu, &self.plan, room.capacity, true);
        memory.is_ok_and(|mut memory| {
            memory.parts.push(("positives".into(), positives));
            memory.parts.push(("scratch of a sort".into(), room.scratch()));
            memory.check(&self.gpu).is_ok()
        })
    }

    /// Enqueues one step on samples that are drawn; gives their number.
    pub(crate) fn train_drawn(
        &mut self,
        (epoch, start): (u32, u64),
        count: usize,
        optimizer: &Optimizer,
        l2: L2,
        timer: Option<&mut Timer>,
    ) -> Result<u64> {
        optimizer.validate()?;
        self.check_graph()?;
        self.gpu.check()?;
        let Some(resident) = &self.resident else {
            return Err(Error::config(
                "sampler",
                "none is kept; call keep_sampler and heed its answer",
            ));
        };
        let samples = resident.count(start, count);
        if samples == 0 {
            return Ok(0);
        }
        if optimizer.has_moments() {
            self.need_moments()?;
        }
        let extent = Extent::samples(samples);
        self.prepare(self.limits.cut(extent).slice, extent.rows())?;
        let updates = Updates::of(optimizer, l2);
        self.prepare_updates(updates)?;
        let draw = self.prepare_maker((epoch, start), samples)?;
        let mut call = Call::default();
        call.optimizer(optimizer, l2, self.steps.saturating_add(1), samples as usize);
        self.submit_step(extent, call, updates, Source::Device(draw), timer)?;
        self.steps = self.steps.saturating_add(1);
        self.loss.samples += u64::from(samples);
        self.auxiliary.samples += u64::from(samples);
        Ok(samples.into())
    }

    /// Sees that there are dispatches that make a batch, and fills in the header of this one.
    fn prepare_maker(&mut self, (epoch, start): (u32, u64), samples: u32) -> Result<Draw> {
        let (Some(resident), Some(buffers), Some(program)) = (&self.resident, &self.buffers, &mut self.program) else {
            return Err(Error::Device("nothing was prepared to run".into()));
        };
        let rows = [0, 1].map(|column| self.plan.rows_of(column));
        let room = Room {
            columns: 2,
            capacity: buffers.samples(),
        };
        if program.maker.is_none() {
            let positives = Some(resident);
            program.maker = Some(Maker::new(&self.gpu, &buffers.inputs, room, &rows, positives)?);
        }
        self.inputs.set_made(room, samples, rows);
        Ok(resident.draw(room, epoch, start as u32, samples))
    }
}

/// Whether a plan reads a user and an item, in this order, and nothing else of a sample, so that all of it can be drawn.
fn draws_all(plan: &Plan, columns: &Columns) -> bool {
    let drawn = Pair { query: 0, candidate: 1 };
    plan.pair() == Some(drawn) && plan.columns().len() == 2 && columns.random().next().is_none()
}

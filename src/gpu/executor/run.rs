//! What a step does on the device: buffers and dispatches made when they are first needed, slices submitted one after
//! another.

use crate::{
    Error, Result,
    checks::check_batch,
    data::Batch,
    gpu::{
        device::signal::Submitted,
        executor::{
            GpuExecutor, IN_FLIGHT,
            program::{Program, Source},
        },
        memory::budget::{check_host, parameters},
        ops::{
            self,
            context::{Context, Purpose},
            updates::Updates,
        },
        program::{
            activations::{Buffers, Sizes},
            call::Call,
            dispatch::{build, record},
            grid::Work,
            profile::Timer,
            spaces::{Extent, PerSpace, larger},
        },
    },
    plan::{L2, Optimizer},
};

/// The rows to make room for where there is room for `there`. Batches differ in their steps: where these grow, it is by a
/// quarter more, so that they do so seldom.
fn roomy(asked: PerSpace, there: PerSpace) -> PerSpace {
    std::array::from_fn(|space| match (asked[space], there[space]) {
        (asked, there) if space > 0 && there > 0 && asked > there => asked.saturating_add(asked / 4),
        (asked, there) => asked.max(there),
    })
}

impl GpuExecutor {
    /// Sees that there are buffers for slices and batches of so many rows, and dispatches that use them.
    pub(crate) fn prepare(&mut self, slice: PerSpace, batch: PerSpace) -> Result<()> {
        let (mut slice, mut batch) = (slice, batch);
        if let Some(buffers) = &self.buffers {
            if buffers.hold(slice, batch) && self.program.is_some() {
                return Ok(());
            }
            let roomy = (roomy(slice, buffers.slice), roomy(batch, buffers.batch));
            (slice, batch) = match self.sizes(roomy) {
                Ok(_) => roomy,
                Err(_) => (larger(slice, buffers.slice), larger(batch, buffers.batch)),
            };
        }
        let held = self.buffers.take().filter(|buffers| buffers.hold(slice, batch));
        self.program = None;
        let buffers = match held {
            Some(buffers) => buffers,
            None => {
                let sizes = self.sizes((slice, batch))?;
                Buffers::new(&self.gpu, (slice, batch), &sizes)?
            }
        };
        let buffers = self.buffers.insert(buffers);
        let ctx = Context {
            plan: &self.plan,
            columns: &self.columns,
            tensors: &self.tensors,
            layers: &self.layers,
            losses: &self.losses,
            graph: self.graph.as_ref(),
            buffers,
            mixed: self.gpu.mixed(),
        };
        let [trained, scored] = [Purpose::Train, Purpose::Score].map(|purpose| ops::forward(ctx, purpose));
        let (trained, scored) = (trained?, scored?);
        self.program = Some(Program {
            score: match trained == scored {
                true => None,
                false => Some(build(&self.gpu, &buffers.inputs, scored)?),
            },
            forward: build(&self.gpu, &buffers.inputs, trained)?,
            backward: build(&self.gpu, &buffers.inputs, ops::backward(ctx)?)?,
            updates: Vec::new(),
            propagate_picked: build(&self.gpu, &buffers.inputs, ctx.propagate(true)?)?,
            propagate_all: build(&self.gpu, &buffers.inputs, ctx.propagate(false)?)?,
            transpose: build(&self.gpu, &buffers.inputs, vec![ctx.transpose()])?,
            maker: None,
            search: None,
        });
        Ok(())
    }

    /// Sees that there is room for moments.
    pub(crate) fn need_moments(&mut self) -> Result<()> {
        if self.tensors.dense.slots.moments.is_none() {
            let (memory, _) = parameters(&self.gpu, &self.plan, &self.columns, true)?;
            memory.check(&self.gpu)?;
        }
        if self.tensors.need_moments(&self.plan)? {
            self.program = None;
        }
        Ok(())
    }

    /// Sizes of the buffers of a batch, where they and the parameters are not too much.
    fn sizes(&self, (slice, batch): (PerSpace, PerSpace)) -> Result<Sizes> {
        let moments = self.tensors.dense.slots.moments.is_some();
        let (mut memory, dense_total) = parameters(&self.gpu, &self.plan, &self.columns, moments)?;
        let (gpu, plan, columns) = (&self.gpu, &self.plan, &self.columns);
        let sizes = Sizes::new(gpu, plan, columns, self.limits, (slice, batch), dense_total)?;
        let what = format!("a batch of {} samples", batch[0].max(slice[0]));
        memory.parts.push((what, sizes.total()));
        memory.check(gpu)?;
        check_host(gpu, sizes.total(), || {
            format!("a batch of {} samples", batch[0].max(slice[0]))
        })?;
        Ok(sizes)
    }

    pub(crate) fn prepare_updates(&mut self, updates: Updates) -> Result<()> {
        let (Some(buffers), Some(program)) = (&self.buffers, &mut self.program) else {
            return Ok(());
        };
        if program.updates.iter().all(|(there, _)| *there != updates) {
            let ctx = Context {
                plan: &self.plan,
                columns: &self.columns,
                tensors: &self.tensors,
                layers: &self.layers,
                losses: &self.losses,
                graph: self.graph.as_ref(),
                buffers,
                mixed: self.gpu.mixed(),
            };
            let dispatches = build(&self.gpu, &buffers.inputs, ctx.updates(updates))?;
            program.updates.push((updates, dispatches));
        }
        Ok(())
    }

    /// Enqueues one step.
    pub(crate) fn train(
        &mut self,
        batch: &Batch,
        optimizer: &Optimizer,
        l2: L2,
        timer: Option<&mut Timer>,
    ) -> Result<()> {
        check_batch(&self.plan, batch)?;
        self.check_graph()?;
        optimizer.validate()?;
        self.gpu.check()?;
        if batch.is_empty() {
            return Ok(());
        }
        let too_many = |_| {
            Error::config(
                "batch_size",
                format!("{} samples; give {} at most", batch.len(), u32::MAX),
            )
        };
        let samples = u32::try_from(batch.len()).map_err(too_many)?;
        let extent = Extent::of(batch, samples);
        if optimizer.has_moments() {
            self.need_moments()?;
        }
        self.prepare(self.limits.cut(extent).slice, extent.rows())?;
        let updates = Updates::of(optimizer, l2);
        self.prepare_updates(updates)?;
        self.inputs.set_batch(&self.plan, &self.columns, batch);
        let mut call = Call::default();
        call.optimizer(optimizer, l2, self.steps.saturating_add(1), batch.len());
        self.submit_step(extent, call, updates, Source::Host, timer)?;
        self.steps = self.steps.saturating_add(1);
        self.loss.samples += batch.len() as u64;
        self.auxiliary.samples += batch.len() as u64;
        Ok(())
    }

    /// Submits the slices of the batch in `inputs`, with the updates behind the last.
    pub(crate) fn submit_step(
        &mut self,
        extent: Extent<'_>,
        call: Call,
        updates: Updates,
        source: Source,
        mut timer: Option<&mut Timer>,
    ) -> Result<()> {
        let (cut, all) = (self.limits.cut(extent), extent.rows());
        self.forget_propagated();
        for slice in extent.slices(cut.most) {
            let (first, samples) = (slice.first[0], slice.rows[0]);
            let [losses, auxiliary] = self.place_losses(slice)?;
            let call = Call {
                losses,
                auxiliary,
                slots: cut.slots,
                ..call.of(slice, cut.split)
            };
            let (Some(buffers), Some(program)) = (&self.buffers, &self.program) else {
                return Err(Error::Device("nothing was prepared to run".into()));
            };
            let later = self.inputs.complete(call);
            let bytes = match first {
                0 => self.inputs.bytes(call),
                _ => bytemuck::bytes_of(&later),
            };
            self.counts.uploaded += bytes.len() as u64;
            self.gpu.queue().write_buffer(&buffers.inputs, 0, bytes);
            let work = Work {
                rows: slice.rows,
                slots: cut.slots,
                columns: &self.inputs.work,
            };
            let last = program
                .updates
                .iter()
                .filter(|(kind, _)| *kind == updates && first + samples == all[0]);
            let updates = last.map(|(_, dispatches)| &dispatches[..]).next().unwrap_or(&[]);
            let transpose = if std::mem::take(&mut self.transpose_is_due) {
                &program.transpose[..]
            } else {
                &[]
            };
            // Whole tables, once a batch: its segments are those of all slices.
            let propagate = if first == 0 { &program.propagate_picked[..] } else { &[] };
            let lists = [transpose, propagate, &program.forward, &program.backward, updates];
            let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
            if let (Source::Device(draw), Some(maker), 0) = (source, &program.maker, first) {
                self.counts.uploaded += maker.set(&self.gpu, draw);
                let work = Work { rows: all, ..work };
                self.counts.dispatches += record(&mut encoder, &[&maker.dispatches], work, timer.as_deref_mut());
            }
            self.counts.dispatches += record(&mut encoder, &lists, work, timer.as_deref_mut());
            self.counts.submits += 1;
            self.in_flight.push_back(self.gpu.submit([encoder.finish()]));
            self.gpu.check()?;
        }
        Ok(())
    }

    /// Forgets the submits that are done; whether no more than [`IN_FLIGHT`] are left under way.
    pub(crate) fn has_room(&mut self) -> bool {
        while self.in_flight.front().is_some_and(Submitted::is_done) {
            self.in_flight.pop_front();
        }
        self.in_flight.len() <= IN_FLIGHT
    }

    /// Ready when no more than [`IN_FLIGHT`] submits are under way.
    pub(crate) async fn room(&mut self) -> Result<()> {
        while self.in_flight.len() > IN_FLIGHT {
            self.gpu.done(&self.in_flight[0]).await?;
            self.in_flight.pop_front();
        }
        Ok(())
    }
}

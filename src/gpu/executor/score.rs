//! What a score does on the device: slices go forward, and their logits come back.

use crate::{
    Error, Result,
    checks::check_ids,
    data::Batch,
    executor::{catalogue_items, pair_of},
    gpu::{
        executor::GpuExecutor,
        memory::buffers::PIECE,
        program::{
            call::Call,
            dispatch::record,
            grid::Work,
            spaces::{Extent, SPACES, Slice, samples_alone},
        },
    },
    plan::View,
};

/// The first samples of a batch without sequences.
fn samples(count: usize) -> Slice {
    Extent::samples(count as u32).slice(0, count as u32)
}

impl GpuExecutor {
    /// Scores samples of ids, slice by slice.
    pub(super) async fn score_ids(&mut self, columns: &[&[u32]], out: &mut [f32]) -> Result<()> {
        self.ready()?;
        check_ids(&self.plan, columns, out.len())?;
        self.check_graph()?;
        if out.is_empty() {
            return Ok(());
        }
        let slice = self.score_rows(out.len());
        self.prepare(samples_alone(slice as u32), [0; SPACES])?;
        for (index, out) in out.chunks_mut(slice).enumerate() {
            let first = index * slice;
            let range = first..first + out.len();
            self.inputs.set_ids(columns.iter().map(|ids| &ids[range.clone()]));
            self.score_slice(samples(out.len()), out).await?;
        }
        Ok(())
    }

    /// Scores pairs of users with all items, slice by slice.
    pub(super) async fn score_pairs(&mut self, users: &[u32], out: &mut [f32]) -> Result<()> {
        self.ready()?;
        let items = catalogue_items(&self.plan, users, out)?;
        self.check_graph()?;
        let pair = pair_of(&self.plan)?;
        let slice = self.score_rows(out.len());
        let (mut user, mut item) = (Vec::with_capacity(slice), Vec::with_capacity(slice));
        self.prepare(samples_alone(slice as u32), [0; SPACES])?;
        for (index, out) in out.chunks_mut(slice.max(1)).enumerate() {
            let pairs = index * slice..index * slice + out.len();
            user.clear();
            user.extend(pairs.clone().map(|pair| users[pair / items]));
            item.clear();
            item.extend(pairs.map(|pair| (pair % items) as u32));
            self.inputs.set_ids(pair.columns(&user, &item).into_iter());
            self.score_slice(samples(out.len()), out).await?;
        }
        Ok(())
    }

    /// Rows of a slice, samples or steps of theirs, where so many are to be scored: what one submit may take and one piece reads
    /// back.
    pub(crate) fn score_rows(&self, rows: usize) -> usize {
        let stride = 16 * u64::from(self.columns.stride(self.plan.logit().buffer));
        let most = (PIECE / stride).clamp(1, self.limits.slice.into());
        rows.next_power_of_two().min(most as usize)
    }

    /// Scores samples of a batch that has been checked, slice by slice; the activation in `with` is read behind each.
    pub(crate) async fn score_samples(
        &mut self,
        batch: &Batch,
        out: &mut [f32],
        mut with: Option<(View, &mut Vec<f32>)>,
    ) -> Result<()> {
        self.gpu.check()?;
        self.check_graph()?;
        let extent = Extent::of(batch, out.len() as u32);
        // A slice has no more rows in any space: steps of histories are more than their samples.
        let longest = extent.rows().into_iter().max().unwrap_or(0);
        let most = self.score_rows(longest as usize) as u32;
        let mut rest = out;
        for slice in extent.slices(most) {
            // Room for a power of two of rows, so that batches that differ a little find it.
            let room = slice.rows.map(|rows| rows.next_power_of_two().min(rows.max(most)));
            self.prepare(room, [0; SPACES])?;
            self.inputs.set_scored(&self.plan, batch, slice);
            let (now, later) = std::mem::take(&mut rest).split_at_mut(slice.rows[0] as usize);
            rest = later;
            let start = Slice {
                first: [0; SPACES],
                ..slice
            };
            self.score_slice(start, now).await?;
            if let Some((view, values)) = &mut with {
                self.read_activation(*view, slice, values).await?;
            }
        }
        Ok(())
    }

    /// Scores one slice, whose inputs are there.
    pub(crate) async fn score_slice(&mut self, slice: Slice, out: &mut [f32]) -> Result<()> {
        let rows = slice.rows[0];
        let call = Call::default().of(slice, [0; SPACES]);
        let logit = self.plan.logit();
        let (first, stride) = (self.columns.range(logit).first, self.columns.stride(logit.buffer));
        let is_due = self.propagation_is_due();
        let (Some(buffers), Some(program)) = (&self.buffers, &self.program) else {
            return Err(Error::Device("nothing was prepared to run".into()));
        };
        let propagate = if is_due { &program.propagate_all[..] } else { &[] };
        self.gpu
            .queue()
            .write_buffer(&buffers.inputs, 0, self.inputs.bytes(call));
        let work = Work {
            rows: slice.rows,
            slots: 0,
            columns: &self.inputs.work,
        };
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        let transpose = if std::mem::take(&mut self.transpose_is_due) {
            &program.transpose[..]
        } else {
            &[]
        };
        self.counts.dispatches += record(&mut encoder, &[transpose, propagate, program.scoring()], work, None);
        self.counts.submits += 1;
        let (first, stride) = (4 * first as usize, 4 * stride as usize);
        let logits = &buffers.activations[logit.buffer];
        let take = &mut |_: usize, values: &[f32]| {
            for (out, row) in out.iter_mut().zip(values.chunks_exact(stride)) {
                *out = row[first];
            }
        };
        let floats = rows as usize * stride;
        let readback = &mut self.readback;
        readback.read_after(&self.gpu, encoder, (logits, 0), floats, take).await
    }

    /// Appends the rows of an activation after a slice was scored.
    async fn read_activation(&mut self, view: View, slice: Slice, values: &mut Vec<f32>) -> Result<()> {
        let Some(buffers) = &self.buffers else {
            return Err(Error::Device("nothing was prepared to run".into()));
        };
        let stride = 4 * self.columns.stride(view.buffer) as usize;
        let rows = slice.rows[self.columns.space(view.buffer)] as usize;
        let mut floats = vec![0.0; rows * stride];
        let buffer = &buffers.activations[view.buffer];
        let take = &mut |before: usize, piece: &[f32]| floats[before..before + piece.len()].copy_from_slice(piece);
        self.readback.read(&self.gpu, buffer, 0, rows * stride, take).await?;
        let (first, runs) = (4 * self.columns.range(view).first as usize, self.columns.runs(view));
        for row in floats.chunks_exact(stride) {
            for run in &runs {
                values.extend_from_slice(&row[first + run.to..][..run.len]);
            }
        }
        Ok(())
    }
}

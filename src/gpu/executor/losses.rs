//! Sums of losses: where a step leaves them on the device, and how they come back.

use crate::{
    Error, Result,
    gpu::{
        executor::{GpuExecutor, loss_copy::LossCopy},
        memory::buffers::{Mapped, staging},
        program::spaces::{SPACES, Slice},
    },
};

/// Samples whose losses a workgroup adds up.
const LOSS_GROUP: u32 = 256;

impl GpuExecutor {
    /// Where a slice's losses go, and its auxiliary losses: these lie behind the middle of the buffer.
    pub(crate) fn place_losses(&mut self, slice: Slice) -> Result<[u32; 2]> {
        let groups = slice.rows.map(|rows| rows.div_ceil(LOSS_GROUP));
        let auxiliary = self
            .auxiliary_losses
            .iter()
            .zip(groups)
            .map(|(each, groups)| each * groups);
        let more = [groups[0], auxiliary.sum()];
        let middle = self.middle_of_losses();
        let end = (self.losses.size() / 4) as u32;
        let fits = |pending: [u32; 2]| pending[0] + more[0] <= middle && pending[1] + more[1] <= end - middle;
        if !fits(self.pending) {
            self.copy_losses()?;
        }
        if !fits(self.pending) {
            return Err(Error::Device(format!(
                "the losses of {} samples with their steps do not fit into {} bytes: give smaller batches",
                slice.rows[0],
                self.losses.size()
            )));
        }
        let places = [self.pending[0], middle + self.pending[1]];
        (0..2).for_each(|kind| self.pending[kind] += more[kind]);
        Ok(places)
    }

    /// Where auxiliary losses begin; the end of a plan that has none.
    fn middle_of_losses(&self) -> u32 {
        let floats = (self.losses.size() / 4) as u32;
        match self.auxiliary_losses == [0; SPACES] {
            true => floats,
            false => floats / 2,
        }
    }

    /// Makes place for all losses that the device has room for, by a copy of those that are there.
    fn copy_losses(&mut self) -> Result<()> {
        self.add_arrived_losses()?;
        let counts = self.pending.map(|count| count as usize);
        let bytes = counts.map(|count| 4 * count as u64);
        let all = bytes[0] + bytes[1];
        if all == 0 {
            return Ok(());
        }
        let staging = staging(&self.gpu, all)?;
        let middle = 4 * u64::from(self.middle_of_losses());
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        for (from, to, bytes) in [(0, 0, bytes[0]), (middle, bytes[0], bytes[1])] {
            if bytes > 0 {
                encoder.copy_buffer_to_buffer(&self.losses, from, &staging, to, bytes);
            }
        }
        let copied = Mapped::after(&self.gpu, encoder, staging, all)?;
        self.loss_copies.push_back(LossCopy { copied, counts });
        self.pending = [0; 2];
        Ok(())
    }

    /// Adds up the losses that were set aside and have come back.
    pub(crate) fn add_arrived_losses(&mut self) -> Result<()> {
        while self.loss_copies.front().is_some_and(|front| front.copied.is_done()) {
            self.add_front_losses()?;
        }
        Ok(())
    }

    fn add_front_losses(&mut self) -> Result<()> {
        let Some(front) = self.loss_copies.pop_front() else {
            return Ok(());
        };
        let [losses, _] = front.counts;
        front.copied.take(&self.gpu, |values| {
            self.loss.sum += sum(&values[..losses]);
            self.auxiliary.sum += sum(&values[losses..]);
        })
    }

    /// Adds the sums of losses on the device to `loss` and `auxiliary`, in f64 and in their order.
    pub(crate) async fn fetch_losses(&mut self) -> Result<()> {
        while let Some(front) = self.loss_copies.front() {
            front.copied.done(&self.gpu).await?;
            self.add_front_losses()?;
        }
        let [losses, auxiliary] = self.pending.map(|count| count as usize);
        let ranges = [(0, losses), (self.middle_of_losses() as usize, auxiliary)];
        let mut totals = [0.0; 2];
        let take = &mut |first: usize, values: &[f32]| {
            let (of_losses, of_auxiliary) = values.split_at(losses.saturating_sub(first).min(values.len()));
            totals[0] += sum(of_losses);
            totals[1] += sum(of_auxiliary);
        };
        self.readback.read_ranges(&self.gpu, &self.losses, ranges, take).await?;
        self.loss.sum += totals[0];
        self.auxiliary.sum += totals[1];
        self.pending = [0; 2];
        self.in_flight.clear(); // what was read came after them
        Ok(())
    }
}

fn sum(losses: &[f32]) -> f64 {
    losses.iter().copied().map(f64::from).sum()
}

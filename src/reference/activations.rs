//! The activations of a batch, or their gradients: one matrix a buffer of the plan.

use alloc::{vec, vec::Vec};

use crate::{
    data::Batch,
    plan::{Accumulate, Plan, Space, View},
};

/// One matrix `[rows, width]` a buffer. All begins as NaN, so that a value read before it is written shows.
pub(super) struct Activations<'a> {
    batch: &'a Batch,
    spaces: Vec<Space>,
    /// Rows and columns of each buffer.
    rows: Vec<usize>,
    widths: Vec<usize>,
    buffers: Vec<Vec<f64>>,
}

impl<'a> Activations<'a> {
    pub(super) fn new(plan: &Plan, batch: &'a Batch) -> Self {
        let widths = plan.buffers().to_vec();
        let rows_of = |buffer| match plan.space(buffer) {
            Space::Samples => batch.len(),
            Space::Steps(sequence) => batch.offsets(sequence)[batch.len()] as usize,
            Space::Nodes => plan.nodes().iter().sum(),
        };
        let rows: Vec<usize> = (0..widths.len()).map(rows_of).collect();
        let buffer = |(rows, width): (&usize, &usize)| vec![f64::NAN; rows * width];
        Activations {
            batch,
            spaces: (0..widths.len()).map(|buffer| plan.space(buffer)).collect(),
            buffers: rows.iter().zip(&widths).map(buffer).collect(),
            rows,
            widths,
        }
    }

    pub(super) fn batch(&self) -> &'a Batch {
        self.batch
    }

    /// Rows of a view.
    pub(super) fn rows(&self, view: View) -> usize {
        self.rows[view.buffer]
    }

    /// Where each sample's steps of a view begin, and the last one's end.
    pub(super) fn offsets(&self, view: View) -> &'a [u32] {
        match self.spaces[view.buffer] {
            Space::Samples | Space::Nodes => &[],
            Space::Steps(sequence) => self.batch.offsets(sequence),
        }
    }

    /// The columns of a view, `[rows, view.width]`.
    pub(super) fn read(&self, view: View) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.rows(view) * view.width);
        for s in 0..self.rows(view) {
            let first = s * self.widths[view.buffer] + view.start;
            values.extend_from_slice(&self.buffers[view.buffer][first..first + view.width]);
        }
        values
    }

    /// Overwrites the columns of a view.
    pub(super) fn write(&mut self, view: View, values: &[f64]) {
        self.deliver(view, Accumulate::Overwrite, values);
    }

    /// Overwrites the columns of a view or adds to them.
    pub(super) fn deliver(&mut self, view: View, accumulate: Accumulate, values: &[f64]) {
        for s in 0..self.rows(view) {
            for i in 0..view.width {
                let at = s * self.widths[view.buffer] + view.start + i;
                let value = values[s * view.width + i];
                match accumulate {
                    Accumulate::Overwrite => self.buffers[view.buffer][at] = value,
                    Accumulate::Add => self.buffers[view.buffer][at] += value,
                }
            }
        }
    }

    pub(super) fn into_buffers(self) -> Vec<Vec<f64>> {
        self.buffers
    }
}

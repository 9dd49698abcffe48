//! The activations of a batch, or their gradients: one matrix a buffer of the plan.

use alloc::{vec, vec::Vec};

use crate::plan::{Flow, Plan, View};

/// One matrix `[rows, width]` a buffer. All begins as NaN, so that a value read before it is written shows.
pub(super) struct Activations {
    rows: usize,
    widths: Vec<usize>,
    buffers: Vec<Vec<f64>>,
}

impl Activations {
    pub(super) fn new(plan: &Plan, rows: usize) -> Self {
        let buffer = |&width: &usize| vec![f64::NAN; rows * width];
        Activations {
            rows,
            widths: plan.buffers().to_vec(),
            buffers: plan.buffers().iter().map(buffer).collect(),
        }
    }

    /// The columns of a view, `[rows, view.width]`.
    pub(super) fn read(&self, view: View) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.rows * view.width);
        for s in 0..self.rows {
            let first = s * self.widths[view.buffer] + view.start;
            values.extend_from_slice(&self.buffers[view.buffer][first..first + view.width]);
        }
        values
    }

    /// Overwrites the columns of a view.
    pub(super) fn write(&mut self, view: View, values: &[f64]) {
        self.deliver(view, Flow::Write, values);
    }

    /// Overwrites the columns of a view or adds to them.
    pub(super) fn deliver(&mut self, view: View, flow: Flow, values: &[f64]) {
        for s in 0..self.rows {
            for i in 0..view.width {
                let at = s * self.widths[view.buffer] + view.start + i;
                let value = values[s * view.width + i];
                match flow {
                    Flow::Write => self.buffers[view.buffer][at] = value,
                    Flow::Add => self.buffers[view.buffer][at] += value,
                }
            }
        }
    }

    pub(super) fn into_buffers(self) -> Vec<Vec<f64>> {
        self.buffers
    }
}

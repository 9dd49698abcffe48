//! How parameters are stored.

use crate::{
    Error, Result,
    gpu::memory::layout::{Columns, Run, needs::Stored},
    plan::{Plan, View},
};

/// How a parameter of the plan, `[rows, width]`, is stored on the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// Floats of a row in the plan.
    pub width: usize,
    /// vec4s of a row on the device.
    pub stride: u32,
    /// Columns of a row.
    pub columns: Vec<Run>,
    /// Rows; empty for a table, whose rows are the same in both.
    pub rows: Vec<Run>,
    /// Rows on the device; 0 for a table, whose number grows.
    pub device_rows: u32,
}

impl Matrix {
    /// How each parameter of a plan is stored.
    ///
    /// # Errors
    /// [`Error::Device`] names a parameter of which no operation says it.
    pub fn of_plan(plan: &Plan, columns: &Columns) -> Result<Vec<Matrix>> {
        let mut matrices: Vec<Option<Matrix>> = vec![None; plan.params().len()];
        for &(param, stored) in columns.needs().iter().flat_map(|needs| &needs.stored) {
            matrices[param] = Some(Matrix::new(columns, stored));
        }
        let named = matrices.into_iter().zip(plan.params()).map(|(matrix, param)| {
            let name = &param.name;
            let reason = || Error::Device(format!("no operation says how {name} is stored on a graphics device"));
            matrix.ok_or_else(reason)
        });
        named.collect()
    }

    fn new(columns: &Columns, stored: Stored) -> Matrix {
        match stored {
            Stored::Table(view) => Matrix::table(columns, view),
            Stored::Weight { input, output } => Matrix::weight(columns, input, output),
            Stored::Vector(view) => Matrix::vector(columns, view),
            Stored::UnitWeight { key, output } => Matrix::unit(columns, key, output),
            Stored::Gates { input, output } => Matrix::gates(columns, input, output),
            Stored::GateVector(view) => Matrix::gate_vector(columns, view),
        }
    }

    fn table(columns: &Columns, view: View) -> Matrix {
        Matrix {
            width: view.width,
            stride: columns.range(view).width,
            columns: columns.runs(view),
            rows: Vec::new(),
            device_rows: 0,
        }
    }

    /// Of a layer.
    fn weight(columns: &Columns, input: View, output: View) -> Matrix {
        Matrix {
            rows: columns.runs(output),
            device_rows: 4 * columns.range(output).width,
            ..Matrix::table(columns, input)
        }
    }

    /// Of an attention unit: its columns `[q, k, q - k, q * k]` lie as `[q, q - k, k, q * k]`, so that those which steps
    /// bring the gradient of are side by side.
    fn unit(columns: &Columns, key: View, output: View) -> Matrix {
        let part = Matrix::weight(columns, key, output);
        let padded = part.stride_floats();
        let of_part = |(from, to): (usize, usize)| {
            let runs = part.columns.iter();
            runs.map(move |run| Run {
                from: from * key.width + run.from,
                to: to * padded + run.to,
                len: run.len,
            })
        };
        let parts = [(0, 0), (1, 2), (2, 1), (3, 3)];
        Matrix {
            width: 4 * part.width,
            stride: 4 * part.stride,
            columns: parts.into_iter().flat_map(of_part).collect(),
            ..part
        }
    }

    /// One float a column.
    pub fn vector(columns: &Columns, view: View) -> Matrix {
        let row = Run { from: 0, to: 0, len: 1 };
        Matrix {
            rows: vec![row],
            device_rows: 1,
            ..Matrix::table(columns, view)
        }
    }

    /// Of a recurrent layer: three gates, each with a row a column of `output`.
    fn gates(columns: &Columns, input: View, output: View) -> Matrix {
        let width = columns.range(output).width;
        Matrix {
            rows: three_times(columns, output),
            device_rows: 3 * 4 * width,
            ..Matrix::table(columns, input)
        }
    }

    /// Three floats a column, gate by gate.
    fn gate_vector(columns: &Columns, output: View) -> Matrix {
        let vector = Matrix::vector(columns, output);
        Matrix {
            width: 3 * vector.width,
            stride: 3 * vector.stride,
            columns: three_times(columns, output),
            ..vector
        }
    }

    /// Floats of a row on the device.
    pub fn stride_floats(&self) -> usize {
        4 * self.stride as usize
    }

    /// Where a row of the plan lies on the device.
    fn device_row(&self, row: usize) -> usize {
        let found = self
            .rows
            .iter()
            .find(|run| (run.from..run.from + run.len).contains(&row));
        found.map_or(row, |run| run.to + row - run.from)
    }

    /// Copies rows of the plan, from `first` on, to `device`, whose row 0 is `origin`. Pads are left alone.
    pub fn spread(&self, values: &[f32], first: usize, origin: usize, device: &mut [f32]) {
        for (row, values) in (first..).zip(values.chunks_exact(self.width)) {
            let to = &mut device[(self.device_row(row) - origin) * self.stride_floats()..];
            for run in &self.columns {
                to[run.to..run.to + run.len].copy_from_slice(&values[run.from..run.from + run.len]);
            }
        }
    }

    /// The reverse of [`spread`](Matrix::spread).
    pub fn collect(&self, device: &[f32], first: usize, origin: usize, values: &mut [f32]) {
        for (row, values) in (first..).zip(values.chunks_exact_mut(self.width)) {
            let from = &device[(self.device_row(row) - origin) * self.stride_floats()..];
            for run in &self.columns {
                values[run.from..run.from + run.len].copy_from_slice(&from[run.to..run.to + run.len]);
            }
        }
    }

    /// The device's rows that hold `rows` rows of the plan from `first` on.
    pub fn device_rows_of(&self, first: usize, rows: usize) -> std::ops::Range<usize> {
        match rows {
            0 => 0..0,
            _ => self.device_row(first)..self.device_row(first + rows - 1) + 1,
        }
    }
}

/// The columns of a view, for each of three gates.
fn three_times(columns: &Columns, view: View) -> Vec<Run> {
    let (width, padded) = (view.width, 4 * columns.range(view).width as usize);
    let runs = columns.runs(view);
    let of_gate = |gate: usize| {
        runs.iter().map(move |run| Run {
            from: gate * width + run.from,
            to: gate * padded + run.to,
            len: run.len,
        })
    };
    (0..3).flat_map(of_gate).collect()
}

//! Rows of parameters: where new ones start, and what `absorb` keeps as it was.

use alloc::{vec, vec::Vec};

use super::Trainer;
use crate::{
    Result,
    executor::Executor,
    plan::{ParamKind, Plan, State, Tensor},
};

/// Rows that a mean is taken over, at most.
const MEAN_ROWS: usize = 4096;
/// Neighbours' rows that a mean is taken over, at most: they are read one by one.
const NEIGHBOURS: usize = 64;

/// What executors do beside the row updates that `absorb` wants: they move dense parameters (whose old values are
/// written back, at the price of their moments) and count steps. Kept aside, and put back before training goes on.
#[derive(Clone, Debug)]
pub(super) struct Frozen {
    step: u64,
    /// Parameter, first and second moment.
    moments: Vec<(usize, Vec<f32>, Vec<f32>)>,
}

impl Frozen {
    fn of(plan: &Plan, state: State) -> Self {
        let moments = |(index, tensor): (usize, Tensor)| (index, tensor.m, tensor.v);
        Frozen {
            step: state.step,
            moments: (state.tensors.into_iter().enumerate())
                .filter(|(index, _)| !plan.params()[*index].is_table())
                .map(moments)
                .collect(),
        }
    }

    pub fn patch(&self, state: &mut State) {
        state.step = self.step;
        for (index, m, v) in &self.moments {
            if let Some(tensor) = state.tensors.get_mut(*index)
                && !tensor.m.is_empty()
            {
                tensor.m.clone_from(m);
                tensor.v.clone_from(v);
            }
        }
    }
}

/// The dense parameters' values.
pub(super) struct Dense {
    values: Vec<(usize, Vec<f32>)>,
}

impl Dense {
    pub fn read(executor: &mut dyn Executor) -> Result<Self> {
        let dense = (0..)
            .zip(executor.plan().params())
            .filter(|(_, param)| !param.is_table());
        let mut values: Vec<(usize, Vec<f32>)> = dense.map(|(index, param)| (index, vec![0.0; param.len()])).collect();
        for (index, values) in &mut values {
            executor.read_rows(*index, 0, values)?;
        }
        Ok(Dense { values })
    }

    pub fn write(&self, executor: &mut dyn Executor) -> Result<()> {
        for (index, values) in &self.values {
            executor.write_rows(*index, 0, values)?;
        }
        Ok(())
    }
}

/// Copies of table rows, to go back to.
#[derive(Default)]
pub(super) struct SavedRows {
    rows: Vec<(usize, u32, Vec<f32>)>,
}

impl SavedRows {
    /// Copies the rows of all tables of `column`.
    pub fn save(&mut self, executor: &mut dyn Executor, column: usize, ids: &[u32]) -> Result<()> {
        for (param, width) in tables(executor.plan(), column) {
            for &id in ids {
                let mut row = vec![0.0; width];
                executor.read_rows(param, id as usize, &mut row)?;
                self.rows.push((param, id, row));
            }
        }
        Ok(())
    }

    pub fn restore(&self, executor: &mut dyn Executor) -> Result<()> {
        for (param, id, row) in &self.rows {
            executor.write_rows(*param, *id as usize, row)?;
        }
        Ok(())
    }
}

/// Index and width of each table of a column.
fn tables(plan: &Plan, column: usize) -> Vec<(usize, usize)> {
    let of_column = |(_, param): &(usize, &crate::plan::Param)| param.kind == ParamKind::Table { column };
    let tables = plan.params().iter().enumerate().filter(of_column);
    tables.map(|(index, param)| (index, param.width)).collect()
}

/// Adds up whole rows, in order and in `f64`, so that a mean has the same bits everywhere.
struct Mean {
    sums: Vec<f64>,
    rows: usize,
}

impl Mean {
    fn new(width: usize) -> Self {
        let sums = vec![0.0; width];
        Mean { sums, rows: 0 }
    }

    fn add(&mut self, rows: &[f32]) {
        for row in rows.chunks_exact(self.sums.len()) {
            for (sum, &value) in self.sums.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
            self.rows += 1;
        }
    }

    fn finish(self) -> Vec<f32> {
        let rows = self.rows.max(1) as f64;
        self.sums.into_iter().map(|sum| (sum / rows) as f32).collect()
    }
}

/// Makes the tables of a column `rows` rows long. New rows are the mean of the old ones: of all of them, or of 16
/// evenly spaced runs of 256 where there are more than 4,096.
pub(super) fn grow(executor: &mut dyn Executor, column: usize, rows: usize) -> Result<()> {
    let old = executor.plan().rows(column);
    let mut means = Vec::new();
    for (param, width) in tables(executor.plan(), column) {
        let (runs, length) = if old <= MEAN_ROWS {
            (1, old)
        } else {
            (16, MEAN_ROWS / 16)
        };
        let mut mean = Mean::new(width);
        let mut buffer = vec![0.0; length * width];
        for run in 0..runs {
            let first = (old - length) as u64 * run / (runs - 1).max(1);
            executor.read_rows(param, first as usize, &mut buffer)?;
            mean.add(&buffer);
        }
        means.push((param, mean.finish()));
    }
    executor.grow(column, rows)?;
    for (param, mean) in means {
        executor.write_rows(param, old, &mean.repeat(rows - old))?;
    }
    Ok(())
}

/// Sets a row to the mean of its neighbours' rows: of all, or of 64 evenly spaced ones.
pub(super) fn start_from(executor: &mut dyn Executor, column: usize, row: u32, neighbours: &[u32]) -> Result<()> {
    let count = neighbours.len().min(NEIGHBOURS);
    for (param, width) in tables(executor.plan(), column) {
        let mut mean = Mean::new(width);
        let mut buffer = vec![0.0; width];
        for index in 0..count {
            let neighbour = neighbours[index * neighbours.len() / count];
            executor.read_rows(param, neighbour as usize, &mut buffer)?;
            mean.add(&buffer);
        }
        executor.write_rows(param, row as usize, &mean.finish())?;
    }
    Ok(())
}

impl Trainer {
    /// Notes what must be put back before training goes on.
    pub(super) fn freeze(&mut self) -> Result<()> {
        if self.frozen.is_none() {
            let state = self.executor.state()?;
            self.frozen = Some(Frozen::of(self.executor.plan(), state));
        }
        Ok(())
    }

    /// Puts it back.
    pub(super) fn thaw(&mut self) -> Result<()> {
        if let Some(frozen) = &self.frozen {
            let mut state = self.executor.state()?;
            frozen.patch(&mut state);
            self.executor.set_state(&state)?;
            self.frozen = None;
        }
        Ok(())
    }
}

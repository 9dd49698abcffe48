//! Rows of parameters: where new ones start, and what `absorb` keeps as it was.

use alloc::{format, vec, vec::Vec};

use crate::{
    Result,
    executor::{Executor, RowRun, composed_rows},
    memory,
    plan::{Param, ParamKind, Plan, State},
};

/// Up to so many samples that a row rests on, it moves by the whole of an `absorb` step.
const FULL_SHARE: f32 = 2.0;
/// Rows that a mean is taken over, at most.
const MEAN_ROWS: usize = 4096;
/// Neighbours' rows that a mean is taken over, at most: they are read one by one.
const NEIGHBOURS: usize = 64;

/// What training goes on with: `absorb` must change neither the optimiser's moments nor its count of steps, but the executor's
/// calls that it is made of may. So they are kept at its first call, and put back before training goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct OptimizerState {
    /// Steps that were made since.
    steps: u64,
    /// First and second moment of each parameter; none where they stay in the executor, as rows go back to
    /// [copies](crate::executor::KeepRows) without a touch of them. Rows that are written lose theirs.
    moments: Vec<(Vec<f32>, Vec<f32>)>,
}

impl OptimizerState {
    pub fn of(executor: &mut dyn Executor) -> Result<Self> {
        if executor.keeping().is_some() {
            return Ok(OptimizerState::default());
        }
        let tensors = executor.state().wait()?.tensors;
        Ok(OptimizerState {
            steps: 0,
            moments: tensors.into_iter().map(|tensor| (tensor.m, tensor.v)).collect(),
        })
    }

    /// Notes a step that is not training's.
    pub fn leave_out_step(&mut self) {
        self.steps = self.steps.saturating_add(1);
    }

    /// Puts step count and moments back; those of new rows are zero.
    pub fn put_into(&self, state: &mut State) {
        state.step = state.step.saturating_sub(self.steps);
        for (tensor, (m, v)) in state.tensors.iter_mut().zip(&self.moments) {
            for (to, from) in [(&mut tensor.m, m), (&mut tensor.v, v)] {
                if !to.is_empty() {
                    to.fill(0.0);
                    let kept = from.len().min(to.len());
                    to[..kept].copy_from_slice(&from[..kept]);
                }
            }
        }
    }
}

/// All rows of the dense parameters, which an `absorb` step is not to change; none where the executor does not move them in steps
/// [of tables alone](Executor::tables_alone).
pub(super) fn dense_rows(executor: &mut dyn Executor) -> Vec<RowRun> {
    if executor.tables_alone().is_some() {
        return Vec::new();
    }
    let dense = executor.plan().params().iter().enumerate();
    let run = |(param, of): (usize, &Param)| RowRun {
        param,
        first: 0,
        rows: of.rows,
    };
    dense.filter(|(_, param)| !param.is_table()).map(run).collect()
}

/// Rows of all tables of a vocabulary, each with what stands beside its id; ids are given once each.
pub(super) fn table_rows<T: Copy>(plan: &Plan, vocabulary: usize, ids: &[(u32, T)]) -> (Vec<RowRun>, Vec<T>) {
    let tables = tables(plan, vocabulary);
    let rows = ids.len() * tables.len();
    let (mut runs, mut besides) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for &(id, beside) in ids {
        for &(param, _) in &tables {
            let first = id as usize;
            runs.push(RowRun { param, first, rows: 1 });
            besides.push(beside);
        }
    }
    (runs, besides)
}

/// How much of its way a row goes that rests on so many samples.
pub(super) fn share_of(support: u32) -> f32 {
    FULL_SHARE / (support as f32).max(FULL_SHARE)
}

/// Index and width of each table of a column.
pub(super) fn tables(plan: &Plan, column: usize) -> Vec<(usize, usize)> {
    let of_column = |(_, param): &(usize, &crate::plan::Param)| param.kind == ParamKind::Table { vocabulary: column };
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

/// Where the rows stand that a mean over `rows` rows is taken of, in runs of the same length: all of them, or 16 evenly
/// spaced runs of 256 where there are more than 4,096.
fn runs(rows: usize) -> (impl Iterator<Item = usize>, usize) {
    let (runs, length) = match rows <= MEAN_ROWS {
        true => (1, rows),
        false => (16, MEAN_ROWS / 16),
    };
    let first = move |run: u64| ((rows - length) as u64 * run / (runs - 1).max(1)) as usize;
    ((0..runs).map(first), length)
}

/// Makes the tables of a column `rows` rows long. New rows are the mean of the old ones ([`runs`]).
pub(super) fn grow(executor: &mut dyn Executor, column: usize, rows: usize) -> Result<()> {
    let old = executor.plan().rows(column);
    let mut means = Vec::new();
    for (param, width) in tables(executor.plan(), column) {
        let (firsts, length) = runs(old);
        let mut mean = Mean::new(width);
        let mut buffer = vec![0.0; length * width];
        for first in firsts {
            composed_rows(executor, param, first, &mut buffer).wait()?;
            mean.add(&buffer);
        }
        means.push((param, mean.finish()));
    }
    executor.grow(column, rows).wait()?;
    for (param, mean) in means {
        // In pieces: all new rows side by side may be more than there is memory for.
        let piece = mean.repeat((rows - old).min(MEAN_ROWS));
        for first in (old..rows).step_by(MEAN_ROWS) {
            let floats = (rows - first).min(MEAN_ROWS) * mean.len();
            executor.write_rows(param, first, &piece[..floats]).wait()?;
        }
    }
    Ok(())
}

/// Sees that parameters that are kept beside an executor's can [grow](grow_values) to as many `rows` a vocabulary.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) where there is not enough.
pub(super) fn reserve_values(plan: &Plan, rows: &[usize], values: &mut [Vec<f32>]) -> Result<()> {
    for (param, values) in plan.params().iter().zip(values) {
        if let ParamKind::Table { vocabulary } = param.kind {
            let more = rows[vocabulary].saturating_sub(param.rows).saturating_mul(param.width);
            memory::reserve(values, more, || format!("{} rows of {}", rows[vocabulary], param.name))?;
        }
    }
    Ok(())
}

/// The same as [`grow`] for parameters that are kept beside those of an executor whose tables have grown; `old` are the
/// rows that its vocabularies had. There is [room](reserve_values) for them.
pub(super) fn grow_values(plan: &Plan, old: &[usize], values: &mut [Vec<f32>]) {
    for (param, values) in plan.params().iter().zip(values) {
        let ParamKind::Table { vocabulary } = param.kind else {
            continue;
        };
        let old = old.get(vocabulary).copied().unwrap_or(param.rows);
        if old >= param.rows || values.len() != old * param.width {
            continue;
        }
        let (firsts, length) = runs(old);
        let mut mean = Mean::new(param.width);
        firsts.for_each(|first| mean.add(&values[first * param.width..][..length * param.width]));
        let mean = mean.finish();
        (old..param.rows).for_each(|_| values.extend_from_slice(&mean));
    }
}

/// Moves a row to the mean of the rows of its neighbours, or a share of the way, in 0..=1. There are `neighbours` of them in an order:
/// the mean is of all, or of 64 evenly spaced ones. Leaves the row where there are none.
pub(super) fn move_to(
    executor: &mut dyn Executor,
    column: usize,
    row: u32,
    neighbours: usize,
    nth: impl Fn(usize) -> u32,
    share: f32,
) -> Result<()> {
    let count = neighbours.min(NEIGHBOURS);
    if count == 0 {
        return Ok(());
    }
    let chosen: Vec<u32> = (0..count).map(|index| nth(index * neighbours / count)).collect();
    for (param, width) in tables(executor.plan(), column) {
        let mut mean = Mean::new(width);
        let mut buffer = vec![0.0; width];
        for &neighbour in &chosen {
            composed_rows(executor, param, neighbour as usize, &mut buffer).wait()?;
            mean.add(&buffer);
        }
        let mut to = mean.finish();
        if share < 1.0 {
            executor.read_rows(param, row as usize, &mut buffer).wait()?;
            let both = to.iter_mut().zip(&buffer);
            both.for_each(|(to, from)| *to = from + share * (*to - from));
        }
        executor.write_rows(param, row as usize, &to).wait()?;
    }
    Ok(())
}

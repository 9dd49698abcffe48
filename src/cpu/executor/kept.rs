//! Copies of rows, to go back to. A row that is not exact yet is in its table as it was copied.

use alloc::{boxed::Box, vec::Vec};
use core::any::Any;

use super::CpuExecutor;
use crate::{
    Result,
    cpu::Scalar,
    executor::{KeepRows, Pending, RowRun, check_runs, check_shares, of_another},
    memory,
};

/// Rows as they were, one behind the other.
struct Copies {
    runs: Vec<RowRun>,
    floats: Vec<f32>,
}

impl CpuExecutor {
    fn copy_rows(&mut self, runs: &[RowRun]) -> Result<Copies> {
        self.ready()?;
        check_runs(&self.plan, runs)?;
        self.changed(); // they are about to: what was computed of the parameters makes room for the copies
        let mut floats = Vec::new();
        memory::reserve(&mut floats, self.floats_of(runs), || "copies of rows".into())?;
        for &RowRun { param, first, rows } in runs {
            let (width, table) = (self.plan.params()[param].width, self.tensors[param].table());
            (first..first + rows).for_each(|row| table.append(Scalar, row as u32, width, &mut floats));
        }
        let runs = runs.to_vec();
        Ok(Copies { runs, floats })
    }

    fn floats_of(&self, runs: &[RowRun]) -> usize {
        let floats = runs.iter().map(|run| run.rows * self.plan.params()[run.param].width);
        floats.sum()
    }

    /// Has `each` change rows that were copied: the row, its copy, and its place among all copies.
    fn change_rows(&mut self, kept: &(dyn Any + Send), mut each: impl FnMut(&mut [f32], &[f32], usize)) -> Result<()> {
        let Copies { runs, floats } = kept.downcast_ref().ok_or_else(of_another)?;
        check_runs(&self.plan, runs)?;
        if floats.len() != self.floats_of(runs) {
            return Err(of_another());
        }
        self.changed();
        let (mut rest, mut at) = (&floats[..], 0);
        for &RowRun { param, first, rows } in runs {
            let (of, tensor) = (&self.plan.params()[param], &mut self.tensors[param]);
            let width = of.width;
            for row in first..first + rows {
                let (copy, others) = rest.split_at(width);
                if let Some(place) = tensor.place(row as u32) {
                    each(&mut tensor.value[place * width..][..width], copy, at);
                }
                (rest, at) = (others, at + 1);
            }
            if !of.is_table() {
                self.pack(param);
            }
        }
        Ok(())
    }
}

impl KeepRows for CpuExecutor {
    fn keep(&mut self, runs: &[RowRun]) -> Pending<'_, Box<dyn Any + Send>> {
        Pending::now(|| Ok(Box::new(self.copy_rows(runs)?) as Box<dyn Any + Send>))
    }

    fn put_back(&mut self, kept: &(dyn Any + Send)) -> Pending<'_, ()> {
        Pending::now(|| {
            self.ready()?;
            self.change_rows(kept, |row, copy, _| row.copy_from_slice(copy))
        })
    }

    fn hold_back(&mut self, kept: &(dyn Any + Send), shares: &[f32]) -> Pending<'_, ()> {
        Pending::now(|| {
            self.ready()?;
            let Copies { runs, .. } = kept.downcast_ref().ok_or_else(of_another)?;
            check_shares(runs, shares)?;
            self.change_rows(kept, |row, copy, at| {
                for (new, &old) in row.iter_mut().zip(copy) {
                    *new = old + shares[at] * (*new - old);
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cpu::Isa,
        data::Batch,
        executor::{Executor, hold_back, keep_rows, put_back},
        models::NeuMf,
        plan::{L2, Optimizer, Plan, RowType, State},
    };

    /// All rows of all parameters, in two runs each.
    fn all_rows(plan: &Plan) -> Vec<RowRun> {
        let halves = |(param, rows): (usize, usize)| {
            [(0, rows / 2), (rows / 2, rows - rows / 2)].map(|(first, rows)| RowRun { param, first, rows })
        };
        let params = plan.params().iter().map(|param| param.rows).enumerate();
        params.flat_map(halves).collect()
    }

    fn read(executor: &mut CpuExecutor, runs: &[RowRun]) -> Vec<f32> {
        let mut all = Vec::new();
        for run in runs {
            let mut values = alloc::vec![0.0; run.rows * executor.plan.params()[run.param].width];
            executor.read_rows(run.param, run.first, &mut values).wait().unwrap();
            all.extend(values);
        }
        all
    }

    /// Whatever rows are kept as, they go back to their copies, or a share of their way, and moments stay as they are.
    #[test]
    fn rows_go_back_and_moments_stay() {
        let plan = NeuMf::new(6, 9).factors(4).plan().unwrap();
        let ids: [&[u32]; 2] = [&[0, 1, 2, 3, 4, 5], &[8, 0, 3, 3, 7, 1]];
        let batch = Batch::from_columns(&ids, &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0]).unwrap();
        for rows in [RowType::F32, RowType::I8] {
            let mut state = State::initial(&plan, 3, rows == RowType::F32).unwrap();
            for tensor in &mut state.tensors {
                tensor.m.fill(0.25);
                tensor.v.fill(0.5);
            }
            let state = state.with_tables_as(&plan, rows).unwrap();
            let plan = plan.clone().with_tables_as(rows);
            let new = || CpuExecutor::new(plan.clone(), state.clone(), Isa::Scalar, 1).unwrap();
            let (mut executor, runs) = (new(), all_rows(&plan));
            let shares: Vec<f32> = (0..runs.iter().map(|run| run.rows).sum())
                .map(|row| row as f32 / 64.0)
                .collect();
            let old = read(&mut executor, &runs);
            let kept = keep_rows(&mut executor, runs.clone()).unwrap();
            let optimizer = Optimizer::Sgd { learning_rate: 0.5 };
            executor
                .step(&batch, &optimizer, L2::default(), &mut || ())
                .wait()
                .unwrap();
            let moved = read(&mut executor, &runs);
            assert_ne!(moved, old);

            hold_back(&mut executor, &kept, &shares).unwrap();
            let of_floats = runs
                .iter()
                .flat_map(|run| core::iter::repeat_n(plan.params()[run.param].width, run.rows))
                .zip(&shares)
                .flat_map(|(width, &share)| core::iter::repeat_n(share, width));
            let held = read(&mut executor, &runs);
            for (((held, old), moved), share) in held.iter().zip(&old).zip(&moved).zip(of_floats) {
                let want = f64::from(*old) + f64::from(share) * (f64::from(*moved) - f64::from(*old));
                assert!((f64::from(*held) - want).abs() < 1e-6, "{held} is not {want}");
            }

            put_back(&mut executor, &kept).unwrap();
            assert_eq!(executor.state().wait().unwrap().tensors, state.tensors);
            let (mut scores, mut of_new) = ([0.0; 6], [0.0; 6]);
            executor.score(&ids, &mut scores).wait().unwrap();
            new().score(&ids, &mut of_new).wait().unwrap();
            assert_eq!(scores, of_new); // the layers' weights are packed anew
        }
    }

    #[test]
    fn copies_of_others_and_rows_that_are_not_there_are_refused() {
        let executor = |factors: usize| {
            let plan = NeuMf::new(6, 9).factors(factors).plan().unwrap();
            let state = State::initial(&plan, 3, false).unwrap();
            CpuExecutor::new(plan, state, Isa::Scalar, 1).unwrap()
        };
        let (mut narrow, mut wide) = (executor(4), executor(8));
        let run = |rows: usize| RowRun {
            param: 0,
            first: 2,
            rows,
        };
        assert!(keep_rows(&mut narrow, alloc::vec![run(5)]).is_err());
        let kept = keep_rows(&mut narrow, alloc::vec![run(4)]).unwrap();
        assert!(hold_back(&mut narrow, &kept, &[0.5; 3]).is_err());
        assert!(put_back(&mut wide, &kept).is_err());
    }
}

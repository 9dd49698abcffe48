//! Copies of rows, to go back to: where an executor has the [part](KeepRows), they never leave the device.

use alloc::{boxed::Box, vec, vec::Vec};
use core::any::Any;

use super::{Executor, Pending};
use crate::{Error, Result, checks::check_rows, plan::Plan};

/// Consecutive rows of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRun {
    /// The parameter's place in the [plan](crate::plan::Plan::params).
    pub param: usize,
    /// The first row.
    pub first: usize,
    /// How many there are.
    pub rows: usize,
}

/// Keeps copies of rows on the device, and takes rows back to them there: without it, [`keep_rows`] reads rows back to the host,
/// and [`put_back`] and [`hold_back`] write them.
///
/// Copies outlive [growth](Executor::grow) of their tables. Unlike [`write_rows`](Executor::write_rows), none of the calls
/// touches moments.
pub trait KeepRows {
    /// Copies rows as they are now. No row may be named twice.
    ///
    /// # Errors
    /// [`Error::Length`] where rows are not there; [`Error::Memory`] or [`Error::Device`] where memory is short.
    fn keep(&mut self, runs: &[RowRun]) -> Pending<'_, Box<dyn Any + Send>>;

    /// Makes the rows what the copies are.
    ///
    /// # Errors
    /// [`Error::Config`] where the copies are of another executor; where the device is lost.
    fn put_back(&mut self, kept: &(dyn Any + Send)) -> Pending<'_, ()>;

    /// Leaves of each row's way since `share`, one for each row in the order of the runs: `row = copy + share * (row - copy)`.
    ///
    /// # Errors
    /// As [`put_back`](KeepRows::put_back); [`Error::Length`] where there are more or fewer shares than rows.
    fn hold_back(&mut self, kept: &(dyn Any + Send), shares: &[f32]) -> Pending<'_, ()>;
}

/// Copies of rows, made by [`keep_rows`].
pub struct KeptRows {
    runs: Vec<RowRun>,
    copies: Copies,
}

enum Copies {
    /// Row by row.
    Host(Vec<f32>),
    Device(Box<dyn Any + Send>),
}

/// Copies rows of an executor as they are now, on its device where it has the [part](KeepRows). No row may be named twice.
///
/// # Errors
/// As [`KeepRows::keep`].
pub fn keep_rows(executor: &mut dyn Executor, runs: Vec<RowRun>) -> Result<KeptRows> {
    check_runs(executor.plan(), &runs)?;
    if let Some(keeping) = executor.keeping() {
        let copies = Copies::Device(keeping.keep(&runs).wait()?);
        return Ok(KeptRows { runs, copies });
    }
    let floats = runs.iter().map(|run| floats_of(executor, run)).sum();
    let mut copies = vec![0.0; floats];
    let mut rest = &mut copies[..];
    for run in &runs {
        let (copy, others) = rest.split_at_mut(floats_of(executor, run));
        executor.read_rows(run.param, run.first, copy).wait()?;
        rest = others;
    }
    let copies = Copies::Host(copies);
    Ok(KeptRows { runs, copies })
}

/// Makes rows what their copies are.
///
/// # Errors
/// As [`KeepRows::put_back`].
pub fn put_back(executor: &mut dyn Executor, kept: &KeptRows) -> Result<()> {
    match (&kept.copies, executor.keeping()) {
        (Copies::Device(copies), Some(keeping)) => keeping.put_back(&**copies).wait(),
        (Copies::Device(_), None) => Err(of_another()),
        (Copies::Host(copies), _) => {
            let mut rest = &copies[..];
            for run in &kept.runs {
                let (copy, others) = rest.split_at(floats_of(executor, run));
                executor.write_rows(run.param, run.first, copy).wait()?;
                rest = others;
            }
            Ok(())
        }
    }
}

/// Leaves of each row's way since it was copied a share, one for each row in the order of the runs.
///
/// # Errors
/// As [`KeepRows::hold_back`].
pub fn hold_back(executor: &mut dyn Executor, kept: &KeptRows, shares: &[f32]) -> Result<()> {
    check_shares(&kept.runs, shares)?;
    let copies = match (&kept.copies, executor.keeping()) {
        (Copies::Device(copies), Some(keeping)) => return keeping.hold_back(&**copies, shares).wait(),
        (Copies::Device(_), None) => return Err(of_another()),
        (Copies::Host(copies), _) => copies,
    };
    let (mut rest, mut shares, mut moved) = (&copies[..], shares, Vec::new());
    for run in &kept.runs {
        let (copy, others) = rest.split_at(floats_of(executor, run));
        let (of_run, of_others) = shares.split_at(run.rows);
        moved.resize(copy.len(), 0.0);
        executor.read_rows(run.param, run.first, &mut moved).wait()?;
        let width = copy.len() / run.rows.max(1);
        for ((row, old), share) in moved
            .chunks_exact_mut(width.max(1))
            .zip(copy.chunks_exact(width.max(1)))
            .zip(of_run)
        {
            for (new, &old) in row.iter_mut().zip(old) {
                *new = old + share * (*new - old);
            }
        }
        executor.write_rows(run.param, run.first, &moved).wait()?;
        (rest, shares) = (others, of_others);
    }
    Ok(())
}

fn floats_of(executor: &dyn Executor, run: &RowRun) -> usize {
    run.rows * executor.plan().params()[run.param].width
}

/// What copies are told that another executor made.
pub(crate) fn of_another() -> Error {
    Error::config(
        "kept rows",
        "they are of another executor; hand them to the one that keep_rows was called with",
    )
}

/// The rows are there.
pub(crate) fn check_runs(plan: &Plan, runs: &[RowRun]) -> Result<()> {
    let floats = |run: &RowRun| {
        plan.params()
            .get(run.param)
            .map_or(0, |param| run.rows.saturating_mul(param.width))
    };
    runs.iter()
        .try_for_each(|run| check_rows(plan, run.param, run.first, floats(run)))
}

/// There is a share for each row.
pub(crate) fn check_shares(runs: &[RowRun], shares: &[f32]) -> Result<()> {
    let rows: usize = runs.iter().map(|run| run.rows).sum();
    match shares.len() == rows {
        true => Ok(()),
        false => Err(Error::Length {
            what: "shares of kept rows".into(),
            expected: rows,
            got: shares.len(),
        }),
    }
}

//! Iterations of alternating least squares.

use alloc::{format, vec::Vec};

use super::{Factors, IalsConfig, Solver, factors};
use crate::{
    Error, Result,
    classical::{records::Records, transposed::Lists},
    cpu::{Rows, Workers, least_squares as solve, simd::dispatch},
    memory,
};

/// Rows that a thread takes at once: whole tiles, and few enough that popular items next to each other keep nobody waiting.
const RUN: usize = 96;

/// So many iterations: users, then items.
pub(super) fn run(of: &mut Factors, records: &Records, workers: &mut Workers, iterations: u32) -> Result<()> {
    let users = records.users();
    memory::check(memory::bytes_of::<usize>(users), || {
        format!("the histories of {users} users")
    })?;
    let mut known = Vec::new();
    let by_user = Lists::collect((0..users as u32).map(|user| {
        records.history.all(user, &mut known);
        known.clone()
    }));
    let by_item = by_user.transposed(records.items());
    of.forget_places(|item| !by_item.get(item).is_empty());
    // Those who came after training have vectors to be solved for too.
    let more = (users * of.width).saturating_sub(of.users.len());
    memory::reserve(&mut of.users, more, || format!("vectors of {users} users"))?;
    of.users.resize(users * of.width, 0.0);
    for _ in 0..iterations {
        let before = (of.users.clone(), of.items.clone());
        half(&of.config, of.width, workers, &of.items, &by_user, &mut of.users);
        half(&of.config, of.width, workers, &of.users, &by_item, &mut of.items);
        if let Some(value) = of.users.iter().chain(&of.items).find(|x| !x.is_finite()) {
            let reason = format!("{}: a vector is no longer finite ({value}); take more", of.config.l2);
            (of.users, of.items) = before;
            return Err(Error::config("l2", reason));
        }
        of.iterations += 1;
    }
    Ok(())
}

/// Solves for all rows of `x`, of which each has some rows of `y`.
fn half(config: &IalsConfig, width: usize, workers: &mut Workers, y: &[f32], lists: &Lists, x: &mut [f32]) {
    let others = y.len() / width;
    let shared = factors::shared(workers, y, width, config.unobserved);
    let rough: Vec<f32> = shared.iter().map(|&sum| sum as f32).collect();
    let proof = workers.proof;
    let rows = Rows {
        data: y,
        stride: width,
        width,
    };
    let mut tasks: Vec<(usize, &mut [f32])> = (0..).step_by(RUN).zip(x.chunks_mut(RUN * width)).collect();
    match config.solver {
        Solver::ConjugateGradient { steps } => workers.for_each(
            || solve::Memory::new(width),
            &mut tasks,
            |memory, (first, x)| {
                let system = |row: usize| {
                    let ids = lists.get(*first + row);
                    (ids, factors::l2(config, ids.len(), others))
                };
                dispatch!(proof, s => solve::descend(s, rows, &rough, &system, steps, x, memory));
            },
        ),
        Solver::Cholesky => workers.for_each(
            || solve::Solver::new(width),
            &mut tasks,
            |solver, (first, x)| {
                for (row, x) in (*first..).zip(x.chunks_exact_mut(width)) {
                    let ids = lists.get(row);
                    let l2 = factors::l2(config, ids.len(), others);
                    match ids {
                        [] => x.fill(0.0),
                        ids => dispatch!(proof, s => solver.solve_roughly(s, rows, &shared, ids, l2, x)),
                    }
                }
            },
        ),
    }
}

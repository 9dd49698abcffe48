//! Which rows of a vocabulary's tables are alike.

use alloc::{vec, vec::Vec};

use super::rows::tables;
use crate::{
    Error, Result,
    eval::TopK,
    executor::{Executor, composed_rows},
    plan::Stage,
};

/// Rows that are read together.
const BLOCK: usize = 4096;

/// The `k` rows whose embeddings have the largest cosine with that of `row`, best first; of equal ones the lower row is
/// first. Where the plan scores by [distances](crate::ops::distance), which have no origin to take angles at, it is the squared
/// distance with a minus before it instead. A row's embedding is what the vocabulary's tables have of it side by side; biases and first-order weights, one
/// number a row, are no part of it. Left out are the row itself, the rows before `first`, and those whose cosine is
/// undefined: where all is zero or something is not finite.
///
/// # Errors
/// [`Error::Id`] where there is no such row, [`Error::Config`] where the vocabulary has no embeddings.
pub(super) fn similar(
    executor: &mut dyn Executor,
    vocabulary: usize,
    first: usize,
    row: u32,
    k: usize,
) -> Result<Vec<(u32, f32)>> {
    let (rows, name) = (
        executor.plan().rows(vocabulary),
        &executor.plan().vocabularies()[vocabulary],
    );
    if row as usize >= rows {
        return Err(Error::Id {
            column: name.clone(),
            id: row.into(),
            rows: rows as u64,
        });
    }
    let mut tables = tables(executor.plan(), vocabulary);
    tables.retain(|&(_, width)| width > 1);
    if tables.is_empty() {
        let reason = "the model has no embeddings of it, but single numbers at most, which have no direction";
        return Err(Error::config(name.clone(), reason));
    }
    let mut own = Vec::new();
    for &(param, width) in &tables {
        let mut part = vec![0.0; width];
        read(executor, param, row as usize, &mut part)?;
        own.push(part);
    }
    let scored = executor.plan().stages().iter();
    let by_distance = scored
        .zip(0..)
        .any(|(stage, at)| executor.plan().is_scored(at) && matches!(stage, Stage::Distance(_)));
    let own_square = own.iter().map(|part| dot(part, part)).sum::<f64>();
    let mut top = TopK::new(k);
    for start in (first..rows).step_by(BLOCK) {
        let count = BLOCK.min(rows - start);
        let mut sums = vec![(0.0, 0.0); count];
        for (&(param, width), own) in tables.iter().zip(&own) {
            let mut block = vec![0.0; count * width];
            read(executor, param, start, &mut block)?;
            for ((product, square), other) in sums.iter_mut().zip(block.chunks_exact(width)) {
                match by_distance {
                    true => *square += distance(own, other),
                    false => {
                        *product += dot(own, other);
                        *square += dot(other, other);
                    }
                }
            }
        }
        let others = (start..).zip(sums).filter(|&(other, _)| other != row as usize);
        for (other, (product, square)) in others {
            if by_distance {
                top.offer(other as u32, if square.is_finite() { -square as f32 } else { f32::NAN });
                continue;
            }
            // NaN where either is all zero or has a number that is not finite, and then it is not kept.
            let cosine = product / (libm::sqrt(own_square) * libm::sqrt(square));
            top.offer(other as u32, cosine as f32);
        }
    }
    Ok(top.take_sorted())
}

/// Rows of a table as scores see them: propagated, or with those of features, if they are.
fn read(executor: &mut dyn Executor, table: usize, first: usize, out: &mut [f32]) -> Result<()> {
    let side = executor
        .plan()
        .propagation()
        .and_then(|propagate| propagate.side(table));
    match (side, executor.propagation()) {
        (Some(_), Some(propagation)) => propagation.propagated_rows(table, first, out).wait(),
        _ => composed_rows(executor, table, first, out).wait(),
    }
}

/// In `f64`, where products of `f32` neither overflow nor vanish.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// The square of how far two vectors are apart.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let apart = a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b));
    apart.map(|x| x * x).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        device::Device,
        models::Mf,
        plan::{ParamKind, State},
    };

    /// Angles of a hand-made table, with a zero row, an infinite one and two that are alike.
    #[test]
    fn the_smallest_angles_come_first() {
        let plan = Mf::new(2, 7).factors(2).plan().unwrap();
        let mut state = State::initial(&plan, 1, false).unwrap();
        let items = [
            [2.0, 0.0],
            [1e-30, 1e-30],
            [0.0, 0.0],
            [3e38, 0.0],
            [0.0, 5.0],
            [7.0, 7.0],
            [f32::INFINITY, 1.0],
        ];
        for (param, tensor) in plan.params().iter().zip(&mut state.tensors) {
            if param.kind == (ParamKind::Table { vocabulary: 1 }) && param.width == 2 {
                tensor.value = items.concat();
            }
        }
        let mut executor = Device::cpu().executor(plan, state).unwrap();
        let got = similar(&mut *executor, 1, 0, 0, 9).unwrap();
        let half = core::f32::consts::FRAC_1_SQRT_2;
        assert_eq!(got, [(3, 1.0), (1, half), (5, half), (4, 0.0)]);
        assert_eq!(similar(&mut *executor, 1, 4, 0, 1).unwrap(), [(5, half)]);
        assert_eq!(similar(&mut *executor, 1, 0, 2, 9).unwrap(), []);
        assert_eq!(similar(&mut *executor, 1, 0, 6, 9).unwrap(), []);
        let error = similar(&mut *executor, 1, 0, 7, 1).unwrap_err();
        assert!(matches!(error, Error::Id { id: 7, rows: 7, .. }), "{error}");
    }
}

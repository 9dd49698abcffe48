//! Whether a state fits a plan.

use alloc::{format, string::String};

use crate::{
    Error, Result,
    plan::{Param, Plan, RowType, State, StoredRows},
};

/// Checks that every tensor has the plan's length, and moments the parameter's or none.
pub(crate) fn check_state(plan: &Plan, state: &State) -> Result<()> {
    let length = |what: String, expected: usize, got: usize| match got == expected {
        true => Ok(()),
        false => Err(Error::Length { what, expected, got }),
    };
    length("tensors of the state".into(), plan.params().len(), state.tensors.len())?;
    for (param, tensor) in plan.params().iter().zip(&state.tensors) {
        let len = check_stored(param, tensor.stored.as_ref())? * param.width;
        length(format!("value of {}", param.name), len, tensor.value.len())?;
        for (kind, moment) in [("m", &tensor.m), ("v", &tensor.v)] {
            if !moment.is_empty() {
                length(format!("{kind} of {}", param.name), len, moment.len())?;
            }
        }
    }
    Ok(())
}

/// Checks that a table's rows are kept as the plan says, and that every row is either kept or exact. Gives the rows that are in
/// `f32`.
pub(crate) fn check_stored(param: &Param, stored: Option<&StoredRows>) -> Result<usize> {
    let kind = stored.map_or(RowType::F32, StoredRows::kind);
    if kind != param.row_type {
        let [there, wanted] = [kind, param.row_type].map(RowType::name);
        let reason = format!("its rows are kept as {there} and the plan has them as {wanted} (Plan::with_tables_as)");
        return Err(Error::config(param.name.clone(), reason));
    }
    let Some(stored) = stored else {
        return Ok(param.rows);
    };
    let exact = stored.exact();
    let later = exact.len() - exact.partition_point(|&row| (row as usize) < stored.rows());
    let is_whole = stored.width() == param.width
        && stored.rows() + later == param.rows
        && exact.windows(2).all(|pair| pair[0] < pair[1])
        && exact.last().is_none_or(|&last| (last as usize) < param.rows);
    match is_whole {
        true => Ok(exact.len()),
        false => Err(Error::Length {
            what: format!("rows of {}, of {} floats each", param.name, param.width),
            expected: param.rows,
            got: stored.rows() + later,
        }),
    }
}

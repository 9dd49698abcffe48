//! What executors refuse before they touch anything: kernels and shaders check no id.

use alloc::{format, string::String};

use crate::{
    Error, Result,
    data::Batch,
    plan::{ParamKind, Plan, State},
};

/// Checks that a batch is sorted and fits the plan; nothing is uploaded that has not passed.
pub(crate) fn check_batch(plan: &Plan, batch: &Batch) -> Result<()> {
    check_columns(plan, batch.columns().len())?;
    for (index, column) in batch.columns().iter().enumerate() {
        if column.order.len() != batch.len() || column.ids.len() != batch.len() {
            return Err(Error::Length {
                what: format!("sorted positions of column {index} (call Batch::sort)"),
                expected: batch.len(),
                got: column.order.len(),
            });
        }
        if let Some(last) = column.segments.last() {
            check_id(plan, index, last.row)?;
        }
    }
    Ok(())
}

/// Checks ids that are to be scored.
pub(crate) fn check_ids(plan: &Plan, columns: &[&[u32]], samples: usize) -> Result<()> {
    check_columns(plan, columns.len())?;
    for (index, ids) in columns.iter().enumerate() {
        if ids.len() != samples {
            return Err(Error::Length {
                what: format!("ids of column {index}, which go with the scores"),
                expected: samples,
                got: ids.len(),
            });
        }
        check_id(plan, index, ids.iter().copied().max().unwrap_or(0))?;
    }
    Ok(())
}

fn check_columns(plan: &Plan, got: usize) -> Result<()> {
    let expected = plan.columns().len();
    match got == expected {
        true => Ok(()),
        false => Err(Error::Length {
            what: format!("id columns ({})", plan.columns().join(", ")),
            expected,
            got,
        }),
    }
}

fn check_id(plan: &Plan, column: usize, id: u32) -> Result<()> {
    let rows = plan.rows(column) as u64;
    match u64::from(id) < rows {
        true => Ok(()),
        false => Err(Error::Id {
            column: plan.columns()[column].clone(),
            id: id.into(),
            rows,
        }),
    }
}

/// Checks that every tensor has the plan's length, and moments the parameter's or none.
pub(crate) fn check_state(plan: &Plan, state: &State) -> Result<()> {
    let length = |what: String, expected: usize, got: usize| match got == expected {
        true => Ok(()),
        false => Err(Error::Length { what, expected, got }),
    };
    length("tensors of the state".into(), plan.params().len(), state.tensors.len())?;
    for (param, tensor) in plan.params().iter().zip(&state.tensors) {
        length(format!("value of {}", param.name), param.len(), tensor.value.len())?;
        for (kind, moment) in [("m", &tensor.m), ("v", &tensor.v)] {
            if !moment.is_empty() {
                length(format!("{kind} of {}", param.name), param.len(), moment.len())?;
            }
        }
    }
    Ok(())
}

/// Checks that `len` floats of a parameter from row `first` on are whole rows that are there.
pub(crate) fn check_rows(plan: &Plan, param: usize, first: usize, len: usize) -> Result<()> {
    let found = plan.params().get(param);
    let end = found.and_then(|param| first.checked_mul(param.width)?.checked_add(len));
    match (found, end) {
        (Some(param), Some(end)) if end <= param.len() && len.is_multiple_of(param.width) => Ok(()),
        _ => Err(Error::Length {
            what: format!("floats of parameter {param} behind row {first}"),
            expected: found.map_or(0, |param| param.len().saturating_sub(first.saturating_mul(param.width))),
            got: len,
        }),
    }
}

/// Checks that the tables of a column can be made `rows` rows long.
pub(crate) fn check_growth(plan: &Plan, column: usize, rows: usize) -> Result<()> {
    if column >= plan.columns().len() {
        let reason = format!("there is no id column {column}: the plan has {}", plan.columns().len());
        return Err(Error::config("grow", reason));
    }
    let tables = plan
        .params()
        .iter()
        .filter(|param| param.kind == ParamKind::Table { column });
    for param in tables {
        if rows < param.rows || rows > u32::MAX as usize {
            let there = param.rows;
            let reason = format!("{rows} rows asked for, {there} are there and cannot be taken away");
            return Err(Error::config(param.name.clone(), reason));
        }
    }
    Ok(())
}

//! What the executor refuses.

use alloc::format;

use crate::{
    Error, Result,
    plan::{Plan, State},
};

pub(super) fn check_columns(plan: &Plan, got: usize) -> Result<()> {
    let expected = plan.columns().len();
    let what = || format!("id columns ({})", plan.columns().join(", "));
    if got == expected {
        Ok(())
    } else {
        Err(Error::Length {
            what: what(),
            expected,
            got,
        })
    }
}

pub(super) fn check_id(plan: &Plan, column: usize, id: u32) -> Result<()> {
    let rows = plan.rows(column) as u64;
    if u64::from(id) < rows {
        return Ok(());
    }
    let column = plan.columns()[column].clone();
    Err(Error::Id {
        column,
        id: id.into(),
        rows,
    })
}

/// Whether every tensor has the plan's length, and moments the parameter's or none.
pub(super) fn check_state(plan: &Plan, state: &State) -> Result<()> {
    if state.tensors.len() != plan.params().len() {
        return Err(Error::Length {
            what: "tensors of the state".into(),
            expected: plan.params().len(),
            got: state.tensors.len(),
        });
    }
    for (param, tensor) in plan.params().iter().zip(&state.tensors) {
        for (kind, values) in [("value", &tensor.value), ("m", &tensor.m), ("v", &tensor.v)] {
            if values.len() != param.len() && (kind == "value" || !values.is_empty()) {
                return Err(Error::Length {
                    what: format!("{kind} of {}", param.name),
                    expected: param.len(),
                    got: values.len(),
                });
            }
        }
    }
    Ok(())
}

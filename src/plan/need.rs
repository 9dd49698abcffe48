//! What a plan's parameters take in memory.

use alloc::string::String;

use super::{ParamKind, Plan, State};
use crate::memory::{Need, bytes_of};

impl Plan {
    /// What `copies` of the parameters take, with both moments or without; `what` is what an error calls them.
    pub(crate) fn need(&self, what: impl Into<String>, moments: bool, copies: u64) -> Need {
        let copies = copies * if moments { 3 } else { 1 };
        let mut need = Need::new(what);
        let mut dense = 0u64;
        for param in self.params() {
            let row = param.row_type.bytes(param.width);
            let bytes = bytes_of::<u8>(param.rows.saturating_mul(row)).saturating_mul(copies);
            match param.kind {
                ParamKind::Table { .. } => need.add(param.name.clone(), bytes),
                ParamKind::Dense | ParamKind::Statistic => dense = dense.saturating_add(bytes),
            }
        }
        need.add("weights and biases", dense);
        need
    }

    /// What a copy of a state takes.
    pub(crate) fn need_of(&self, what: impl Into<String>, state: &State) -> Need {
        let moments = state.tensors.iter().any(|tensor| !tensor.m.is_empty());
        self.need(what, moments, 1)
    }
}

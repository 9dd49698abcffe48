//! Interactions as they come, before they are grouped.

use alloc::{format, string::String, vec::Vec};

/// Interactions as they come, one entry a row in each column; `times` is empty where the source has none.
#[derive(Default)]
pub(crate) struct Rows {
    pub users: Vec<u32>,
    pub items: Vec<u32>,
    pub times: Vec<i64>,
}

/// Refuses a dense id that would make tables far larger than the data: a table costs memory for every id below its
/// largest. `column` names the id in the message. Gives the largest id that is accepted for `rows` rows.
pub(crate) fn check_dense(column: &str, largest: u32, rows: usize) -> Result<(), String> {
    let limit = rows.saturating_mul(64).clamp(1 << 20, u32::MAX as usize - 1);
    if (largest as usize) < limit {
        return Ok(());
    }
    Err(format!(
        "{column} id {largest} is too large for {rows} interactions: numeric ids must be dense (0, 1, 2, ...); \
         renumber them, or pass them as text keys, which are numbered for you"
    ))
}

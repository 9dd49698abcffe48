//! What is checked before a checkpoint is written and again when it is read.

use alloc::{format, string::String, vec, vec::Vec};

use crate::{
    plan::Param,
    train::{History, Progress, all_finite},
};

/// JSON values of a metadata string at most. Each takes some 64 bytes while it is read, whatever it takes in the file;
/// the largest model that is read has half as many.
const MAX_VALUES: usize = 1 << 17;

/// What the metadata string `key` says.
pub(super) fn parsed<T: serde::de::DeserializeOwned>(key: &str, json: &str) -> Result<T, String> {
    let values = count_values(json);
    if values > MAX_VALUES {
        return Err(format!(
            "metadata key {key}: {values} values, at most {MAX_VALUES} are read"
        ));
    }
    serde_json::from_str(json).map_err(|error| format!("metadata key {key}: {error}"))
}

/// How many values there are in a JSON text, or a few less: each but the first of a list stands behind a comma.
fn count_values(json: &str) -> usize {
    let (mut commas, mut in_string, mut escaped) = (0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b',' if !in_string => commas += 1,
            _ => {}
        }
    }
    1 + commas
}

/// Shape as PyTorch has it.
pub(super) fn shape_of(param: &Param) -> Vec<usize> {
    match param.is_vector {
        true => vec![param.width],
        false => vec![param.rows, param.width],
    }
}

pub(super) fn check_values(name: &str, values: &[f32]) -> Result<(), String> {
    match all_finite(values) {
        true => Ok(()),
        false => Err(format!("tensor {name} holds a value that is not finite")),
    }
}

pub(super) fn check_squares(name: &str, values: &[f32]) -> Result<(), String> {
    // In blocks of bits, so that it runs at the speed of memory: a sign is there, and not that of zero. None is NaN.
    let sign = |v: &f32| v.to_bits() & v.to_bits().wrapping_sub(1);
    let any = |block: &[f32]| block.iter().fold(0, |bits, v| bits | sign(v)) >> 31 == 1;
    match values.chunks(1024).any(any) {
        true => Err(format!("tensor {name} holds a negative value; it is a mean of squares")),
        false => Ok(()),
    }
}

pub(super) fn check_best<V>(has_values: bool, key: &str, progress: &Progress<V>) -> Result<(), String> {
    match has_values && progress.best.is_none() {
        true => Err(format!(
            "tensors best/... are there, but metadata key {key} has no best epoch"
        )),
        false => Ok(()),
    }
}

pub(super) fn check_titles(titles: usize, items: usize) -> Result<(), String> {
    match titles > items {
        true => Err(format!("tensor titles.ends: {titles} titles for {items} items")),
        false => Ok(()),
    }
}

/// Why a history cannot go on with tables of so many rows.
pub(super) fn check_history(history: &History, rows: [usize; 2]) -> Result<(), String> {
    check_trained(&history.offsets, &history.items, rows)?;
    check_held_out(&history.held_out)?;
    check_pairs("history/held_out", &history.held_out, rows)?;
    check_pairs("history/absorbed", &history.absorbed_pairs(), rows)
}

pub(super) fn check_trained(offsets: &[u64], items: &[u32], rows: [usize; 2]) -> Result<(), String> {
    let users = offsets.len().saturating_sub(1);
    let ends = (
        offsets.first().copied().unwrap_or(0),
        offsets.last().copied().unwrap_or(0),
    );
    if users > rows[0] || ends != (0, items.len() as u64) || !offsets.is_sorted() {
        return Err(format!(
            "tensor history/offsets must rise from 0 to {} for at most {} users",
            items.len(),
            rows[0]
        ));
    }
    if let Some(item) = items.iter().max().filter(|&&item| item as usize >= rows[1]) {
        return Err(format!(
            "tensor history/items: item {item}, the table has {} rows",
            rows[1]
        ));
    }
    Ok(())
}

pub(super) fn check_held_out(pairs: &[(u32, u32)]) -> Result<(), String> {
    match pairs.is_sorted() {
        true => Ok(()),
        false => Err("tensor history/held_out is not sorted".into()),
    }
}

pub(super) fn check_pairs(name: &str, pairs: &[(u32, u32)], rows: [usize; 2]) -> Result<(), String> {
    let outside = |&&(user, item): &&(u32, u32)| user as usize >= rows[0] || item as usize >= rows[1];
    match pairs.iter().find(outside) {
        Some(pair) => Err(format!("tensor {name}: {pair:?} lies outside the tables")),
        None => Ok(()),
    }
}

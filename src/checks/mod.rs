//! What executors refuse before they touch anything: kernels and shaders check no id.

mod state;

use alloc::{format, string::String, vec::Vec};
use core::ops::Range;

pub(crate) use state::check_state;
#[cfg(feature = "checkpoint")]
pub(crate) use state::check_stored;

use crate::{
    Error, Result,
    data::{Batch, Graph},
    plan::{Column, MAX_WEIGHTS, ParamKind, Plan, Space},
};

/// Checks that a batch is sorted and fits the plan, and that its numbers can be learnt from; nothing is uploaded that has
/// not passed.
pub(crate) fn check_batch(plan: &Plan, batch: &Batch) -> Result<()> {
    check_columns(plan.columns(), batch.columns().len())?;
    check_pushed(batch)?;
    check_features(plan, batch)?;
    check_weights(plan, batch)?;
    check_negatives(plan, batch)?;
    check_labels(batch)?;
    check_log_q(plan, batch)?;
    check_numbers(plan, batch)?;
    if !batch.is_sorted() {
        let reason = "its ids may have changed since it was sorted; call Batch::sort before a step";
        return Err(Error::config("batch", reason));
    }
    for (index, column) in batch.columns().iter().enumerate() {
        let expected = rows_of(plan, batch, index);
        if column.order.len() != expected || column.ids.len() != expected {
            return Err(Error::Length {
                what: format!("sorted positions of column {index} (call Batch::sort)"),
                expected,
                got: column.order.len(),
            });
        }
        if let Some(last) = column.segments.last() {
            check_id(plan, index, last.row)?;
        }
    }
    Ok(())
}

/// Checks a batch that is to be scored: it need not be sorted.
pub(crate) fn check_scored(plan: &Plan, batch: &Batch, samples: usize) -> Result<()> {
    check_columns(plan.columns(), batch.columns().len())?;
    check_pushed(batch)?;
    check_length(|| "scores, one a sample".into(), batch.len(), samples)?;
    check_features(plan, batch)?;
    check_weights(plan, batch)?;
    check_numbers(plan, batch)?;
    for (index, column) in batch.columns().iter().enumerate() {
        let what = || format!("ids of column {index}");
        check_length(what, rows_of(plan, batch, index), column.ids.len())?;
        check_id(plan, index, column.ids.iter().copied().max().unwrap_or(0))?;
    }
    Ok(())
}

/// Negatives are where the plan's loss looks for them.
fn check_negatives(plan: &Plan, batch: &Batch) -> Result<()> {
    let (of_plan, of_batch) = (plan.negatives(), batch.negatives());
    if of_plan == of_batch || (of_plan.is_empty() && of_batch.is_empty()) {
        return Ok(());
    }
    let reason = format!(
        "it has negatives in the id columns {of_batch:?}, and the plan's loss wants them in {of_plan:?}: fill it as the plan says \
         (Batch::set_negatives; Sampler::pairwise for a loss of pairs)"
    );
    Err(Error::config("batch", reason))
}

/// Every pushed sample had one id a column.
fn check_pushed(batch: &Batch) -> Result<()> {
    match batch.is_ragged() {
        false => Ok(()),
        true => {
            let reason = format!(
                "a sample was pushed with other than {} ids, one a column; clear it and fill it anew",
                batch.columns().len()
            );
            Err(Error::config("batch", reason))
        }
    }
}

/// Whether all are numbers from 0 to `most`. A pass without branches, eight numbers at a time: a label is looked at in a
/// fraction of a nanosecond, where a step takes a hundred for its sample.
fn all_within(numbers: &[f32], most: f32) -> bool {
    let within = |x: f32| (x >= 0.0) & (x <= most); // no NaN is
    let (chunks, rest) = numbers.as_chunks::<8>();
    let mut good = [true; 8];
    for chunk in chunks {
        for (good, &x) in good.iter_mut().zip(chunk) {
            *good &= within(x);
        }
    }
    good.iter().all(|&good| good) & rest.iter().all(|&x| within(x))
}

/// Labels are in 0..=1, and the weights of samples finite and not negative.
pub(crate) fn check_labels(batch: &Batch) -> Result<()> {
    let refuse = |what: &str, numbers: &[f32], most: f32, right: &str| {
        let at = numbers.iter().position(|x| !(0.0..=most).contains(x)).unwrap_or(0);
        let (field, reason) = (
            format!("{what} of sample {at}"),
            format!("{} is not {right}", numbers[at]),
        );
        Err(Error::config(field, reason))
    };
    if !all_within(batch.labels(), 1.0) {
        return refuse("label", batch.labels(), 1.0, "in 0..=1");
    }
    let weights = batch.weights();
    if !weights.is_empty() {
        check_length(
            || "weights of the samples, one each or none".into(),
            batch.len(),
            weights.len(),
        )?;
    }
    match all_within(weights, f32::MAX) {
        true => Ok(()),
        false => refuse("weight", weights, f32::MAX, "a finite number of at least 0"),
    }
}

/// Where the loss corrects for how candidates were drawn, there is a number for each.
pub(crate) fn check_log_q(plan: &Plan, batch: &Batch) -> Result<()> {
    let (log_q, expected) = (batch.log_q(), if plan.wants_log_q() { batch.len() } else { 0 });
    check_length(
        || {
            "logarithms of the candidates' probabilities (Batch::log_q_mut), one a sample where the loss corrects for them".into()
        },
        expected,
        log_q.len(),
    )?;
    match log_q.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let reason = format!(
                "{} is not a finite number: the candidate must have been drawn",
                log_q[at]
            );
            Err(Error::config(format!("log_q of sample {at}"), reason))
        }
    }
}

/// Numeric features, and the weights of ids, are finite.
fn check_numbers(plan: &Plan, batch: &Batch) -> Result<()> {
    // The magnitude of each: `all_within` of absolute values without a copy of them.
    let finite = |numbers: &[f32]| {
        let (chunks, rest) = numbers.as_chunks::<8>();
        let mut good = [true; 8];
        for chunk in chunks {
            for (good, &x) in good.iter_mut().zip(chunk) {
                *good &= x.abs() <= f32::MAX;
            }
        }
        good.iter().all(|&good| good) & rest.iter().all(|x| x.is_finite())
    };
    let first = |numbers: &[f32]| numbers.iter().position(|x| !x.is_finite()).unwrap_or(0);
    let numbers = batch.numeric();
    if !finite(numbers) {
        let (at, width) = (first(numbers), plan.numerics().max(1));
        let field = format!("numeric feature {} of sample {}", at % width, at / width);
        return Err(Error::config(field, format!("{} is not a finite number", numbers[at])));
    }
    for (column, of_batch) in plan.columns().iter().zip(batch.columns()) {
        if !finite(&of_batch.weights) {
            let at = first(&of_batch.weights);
            let (field, found) = (format!("weight of id {at} of {}", column.name), of_batch.weights[at]);
            return Err(Error::config(field, format!("{found} is not a finite number")));
        }
    }
    Ok(())
}

/// Ids that a column of the batch should have.
fn rows_of(plan: &Plan, batch: &Batch, column: usize) -> usize {
    match plan.columns()[column].space {
        Space::Samples => batch.len(),
        Space::Steps(sequence) => batch.offsets(sequence).last().map_or(0, |&end| end as usize),
        Space::Nodes => 0, // no column's
    }
}

/// Every weighted column has a weight an id.
fn check_weights(plan: &Plan, batch: &Batch) -> Result<()> {
    for (column, of_batch) in plan.columns().iter().zip(batch.columns()) {
        let expected = if column.weighted { of_batch.ids.len() } else { 0 };
        check_length(
            || format!("weights of the ids of {}", column.name),
            expected,
            of_batch.weights.len(),
        )?;
    }
    Ok(())
}

/// Checks sequences and numeric features.
fn check_features(plan: &Plan, batch: &Batch) -> Result<()> {
    let names = plan.sequences();
    let what = || format!("sequences ({})", names.join(", "));
    check_length(what, names.len(), batch.sequences())?;
    for (index, name) in names.iter().enumerate() {
        let offsets = batch.offsets(index);
        check_length(|| format!("offsets of sequence {name}"), batch.len() + 1, offsets.len())?;
        if offsets[0] != 0 || !offsets.is_sorted() {
            let reason = "its offsets do not ascend from 0";
            return Err(Error::config(format!("sequence {name}"), reason));
        }
    }
    let expected = batch.len().saturating_mul(plan.numerics());
    check_length(
        || "numeric features of all samples".into(),
        expected,
        batch.numeric().len(),
    )
}

/// Checks ids that are to be scored.
pub(crate) fn check_ids(plan: &Plan, columns: &[&[u32]], samples: usize) -> Result<()> {
    check_columns(plan.scored_columns(), columns.len())?;
    if !plan.scores_ids() {
        let reason = "it has sequences or numeric features: score a batch of them";
        return Err(Error::config("plan", reason));
    }
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

/// `what` is put into words on an error alone: a step allocates nothing.
fn check_length(what: impl FnOnce() -> String, expected: usize, got: usize) -> Result<()> {
    match got == expected {
        true => Ok(()),
        false => Err(Error::Length {
            what: what(),
            expected,
            got,
        }),
    }
}

fn check_columns(columns: &[Column], got: usize) -> Result<()> {
    let names = || columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>();
    check_length(|| format!("id columns ({})", names().join(", ")), columns.len(), got)
}

fn check_id(plan: &Plan, column: usize, id: u32) -> Result<()> {
    let Column { name, vocabulary, .. } = &plan.columns()[column];
    let rows = plan.rows(*vocabulary) as u64;
    match u64::from(id) < rows {
        true => Ok(()),
        false => Err(Error::Id {
            column: name.clone(),
            id: id.into(),
            rows,
        }),
    }
}

/// Checks that there is a graph where the plan propagates, of as many nodes as its tables have rows.
pub(crate) fn check_graph(plan: &Plan, graph: Option<&Graph>) -> Result<()> {
    if plan.propagation().is_none() {
        return Ok(());
    }
    let Some(graph) = graph else {
        let reason = "the plan propagates its tables along a graph and this executor has none: give it one \
                      (executor::set_graph)";
        return Err(Error::config("graph", reason));
    };
    let sides = [("users", graph.users(), 0), ("items", graph.items(), 1)];
    for (what, there, side) in sides {
        check_length(
            || format!("{what} of the graph, one a row of their table"),
            plan.nodes()[side],
            there as usize,
        )?;
    }
    Ok(())
}

/// The numbers of nodes that the plan's graph has.
pub(crate) fn nodes_of(plan: &Plan) -> [u32; 2] {
    plan.nodes().map(|rows| u32::try_from(rows).unwrap_or(u32::MAX))
}

/// Checks that `len` floats behind row `first` of a propagated table are whole rows that are there. Gives them as nodes, and
/// the table's width.
pub(crate) fn check_propagated(plan: &Plan, table: usize, first: usize, len: usize) -> Result<(Range<usize>, usize)> {
    check_rows(plan, table, first, len)?;
    let Some(side) = plan.propagation().and_then(|propagate| propagate.side(table)) else {
        let name = &plan.params()[table].name;
        return Err(Error::config(
            name.clone(),
            "the plan does not propagate it; read its rows as they are",
        ));
    };
    let width = plan.params()[table].width;
    let start = side * plan.nodes()[0] + first;
    Ok((start..start + len / width, width))
}

/// Checks that `len` floats are as many as some rows of a propagated table have, and that these are there. Gives the node of the
/// table's first row, and its width.
pub(crate) fn check_sent(plan: &Plan, table: usize, rows: &[u32], len: usize) -> Result<(usize, usize)> {
    let (nodes, width) = check_propagated(plan, table, 0, 0)?;
    let param = &plan.params()[table];
    check_length(
        || format!("floats of {} rows of {}", rows.len(), param.name),
        rows.len().saturating_mul(width),
        len,
    )?;
    match rows.iter().find(|&&row| row as usize >= param.rows) {
        None => Ok((nodes.start, width)),
        Some(&row) => Err(Error::Id {
            column: param.name.clone(),
            id: row.into(),
            rows: param.rows as u64,
        }),
    }
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

/// Checks that the tables of a vocabulary can be made `rows` rows long.
pub(crate) fn check_growth(plan: &Plan, vocabulary: usize, rows: usize) -> Result<()> {
    if vocabulary >= plan.vocabularies().len() {
        let there = plan.vocabularies().len();
        let reason = format!("there is no vocabulary {vocabulary}: the plan has {there}");
        return Err(Error::config("grow", reason));
    }
    let tables = plan
        .params()
        .iter()
        .filter(|param| param.kind == ParamKind::Table { vocabulary });
    for param in tables {
        if rows < param.rows || rows > u32::MAX as usize {
            let there = param.rows;
            let reason = format!("{rows} rows asked for, {there} are there and cannot be taken away");
            return Err(Error::config(param.name.clone(), reason));
        }
        // All rows that ids can pick have an address in 64 bits, but not in 32.
        if rows.checked_mul(param.width).is_none_or(|len| len > MAX_WEIGHTS) {
            let reason = format!("{rows} rows of {} floats do not fit in memory", param.width);
            return Err(Error::config(param.name.clone(), reason));
        }
    }
    Ok(())
}

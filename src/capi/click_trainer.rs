//! A trainer of clicks: ranking candidates, learning from clicks, saving. It is trained elsewhere and loaded.

use std::ffi::c_char;

use super::{
    arguments::{Out, OutList, OutSized, elements, growable, text},
    handles::Handles,
    saved,
    status::{Failure, Result, entry, pocketrec_status, pocketrec_status::POCKETREC_LENGTH},
};
use crate::train::{ClickAbsorbReport, ClickRow, ClickTrainer};

/// Ranks candidates by a click-through model, and goes on learning. One call at a time works on it, as on a
/// pocketrec_trainer.
pub struct pocketrec_click_trainer {
    _private: [u8; 0],
}

/// The value of a column, both texts in UTF-8, as in a row of a file: numbers are written out.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_value {
    /// The name of the column.
    pub column: *const c_char,
    /// Its value.
    pub value: *const c_char,
}

/// Values of one row. A column that is not given counts as empty.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_values {
    /// The values; NULL where there are none.
    pub values: *const pocketrec_value,
    /// How many they are.
    pub count: usize,
}

/// A candidate's place among those that were given, counted from 0, and its logit.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct pocketrec_ranked {
    /// The place.
    pub candidate: u32,
    /// More is better.
    pub score: f32,
}

/// A row to learn from.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_click {
    /// Values of the context and of the candidate.
    pub values: pocketrec_values,
    /// What the user did before, oldest first, without what was absorbed; NULL where there is nothing.
    pub events: *const pocketrec_values,
    /// How many events.
    pub event_count: usize,
    /// 1 for a click, 0 for none, or between.
    pub label: f32,
}

/// What absorbing clicks did. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_click_absorb_report {
    /// sizeof(pocketrec_click_absorb_report).
    pub size: usize,
    /// Rows given.
    pub rows: u64,
    /// Keys that are new.
    pub new_keys: u64,
    /// Steps made.
    pub steps: u64,
    /// Mean cross-entropy of the rows before,
    pub before: f64,
    /// and afterwards.
    pub after: f64,
}

growable! {
    pocketrec_click_absorb_report ends in after: f64;
}

pub(super) static CLICK_TRAINERS: Handles<ClickTrainer> = Handles::new("click trainer", 3);

/// Values as the library takes them.
type Row<'a> = Vec<(&'a str, &'a str)>;

/// # Safety
/// So many values are there, and their texts end in zeros.
unsafe fn row_of<'a>(name: &str, values: pocketrec_values) -> Result<Row<'a>> {
    // SAFETY: the caller's word.
    let values = unsafe { elements(name, values.values, values.count) }?;
    let texts = |value: &pocketrec_value| {
        // SAFETY: likewise.
        unsafe { Ok((text("column", value.column)?, text("value", value.value)?)) }
    };
    values.iter().map(texts).collect()
}

/// # Safety
/// So many rows are there, each as [`row_of`] wants it.
unsafe fn rows_of<'a>(name: &str, rows: *const pocketrec_values, count: usize) -> Result<Vec<Row<'a>>> {
    // SAFETY: the caller's word.
    let rows = unsafe { elements(name, rows, count) }?;
    // SAFETY: likewise.
    rows.iter().map(|&row| unsafe { row_of(name, row) }).collect()
}

/// Makes a trainer that goes on where a saved one was. The bytes are those of a file of the library or of
/// pocketrec_click_trainer_save(); they are copied. `device` and `threads` are as in pocketrec_trainer_new().
///
/// Errors: `POCKETREC_NULL`; `POCKETREC_CHECKPOINT` where the bytes are truncated, damaged, or none of a model of clicks;
/// `POCKETREC_DEVICE`; `POCKETREC_MEMORY`. `*trainer` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_click_trainer_load(
    bytes: *const u8,
    len: usize,
    device: *const c_char,
    threads: u32,
    trainer: *mut *mut pocketrec_click_trainer,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    entry(|| unsafe {
        saved::load(
            &CLICK_TRAINERS,
            (bytes, len),
            (device, threads),
            trainer,
            ClickTrainer::from_bytes,
        )
    })
}

/// Saves everything to bytes. Free them by pocketrec_bytes_free().
///
/// Errors: as pocketrec_trainer_save().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_click_trainer_save(
    trainer: *mut pocketrec_click_trainer,
    bytes: *mut *mut u8,
    len: *mut usize,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    entry(|| unsafe { saved::save(&CLICK_TRAINERS, trainer, bytes, len, |trainer| Ok(trainer.to_bytes()?)) })
}

/// Frees a trainer. NULL is fine.
///
/// Errors: as pocketrec_trainer_free().
#[unsafe(no_mangle)]
pub extern "C" fn pocketrec_click_trainer_free(trainer: *mut pocketrec_click_trainer) -> pocketrec_status {
    entry(|| CLICK_TRAINERS.remove(trainer).map(drop))
}

/// Ranks `count` candidates for a request, best first. `context` has the values of the request, `candidates` those of each
/// candidate, `events` what the user did before, oldest first; clicks that were absorbed follow by themselves. `ranked` has
/// room for `k`; `*found` is how many were written: `k`, or `count` where that is less.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where a name is no column
/// of the schema, a value is no number though its field is one, there are no candidates, or the model was saved without its
/// encoder; `POCKETREC_LENGTH` where there are 2^32 candidates or more; `POCKETREC_DIVERGED`. `*found` is 0 then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_click_trainer_rank(
    trainer: *mut pocketrec_click_trainer,
    context: pocketrec_values,
    events: *const pocketrec_values,
    event_count: usize,
    candidates: *const pocketrec_values,
    count: usize,
    ranked: *mut pocketrec_ranked,
    k: usize,
    found: *mut usize,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let (found, room) = unsafe { (Out::new("found", found, 0)?, OutList::new("ranked", ranked, k)?) };
        if u32::try_from(count).is_err() {
            let reason = format!("candidates: {count}; give fewer than 2^32");
            return Err(Failure::new(POCKETREC_LENGTH, reason));
        }
        // SAFETY: likewise.
        let (context, events, candidates) = unsafe {
            (
                row_of("context", context)?,
                rows_of("events", events, event_count)?,
                rows_of("candidates", candidates, count)?,
            )
        };
        let [events, candidates] =
            [&events, &candidates].map(|rows| rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let list = CLICK_TRAINERS.with(trainer, |trainer| Ok(trainer.rank(&context, &events, &candidates)?))?;
        let ranked = list.into_iter().map(|(candidate, score)| pocketrec_ranked {
            candidate: candidate as u32, // there are fewer than 2^32
            score,
        });
        found.set(room.fill(ranked));
        Ok(())
    })
}

/// Learns from `rows` clicks at once, and puts those with a label from 0.5 on behind their user's history. Keys that are new
/// get rows of their own. `report` may be NULL.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where a name is no column
/// of the schema, a value is no number though its field is one, or a label is not in 0 to 1, and nothing is changed then;
/// `POCKETREC_DIVERGED`; `POCKETREC_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_click_trainer_absorb(
    trainer: *mut pocketrec_click_trainer,
    clicks: *const pocketrec_click,
    rows: usize,
    report: *mut pocketrec_click_absorb_report,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let (out, clicks) = unsafe { (OutSized::new(report)?, elements("clicks", clicks, rows)?) };
        let mut owned = Vec::with_capacity(rows);
        for click in clicks {
            // SAFETY: likewise.
            owned.push(unsafe {
                (
                    row_of("values", click.values)?,
                    rows_of("events", click.events, click.event_count)?,
                    click.label,
                )
            });
        }
        let events: Vec<Vec<&[_]>> = owned
            .iter()
            .map(|(_, events, _)| events.iter().map(Vec::as_slice).collect())
            .collect();
        let rows: Vec<ClickRow> = owned
            .iter()
            .zip(&events)
            .map(|((values, _, label), events)| ClickRow {
                values,
                events,
                label: *label,
            })
            .collect();
        let report = CLICK_TRAINERS.with(trainer, |trainer| Ok(trainer.absorb(&rows)?))?;
        out.set(&pocketrec_click_absorb_report::of(&report));
        Ok(())
    })
}

impl pocketrec_click_absorb_report {
    fn of(report: &ClickAbsorbReport) -> Self {
        pocketrec_click_absorb_report {
            size: size_of::<Self>(),
            rows: report.rows as u64,
            new_keys: report.new_keys as u64,
            steps: report.steps,
            before: report.before,
            after: report.after,
        }
    }
}

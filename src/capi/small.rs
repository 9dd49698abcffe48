//! Small files to use a model from, and small updates.

#[cfg(feature = "clicks")]
use super::click_trainer::{CLICK_TRAINERS, pocketrec_click_trainer};
use super::{
    arguments::elements,
    saved,
    status::{Failure, Result, entry, pocketrec_status, pocketrec_status::POCKETREC_CONFIG},
    trainer::{TRAINERS, pocketrec_trainer},
};
use crate::{
    checkpoint::{Checkpoint, Delta, DeltaConfig, Export},
    plan::RowType,
};

/// What tables are kept as that have so many bits a float.
fn row_type_of(bits: u32) -> Result<RowType> {
    match bits {
        32 => Ok(RowType::F32),
        16 => Ok(RowType::F16),
        8 => Ok(RowType::I8),
        _ => {
            let reason = format!("bits: {bits} is none of 32, 16 and 8, which a float of a table can have");
            Err(Failure::Caller(POCKETREC_CONFIG, reason))
        }
    }
}

/// Writes a small file to use the model from: to recommend and to learn from clicks, not to train on. It has no moments, its
/// tables have `bits` a float (32, 16 or 8), and it has `user_count` users alone, who become users 0, 1, ... in their order; all
/// users, where `users` is NULL. What is learnt later is kept exactly. pocketrec_trainer_load() reads it; free the bytes by
/// pocketrec_bytes_free().
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where `bits` is another number, a float is
/// too large for it, a user is named twice, or the model knows items by all users; `POCKETREC_ID`; `POCKETREC_MEMORY`. `*bytes`
/// is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_export(
    trainer: *mut pocketrec_trainer,
    bits: u32,
    users: *const u32,
    user_count: usize,
    bytes: *mut *mut u8,
    len: *mut usize,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    entry(|| unsafe {
        let users = match users.is_null() {
            true => None,
            false => Some(elements("users", users, user_count)?),
        };
        let rows = row_type_of(bits);
        saved::save(&TRAINERS, trainer, bytes, len, |trainer| {
            Ok(trainer.export_to_bytes(&Export { rows: rows?, users })?)
        })
    })
}

/// Writes a small file of a trainer of clicks, as pocketrec_trainer_export() does, with all users.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where `bits` is another number or a float is
/// too large for it; `POCKETREC_MEMORY`. `*bytes` is NULL then.
#[cfg(feature = "clicks")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_click_trainer_export(
    trainer: *mut pocketrec_click_trainer,
    bits: u32,
    bytes: *mut *mut u8,
    len: *mut usize,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    entry(|| unsafe {
        let rows = row_type_of(bits);
        saved::save(&CLICK_TRAINERS, trainer, bytes, len, |trainer| {
            Ok(trainer.export_to_bytes(rows?)?)
        })
    })
}

/// Writes what was learnt since a base: rows that differ from those of `base`, which are the bytes that this trainer was loaded
/// from, or was saved to before. Rows of items are left out where no float moved by more than `threshold`; all else is exact.
/// What was absorbed is in it if `clicks` is not 0: without, nothing says what a user did. pocketrec_trainer_apply() takes it;
/// free the bytes by pocketrec_bytes_free().
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CHECKPOINT` where the base is damaged;
/// `POCKETREC_CONFIG` where it is of another model or `threshold` is negative or not finite; `POCKETREC_MEMORY`. `*bytes` is NULL
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_delta(
    trainer: *mut pocketrec_trainer,
    base: *const u8,
    base_len: usize,
    threshold: f32,
    clicks: u32,
    bytes: *mut *mut u8,
    len: *mut usize,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    entry(|| unsafe {
        let base = elements("base", base, base_len)?;
        saved::save(&TRAINERS, trainer, bytes, len, |trainer| {
            let config = DeltaConfig {
                threshold,
                clicks: clicks != 0,
            };
            Ok(trainer.delta(&Checkpoint::from_bytes(base)?, &config)?.to_bytes()?)
        })
    })
}

/// Takes over what another trainer learnt that began from where this one is: the bytes are those of pocketrec_trainer_delta().
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CHECKPOINT` where the bytes are damaged or no delta;
/// `POCKETREC_CONFIG` where it began from another state than this trainer has; `POCKETREC_MEMORY`. Nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_apply(
    trainer: *mut pocketrec_trainer,
    bytes: *const u8,
    len: usize,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let bytes = unsafe { elements("bytes", bytes, len) }?;
        TRAINERS.with(trainer, |trainer| Ok(trainer.apply(&Delta::from_bytes(bytes)?)?))
    })
}

//! A trainer of users and items: training, learning from clicks, saving. What it recommends is in `recommend.rs`.

use std::{
    ffi::{c_char, c_void},
    time::Duration,
};

use super::{
    arguments::{Out, OutSized, elements, optional_text, read_sized},
    handles::{Handles, pointer_of},
    reports::{
        pocketrec_absorb_report, pocketrec_event, pocketrec_fit_report, pocketrec_on_event, pocketrec_trainer_info,
    },
    saved,
    settings::{pocketrec_model, pocketrec_train_config},
    split::{key_at, pocketrec_split, split_of},
    status::{Result, entry, pocketrec_status},
};
use crate::{
    device::Device,
    train::{AbsorbConfig, Control, Event, TrainConfig, Trainer},
};

/// Trains a model, recommends with it, and goes on learning. One call at a time works on it: another meanwhile, from whatever
/// thread, is refused with `POCKETREC_BUSY`.
pub struct pocketrec_trainer {
    _private: [u8; 0],
}

pub(super) static TRAINERS: Handles<Trainer> = Handles::new("trainer", 2);

/// The device of a name, with so many threads; NULL is the best one.
///
/// # Safety
/// The name is NULL or a text.
pub(super) unsafe fn device_of(name: *const c_char, threads: u32) -> Result<Device> {
    // SAFETY: the caller's word.
    let device = match unsafe { optional_text("device", name) }? {
        None => Device::auto()?,
        Some(name) => Device::named(name)?,
    };
    Ok(device.threads(threads as usize))
}

/// Makes a trainer of a new model.
///
/// `device` is `cpu`, `auto`, `gpu` or a part of a graphics adapter's name; NULL is `auto`, or what the environment variable
/// POCKETREC_DEVICE says. `threads` are the processor's; 0 is as many as it has cores. `config` may be NULL: then training
/// has its default settings. What is given is copied. Free the trainer by pocketrec_trainer_free().
///
/// Errors: `POCKETREC_NULL`; `POCKETREC_ARGUMENT`; `POCKETREC_CONFIG` where a setting is out of range; `POCKETREC_DEVICE`;
/// `POCKETREC_MEMORY`. `*trainer` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_new(
    model: *const pocketrec_model,
    device: *const c_char,
    threads: u32,
    config: *const pocketrec_train_config,
    trainer: *mut *mut pocketrec_trainer,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let (out, (model, loss), device) = unsafe {
            (
                Out::new("trainer", trainer, pointer_of(0))?,
                read_sized(model, pocketrec_model::DEFAULT)?.to_model()?,
                device_of(device, threads)?,
            )
        };
        let defaults = TrainConfig {
            loss,
            ..TrainConfig::default()
        };
        // SAFETY: likewise.
        let config = unsafe { read_config(config, defaults) }?;
        out.set(TRAINERS.insert(Trainer::new(model, device, config)?)?);
        Ok(())
    })
}

/// `present` with the settings of C, where there are some.
///
/// # Safety
/// They are NULL, or as the header asks for them.
unsafe fn read_config(config: *const pocketrec_train_config, present: TrainConfig) -> Result<TrainConfig> {
    if config.is_null() {
        return Ok(present);
    }
    // SAFETY: the caller's word.
    unsafe { read_sized(config, pocketrec_train_config::of(&present))?.over(present) }
}

/// Makes a trainer that goes on where a saved one was, with the same bits on the same kind of device. The bytes are those of a
/// file of the library or of pocketrec_trainer_save(); they are copied. `device` and `threads` are as in
/// pocketrec_trainer_new().
///
/// Errors: `POCKETREC_NULL`; `POCKETREC_CHECKPOINT` where the bytes are truncated, damaged, or none of such a model;
/// `POCKETREC_DEVICE`; `POCKETREC_MEMORY`. `*trainer` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_load(
    bytes: *const u8,
    len: usize,
    device: *const c_char,
    threads: u32,
    trainer: *mut *mut pocketrec_trainer,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    entry(|| unsafe { saved::load(&TRAINERS, (bytes, len), (device, threads), trainer, Trainer::from_bytes) })
}

/// Saves everything to bytes, which are a safetensors file that PyTorch opens too: parameters, moments, keys, histories,
/// settings and position. Free them by pocketrec_bytes_free().
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CHECKPOINT` where a parameter is not finite;
/// `POCKETREC_MEMORY`. `*bytes` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_save(
    trainer: *mut pocketrec_trainer,
    bytes: *mut *mut u8,
    len: *mut usize,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    entry(|| unsafe { saved::save(&TRAINERS, trainer, bytes, len, |trainer| Ok(trainer.to_bytes()?)) })
}

/// Frees a trainer. NULL is fine.
///
/// Errors: `POCKETREC_HANDLE` where it is no trainer, or was freed before; `POCKETREC_BUSY` while a call works on it. Nothing
/// is done then.
#[unsafe(no_mangle)]
pub extern "C" fn pocketrec_trainer_free(trainer: *mut pocketrec_trainer) -> pocketrec_status {
    entry(|| TRAINERS.remove(trainer).map(drop))
}

/// Tells how many users and items there are, and where training stands.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_get_info(
    trainer: *mut pocketrec_trainer,
    info: *mut pocketrec_trainer_info,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let out = unsafe { OutSized::required(info) }?;
        out.set(&TRAINERS.with(trainer, |trainer| Ok(pocketrec_trainer_info::of(trainer)))?);
        Ok(())
    })
}

/// Tells the settings of training; its names are NULL, which keeps what there is. Set `size` before the call.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_get_config(
    trainer: *mut pocketrec_trainer,
    config: *mut pocketrec_train_config,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let out = unsafe { OutSized::required(config) }?;
        out.set(&TRAINERS.with(trainer, |trainer| Ok(pocketrec_train_config::of(trainer.config())))?);
        Ok(())
    })
}

/// Changes the settings for the steps to come: more epochs, another learning rate, and so on. The loss stays as it is.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where a setting is
/// out of range or the loss is another. The old settings stay then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_set_config(
    trainer: *mut pocketrec_trainer,
    config: *const pocketrec_train_config,
) -> pocketrec_status {
    entry(|| {
        TRAINERS.with(trainer, |trainer| {
            let present = *trainer.config();
            // SAFETY: the caller's word, as the header asks for it.
            let config = unsafe { read_sized(config, pocketrec_train_config::of(&present))?.over(present) }?;
            Ok(trainer.set_config(config)?)
        })
    })
}

/// Trains on a split until all epochs are done, patience or the time is over, or the callback says stop. A call after that
/// goes on with the next sample, with the same bits as if training had never stopped.
///
/// `milliseconds` is the time that the call may take, 0 as much as it needs: it returns after the first step that ends later,
/// but makes one step at least and finishes an evaluation that falls due. Each call begins with a pass over the split, so
/// give seconds rather than the milliseconds of a frame. `on_event` may be NULL; it is called after every `report_every`
/// steps and after each epoch, with `context`, which the library does not look at. `report` may be NULL.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where the split does
/// not fit the model or cannot be evaluated; `POCKETREC_DIVERGED`: parameters and position are then those of the beginning of
/// the epoch or of this call, whichever was later; `POCKETREC_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_fit(
    trainer: *mut pocketrec_trainer,
    split: *const pocketrec_split,
    milliseconds: u64,
    on_event: pocketrec_on_event,
    context: *mut c_void,
    report: *mut pocketrec_fit_report,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let out = unsafe { OutSized::new(report) }?;
        let split = split_of(split)?;
        let mut watch = |event: &Event| {
            let event = pocketrec_event::of(event);
            // SAFETY: the caller says that it may be called so.
            match on_event.map_or(0, |on_event| unsafe { on_event(context, &event) }) {
                0 => Control::Continue,
                _ => Control::Stop,
            }
        };
        let report = TRAINERS.with(trainer, |trainer| {
            Ok(match milliseconds {
                0 => trainer.fit_events(&split, &mut watch)?,
                _ => trainer.train_for(&split, Duration::from_millis(milliseconds), &mut watch)?,
            })
        })?;
        out.set(&pocketrec_fit_report::of(&report));
        Ok(())
    })
}

/// Two columns as pairs.
///
/// # Safety
/// So many ids are in both.
pub(super) unsafe fn pairs_of(users: *const u32, items: *const u32, rows: usize) -> Result<Vec<(u32, u32)>> {
    // SAFETY: the caller's word.
    let (users, items) = unsafe { (elements("users", users, rows)?, elements("items", items, rows)?) };
    Ok(users.iter().copied().zip(items.iter().copied()).collect())
}

/// Learns from `rows` new interactions at once, a click or many: later recommendations know of them, and leave the items out.
/// Ids at or beyond the last user or item are new ones, up to 65,536 beyond. It costs what the clicks cost, whatever the number
/// of users and items, but for a copy of the moments in the first call after training or loading. `report` may be NULL.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_ID` where an id is far out of
/// range, and nothing is changed then; `POCKETREC_DIVERGED`; `POCKETREC_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_absorb(
    trainer: *mut pocketrec_trainer,
    users: *const u32,
    items: *const u32,
    rows: usize,
    report: *mut pocketrec_absorb_report,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let (out, pairs) = unsafe { (OutSized::new(report)?, pairs_of(users, items, rows)?) };
        let report = TRAINERS.with(trainer, |trainer| Ok(trainer.absorb(&pairs)?))?;
        out.set(&pocketrec_absorb_report::of(&report));
        Ok(())
    })
}

/// As pocketrec_trainer_absorb(), with keys as the data has them; a new key gets the next number.
///
/// Errors: those of pocketrec_trainer_absorb(), and `POCKETREC_ARGUMENT` where a key is empty or is not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_absorb_keys(
    trainer: *mut pocketrec_trainer,
    users: *const *const c_char,
    items: *const *const c_char,
    rows: usize,
    report: *mut pocketrec_absorb_report,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let (out, users, items) = unsafe {
            (
                OutSized::new(report)?,
                elements("users", users, rows)?,
                elements("items", items, rows)?,
            )
        };
        let mut pairs = Vec::with_capacity(rows);
        for (row, (&user, &item)) in users.iter().zip(items).enumerate() {
            // SAFETY: the caller's word for each of the texts.
            pairs.push(unsafe { (key_at("users", row, user)?, key_at("items", row, item)?) });
        }
        let config = AbsorbConfig::default();
        let report = TRAINERS.with(trainer, |trainer| Ok(trainer.absorb_keys(&pairs, &config)?))?;
        out.set(&pocketrec_absorb_report::of(&report));
        Ok(())
    })
}

//! The C interface: what a program in C, C++, Swift, Python or, through JNI, Kotlin trains and recommends with.
//!
//! `src/capi/pocketrec.h` is made from the comments here by cbindgen, and tests/capi compares both. Names are those of the
//! Rust API: `Trainer::recommend` is `pocketrec_trainer_recommend`. Functions are thin: they turn pointers into slices, call
//! the trainer, and turn its result into a status.
//!
//! # What callers can do wrong
//!
//! Handles are numbers that look like pointers and are looked up in a table, never followed (`handles.rs`). So one that was
//! freed, was never given out, is of another kind, or is in use by another thread or by the call whose callback this is, is
//! refused by a status. Panics are caught at each entry (`status.rs`). What C cannot tell is where an array ends: there the
//! caller's word is taken, after a look at what can be looked at (`arguments.rs`).
//!
//! # Safety
//!
//! Of every function: a pointer with a number of elements behind it leads to as many, a text ends in a zero byte, what is
//! written to is the caller's alone for as long as the call takes, and a callback returns as a C function does.
#![allow(clippy::missing_safety_doc)] // the section above holds for all functions
#![allow(non_camel_case_types)] // the header has C's names

mod arguments;
mod bytes;
#[cfg(feature = "clicks")]
mod click_trainer;
mod handles;
mod recommend;
mod reports;
mod saved;
mod settings;
mod small;
mod split;
mod status;
mod trainer;

pub use bytes::pocketrec_bytes_free;
#[cfg(feature = "clicks")]
pub use click_trainer::{
    pocketrec_click, pocketrec_click_absorb_report, pocketrec_click_trainer, pocketrec_click_trainer_absorb,
    pocketrec_click_trainer_free, pocketrec_click_trainer_load, pocketrec_click_trainer_rank,
    pocketrec_click_trainer_save, pocketrec_ranked, pocketrec_value, pocketrec_values,
};
pub use recommend::{
    pocketrec_scored, pocketrec_trainer_item_id, pocketrec_trainer_item_key, pocketrec_trainer_recommend,
    pocketrec_trainer_recommend_from, pocketrec_trainer_score, pocketrec_trainer_similar_items,
    pocketrec_trainer_user_id,
};
pub use reports::{
    pocketrec_absorb_report, pocketrec_event, pocketrec_event_kind, pocketrec_fit_report, pocketrec_on_event,
    pocketrec_stop_reason, pocketrec_trainer_info,
};
pub use settings::{pocketrec_model, pocketrec_model_init, pocketrec_train_config, pocketrec_train_config_init};
#[cfg(feature = "clicks")]
pub use small::pocketrec_click_trainer_export;
pub use small::{pocketrec_trainer_apply, pocketrec_trainer_delta, pocketrec_trainer_export};
pub use split::{
    pocketrec_split, pocketrec_split_free, pocketrec_split_from_columns, pocketrec_split_from_keys,
    pocketrec_split_get_info, pocketrec_split_info,
};
pub use status::{pocketrec_last_error, pocketrec_status, pocketrec_version};
pub use trainer::{
    pocketrec_trainer, pocketrec_trainer_absorb, pocketrec_trainer_absorb_keys, pocketrec_trainer_fit,
    pocketrec_trainer_free, pocketrec_trainer_get_config, pocketrec_trainer_get_info, pocketrec_trainer_load,
    pocketrec_trainer_new, pocketrec_trainer_save, pocketrec_trainer_set_config,
};

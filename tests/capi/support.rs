//! A small model by C's functions, and the same one by the library's own.

use std::{
    ffi::CStr,
    mem::{MaybeUninit, size_of},
    ptr::{null, null_mut},
};

use pocketrec::{
    capi::{pocketrec_status::POCKETREC_OK, *},
    data::{Interactions, Split},
    device::Device,
    models::Gmf,
    train::{TrainConfig, Trainer},
};

pub const USERS: u32 = 30;
pub const ITEMS: u32 = 20;

/// Users, items and times of made-up interactions.
pub fn columns() -> (Vec<u32>, Vec<u32>, Vec<i64>) {
    let row = |row: u32| (row / 6, (row / 6 * 7 + row % 6 * 3) % ITEMS, i64::from(row * 31 % 17));
    let rows: Vec<_> = (0..USERS * 6).map(row).collect();
    (
        rows.iter().map(|row| row.0).collect(),
        rows.iter().map(|row| row.1).collect(),
        rows.iter().map(|row| row.2).collect(),
    )
}

pub fn last_error() -> String {
    // SAFETY: a text that ends in a zero, until the next call.
    let text = unsafe { CStr::from_ptr(pocketrec_last_error()) };
    text.to_str().unwrap().into()
}

#[track_caller]
pub fn must(status: pocketrec_status) {
    assert_eq!(status, POCKETREC_OK, "{}", last_error());
    assert_eq!(last_error(), "");
}

/// Checks that a call was refused so, in words that hold these.
#[track_caller]
pub fn must_fail(status: pocketrec_status, expected: pocketrec_status, words: &str) {
    let said = last_error();
    assert_eq!(status, expected, "{said}");
    assert!(said.contains(words), "{said}");
}

pub fn split() -> *mut pocketrec_split {
    let (users, items, times) = columns();
    let mut split = null_mut();
    // SAFETY: three columns of so many rows.
    must(unsafe {
        pocketrec_split_from_columns(
            USERS,
            ITEMS,
            users.as_ptr(),
            items.as_ptr(),
            times.as_ptr(),
            users.len(),
            1,
            &mut split,
        )
    });
    split
}

pub fn model() -> pocketrec_model {
    let mut model = MaybeUninit::uninit();
    // SAFETY: it is filled whole, as its size says.
    let mut model = unsafe {
        must(pocketrec_model_init(model.as_mut_ptr(), size_of::<pocketrec_model>()));
        model.assume_init()
    };
    (model.name, model.users, model.items, model.factors) = (c"gmf".as_ptr(), USERS, ITEMS, 4);
    model
}

pub fn config() -> pocketrec_train_config {
    let mut config = MaybeUninit::uninit();
    // SAFETY: it is filled whole, as its size says.
    let mut config = unsafe {
        must(pocketrec_train_config_init(
            config.as_mut_ptr(),
            size_of::<pocketrec_train_config>(),
        ));
        config.assume_init()
    };
    (config.epochs, config.seed, config.batch_size, config.report_every) = (3, 5, 64, 2);
    config
}

pub fn trainer() -> *mut pocketrec_trainer {
    let mut trainer = null_mut();
    // SAFETY: structs of their sizes, a text, and a place for the handle.
    must(unsafe { pocketrec_trainer_new(&model(), c"cpu".as_ptr(), 1, &config(), &mut trainer) });
    trainer
}

pub fn fitted() -> *mut pocketrec_trainer {
    let (trainer, split) = (trainer(), split());
    // SAFETY: no callback and no report.
    must(unsafe { pocketrec_trainer_fit(trainer, split, 0, None, null_mut(), null_mut()) });
    must(pocketrec_split_free(split));
    trainer
}

pub fn saved(trainer: *mut pocketrec_trainer) -> Vec<u8> {
    let (mut bytes, mut len) = (null_mut(), 0);
    // SAFETY: places for the results, and as many bytes as it says.
    unsafe {
        must(pocketrec_trainer_save(trainer, &mut bytes, &mut len));
        let saved = std::slice::from_raw_parts(bytes, len).to_vec();
        must(pocketrec_bytes_free(bytes));
        saved
    }
}

pub fn recommended(trainer: *mut pocketrec_trainer, user: u32, k: usize) -> Vec<(u32, f32)> {
    let (mut best, mut found) = (vec![pocketrec_scored::default(); k], 0);
    // SAFETY: room for as many as it says.
    must(unsafe { pocketrec_trainer_recommend(trainer, user, best.as_mut_ptr(), k, &mut found) });
    best[..found].iter().map(|scored| (scored.item, scored.score)).collect()
}

pub fn info(trainer: *mut pocketrec_trainer) -> pocketrec_trainer_info {
    let mut info = MaybeUninit::<pocketrec_trainer_info>::uninit();
    // SAFETY: the size is set first, and then all of it.
    unsafe {
        (&raw mut (*info.as_mut_ptr()).size).write(size_of::<pocketrec_trainer_info>());
        must(pocketrec_trainer_get_info(trainer, info.as_mut_ptr()));
        info.assume_init()
    }
}

/// The same by the library's own functions.
pub fn own_split() -> Split {
    let (users, items, times) = columns();
    let data = Interactions::from_columns((USERS, ITEMS), &users, &items, &times).unwrap();
    data.leave_one_out().unwrap()
}

pub fn own() -> Trainer {
    let model = Gmf::new(USERS as usize, ITEMS as usize).factors(4);
    let config = TrainConfig {
        epochs: 3,
        seed: 5,
        batch_size: 64,
        report_every: 2,
        ..TrainConfig::default()
    };
    Trainer::new(model, Device::cpu().threads(1), config).unwrap()
}

pub fn own_fitted() -> Trainer {
    let mut trainer = own();
    trainer.fit(&own_split(), |_| ()).unwrap();
    trainer
}

/// No text.
pub const NO_TEXT: *const std::ffi::c_char = null();

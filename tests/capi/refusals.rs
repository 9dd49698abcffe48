//! What C can do wrong is a status with words, and nothing is changed by it.

use std::{
    ffi::{c_char, c_void},
    mem::size_of,
    ptr::{dangling_mut, null, null_mut},
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
    thread,
};

use pocketrec::capi::{pocketrec_status::*, *};

use super::support::*;

/// NULL where something must be, in every argument of every function.
#[test]
fn null_is_refused_everywhere() {
    let (trainer, split) = (fitted(), split());
    let before = saved(trainer);
    let (model, config, ids, bytes) = (model(), config(), [1u32], [0u8; 64]);
    let keys = [c"a".as_ptr()];
    let (mut made, mut found, mut id, mut key) = (null_mut(), 0, 0, [0 as c_char; 8]);
    let (mut best, mut scores) = ([pocketrec_scored::default()], [0.0f32]);
    let (mut out, mut made_split) = (null_mut(), null_mut());
    let best = best.as_mut_ptr();
    let key = key.as_mut_ptr();
    let (users, bytes) = (ids.as_ptr(), bytes.as_ptr());
    // SAFETY: what is not NULL leads to as many as is said.
    unsafe {
        let refused = [
            pocketrec_model_init(null_mut(), size_of::<pocketrec_model>()),
            pocketrec_train_config_init(null_mut(), size_of::<pocketrec_train_config>()),
            pocketrec_split_from_columns(9, 9, null(), users, null(), 1, 1, &mut made_split),
            pocketrec_split_from_columns(9, 9, users, null(), null(), 1, 1, &mut made_split),
            pocketrec_split_from_columns(9, 9, users, users, null(), 1, 1, null_mut()),
            pocketrec_split_from_keys(null(), keys.as_ptr(), null(), 1, 1, &mut made_split),
            pocketrec_split_from_keys(keys.as_ptr(), null(), null(), 1, 1, &mut made_split),
            pocketrec_split_from_keys([NO_TEXT].as_ptr(), keys.as_ptr(), null(), 1, 1, &mut made_split),
            pocketrec_split_from_keys(keys.as_ptr(), keys.as_ptr(), null(), 1, 1, null_mut()),
            pocketrec_split_get_info(split, null_mut()),
            pocketrec_split_get_info(null(), null_mut()),
            pocketrec_trainer_new(null(), NO_TEXT, 0, &config, &mut made),
            pocketrec_trainer_new(&model, NO_TEXT, 0, &config, null_mut()),
            pocketrec_trainer_load(null(), 9, NO_TEXT, 0, &mut made),
            pocketrec_trainer_load(bytes, 9, NO_TEXT, 0, null_mut()),
            pocketrec_trainer_save(null_mut(), &mut out, &mut found),
            pocketrec_trainer_save(trainer, null_mut(), &mut found),
            pocketrec_trainer_save(trainer, &mut out, null_mut()),
            pocketrec_trainer_export(null_mut(), 8, null(), 0, &mut out, &mut found),
            pocketrec_trainer_export(trainer, 8, null(), 0, null_mut(), &mut found),
            pocketrec_trainer_export(trainer, 8, null(), 0, &mut out, null_mut()),
            pocketrec_trainer_delta(trainer, null(), 9, 0.0, 1, &mut out, &mut found),
            pocketrec_trainer_delta(trainer, bytes, 9, 0.0, 1, null_mut(), &mut found),
            pocketrec_trainer_delta(null_mut(), bytes, 9, 0.0, 1, &mut out, &mut found),
            pocketrec_trainer_apply(trainer, null(), 9),
            pocketrec_trainer_apply(null_mut(), bytes, 0),
            pocketrec_trainer_get_info(trainer, null_mut()),
            pocketrec_trainer_get_config(trainer, null_mut()),
            pocketrec_trainer_set_config(trainer, null()),
            pocketrec_trainer_set_config(null_mut(), &config),
            pocketrec_trainer_fit(null_mut(), split, 0, None, null_mut(), null_mut()),
            pocketrec_trainer_fit(trainer, null(), 0, None, null_mut(), null_mut()),
            pocketrec_trainer_recommend(null_mut(), 1, best, 1, &mut found),
            pocketrec_trainer_recommend(trainer, 1, null_mut(), 1, &mut found),
            pocketrec_trainer_recommend(trainer, 1, best, 1, null_mut()),
            pocketrec_trainer_recommend_from(trainer, 1, null(), 1, best, 1, &mut found),
            pocketrec_trainer_recommend_from(trainer, 1, users, 1, null_mut(), 1, &mut found),
            pocketrec_trainer_similar_items(trainer, 1, null_mut(), 1, &mut found),
            pocketrec_trainer_similar_items(trainer, 1, best, 1, null_mut()),
            pocketrec_trainer_score(trainer, null(), users, 1, scores.as_mut_ptr()),
            pocketrec_trainer_score(trainer, users, null(), 1, scores.as_mut_ptr()),
            pocketrec_trainer_score(trainer, users, users, 1, null_mut()),
            pocketrec_trainer_absorb(trainer, null(), users, 1, null_mut()),
            pocketrec_trainer_absorb(trainer, users, null(), 1, null_mut()),
            pocketrec_trainer_absorb(null_mut(), users, users, 1, null_mut()),
            pocketrec_trainer_absorb_keys(trainer, null(), keys.as_ptr(), 1, null_mut()),
            pocketrec_trainer_absorb_keys(trainer, keys.as_ptr(), [NO_TEXT].as_ptr(), 1, null_mut()),
            pocketrec_trainer_user_id(trainer, NO_TEXT, &mut id),
            pocketrec_trainer_item_id(trainer, c"1".as_ptr(), null_mut()),
            pocketrec_trainer_item_key(trainer, 1, null_mut(), 8, &mut found),
            pocketrec_trainer_item_key(trainer, 1, key, 8, null_mut()),
        ];
        for (index, status) in refused.into_iter().enumerate() {
            assert_eq!(status, POCKETREC_NULL, "call {index}");
        }
        // Nothing may be NULL: no elements, no time, no settings, no report, nothing to free.
        must(pocketrec_trainer_absorb(trainer, null(), null(), 0, null_mut()));
        must(pocketrec_trainer_score(trainer, null(), null(), 0, null_mut()));
        must(pocketrec_trainer_recommend(trainer, 1, null_mut(), 0, &mut found));
        must(pocketrec_trainer_recommend_from(
            trainer,
            1,
            null(),
            0,
            best,
            1,
            &mut found,
        ));
        assert_eq!(found, 0);
        must(pocketrec_bytes_free(null_mut()));
    }
    must(pocketrec_trainer_free(null_mut()));
    must(pocketrec_split_free(null_mut()));
    must(pocketrec_click_trainer_free(null_mut()));
    assert_eq!(saved(trainer), before);
    must(pocketrec_trainer_free(trainer));
    must(pocketrec_split_free(split));
}

/// A file that ends early, anywhere, or of which one byte is another.
#[test]
fn damaged_bytes_are_refused() {
    let trainer = fitted();
    let bytes = saved(trainer);
    must(pocketrec_trainer_free(trainer));
    let load = |bytes: &[u8]| {
        let mut made = dangling_mut::<pocketrec_trainer>();
        // SAFETY: as many bytes as there are.
        let status = unsafe { pocketrec_trainer_load(bytes.as_ptr(), bytes.len(), c"cpu".as_ptr(), 1, &mut made) };
        assert!(made.is_null() || status == POCKETREC_OK);
        (status, made)
    };
    for len in (0..bytes.len()).step_by(97).chain(0..20).chain([bytes.len() - 1]) {
        assert_eq!(load(&bytes[..len]).0, POCKETREC_CHECKPOINT, "{len} bytes");
    }
    for at in (0..bytes.len()).step_by(211) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        assert_eq!(load(&damaged).0, POCKETREC_CHECKPOINT, "byte {at}");
    }
    let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
    assert_eq!(load(&longer).0, POCKETREC_CHECKPOINT);
    must_fail(load(&longer).0, POCKETREC_CHECKPOINT, "in memory");
    // A file of the other kind.
    let mut clicks = null_mut();
    // SAFETY: as many bytes as there are.
    let status = unsafe { pocketrec_click_trainer_load(bytes.as_ptr(), bytes.len(), NO_TEXT, 1, &mut clicks) };
    must_fail(status, POCKETREC_CHECKPOINT, "no checkpoint of a click-through model");
    let (status, made) = load(&bytes);
    must(status);
    must(pocketrec_trainer_free(made));
}

#[test]
fn what_is_out_of_range_is_refused() {
    let trainer = fitted();
    let before = saved(trainer);
    let (mut best, mut found, mut scores) = ([pocketrec_scored::default(); 2], 7, [0.0f32; 2]);
    let (users, items, far) = ([1, USERS], [2, ITEMS], [u32::MAX - 1, 3]);
    let mut key = [0 as c_char; 8];
    // SAFETY: columns of so many rows, and room for as many as is said.
    unsafe {
        for user in [USERS, u32::MAX] {
            let refused = pocketrec_trainer_recommend(trainer, user, best.as_mut_ptr(), 2, &mut found);
            must_fail(
                refused,
                POCKETREC_ID,
                &format!("user id {user} is out of range: the table has {USERS} rows"),
            );
            assert_eq!(found, 0);
        }
        let refused = pocketrec_trainer_recommend_from(trainer, 1, items.as_ptr(), 2, best.as_mut_ptr(), 2, &mut found);
        must_fail(refused, POCKETREC_ID, "20");
        let refused = pocketrec_trainer_similar_items(trainer, ITEMS, best.as_mut_ptr(), 2, &mut found);
        must_fail(refused, POCKETREC_ID, "item id 20");
        let refused = pocketrec_trainer_score(trainer, users.as_ptr(), items.as_ptr(), 2, scores.as_mut_ptr());
        must_fail(refused, POCKETREC_ID, "out of range");
        let refused = pocketrec_trainer_absorb(trainer, far.as_ptr(), items.as_ptr(), 1, null_mut());
        must_fail(refused, POCKETREC_ID, "new user");
        let refused = pocketrec_trainer_item_key(trainer, ITEMS, key.as_mut_ptr(), 8, &mut found);
        must_fail(refused, POCKETREC_ID, "item id 20");
        let mut split = null_mut();
        let refused = pocketrec_split_from_columns(1, 9, users.as_ptr(), users.as_ptr(), null(), 1, 1, &mut split);
        must_fail(refused, POCKETREC_ID, "user id 1");
        let refused = pocketrec_split_from_columns(1, 9, null(), null(), null(), 0, 1, &mut split);
        must_fail(refused, POCKETREC_CONFIG, "there are none");
        assert!(split.is_null());
        // More elements than any memory has.
        for rows in [usize::MAX, isize::MAX as usize, 1 << (usize::BITS - 2)] {
            let refused = pocketrec_trainer_absorb(trainer, users.as_ptr(), items.as_ptr(), rows, null_mut());
            must_fail(refused, POCKETREC_LENGTH, "users: there cannot be");
        }
        let refused = pocketrec_trainer_recommend(trainer, 1, best.as_mut_ptr(), usize::MAX, &mut found);
        must_fail(refused, POCKETREC_LENGTH, "best");
    }
    assert_eq!(saved(trainer), before);
    must(pocketrec_trainer_free(trainer));
}

/// What makes settings that are right wrong.
type Change<'a> = dyn Fn(&mut pocketrec_model, &mut pocketrec_train_config) + 'a;

#[test]
fn settings_out_of_range_are_refused_by_their_names() {
    let new = |change: &Change, device: *const c_char| {
        let (mut model, mut config, mut made) = (model(), config(), dangling_mut::<pocketrec_trainer>());
        change(&mut model, &mut config);
        // SAFETY: structs of their sizes, where these are not refused.
        let status = unsafe { pocketrec_trainer_new(&model, device, 1, &config, &mut made) };
        assert!(made.is_null());
        status
    };
    let config: [(&str, &Change); 12] = [
        ("users", &|model, _| model.users = 0),
        ("items", &|model, _| model.items = 0),
        ("factors", &|model, _| model.factors = u32::MAX),
        ("length", &|model, _| model.length = 3),
        ("mf, gmf, mlp", &|model, _| model.name = c"oracle".as_ptr()),
        ("batch_size", &|_, config| config.batch_size = 0),
        ("learning_rate", &|_, config| config.learning_rate = f32::NAN),
        ("k", &|_, config| config.k = 0),
        ("report_every", &|_, config| config.report_every = 0),
        ("cross_entropy", &|_, config| config.loss = c"guess".as_ptr()),
        ("lazy_adam", &|_, config| config.optimizer = c"".as_ptr()),
        ("sampled", &|_, config| config.protocol = c"none".as_ptr()),
    ];
    for (words, change) in config {
        must_fail(new(change, c"cpu".as_ptr()), POCKETREC_CONFIG, words);
    }
    must_fail(new(&|_, _| (), c"abacus".as_ptr()), POCKETREC_DEVICE, "abacus");
    must_fail(
        new(&|_, _| (), c"\xc3\x28".as_ptr()),
        POCKETREC_ARGUMENT,
        "device is not UTF-8 from byte 0",
    );
    // What no machine has: refused before any of it is taken.
    let huge: &Change = &|model, _| (model.users, model.factors) = (u32::MAX, 1 << 16);
    must_fail(new(huge, c"cpu".as_ptr()), POCKETREC_MEMORY, "the parameters");
    for size in [0, 1, size_of::<pocketrec_model>() - 1, 4097, usize::MAX] {
        let refused = new(&|model, _| model.size = size, c"cpu".as_ptr());
        must_fail(refused, POCKETREC_ARGUMENT, "sizeof(pocketrec_model)");
        let refused = new(&|_, config| config.size = size, c"cpu".as_ptr());
        must_fail(refused, POCKETREC_ARGUMENT, "sizeof(pocketrec_train_config)");
        let mut room = model();
        // SAFETY: nothing is written where the size is refused.
        let refused = unsafe { pocketrec_model_init(&mut room, size) };
        must_fail(refused, POCKETREC_ARGUMENT, "size");
    }
}

/// A struct as a newer header has it, with one field more.
#[repr(C)]
struct Newer<T> {
    known: T,
    unknown: u64,
}

#[test]
fn newer_structs_are_taken_where_nothing_unknown_is_set() {
    let mut model = Newer {
        known: model(),
        unknown: 0,
    };
    model.known.size = size_of::<Newer<pocketrec_model>>();
    let mut trainer = null_mut();
    // SAFETY: as many bytes as it says.
    unsafe {
        must(pocketrec_trainer_new(
            &raw const model.known,
            c"cpu".as_ptr(),
            1,
            null(),
            &mut trainer,
        ));
        model.unknown = 1;
        let mut refused = null_mut();
        let status = pocketrec_trainer_new((&raw const model).cast(), c"cpu".as_ptr(), 1, null(), &mut refused);
        must_fail(status, POCKETREC_ARGUMENT, "load a newer library");
        let mut info = Newer {
            known: info(trainer),
            unknown: 7,
        };
        info.known.size = size_of::<Newer<pocketrec_trainer_info>>();
        must(pocketrec_trainer_get_info(trainer, (&raw mut info).cast()));
        assert_eq!((info.known.users, info.unknown), (USERS, 0));
    }
    must(pocketrec_trainer_free(trainer));
}

#[test]
fn handles_of_another_kind_and_freed_ones_are_refused() {
    let (trainer, split) = (fitted(), split());
    let mut found = 0;
    let mut local = [0u64; 8];
    let recommend = |handle: *mut pocketrec_trainer, found: &mut usize| {
        // SAFETY: no room is needed for none.
        unsafe { pocketrec_trainer_recommend(handle, 1, null_mut(), 0, found) }
    };
    for other in [
        split.cast(),
        local.as_mut_ptr().cast(),
        8 as *mut _,
        usize::MAX as *mut _,
    ] {
        must_fail(recommend(other, &mut found), POCKETREC_HANDLE, "this is no trainer");
        must_fail(pocketrec_trainer_free(other), POCKETREC_HANDLE, "this is no trainer");
    }
    // SAFETY: handles are looked up and not followed.
    unsafe {
        let refused = pocketrec_trainer_fit(trainer, trainer.cast_const().cast(), 0, None, null_mut(), null_mut());
        must_fail(refused, POCKETREC_HANDLE, "this is no split");
        let refused = pocketrec_bytes_free(local.as_mut_ptr().cast());
        must_fail(refused, POCKETREC_HANDLE, "did not hand them out");
    }
    must_fail(
        pocketrec_click_trainer_free(trainer.cast()),
        POCKETREC_HANDLE,
        "no click trainer",
    );
    must_fail(pocketrec_split_free(trainer.cast()), POCKETREC_HANDLE, "no split");
    must(pocketrec_trainer_free(trainer));
    let others: Vec<_> = (0..20).map(|_| self::trainer()).collect();
    must_fail(recommend(trainer, &mut found), POCKETREC_HANDLE, "it was freed");
    must_fail(pocketrec_trainer_free(trainer), POCKETREC_HANDLE, "it was freed");
    for other in others {
        must(recommend(other, &mut found));
        must(pocketrec_trainer_free(other));
    }
    must(pocketrec_split_free(split));
    must_fail(pocketrec_split_free(split), POCKETREC_HANDLE, "it was freed");
}

#[test]
fn pointers_that_are_not_aligned_are_refused() {
    let trainer = fitted();
    let (ids, mut found) = ([0u32; 4], 0);
    let odd = ids.as_ptr().wrapping_byte_add(1);
    // SAFETY: what is not aligned is not followed.
    unsafe {
        let refused = pocketrec_trainer_absorb(trainer, odd, ids.as_ptr(), 1, null_mut());
        must_fail(refused, POCKETREC_NULL, "users is not aligned to 4 bytes");
        let refused = pocketrec_trainer_recommend(trainer, 1, odd.cast_mut().cast(), 1, &mut found);
        must_fail(refused, POCKETREC_NULL, "best is not aligned");
        let refused = pocketrec_trainer_get_info(trainer, odd.cast_mut().cast());
        must_fail(refused, POCKETREC_NULL, "pocketrec_trainer_info is not aligned");
    }
    must(pocketrec_trainer_free(trainer));
}

/// What the callback of a trainer that is training gets for calls on it.
static REFUSED: AtomicUsize = AtomicUsize::new(0);
static TRAINING: AtomicPtr<pocketrec_trainer> = AtomicPtr::new(null_mut());

unsafe extern "C" fn calls_back(_: *mut c_void, _: *const pocketrec_event) -> i32 {
    let from_here = || {
        let (trainer, mut found) = (TRAINING.load(Ordering::SeqCst), 0);
        // SAFETY: no room is needed for none.
        let status = unsafe { pocketrec_trainer_recommend(trainer, 1, null_mut(), 0, &mut found) };
        must_fail(status, POCKETREC_BUSY, "in use");
        must_fail(pocketrec_trainer_free(trainer), POCKETREC_BUSY, "in use");
    };
    from_here();
    thread::scope(|scope| scope.spawn(from_here).join()).unwrap();
    // Another trainer is another matter.
    let other = self::trainer();
    assert_eq!(info(other).epoch, 0);
    must(pocketrec_trainer_free(other));
    REFUSED.fetch_add(1, Ordering::SeqCst);
    1
}

#[test]
fn a_trainer_that_trains_is_refused_to_others() {
    let (trainer, split) = (trainer(), split());
    TRAINING.store(trainer, Ordering::SeqCst);
    // SAFETY: the callback looks at nothing that it is given.
    must(unsafe { pocketrec_trainer_fit(trainer, split, 0, Some(calls_back), null_mut(), null_mut()) });
    assert_eq!(REFUSED.load(Ordering::SeqCst), 1);
    assert_eq!(info(trainer).step, 2);
    must(pocketrec_trainer_free(trainer));
    must(pocketrec_split_free(split));
}

/// Any thread may use a trainer, one after the other, and one split serves all at once.
#[test]
fn threads_share_a_split() {
    let (split, expected) = (split() as usize, saved(fitted()));
    let trained = |_| {
        let trainer = trainer();
        let split = split as *const pocketrec_split;
        // SAFETY: no callback and no report.
        must(unsafe { pocketrec_trainer_fit(trainer, split, 0, None, null_mut(), null_mut()) });
        trainer as usize
    };
    let trained = &trained;
    let trainers: Vec<usize> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|at| scope.spawn(move || trained(at))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for trainer in trainers {
        assert_eq!(saved(trainer as *mut pocketrec_trainer), expected);
        must(pocketrec_trainer_free(trainer as *mut pocketrec_trainer));
    }
    must(pocketrec_split_free(split as *mut pocketrec_split));
}

//! By C's functions the same is computed as by the library's own, to the bit.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    mem::size_of,
    ptr::{null, null_mut},
};

use pocketrec::{
    capi::{pocketrec_status::*, *},
    checkpoint::Export,
    device::Device,
    models::SasRec,
    plan::RowType,
    train::Trainer,
};

use super::support::*;

#[test]
fn training_recommending_and_absorbing_are_those_of_the_library() {
    let (trainer, mut own) = (fitted(), own_fitted());
    assert_eq!(saved(trainer), own.to_bytes().unwrap());
    assert_eq!(recommended(trainer, 4, 6), own.recommend(4, 6).unwrap());
    // More than there are.
    let all = own.recommend(4, ITEMS as usize).unwrap();
    assert_eq!(recommended(trainer, 4, 1000), all);

    let (users, items, candidates) = ([4, 5, USERS], [all[0].0, 3, 2], [7, 7, 1, 2]);
    let (mut best, mut found, mut scores) = ([pocketrec_scored::default(); 3], 0, [0.0; 3]);
    let mut report = pocketrec_absorb_report {
        size: size_of::<pocketrec_absorb_report>(),
        pairs: 0,
        known: 0,
        new_users: 0,
        new_items: 0,
        steps: 0,
        before: 0.0,
        after: 0.0,
    };
    // SAFETY: room for as many as is said, and columns of so many rows.
    unsafe {
        must(pocketrec_trainer_similar_items(
            trainer,
            2,
            best.as_mut_ptr(),
            3,
            &mut found,
        ));
        let list: Vec<(u32, f32)> = best[..found].iter().map(|one| (one.item, one.score)).collect();
        assert_eq!(list, own.similar_items(2, 3).unwrap());
        must(pocketrec_trainer_recommend_from(
            trainer,
            4,
            candidates.as_ptr(),
            4,
            best.as_mut_ptr(),
            3,
            &mut found,
        ));
        let list: Vec<(u32, f32)> = best[..found].iter().map(|one| (one.item, one.score)).collect();
        assert_eq!(list, own.recommend_from(4, &candidates, 3).unwrap());
        must(pocketrec_trainer_score(
            trainer,
            users.as_ptr(),
            items.as_ptr(),
            2,
            scores.as_mut_ptr(),
        ));
        assert_eq!(scores[..2], own.score(&[(4, all[0].0), (5, 3)]).unwrap());
        must(pocketrec_trainer_absorb(
            trainer,
            users.as_ptr(),
            items.as_ptr(),
            3,
            &mut report,
        ));
    }
    let told = own.absorb(&[(4, all[0].0), (5, 3), (USERS, 2)]).unwrap();
    let counts = (
        told.pairs as u64,
        told.known as u64,
        told.new_users as u64,
        told.new_items as u64,
    );
    assert_eq!((report.pairs, report.known, report.new_users, report.new_items), counts);
    assert_eq!((report.new_users, report.steps), (1, told.steps));
    assert_eq!((report.before, report.after), (told.before, told.after));
    assert_eq!(saved(trainer), own.to_bytes().unwrap());
    assert_eq!(info(trainer).users, USERS + 1);
    assert!(!recommended(trainer, 4, 20).iter().any(|best| best.0 == all[0].0));
    must(pocketrec_trainer_free(trainer));
}

/// What the callback saw, and after how many events it says stop.
#[derive(Default)]
struct Seen {
    events: Vec<pocketrec_event>,
    stop_after: usize,
}

unsafe extern "C" fn watch(context: *mut c_void, event: *const pocketrec_event) -> i32 {
    // SAFETY: the test's own, and an event for the call.
    let (seen, event) = unsafe { (&mut *context.cast::<Seen>(), *event) };
    seen.events.push(event);
    i32::from(seen.events.len() == seen.stop_after)
}

fn fit(trainer: *mut pocketrec_trainer, milliseconds: u64, seen: &mut Seen) -> pocketrec_fit_report {
    let split = split();
    let mut report = pocketrec_fit_report {
        size: size_of::<pocketrec_fit_report>(),
        reason: -1,
        epochs: 0,
        best_epoch: 0,
        reserved: 7,
        steps: 0,
        samples: 0,
        seconds: 0.0,
        best_hr: 0.0,
        best_ndcg: 0.0,
    };
    // SAFETY: the callback takes what it is given.
    must(unsafe {
        pocketrec_trainer_fit(
            trainer,
            split,
            milliseconds,
            Some(watch),
            (&raw mut *seen).cast(),
            &mut report,
        )
    });
    must(pocketrec_split_free(split));
    report
}

#[test]
fn a_callback_sees_all_and_stops_where_it_says() {
    let whole = saved(fitted());
    let trainer = trainer();
    let mut seen = Seen {
        stop_after: 2,
        ..Seen::default()
    };
    let report = fit(trainer, 0, &mut seen);
    assert_eq!(report.reason, pocketrec_stop_reason::POCKETREC_STOPPED as i32);
    assert_eq!((report.epochs, report.steps, report.samples), (0, 4, 4 * 64));
    let first = seen.events[0];
    assert_eq!(first.kind, pocketrec_event_kind::POCKETREC_PROGRESS as i32);
    // 30 x 5 positives, 4 negatives each; two steps of 64.
    assert_eq!((first.epoch, first.done, first.total), (1, 128, 30 * 5 * 5));
    assert!(first.loss > 0.0 && first.size == size_of::<pocketrec_event>());
    assert_eq!(info(trainer).sample, 4 * 64);
    // Stopping and going on, in this process or another, changes no bit.
    let bytes = saved(trainer);
    let mut loaded = null_mut();
    // SAFETY: as many bytes as there are.
    must(unsafe { pocketrec_trainer_load(bytes.as_ptr(), bytes.len(), c"cpu".as_ptr(), 1, &mut loaded) });
    for trainer in [trainer, loaded] {
        let mut seen = Seen::default();
        let report = fit(trainer, 0, &mut seen);
        assert_eq!(
            (report.reason, report.epochs),
            (pocketrec_stop_reason::POCKETREC_FINISHED as i32, 3)
        );
        let epochs: Vec<_> = seen.events.iter().filter(|event| event.kind == 1).collect();
        assert_eq!(epochs.iter().map(|event| event.epoch).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(
            epochs
                .iter()
                .all(|event| event.evaluated == 1 && (0.0..=1.0).contains(&event.hr))
        );
        let best = epochs.iter().rfind(|event| event.is_best == 1).unwrap();
        assert_eq!(
            (report.best_epoch, report.best_hr, report.best_ndcg),
            (best.epoch, best.hr, best.ndcg)
        );
        assert_eq!((info(trainer).epoch, info(trainer).epochs), (3, 3));
        assert_eq!(saved(trainer), whole);
        must(pocketrec_trainer_free(trainer));
    }
}

#[test]
fn time_is_bounded_and_settings_can_be_changed() {
    let trainer = trainer();
    let mut config = config();
    // SAFETY: a struct of its size.
    unsafe {
        must(pocketrec_trainer_get_config(trainer, &mut config));
        assert_eq!((config.epochs, config.seed, config.batch_size), (3, 5, 64));
        (config.epochs, config.batch_size) = (1_000_000, 1);
        must(pocketrec_trainer_set_config(trainer, &config));
    }
    let begin = std::time::Instant::now();
    let report = fit(trainer, 50, &mut Seen::default());
    assert_eq!(report.reason, pocketrec_stop_reason::POCKETREC_OUT_OF_TIME as i32);
    assert!(report.steps > 0 && report.seconds >= 0.05);
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
    must(pocketrec_trainer_free(trainer));
}

/// Settings of C are those of the library: each is seen to arrive.
#[test]
fn every_setting_arrives() {
    let mut config = config();
    (config.loss, config.optimizer, config.protocol) = (c"bpr".as_ptr(), c"adam".as_ptr(), c"full".as_ptr());
    (config.negatives, config.eval_every, config.k, config.patience) = (3, 2, 7, 4);
    (config.learning_rate, config.decay) = (0.125, 0.5);
    (config.l2_tables, config.l2_per_row, config.l2_dense) = (0.25, 0.375, 0.75);
    let mut trainer = null_mut();
    // SAFETY: structs of their sizes.
    must(unsafe { pocketrec_trainer_new(&model(), c"cpu".as_ptr(), 1, &config, &mut trainer) });
    let loaded = Trainer::from_bytes(&saved(trainer), Device::cpu()).unwrap();
    let got = format!("{:?}", loaded.config());
    for part in [
        "epochs: 3",
        "loss: Bpr",
        "batch_size: 64",
        "negatives: 3",
        "optimizer: Adam(",
        "learning_rate: 0.125",
        "decay: 0.5",
        "tables: 0.25",
        "per_row: 0.375",
        "dense: 0.75",
        "seed: 5",
        "eval_every: 2",
        "protocol: Full",
        "k: 7",
        "patience: Some(4)",
        "report_every: 2",
    ] {
        assert!(got.contains(part), "{part}: {got}");
    }
    must(pocketrec_trainer_free(trainer));
}

#[test]
fn models_have_their_names() {
    for (name, factors, length, is) in [
        (c"mf", 6, 0, "factors: 6"),
        (c"gmf", 0, 0, "factors: 8"),
        (c"mlp", 2, 0, "layers: [16, 8, 4, 2]"),
        (c"neumf", 2, 0, "layers: [16, 8, 4, 2]"),
        (c"lightgcn", 10, 0, "embedding_dim: 10"),
        (c"sasrec", 16, 9, "length: 9"),
    ] {
        let mut model = model();
        (model.name, model.factors, model.length) = (name.as_ptr(), factors, length);
        let mut trainer = null_mut();
        // SAFETY: a struct of its size, and no settings.
        must(unsafe { pocketrec_trainer_new(&model, c"cpu".as_ptr(), 1, null(), &mut trainer) });
        let loaded = Trainer::from_bytes(&saved(trainer), Device::cpu()).unwrap();
        assert_eq!(loaded.model().name(), name.to_str().unwrap());
        assert!(format!("{:?}", loaded.model()).contains(is), "{:?}", loaded.model());
        let usual = if name == c"sasrec" {
            SasRec::loss()
        } else {
            Default::default()
        };
        assert_eq!(loaded.config().loss, usual);
        must(pocketrec_trainer_free(trainer));
    }
}

fn texts(words: &[&str]) -> (Vec<CString>, Vec<*const c_char>) {
    let owned: Vec<CString> = words.iter().map(|word| CString::new(*word).unwrap()).collect();
    let pointers = owned.iter().map(|word| word.as_ptr()).collect();
    (owned, pointers)
}

#[test]
fn keys_are_numbered_and_found() {
    let (_users, users) = texts(&["ann", "bob", " ann ", "bob"]);
    let (_items, items) = texts(&["tea", "tea", "rice", "日本茶"]);
    let (mut split, mut trainer) = (null_mut(), null_mut());
    let mut about = pocketrec_split_info {
        size: size_of::<pocketrec_split_info>(),
        users: 0,
        items: 0,
        train: 0,
        test: 0,
    };
    let (mut user, mut item, mut len, mut key) = (9, 9, 0, [1 as c_char; 16]);
    let mut model = model();
    // SAFETY: columns of so many texts, structs of their sizes, room for as much as is said.
    unsafe {
        must(pocketrec_split_from_keys(
            users.as_ptr(),
            items.as_ptr(),
            null(),
            4,
            1,
            &mut split,
        ));
        must(pocketrec_split_get_info(split, &mut about));
        assert_eq!((about.users, about.items, about.train, about.test), (2, 3, 2, 2));
        (model.users, model.items) = (about.users, about.items);
        must(pocketrec_trainer_new(
            &model,
            c"cpu".as_ptr(),
            1,
            &config(),
            &mut trainer,
        ));
        must(pocketrec_trainer_fit(trainer, split, 0, None, null_mut(), null_mut()));
        must(pocketrec_trainer_user_id(trainer, c"bob".as_ptr(), &mut user));
        must(pocketrec_trainer_item_id(trainer, c"rice".as_ptr(), &mut item));
        assert_eq!((user, item), (1, 1));
        must(pocketrec_trainer_item_key(trainer, 2, key.as_mut_ptr(), 10, &mut len));
        assert_eq!((CStr::from_ptr(key.as_ptr()).to_str().unwrap(), len), ("日本茶", 9));
        let refused = pocketrec_trainer_item_key(trainer, 2, key.as_mut_ptr(), 9, &mut len);
        must_fail(refused, pocketrec_status::POCKETREC_LENGTH, "9 bytes and a zero");
        assert_eq!(len, 9);
        let refused = pocketrec_trainer_user_id(trainer, c"cleo".as_ptr(), &mut user);
        must_fail(refused, pocketrec_status::POCKETREC_CONFIG, "\"cleo\"");
        let (_cleo, cleo) = texts(&["cleo"]);
        must(pocketrec_trainer_absorb_keys(
            trainer,
            cleo.as_ptr(),
            items.as_ptr(),
            1,
            null_mut(),
        ));
        must(pocketrec_trainer_user_id(trainer, c"cleo".as_ptr(), &mut user));
        assert_eq!((user, info(trainer).users), (2, 3));
        let (_blank, blank) = texts(&[" "]);
        let refused = pocketrec_trainer_absorb_keys(trainer, blank.as_ptr(), items.as_ptr(), 1, null_mut());
        must_fail(refused, pocketrec_status::POCKETREC_ARGUMENT, "users[0] is empty");
    }
    must(pocketrec_split_free(split));
    must(pocketrec_trainer_free(trainer));
}

/// Without test items all is trained on, and evaluations must be off.
#[test]
fn all_can_be_trained_on() {
    let (users, items, _) = columns();
    let (mut split, mut trainer) = (null_mut(), null_mut());
    let mut config = config();
    // SAFETY: columns of so many rows, structs of their sizes.
    unsafe {
        let (users, items, rows) = (users.as_ptr(), items.as_ptr(), users.len());
        must(pocketrec_split_from_columns(
            USERS,
            ITEMS,
            users,
            items,
            null(),
            rows,
            0,
            &mut split,
        ));
        must(pocketrec_trainer_new(&model(), NO_TEXT, 1, &config, &mut trainer));
        let refused = pocketrec_trainer_fit(trainer, split, 0, None, null_mut(), null_mut());
        must_fail(refused, pocketrec_status::POCKETREC_CONFIG, "no test cases");
        config.eval_every = 0;
        must(pocketrec_trainer_set_config(trainer, &config));
        must(pocketrec_trainer_fit(trainer, split, 0, None, null_mut(), null_mut()));
    }
    assert_eq!(info(trainer).epoch, 3);
    must(pocketrec_split_free(split));
    must(pocketrec_trainer_free(trainer));
}

/// The bytes of an export, or the status that there is none.
fn exported(trainer: *mut pocketrec_trainer, bits: u32, users: Option<&[u32]>) -> Result<Vec<u8>, pocketrec_status> {
    let (mut bytes, mut len) = (null_mut(), 0);
    let (users, count) = users.map_or((null(), 0), |users| (users.as_ptr(), users.len()));
    // SAFETY: as many users as there are, places for the results, and as many bytes as it says.
    unsafe {
        let status = pocketrec_trainer_export(trainer, bits, users, count, &mut bytes, &mut len);
        if status != POCKETREC_OK {
            assert!(bytes.is_null());
            return Err(status);
        }
        let exported = std::slice::from_raw_parts(bytes, len).to_vec();
        must(pocketrec_bytes_free(bytes));
        Ok(exported)
    }
}

#[test]
fn exports_are_those_of_the_library() {
    let trainer = fitted();
    let mut own = Trainer::from_bytes(&saved(trainer), Device::cpu()).unwrap();
    for (bits, rows) in [(32, RowType::F32), (16, RowType::F16), (8, RowType::I8)] {
        for users in [None, Some(&[4, 1][..])] {
            let bytes = exported(trainer, bits, users).unwrap();
            assert_eq!(bytes, own.export_to_bytes(&Export { rows, users }).unwrap());
        }
    }
    assert_eq!(exported(trainer, 7, None), Err(POCKETREC_CONFIG));
    assert_eq!(exported(trainer, 8, Some(&[1, 1])), Err(POCKETREC_CONFIG));
    assert_eq!(exported(trainer, 8, Some(&[])), Err(POCKETREC_CONFIG));
    assert_eq!(exported(trainer, 8, Some(&[1 << 20])), Err(POCKETREC_ID));
    must(pocketrec_trainer_free(trainer));
    assert_eq!(exported(trainer, 8, None), Err(POCKETREC_HANDLE));
}

#[test]
fn a_delta_makes_of_its_base_what_was_learnt() {
    let base = saved(fitted());
    let load = |bytes: &[u8]| {
        let mut trainer = null_mut();
        // SAFETY: as many bytes as there are.
        must(unsafe { pocketrec_trainer_load(bytes.as_ptr(), bytes.len(), c"cpu".as_ptr(), 1, &mut trainer) });
        trainer
    };
    let (device, server) = (load(&base), load(&base));
    let (mut bytes, mut len) = (null_mut(), 0);
    // SAFETY: as many ids and bytes as is said, and places for the results.
    unsafe {
        must(pocketrec_trainer_absorb(
            device,
            [2, USERS].as_ptr(),
            [5, 6].as_ptr(),
            2,
            null_mut(),
        ));
        must(pocketrec_trainer_delta(
            device,
            base.as_ptr(),
            base.len(),
            0.0,
            1,
            &mut bytes,
            &mut len,
        ));
        must(pocketrec_trainer_apply(server, bytes, len));
        assert!(saved(server) == saved(device));
        must_fail(
            pocketrec_trainer_apply(server, bytes, len),
            POCKETREC_CONFIG,
            "began from another state",
        );
        must_fail(
            pocketrec_trainer_apply(server, bytes, len - 1),
            POCKETREC_CHECKPOINT,
            "in memory",
        );
        must(pocketrec_bytes_free(bytes));
        let status = pocketrec_trainer_delta(device, base.as_ptr(), 40, 0.0, 1, &mut bytes, &mut len);
        must_fail(status, POCKETREC_CHECKPOINT, "in memory");
        let status = pocketrec_trainer_delta(device, base.as_ptr(), base.len(), -1.0, 1, &mut bytes, &mut len);
        must_fail(status, POCKETREC_CONFIG, "threshold");
        assert!(bytes.is_null());
    }
    must(pocketrec_trainer_free(device));
    must(pocketrec_trainer_free(server));
}

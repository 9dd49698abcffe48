//! Models of clicks: loaded, ranked with, taught and saved.

use std::{
    ffi::CString,
    mem::size_of,
    path::Path,
    ptr::{null, null_mut},
};

use pocketrec::{
    capi::{pocketrec_status::*, *},
    data::clicks::PlantedClicks,
    device::Device,
    models::Din,
    plan::RowType,
    train::{ClickConfig, ClickRow, ClickTrainer},
};

use super::support::*;

/// A trained model with its encoder, as bytes.
fn model() -> Vec<u8> {
    let data = PlantedClicks {
        users: 60,
        rows_per_user: 20,
        ..PlantedClicks::default()
    };
    let data = data.generate().unwrap();
    let model = Din::new(data.train.layout()).embedding_dim(4).hidden([8]);
    let config = ClickConfig {
        epochs: 1,
        ..ClickConfig::default()
    };
    let mut trainer = ClickTrainer::new(model, Device::cpu().threads(1), config).unwrap();
    trainer.fit(&data.train, None, |_| ()).unwrap();
    trainer.set_encoder(data.encoder).unwrap();
    trainer.to_bytes().unwrap()
}

/// For examples/c/check.sh, whose program ranks by it.
#[test]
fn a_model_is_left_for_the_program_in_c() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi-clicks.safetensors");
    std::fs::write(&path, model()).unwrap();
    ClickTrainer::load(&path, Device::cpu()).unwrap();
}

fn load(bytes: &[u8]) -> *mut pocketrec_click_trainer {
    let mut trainer = null_mut();
    // SAFETY: as many bytes as there are.
    must(unsafe { pocketrec_click_trainer_load(bytes.as_ptr(), bytes.len(), c"cpu".as_ptr(), 1, &mut trainer) });
    trainer
}

fn saved(trainer: *mut pocketrec_click_trainer) -> Vec<u8> {
    let (mut bytes, mut len) = (null_mut(), 0);
    // SAFETY: places for the results, and as many bytes as it says.
    unsafe {
        must(pocketrec_click_trainer_save(trainer, &mut bytes, &mut len));
        let saved = std::slice::from_raw_parts(bytes, len).to_vec();
        must(pocketrec_bytes_free(bytes));
        saved
    }
}

/// Rows of texts in the form of C, for as long as this lives.
struct Rows {
    _texts: Vec<CString>,
    _values: Vec<Vec<pocketrec_value>>,
    rows: Vec<pocketrec_values>,
}

impl Rows {
    fn new(rows: &[&[(&str, &str)]]) -> Self {
        let mut texts = Vec::new();
        let mut text = |text: &str| {
            texts.push(CString::new(text).unwrap());
            texts[texts.len() - 1].as_ptr()
        };
        let mut of_row = |row: &&[(&str, &str)]| {
            let value = |&(column, value): &(&str, &str)| pocketrec_value {
                column: text(column),
                value: text(value),
            };
            row.iter().map(value).collect::<Vec<_>>()
        };
        let values: Vec<_> = rows.iter().map(&mut of_row).collect();
        let as_c = |row: &Vec<pocketrec_value>| pocketrec_values {
            values: row.as_ptr(),
            count: row.len(),
        };
        Rows {
            rows: values.iter().map(as_c).collect(),
            _texts: texts,
            _values: values,
        }
    }
}

const EVENTS: [&[(&str, &str)]; 2] = [&[("item", "2")], &[("item", "9")]];
const CANDIDATES: [&[(&str, &str)]; 3] = [&[("item", "3")], &[("item", "5")], &[("item", "never seen")]];

fn rank(trainer: *mut pocketrec_click_trainer, context: &Rows, k: usize) -> (pocketrec_status, Vec<(usize, f32)>) {
    let (events, candidates) = (Rows::new(&EVENTS), Rows::new(&CANDIDATES));
    let (mut ranked, mut found) = (vec![pocketrec_ranked::default(); k], 7);
    // SAFETY: rows of as many values as they say, and room for `k`.
    let status = unsafe {
        pocketrec_click_trainer_rank(
            trainer,
            context.rows[0],
            events.rows.as_ptr(),
            events.rows.len(),
            candidates.rows.as_ptr(),
            candidates.rows.len(),
            ranked.as_mut_ptr(),
            k,
            &mut found,
        )
    };
    let list = ranked[..found].iter().map(|one| (one.candidate as usize, one.score));
    (status, list.collect())
}

#[test]
fn ranking_and_absorbing_are_those_of_the_library() {
    let bytes = model();
    let (trainer, mut own) = (
        load(&bytes),
        ClickTrainer::from_bytes(&bytes, Device::cpu().threads(1)).unwrap(),
    );
    assert_eq!(saved(trainer), bytes);
    let context = Rows::new(&[&[("user", "ann"), ("hour", "7")]]);
    let own_rank = |own: &mut ClickTrainer| {
        own.rank(&[("user", "ann"), ("hour", "7")], &EVENTS, &CANDIDATES)
            .unwrap()
    };
    for _ in 0..2 {
        let ranked = own_rank(&mut own);
        assert_eq!(rank(trainer, &context, 9), (POCKETREC_OK, ranked.clone()));
        assert_eq!(rank(trainer, &context, 2).1, ranked[..2]);
        let (values, events) = (
            Rows::new(&[&[("user", "ann"), ("item", "5"), ("hour", "7")]]),
            Rows::new(&EVENTS),
        );
        let click = pocketrec_click {
            values: values.rows[0],
            events: events.rows.as_ptr(),
            event_count: events.rows.len(),
            label: 1.0,
        };
        let mut report = pocketrec_click_absorb_report {
            size: size_of::<pocketrec_click_absorb_report>(),
            rows: 0,
            new_keys: 0,
            steps: 0,
            before: 0.0,
            after: 0.0,
        };
        // SAFETY: one click, and a struct of its size.
        must(unsafe { pocketrec_click_trainer_absorb(trainer, &click, 1, &mut report) });
        let row = ClickRow {
            values: &[("user", "ann"), ("item", "5"), ("hour", "7")],
            events: &EVENTS,
            label: 1.0,
        };
        let told = own.absorb(&[row]).unwrap();
        assert_eq!(
            (report.rows, report.new_keys, report.steps),
            (1, told.new_keys as u64, told.steps)
        );
        assert_eq!((report.before, report.after), (told.before, told.after));
        assert!(report.after < report.before);
        assert_eq!(saved(trainer), own.to_bytes().unwrap());
    }
    must(pocketrec_click_trainer_free(trainer));
}

#[test]
fn what_is_no_request_is_refused() {
    let bytes = model();
    let trainer = load(&bytes);
    let wrong = |context: &[(&str, &str)]| rank(trainer, &Rows::new(&[context]), 3);
    let (status, list) = wrong(&[("user", "ann"), ("colour", "red")]);
    must_fail(status, POCKETREC_CONFIG, "colour");
    assert!(list.is_empty());
    let nothing = pocketrec_values {
        values: null(),
        count: 0,
    };
    let half = [pocketrec_value {
        column: c"user".as_ptr(),
        value: null(),
    }];
    let odd = [pocketrec_value {
        column: c"user".as_ptr(),
        value: c"\xff".as_ptr(),
    }];
    let rows = |values: &[pocketrec_value]| pocketrec_values {
        values: values.as_ptr(),
        count: values.len(),
    };
    let lost = pocketrec_values {
        values: null(),
        count: 2,
    };
    let item = Rows::new(&[&[("item", "3")]]);
    let (mut ranked, mut found) = ([pocketrec_ranked::default()], 0);
    let ask = |context, candidates: *const pocketrec_values, count, room: *mut pocketrec_ranked, found: *mut usize| {
        // SAFETY: what is not NULL leads to as many as is said.
        unsafe { pocketrec_click_trainer_rank(trainer, context, null(), 0, candidates, count, room, 1, found) }
    };
    let (room, one) = (ranked.as_mut_ptr(), item.rows.as_ptr());
    must(ask(nothing, one, 1, room, &mut found));
    must_fail(ask(nothing, one, 0, room, &mut found), POCKETREC_CONFIG, "candidates");
    must_fail(ask(nothing, null(), 1, room, &mut found), POCKETREC_NULL, "candidates");
    must_fail(ask(rows(&half), one, 1, room, &mut found), POCKETREC_NULL, "value");
    must_fail(
        ask(rows(&odd), one, 1, room, &mut found),
        POCKETREC_ARGUMENT,
        "value is not UTF-8",
    );
    must_fail(ask(lost, one, 1, room, &mut found), POCKETREC_NULL, "context");
    must_fail(ask(nothing, one, 1, null_mut(), &mut found), POCKETREC_NULL, "ranked");
    must_fail(ask(nothing, one, 1, room, null_mut()), POCKETREC_NULL, "found");
    must_fail(
        ask(nothing, one, usize::MAX, room, &mut found),
        POCKETREC_LENGTH,
        "candidates",
    );
    let click = |label| pocketrec_click {
        values: item.rows[0],
        events: null(),
        event_count: 0,
        label,
    };
    for label in [-0.5, 1.5, f32::NAN] {
        // SAFETY: one click.
        let refused = unsafe { pocketrec_click_trainer_absorb(trainer, &click(label), 1, null_mut()) };
        must_fail(refused, POCKETREC_CONFIG, "label");
    }
    // SAFETY: it is NULL.
    let refused = unsafe { pocketrec_click_trainer_absorb(trainer, null(), 1, null_mut()) };
    must_fail(refused, POCKETREC_NULL, "clicks");
    for len in (0..bytes.len()).step_by(501) {
        let mut made = null_mut();
        // SAFETY: there are more bytes.
        let refused = unsafe { pocketrec_click_trainer_load(bytes.as_ptr(), len, c"cpu".as_ptr(), 1, &mut made) };
        assert_eq!((refused, made), (POCKETREC_CHECKPOINT, null_mut()));
    }
    assert_eq!(saved(trainer), bytes);
    must(pocketrec_click_trainer_free(trainer));
    must_fail(pocketrec_click_trainer_free(trainer), POCKETREC_HANDLE, "it was freed");
}

#[test]
fn an_export_is_that_of_the_library() {
    let bytes = model();
    let trainer = load(&bytes);
    let mut own = ClickTrainer::from_bytes(&bytes, Device::cpu()).unwrap();
    let (mut small, mut len) = (null_mut(), 0);
    // SAFETY: places for the results, and as many bytes as it says.
    unsafe {
        must(pocketrec_click_trainer_export(trainer, 8, &mut small, &mut len));
        let want = own.export_to_bytes(RowType::I8).unwrap();
        assert_eq!(std::slice::from_raw_parts(small, len), want);
        must(pocketrec_bytes_free(small));
        must_fail(
            pocketrec_click_trainer_export(trainer, 9, &mut small, &mut len),
            POCKETREC_CONFIG,
            "none of 32, 16 and 8",
        );
    }
    must(pocketrec_click_trainer_free(trainer));
}

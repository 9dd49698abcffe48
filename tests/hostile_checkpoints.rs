//! Checkpoints whose checksum is right and whose contents are not: refused by name, or loaded and then as good as any.

#![cfg(feature = "std")]

mod common;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use common::files::{Tensors, edited};
use pocketrec::{
    Error,
    checkpoint::{Checkpoint, ClickCheckpoint},
    data::{
        IdMap, Interactions, Split,
        samples::{Field, Samples, Schema, SideTable, Training},
    },
    device::Device,
    models::{ClickModel, DeepFm, Dien, Din, Fm, Lr, Mf, NeuMf, Unit},
    rng::Rng,
    train::{AbsorbConfig, ClickConfig, ClickProgress, ClickRow, ClickTrainer, Control, TrainConfig, Trainer},
};
use safetensors::Dtype;

fn device() -> Device {
    Device::cpu().threads(1)
}

// ---- Files of both kinds

/// Six users of seven items, with keys and titles.
fn split() -> Split {
    let pairs: Vec<(u32, u32)> = (0..6)
        .flat_map(|user| (0..4).map(move |i| (user, (user + 2 * i) % 7)))
        .collect();
    let keys = |prefix: char, n: u32| IdMap::from_keys((0..n).map(|i| format!("{prefix}{i}"))).unwrap();
    let data = Interactions::from_pairs(&pairs).unwrap();
    let data = data.with_ids(keys('u', 6), keys('i', 7)).unwrap();
    let titles = (0..7).map(|item| format!("Title {item}")).collect();
    data.with_titles(titles).unwrap().leave_one_out().unwrap()
}

/// A trainer that has trained, been evaluated and averaged, and absorbed a click of a new user.
fn pairs(model: impl Into<pocketrec::models::Model>, absorb: bool) -> Vec<u8> {
    let config = TrainConfig {
        epochs: 2,
        batch_size: 16,
        patience: Some(9),
        average_from: Some(1),
        protocol: pocketrec::eval::Protocol::Full,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(model, device(), config).unwrap();
    trainer.fit(&split(), |_| Control::Stop).unwrap();
    if absorb {
        trainer.absorb_keys(&[("new", "i3")], &AbsorbConfig::default()).unwrap();
    }
    bytes(&trainer.checkpoint().unwrap())
}

fn bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    checkpoint.write_to(&mut bytes).unwrap();
    bytes
}

fn click_bytes(checkpoint: &ClickCheckpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    checkpoint.write_to(&mut bytes).unwrap();
    bytes
}

/// Rows with a field of every kind, and a side table.
fn rows() -> Training {
    let schema = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .field(Field::key("maker").from_table("items"))
        .field(Field::number("price").from_table("items"))
        .field(Field::keys("tags", '|'))
        .field(Field::key("agent").hashed(3))
        .field(Field::quantile("hour", 3))
        .join("items", "item")
        .history("history", ["item", "maker"], 4)
        .label("click")
        .group("user");
    let mut items = SideTable::new("items", ["maker", "price"]);
    for (item, maker, price) in [("tea", "anon", "2"), ("rice", "bert", "3.5"), ("soup", "anon", "")] {
        items.push(item, &[maker, price]).unwrap();
    }
    let mut training = Training::new(schema, vec![items]).unwrap();
    let inputs: Vec<String> = training.inputs().into_iter().map(String::from).collect();
    for row in 0..24 {
        let value = |input: &str| match input {
            "user" => ["ann", "bob", "cem"][row % 3].to_string(),
            "item" => ["tea", "rice", "soup"][row / 3 % 3].to_string(),
            "tags" => ["hot|red", "", "hot"][row % 3].to_string(),
            "agent" => format!("a{}", row % 5),
            "hour" => (row % 7).to_string(),
            _ => (row % 2).to_string(),
        };
        let values: Vec<String> = inputs.iter().map(|input| value(input)).collect();
        training
            .push_row(&values.iter().map(String::as_str).collect::<Vec<_>>())
            .unwrap();
    }
    training
}

fn clicks(model: impl Fn(&Samples) -> ClickModel) -> (Vec<u8>, Samples) {
    let (encoder, train, _) = rows().fit().unwrap();
    let config = ClickConfig {
        epochs: 2,
        batch_size: 16,
        patience: Some(3),
        ..ClickConfig::default()
    };
    let mut trainer = ClickTrainer::new(model(&train), device(), config).unwrap();
    trainer.set_encoder(encoder).unwrap();
    trainer.fit(&train, Some(&train), |_| Control::Stop).unwrap();
    let click = ClickRow {
        values: &[("user", "dot"), ("item", "rice"), ("hour", "4")],
        events: &[],
        label: 1.0,
    };
    trainer.absorb(&[click]).unwrap();
    (click_bytes(&trainer.checkpoint().unwrap()), train)
}

fn din(train: &Samples) -> ClickModel {
    Din::new(train.layout())
        .factors(2)
        .attention([3], Unit::Sigmoid)
        .hidden([3])
        .into()
}

// ---- Past the checksum

/// Loads a file, with the checksum that its contents give: it is compared last, when all else is well.
fn past_checksum<T>(bytes: &[u8], load: impl Fn(&[u8]) -> pocketrec::Result<T>) -> Result<T, String> {
    const SAYS: &str = "metadata key checksum says ";
    const GIVE: &str = "the contents give ";
    let reason = match load(bytes) {
        Ok(loaded) => return Ok(loaded),
        Err(Error::Checkpoint { reason, .. }) => reason,
        Err(other) => panic!("{other}"),
    };
    let Some(at) = reason.find(GIVE).filter(|_| reason.starts_with(SAYS)) else {
        return Err(reason);
    };
    let said = &reason[SAYS.len()..reason.find(',').unwrap()];
    let right = &reason[at + GIVE.len()..][..16];
    let from = bytes.windows(said.len()).position(|part| part == said.as_bytes());
    let (Some(from), 16) = (from, said.len()) else {
        return Err(reason); // the checksum itself was hit
    };
    let mut bytes = bytes.to_vec();
    bytes[from..from + 16].copy_from_slice(right.as_bytes());
    load(&bytes).map_err(|error| error.to_string())
}

// ---- Every bit

/// Flips every bit of a file, on two threads. `check` gets each; it says whether the file was read all the same.
fn flip_every_bit(bytes: &[u8], check: impl Fn(&[u8]) -> bool + Sync) {
    let read = AtomicUsize::new(0);
    thread::scope(|scope| {
        for part in 0..2 {
            let (read, check) = (&read, &check);
            scope.spawn(move || {
                let mut bytes = bytes.to_vec();
                for at in (part..bytes.len()).step_by(2) {
                    for bit in 0..8 {
                        bytes[at] ^= 1 << bit;
                        read.fetch_add(usize::from(check(&bytes)), Ordering::Relaxed);
                        bytes[at] ^= 1 << bit;
                    }
                }
            });
        }
    });
    // White space behind the header may be another, and that is all.
    assert!(read.into_inner() <= 8 * 8);
}

#[test]
fn every_flipped_bit_of_pairs_is_refused_or_changes_nothing() {
    let file = pairs(Mf::new(6, 7).factors(1), true);
    let whole = Checkpoint::from_bytes(&file).unwrap();
    flip_every_bit(&file, |bytes| match Checkpoint::from_bytes(bytes) {
        Ok(read) => {
            assert_eq!(read, whole);
            true
        }
        Err(error) => {
            assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
            false
        }
    });
}

#[test]
fn every_flipped_bit_of_clicks_is_refused_or_changes_nothing() {
    let (file, _) = clicks(|train| Fm::new(train.layout()).factors(1).into());
    flip_every_bit(&file, |bytes| match ClickCheckpoint::from_bytes(bytes) {
        Ok(read) => {
            assert_eq!(click_bytes(&read), file);
            true
        }
        Err(error) => {
            assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
            false
        }
    });
}

// ---- Mutations

/// Numbers that are one thing in the right place and another in a wrong one.
const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "7",
    "24",
    "25",
    "255",
    "65536",
    "2147483647",
    "2147483648",
    "4294967294",
    "4294967295",
    "4294967296",
    "9007199254740992",
    "9223372036854775807",
    "18446744073709551614",
    "18446744073709551615",
    "-1",
    "1e39",
    "0.5",
];

/// Random choices, one after the other.
struct Choices {
    rng: Rng,
    next: u64,
}

impl Choices {
    fn below(&mut self, n: usize) -> usize {
        self.next += 1;
        self.rng.below(self.next, n.max(1) as u32) as usize
    }
}

/// Changes a text of JSON in one place: a number, a letter, or a list.
fn mutate_json(json: &str, choices: &mut Choices) -> String {
    let places = |wanted: &dyn Fn(&str, usize) -> bool| -> Vec<usize> {
        (0..json.len())
            .filter(|&at| json.is_char_boundary(at) && wanted(json, at))
            .collect()
    };
    let digit = |json: &str, at: usize| json.as_bytes()[at].is_ascii_digit();
    match choices.below(4) {
        0 | 1 => {
            let starts = places(&|json, at| digit(json, at) && (at == 0 || !digit(json, at - 1)));
            let Some(&at) = starts.get(choices.below(starts.len())) else {
                return json.into();
            };
            let len = json[at..].bytes().take_while(u8::is_ascii_digit).count();
            format!(
                "{}{}{}",
                &json[..at],
                NUMBERS[choices.below(NUMBERS.len())],
                &json[at + len..]
            )
        }
        2 => {
            let letters = places(&|json, at| json.as_bytes()[at].is_ascii_alphanumeric());
            let Some(&at) = letters.get(choices.below(letters.len())) else {
                return json.into();
            };
            let new = ["", "a", "user", "0", "\\u0000", "ü"][choices.below(6)];
            format!("{}{new}{}", &json[..at], &json[at + 1..])
        }
        _ => {
            let lists = places(&|json, at| json.as_bytes()[at] == b'[');
            let Some(&at) = lists.get(choices.below(lists.len())) else {
                return json.into();
            };
            let mut depth = 0i32;
            let len = json[at..].bytes().position(|byte| {
                depth += i32::from(byte == b'[') - i32::from(byte == b']');
                depth == 0
            });
            let Some(len) = len else { return json.into() };
            let inner = &json[at + 1..at + len];
            let new = match choices.below(3) {
                0 => String::new(),
                1 => format!("{inner},{inner}"),
                _ => inner.split_once(',').map_or("", |(_, rest)| rest).into(),
            };
            format!("{}[{new}{}", &json[..at], &json[at + len..])
        }
    }
}

/// Changes a tensor: a word of it, its length, its shape, its type, or whether it is there.
fn mutate_tensor(tensors: &mut Tensors, name: &str, choices: &mut Choices) {
    let Some((dtype, shape, data)) = tensors.get_mut(name) else {
        return;
    };
    let size = dtype.bitsize() / 8;
    match choices.below(8) {
        0..=3 if data.len() >= size => {
            let at = choices.below(data.len() / size) * size;
            let words = [
                0u64,
                1,
                3,
                6,
                0x7f7f_ffff,
                0x8000_0000,
                0xffff_fffe,
                u64::MAX,
                u64::MAX >> 1,
                0x3f80_0000,
            ];
            let word = words[choices.below(words.len())].to_le_bytes();
            data[at..at + size].copy_from_slice(&word[..size]);
        }
        4 => {
            let row = size * shape[1..].iter().product::<usize>();
            data.truncate(data.len().saturating_sub(row));
            shape[0] = shape[0].saturating_sub(1);
        }
        5 => {
            let row = size * shape[1..].iter().product::<usize>();
            data.extend(vec![0; row]);
            shape[0] += 1;
        }
        6 => shape.insert(choices.below(2), 1),
        7 if size == 4 => *dtype = if *dtype == Dtype::F32 { Dtype::I32 } else { Dtype::F32 },
        _ => {
            tensors.remove(name);
        }
    }
}

/// A file that differs in one or two places.
fn mutated(file: &[u8], choices: &mut Choices) -> Vec<u8> {
    edited(file, |tensors, strings| {
        for _ in 0..1 + choices.below(2) {
            let mut names: Vec<String> = tensors.keys().cloned().collect();
            names.sort();
            let json: Vec<&String> = names
                .iter()
                .filter(|&name| name == "encoder" || name == "absorbed")
                .collect();
            match choices.below(5) {
                0 | 1 => {
                    let mut keys: Vec<String> = strings.keys().filter(|&key| key != "checksum").cloned().collect();
                    keys.sort();
                    let key = &keys[choices.below(keys.len())];
                    let value = mutate_json(&strings[key], choices);
                    strings.insert(key.clone(), value);
                }
                2 | 3 if !json.is_empty() => {
                    let (_, shape, data) = tensors.get_mut(json[choices.below(json.len())]).unwrap();
                    *data = mutate_json(&String::from_utf8_lossy(data), choices).into_bytes();
                    *shape = vec![data.len()];
                }
                _ => {
                    let name = &names[choices.below(names.len())];
                    mutate_tensor(tensors, name, choices);
                }
            }
        }
    })
}

/// Says which mutation it was that panicked.
struct Case(usize);

impl Drop for Case {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("mutation {}", self.0);
        }
    }
}

/// Runs mutations; `use_it` gets what loads. Gives how many do.
fn mutate<T>(
    file: &[u8],
    count: usize,
    load: impl Fn(&[u8]) -> pocketrec::Result<T>,
    mut use_it: impl FnMut(T),
) -> usize {
    let mut loaded = 0;
    for case in 0..count {
        let _case = Case(case);
        let mut choices = Choices {
            rng: Rng::new(20).stream(case as u32),
            next: 0,
        };
        let begun = Instant::now();
        if let Ok(read) = past_checksum(&mutated(file, &mut choices), &load) {
            loaded += 1;
            use_it(read);
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
    loaded
}

/// What is written of a loaded file loads as the same, and a trainer of it refuses or works.
fn use_pairs(read: Checkpoint, split: &Split) {
    assert_eq!(Checkpoint::from_bytes(&bytes(&read)).unwrap(), read);
    let Ok(mut trainer) = Trainer::from_checkpoint(read, device()) else {
        return;
    };
    let _ = trainer.recommend(0, 3).is_ok();
    let _ = trainer.recommend(6, usize::MAX).is_ok();
    let _ = trainer.recommend_from(0, &[0, 6, 2], 2).is_ok();
    let _ = trainer.absorb(&[(0, 3), (7, 2)]).is_ok();
    let _ = trainer
        .absorb_keys(&[("u1", "fresh")], &AbsorbConfig::default())
        .is_ok();
    let config = *trainer.config();
    let config = TrainConfig {
        epochs: trainer.progress().epoch + 1,
        negatives: config.negatives.min(300),
        ..config
    };
    if trainer.set_config(config).is_ok() {
        let _ = trainer.fit(split, |_| Control::Stop).is_ok();
    }
    let _ = trainer.recommend(0, 3).is_ok();
}

fn use_clicks(read: ClickCheckpoint, train: &Samples) {
    let written = click_bytes(&read);
    let again = ClickCheckpoint::from_bytes(&written).unwrap();
    assert_eq!(click_bytes(&again), written);
    let Ok(mut trainer) = ClickTrainer::from_checkpoint(read, device()) else {
        return;
    };
    let candidates: [&[(&str, &str)]; 3] = [&[("item", "tea")], &[("item", "soup")], &[("item", "none")]];
    for user in ["ann", "dot"] {
        let _ = trainer
            .rank(&[("user", user), ("hour", "3")], &[candidates[0]], &candidates)
            .is_ok();
    }
    let click = ClickRow {
        values: &[("user", "eve"), ("item", "soup"), ("agent", "x")],
        events: &[candidates[1]],
        label: 1.0,
    };
    let _ = trainer.absorb(&[click, click]).is_ok();
    let _ = trainer.logits(train).is_ok();
    let config = ClickConfig {
        epochs: trainer.progress().epoch + 1,
        negatives: 0,
        ..*trainer.config()
    };
    if trainer.set_config(config).is_ok() {
        let _ = trainer.fit(train, Some(train), |_| Control::Stop).is_ok();
    }
    let _ = trainer.rank(&[("user", "ann")], &[], &candidates).is_ok();
}

#[test]
fn mutated_pairs_are_refused_or_usable() {
    let split = split();
    for absorb in [false, true] {
        let file = pairs(NeuMf::new(6, 7).factors(1), absorb);
        let loaded = mutate(&file, 1500, Checkpoint::from_bytes, |read| use_pairs(read, &split));
        assert!((150..1350).contains(&loaded), "{loaded}");
    }
}

#[test]
fn mutated_clicks_are_refused_or_usable() {
    let models: [fn(&Samples) -> ClickModel; 4] = [
        din,
        |train| {
            Dien::new(train.layout())
                .factors(1)
                .attention([2])
                .hidden([2])
                .auxiliary([2], 0.5)
                .into()
        },
        |train| {
            DeepFm::new(train.layout())
                .factors(2)
                .hidden([3])
                .unit(Unit::Dice)
                .into()
        },
        |train| Lr::new(train.layout()).into(),
    ];
    for model in models {
        let (file, train) = clicks(model);
        let loaded = mutate(&file, 1000, ClickCheckpoint::from_bytes, |read| {
            use_clicks(read, &train)
        });
        assert!((100..900).contains(&loaded), "{loaded}");
    }
}

// ---- By name

type Edit<'e> = &'e dyn Fn(&mut Tensors, &mut HashMap<String, String>);

/// Replaces a part of a JSON tensor, which must be there.
fn replace_in(tensors: &mut Tensors, name: &str, from: &str, to: &str) {
    let (_, shape, data) = tensors.get_mut(name).unwrap();
    let json = String::from_utf8(data.clone()).unwrap();
    assert!(json.contains(from), "{json} lacks {from}");
    *data = json.replacen(from, to, 1).into_bytes();
    *shape = vec![data.len()];
}

/// Replaces a value of a metadata string by its key.
fn set(strings: &mut HashMap<String, String>, string: &str, key: &str, value: &str) {
    let json = &strings[string];
    let from = json
        .find(&format!("\"{key}\":"))
        .unwrap_or_else(|| panic!("{json} lacks {key}"))
        + key.len()
        + 3;
    let len = if json[from..].starts_with('[') {
        json[from..].find(']').unwrap() + 1
    } else {
        json[from..].find([',', '}']).unwrap()
    };
    let json = format!("{}{value}{}", &json[..from], &json[from + len..]);
    strings.insert(string.into(), json);
}

/// What a file of clicks is refused for, within a second.
fn click_reason(file: &[u8], edit: Edit) -> String {
    let file = edited(file, edit);
    let begun = Instant::now();
    let reason = past_checksum(&file, ClickCheckpoint::from_bytes).unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}: {reason}",
        begun.elapsed()
    );
    reason
}

#[test]
fn what_an_encoder_claims_must_be_there() {
    let (file, _) = clicks(din);
    let values = r#""name":"maker","values":["anon","bert"]"#;
    let keys = r#""name":"items","keys":["tea","rice","soup"]"#;
    let vocabulary = r#"{"keys":["anon","bert"]}"#;
    let cases: &[(&str, &str, &str)] = &[
        (
            "4 values of \"maker\" in 3 rows",
            values,
            r#""name":"maker","values":4"#,
        ),
        (
            "4294967294 values of \"maker\"",
            values,
            r#""name":"maker","values":4294967294"#,
        ),
        (
            "4294967295 values of \"maker\"",
            values,
            r#""name":"maker","values":4294967295"#,
        ),
        ("expected", values, r#""name":"maker","values":4294967296"#),
        (
            "4 values of \"price\"",
            r#""values":["2","3.5",""]"#,
            r#""values":["2","3.5","","7"]"#,
        ),
        (
            "4294967294 values of \"price\"",
            r#""values":["2","3.5",""]"#,
            r#""values":4294967294"#,
        ),
        (
            "items: the values do not fit the keys",
            keys,
            r#""name":"items","keys":4294967294"#,
        ),
        (
            "items: the values do not fit the keys",
            keys,
            r#""name":"items","keys":["tea"]"#,
        ),
        ("must be listed", vocabulary, r#"{"keys":2}"#),
        ("must be listed", vocabulary, r#"{"keys":4294967294}"#),
        ("too many keys", vocabulary, r#"{"keys":4294967295}"#),
        (
            "of another kind",
            r#"{"hashed":{"buckets":3}}"#,
            r#"{"hashed":{"buckets":4294967294}}"#,
        ),
        (
            "out of range",
            r#"{"hashed":{"buckets":3}}"#,
            r#"{"hashed":{"buckets":4294967295}}"#,
        ),
        (
            "more than 1048576 quantiles",
            r#"{"parts":3}"#,
            r#"{"parts":4294967295}"#,
        ),
        ("not those of the model", r#""length":4"#, r#""length":4294967295"#),
        ("scale", r#""factor":"#, r#""factor":1e39,"x":"#),
    ];
    for (expected, from, to) in cases {
        let reason = click_reason(&file, &|tensors, _| replace_in(tensors, "encoder", from, to));
        assert!(
            reason.starts_with("tensor encoder: ") && reason.contains(expected),
            "{reason:?} lacks {expected:?}"
        );
    }
    // A number that the rows bear out is as good as a list.
    let backed = edited(&file, |tensors, _| {
        replace_in(tensors, "encoder", keys, r#""name":"items","keys":3"#)
    });
    past_checksum(&backed, ClickCheckpoint::from_bytes).unwrap();
    // A table that no field reads bears nothing out.
    let empty = r#""tables":[{"name":"none","keys":4294967294,"columns":[]},"#;
    let reason = click_reason(&file, &|tensors, _| {
        replace_in(tensors, "encoder", r#""tables":["#, empty)
    });
    assert!(reason.contains("none: a number of keys"), "{reason}");
    let reason = click_reason(&file, &|tensors, _| {
        replace_in(tensors, "absorbed", r#""users":["dot"]"#, r#""users":4294967294"#)
    });
    assert!(reason.contains("not one history a user"), "{reason}");
}

#[test]
fn settings_beyond_reason_are_refused_by_name() {
    let (file, _) = clicks(|train| {
        Dien::new(train.layout())
            .factors(1)
            .attention([2])
            .hidden([2])
            .auxiliary([2], 1.0)
            .into()
    });
    let ones = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let wide = format!("[{}]", vec!["65536"; 1000].join(","));
    for list in ["attention", "auxiliary", "hidden"] {
        for (expected, value) in [
            ("columns do not fit a file with", &ones(32_000)),
            ("columns do not fit a file with", &wide),
            ("values, at most 131072 are read", &ones(131_073)),
        ] {
            let reason = click_reason(&file, &|_, strings| set(strings, "model", list, value));
            assert!(
                reason.starts_with("metadata key model") && reason.contains(expected),
                "{list}: {reason}"
            );
        }
        // A file that is large enough for the layers: their number is what is wrong then.
        let reason = click_reason(&file, &|tensors, strings| {
            set(strings, "model", list, &ones(32_000));
            tensors.insert("more".into(), (Dtype::U8, vec![200_000], vec![0; 200_000]));
        });
        let expected = format!("metadata key model: {list}: 32000 layers; give 1024 at most");
        assert!(reason.contains(&expected), "{reason}");
    }
    let reason = click_reason(&file, &|_, strings| {
        set(strings, "model", "factors", "18446744073709551615")
    });
    assert!(reason.contains("metadata key model"), "{reason}");
    // Fields of no name, and events of a field that comes again and again.
    let fields = format!("[{}]", vec![r#""""#; 9000].join(","));
    let reason = click_reason(&file, &|tensors, strings| {
        set(strings, "model", "numbers", &fields);
        tensors.insert("more".into(), (Dtype::U8, vec![200_000], vec![0; 200_000]));
    });
    assert!(reason.contains("give 8192 at most"), "{reason}");
}

#[test]
fn counts_near_their_ends_are_refused_by_name() {
    let (file, _) = clicks(din);
    let large = "18446744073709551615";
    let mut cases: Vec<(&str, &str)> = ["row", "step", "optimizer_step", "loss_samples", "absorbed"]
        .into_iter()
        .flat_map(|key| [(key, large), (key, "9007199254740993")])
        .chain([("row", "4294967295")])
        .collect();
    cases.extend(["epoch", "stale", "plateaus"].map(|key| (key, "4294967295")));
    for (key, value) in cases {
        let reason = click_reason(&file, &|_, strings| set(strings, "click_progress", key, value));
        let expected = format!("metadata key click_progress: {key} is {value}; training counts to");
        assert!(reason.contains(&expected), "{reason}");
    }
    for sum in ["\"1e301\"", "\"-1\""] {
        let reason = click_reason(&file, &|_, strings| set(strings, "click_progress", "loss_sum", sum));
        assert!(reason.contains("is no sum of losses"), "{reason}");
    }
    let file = pairs(NeuMf::new(6, 7).factors(1), false);
    for (key, value) in [
        ("sample", large),
        ("step", large),
        ("optimizer_step", large),
        ("loss_samples", large),
        ("absorbed", large),
        ("stale", "4294967295"),
    ] {
        let file = edited(&file, |_, strings| set(strings, "progress", key, value));
        let reason = past_checksum(&file, Checkpoint::from_bytes).unwrap_err();
        let expected = format!("metadata key progress: {key} is {value}; training counts to");
        assert!(reason.contains(&expected), "{reason}");
    }
}

/// A model whose layout speaks of more than its plan reads, where no encoder says otherwise.
#[test]
fn a_layout_alone_is_held_to_its_fields() {
    let (file, _) = clicks(|train| Lr::new(train.layout()).into());
    for (expected, from, to) in [
        (
            "history: its events have fields that are not there",
            r#""fields":[1,2]"#,
            r#""fields":[1,9]"#,
        ),
        (
            "endless: no field reads this vocabulary",
            r#""vocabularies":["#,
            r#""vocabularies":[{"name":"endless","rows":4294967295},"#,
        ),
    ] {
        let reason = click_reason(&file, &|tensors, strings| {
            tensors.remove("encoder");
            let mut model = strings["model"].replace(from, to);
            if expected.starts_with("endless") {
                // The others move up by one.
                for at in (0..9).rev() {
                    model = model.replace(&format!(r#""vocabulary":{at}"#), &format!(r#""vocabulary":{}"#, at + 1));
                }
            }
            strings.insert("model".into(), model);
        });
        assert!(reason.contains(expected), "{reason}");
    }
}

/// Positions that were edited in memory, and one that the rows do not have.
#[test]
fn positions_that_cannot_be_gone_on_from_are_refused() {
    let (file, train) = clicks(din);
    let mut checkpoint = ClickCheckpoint::from_bytes(&file).unwrap();
    checkpoint.progress = ClickProgress {
        row: train.len() as u64,
        ..ClickProgress::default()
    };
    let mut trainer = ClickTrainer::from_checkpoint(checkpoint.clone(), device()).unwrap();
    let error = trainer.fit(&train, None, |_| ()).unwrap_err().to_string();
    assert!(error.contains("row 24 of an epoch, and these are 24"), "{error}");
    checkpoint.progress.absorbed = u64::MAX;
    let error = ClickTrainer::from_checkpoint(checkpoint.clone(), device())
        .unwrap_err()
        .to_string();
    assert!(error.contains("progress: absorbed is 18446744073709551615"), "{error}");
    // What could not be read is not written.
    let error = checkpoint.write_to(&mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("absorbed is 18446744073709551615"), "{error}");

    let mut checkpoint = Checkpoint::from_bytes(&pairs(NeuMf::new(6, 7).factors(1), false)).unwrap();
    checkpoint.state.step = u64::MAX;
    let error = Trainer::from_checkpoint(checkpoint.clone(), device())
        .unwrap_err()
        .to_string();
    assert!(error.contains("optimizer_step is"), "{error}");
    assert!(checkpoint.write_to(&mut Vec::new()).is_err());
}

/// Values that would not be read again are not saved, whichever set they are in.
#[test]
fn what_is_not_finite_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let (file, _) = clicks(din);
    let mut whole = ClickCheckpoint::from_bytes(&file).unwrap();
    whole.best_values = Some(whole.state.tensors.iter().map(|tensor| tensor.value.clone()).collect());
    whole.save(&path).unwrap();
    let old = std::fs::read(&path).unwrap();
    let mut best = whole.clone();
    best.best_values.as_mut().unwrap()[1][0] = f32::NAN;
    let mut moment = whole;
    moment.state.tensors[1].v[0] = f32::INFINITY;
    for (checkpoint, prefix) in [(best, "best/"), (moment, "")] {
        let error = checkpoint.save(&path).unwrap_err().to_string();
        assert!(
            error.contains(&format!(": {prefix}")) && error.contains("is not finite"),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), old);
    }
}

/// Two tensors of one name would hide each other.
#[test]
fn fields_whose_tensors_would_have_one_name_are_not_saved() {
    let schema = Schema::new().field(Field::key("user")).field(Field::key("adam.m/user"));
    let mut training = Training::new(schema, vec![]).unwrap();
    training.push_row(&["ann", "bob"]).unwrap();
    let (_, train, _) = training.fit().unwrap();
    let mut trainer = ClickTrainer::new(Lr::new(train.layout()), device(), ClickConfig::default()).unwrap();
    let error = trainer
        .checkpoint()
        .unwrap()
        .write_to(&mut Vec::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains("two tensors are called adam.m/user.first"), "{error}");
}

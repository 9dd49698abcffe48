//! Files that differ from a good one in a place or two, by a fixed seed, past their checksum.

use std::{
    thread,
    time::{Duration, Instant},
};

use pocketrec::{
    checkpoint::{Checkpoint, ClickCheckpoint, Delta, DeltaConfig},
    data::{Split, clicks::Samples},
    models::{ClickModel, DeepFm, Dien, Lr, NeuMf, Unit},
    rng::Rng,
    train::{AbsorbConfig, ClickConfig, ClickRow, ClickTrainer, Control, TrainConfig, Trainer},
};
use safetensors::Dtype;

use super::{
    bytes, click_bytes, clicks,
    common::files::{Tensors, edited},
    device, din, featured, pairs, past_checksum, small, split,
};

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
    let _ = trainer
        .absorb_item("fresher", &[("kind", "k2|none"), ("size", "1")])
        .is_ok();
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

/// What is written of a loaded delta loads as the same, and is applied or refused.
fn use_delta(read: Delta, base: &Checkpoint) -> bool {
    assert_eq!(Delta::from_bytes(&read.to_bytes().unwrap()).unwrap(), read);
    let _ = Delta::mean(&[read.clone(), read.clone()]).is_ok();
    let Ok(applied) = base.clone().apply(&read) else {
        return false;
    };
    assert_eq!(Checkpoint::from_bytes(&bytes(&applied)).unwrap(), applied);
    let mut trainer = Trainer::from_checkpoint(applied, device()).unwrap();
    let _ = trainer.recommend(0, 3).is_ok();
    let _ = trainer.absorb(&[(0, 3), (8, 2)]).is_ok();
    true
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
    let _ = trainer.score(train).is_ok();
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
    let model = NeuMf::new(6, 7).factors(1);
    let files = [
        pairs(model.clone(), false),
        pairs(model.clone(), true),
        small(model),
        featured(),
    ];
    for file in files {
        let loaded = mutate(&file, 1500, Checkpoint::from_bytes, |read| use_pairs(read, &split));
        assert!((150..1350).contains(&loaded), "{loaded}");
    }
}

#[test]
fn mutated_deltas_are_refused_or_applied() {
    for file in [
        pairs(NeuMf::new(6, 7).factors(1), false),
        small(NeuMf::new(6, 7).factors(1)),
    ] {
        let base = Checkpoint::from_bytes(&file).unwrap();
        let mut trainer = Trainer::from_checkpoint(base.clone(), device()).unwrap();
        let clicks = [("u4", "i1"), ("other", "i3"), ("other", "fourth")];
        trainer.absorb_keys(&clicks, &AbsorbConfig::default()).unwrap();
        let config = DeltaConfig {
            clicks: true,
            ..DeltaConfig::default()
        };
        let delta = trainer.delta(&base, &config).unwrap().to_bytes().unwrap();
        let mut applied = 0;
        let loaded = mutate(&delta, 800, Delta::from_bytes, |read| {
            applied += usize::from(use_delta(read, &base));
        });
        assert!(
            loaded > 80 && applied > 20 && applied < loaded,
            "{loaded} loaded, {applied} applied"
        );
    }
}

#[test]
fn mutated_clicks_are_refused_or_usable() {
    let models: [fn(&Samples) -> ClickModel; 4] = [
        din,
        |train| {
            Dien::new(train.layout())
                .embedding_dim(1)
                .attention([2])
                .hidden([2])
                .auxiliary([2], 0.5)
                .into()
        },
        |train| {
            DeepFm::new(train.layout())
                .embedding_dim(2)
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

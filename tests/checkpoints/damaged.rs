//! Damaged and hostile checkpoints: an error that names the fault, never a panic, never another state.

use std::collections::HashMap;

use pocketrec::{
    Error,
    checkpoint::Checkpoint,
    data::IdMap,
    device::Device,
    models::{Mf, Mlp, Model, NeuMf},
    train::{AbsorbConfig, TrainConfig, Trainer},
};
use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors};

use crate::common::files::{Tensors, edited};
use crate::planted::{ITEMS, USERS, config, split, trainer};

/// A checkpoint with everything in it: moments, best parameters, their mean, keys, titles, histories.
fn checkpoint() -> Checkpoint {
    let data = crate::planted::interactions(6);
    let keys = |prefix: char, n: u32| IdMap::from_keys((0..n).map(|i| format!("{prefix}{i}"))).unwrap();
    let data = data.with_ids(keys('u', USERS), keys('i', ITEMS)).unwrap();
    let titles = (0..ITEMS).map(|item| format!("Title {item}")).collect();
    let split = data.with_titles(titles).unwrap().leave_one_out().unwrap();
    let config = TrainConfig {
        patience: Some(9),
        average_from: Some(1),
        epochs: 3,
        ..config()
    };
    let mut trainer = trainer(NeuMf::new(USERS as usize, ITEMS as usize).factors(1), config);
    let mut epochs = 0;
    trainer
        .fit_events(&split, |event| {
            epochs += u32::from(matches!(event, pocketrec::train::Event::Epoch(_)));
            // Within the second epoch, so that the best parameters are not the present ones.
            match epochs {
                0 => pocketrec::train::Control::Continue,
                _ if matches!(event, pocketrec::train::Event::Epoch(_)) => pocketrec::train::Control::Continue,
                _ => pocketrec::train::Control::Stop,
            }
        })
        .unwrap();
    trainer.checkpoint().unwrap()
}

fn bytes_of(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    checkpoint.write_to(&mut bytes).unwrap();
    bytes
}

fn reason(bytes: &[u8]) -> String {
    match Checkpoint::from_bytes(bytes) {
        Err(Error::Checkpoint { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn contents_come_back_and_bytes_are_the_same_each_time() {
    let whole = checkpoint();
    assert!(whole.best_values.is_some() && whole.average_values.is_some() && !whole.state.tensors[0].m.is_empty());
    let bytes = bytes_of(&whole);
    assert_eq!(Checkpoint::from_bytes(&bytes).unwrap(), whole);
    assert_eq!(bytes_of(&whole), bytes);
    // The reference reader of the format takes it too.
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let weight = tensors.tensor("mlp.0.weight").unwrap();
    assert_eq!((weight.dtype(), weight.shape()), (Dtype::F32, &[4, 8][..]));
    assert_eq!(tensors.tensor("mlp.0.bias").unwrap().shape(), [4]);
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = bytes_of(&checkpoint());
    for len in (0..bytes.len()).filter(|len| len % 61 == 0 || *len < 64 || bytes.len() - len < 64) {
        reason(&bytes[..len]);
    }
    let mut longer = bytes;
    longer.push(0);
    reason(&longer);
}

#[test]
fn every_flipped_bit_shows() {
    let whole = checkpoint();
    let mut bytes = bytes_of(&whole);
    for at in 0..bytes.len() {
        if at > 3000 && at % 13 != 0 {
            continue;
        }
        let bit = 1 << (at % 8);
        bytes[at] ^= bit;
        if let Ok(read) = Checkpoint::from_bytes(&bytes) {
            assert_eq!(read, whole, "byte {at}"); // white space of the header, say
        }
        bytes[at] ^= bit;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutations_never_panic_and_never_give_another_state(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..8),
        in_header in any::<bool>(),
    ) {
        thread_local! {
            static WHOLE: (Checkpoint, Vec<u8>) = {
                let whole = checkpoint();
                let bytes = bytes_of(&whole);
                (whole, bytes)
            };
        }
        WHOLE.with(|(whole, original)| {
            let mut bytes = original.clone();
            for (index, value, kind) in &edits {
                let range = if in_header { bytes.len().min(4000) } else { bytes.len() };
                let at = index.index(range.max(1)).min(bytes.len().saturating_sub(1));
                match kind {
                    0 => bytes[at] = *value,
                    1 => { bytes.remove(at); }
                    2 => bytes.insert(at, *value),
                    // A digit of a size or an offset.
                    _ => if let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit) {
                        bytes[at + digit] = b'0' + value % 10;
                    },
                }
            }
            if let Ok(read) = Checkpoint::from_bytes(&bytes) {
                assert_eq!(&read, whole);
            }
        });
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 0..400u64) {
        let mut file = size.to_le_bytes().to_vec();
        file.extend_from_slice(&bytes);
        prop_assert!(Checkpoint::from_bytes(&file).is_err());
        prop_assert!(Checkpoint::from_bytes(&bytes).is_err());
    }
}

#[test]
fn faults_are_named() {
    let bytes = bytes_of(&checkpoint());
    // The edit itself is no fault.
    assert!(Checkpoint::from_bytes(&edited(&bytes, |_, _| ())).is_ok());
    type Edit = fn(&mut Tensors, &mut HashMap<String, String>);
    fn word(tensors: &mut Tensors, name: &str, at: usize, word: &[u8]) {
        tensors.get_mut(name).unwrap().2[at..at + word.len()].copy_from_slice(word);
    }
    let cases: &[(&str, Edit)] = &[
        ("mlp.0.weight is missing", |t, _| drop(t.remove("mlp.0.weight"))),
        ("adam.v/logit.bias is missing", |t, _| {
            drop(t.remove("adam.v/logit.bias"))
        }),
        ("best/logit.weight is missing", |t, _| {
            drop(t.remove("best/logit.weight"))
        }),
        ("average/logit.weight is missing", |t, _| {
            drop(t.remove("average/logit.weight"))
        }),
        (
            "average/... and metadata key progress: a mean of 1 epochs is counted",
            |t, _| t.retain(|name, _| !name.starts_with("average/")),
        ),
        ("the position counts no epoch", |_, s| {
            let progress = s["progress"].replace(r#""absorbed":0,"averaged":1"#, r#""absorbed":0"#);
            drop(s.insert("progress".into(), progress))
        }),
        ("a mean of 1 epochs, after epoch 1 and from epoch 2 on", |_, s| {
            let train = s["train"].replace(r#""average_from":1"#, r#""average_from":2"#);
            drop(s.insert("train".into(), train))
        }),
        ("average_from is not set", |_, s| {
            let train = s["train"].replace(r#""average_from":1,"#, "");
            drop(s.insert("train".into(), train))
        }),
        ("train: average_from", |_, s| {
            let train = s["train"].replace(r#""average_from":1"#, r#""average_from":0"#);
            drop(s.insert("train".into(), train))
        }),
        ("extra does not belong", |t, _| {
            drop(t.insert("extra".into(), (Dtype::U8, vec![1], vec![0])))
        }),
        ("logit.bias holds a value that is not finite", |t, _| {
            word(t, "logit.bias", 0, &f32::NAN.to_le_bytes())
        }),
        ("adam.v/logit.bias holds a negative", |t, _| {
            word(t, "adam.v/logit.bias", 0, &(-1f32).to_le_bytes())
        }),
        ("logit.bias is of type I32", |t, _| {
            t.get_mut("logit.bias").unwrap().0 = Dtype::I32
        }),
        ("mlp.0.weight has shape [8, 4]", |t, _| {
            t.get_mut("mlp.0.weight").unwrap().1.reverse()
        }),
        ("history/offsets must rise", |t, _| {
            word(t, "history/offsets", 8, &u64::MAX.to_le_bytes())
        }),
        ("history/offsets must rise", |t, _| {
            word(t, "history/offsets", 0, &1u64.to_le_bytes())
        }),
        ("history/items: item 4294967295", |t, _| {
            word(t, "history/items", 4, &u32::MAX.to_le_bytes())
        }),
        ("history/held_out: (", |t, _| {
            word(t, "history/held_out", 4, &ITEMS.to_le_bytes())
        }),
        ("history/held_out is not sorted", |t, _| {
            word(t, "history/held_out", 0, &(USERS - 1).to_le_bytes())
        }),
        ("ids/user.ends: end 0", |t, _| {
            word(t, "ids/user.ends", 0, &u64::MAX.to_le_bytes())
        }),
        ("ids/item.bytes: ids: the key \"i0\" comes twice", |t, _| {
            word(t, "ids/item.bytes", 2, b"i0")
        }),
        ("titles.ends: not UTF-8", |t, _| word(t, "titles.bytes", 0, &[0xff])),
        ("version \"2\"", |_, s| drop(s.insert("pocketrec".into(), "2".into()))),
        ("pocketrec is missing: it is no checkpoint", |_, s| {
            drop(s.remove("pocketrec"))
        }),
        ("key train is missing", |_, s| drop(s.remove("train"))),
        ("key checksum is missing", |_, s| drop(s.remove("checksum"))),
        ("users: 7 keys for 120 rows", |_, s| {
            drop(s.insert("users".into(), "text 7".into()))
        }),
        ("users is malformed", |_, s| {
            drop(s.insert("users".into(), "text -7".into()))
        }),
        ("users: 4294967295 keys", |_, s| {
            drop(s.insert("users".into(), "numbered 4294967295".into()))
        }),
        ("key model: missing field", |_, s| {
            drop(s.insert("model".into(), r#"{"model":"mf"}"#.into()))
        }),
        ("key checksum says", |t, _| {
            word(t, "logit.bias", 0, &0.25f32.to_le_bytes())
        }),
    ];
    for (expected, edit) in cases {
        let reason = reason(&edited(&bytes, *edit));
        assert!(reason.contains(expected), "{reason:?} lacks {expected:?}");
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let bytes = bytes_of(&checkpoint());
    let settings = TrainConfig {
        batch_size: usize::MAX,
        ..TrainConfig::default()
    };
    let json = serde_json::to_string(&settings).unwrap();
    let file = edited(&bytes, |_, strings| drop(strings.insert("train".into(), json)));
    assert!(reason(&file).contains("train: batch_size"));
    let file = edited(&bytes, |_, strings| {
        let mut record: serde_json::Value = serde_json::from_str(&strings["progress"]).unwrap();
        record["best"] = serde_json::Value::Null;
        strings.insert("progress".into(), record.to_string());
    });
    assert!(reason(&file).contains("no best epoch"));
}

#[test]
fn huge_models_are_refused_before_memory_is_taken() {
    let bytes = bytes_of(&checkpoint());
    let json = |model: &Model| serde_json::to_string(model).unwrap();
    let huge: [Model; 4] = [
        Mf::new(4_294_967_295, 4_294_967_295).factors(65_536).into(),
        Mlp::new(1, 1).layers(vec![65_536; 1000]).into(),
        Mlp::new(1, 1).layers(vec![2; 5000]).into(),
        Mlp::new(1, 1).layers(vec![usize::MAX; 3]).into(),
    ];
    for model in huge {
        let reason = reason(&edited(&bytes, |_, strings| {
            drop(strings.insert("model".into(), json(&model)))
        }));
        assert!(reason.contains("model") || reason.contains("missing"), "{reason}");
    }
}

/// Sizes near 2^64, whose sum overflows.
#[test]
fn hostile_headers_are_refused() {
    let big = (1u64 << 61) - 1;
    let tensor = |i: u64| {
        let (from, to) = (i * big, (i + 1) * big);
        format!(r#""t{i}":{{"dtype":"U8","shape":[{big}],"data_offsets":[{from},{to}]}}"#)
    };
    let last = format!(
        r#""u":{{"dtype":"U8","shape":[7],"data_offsets":[{},{}]}}"#,
        8 * big,
        8 * big + 7
    );
    let eight: Vec<String> = (0..8).map(tensor).chain([last]).collect();
    let nested = "[".repeat(100_000);
    for header in [
        format!("{{{}}}", eight.join(",")),
        "{}".into(),
        "null".into(),
        "{\"__metadata__\":{}}".into(),
        nested,
    ] {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        reason(&bytes);
    }
    reason(&u64::MAX.to_le_bytes());
    reason(&[]);
}

#[test]
fn absorbed_rows_come_back() {
    let mut trainer = trainer(NeuMf::new(USERS as usize, ITEMS as usize).factors(2), config());
    trainer.fit(&split(), |_| ()).unwrap();
    trainer.absorb(&[(USERS + 2, 3), (0, ITEMS), (0, ITEMS)]).unwrap();
    trainer
        .absorb_keys(&[("new one", "17")], &AbsorbConfig::default())
        .unwrap();
    let whole = trainer.checkpoint().unwrap();
    assert_eq!(Checkpoint::from_bytes(&bytes_of(&whole)).unwrap(), whole);
    assert_eq!(whole.user_ids.len(), USERS as usize + 4);
}

/// Parts that were edited in memory, where no file's checksum stands guard.
#[test]
fn a_mean_that_contradicts_the_rest_is_refused() {
    let load = |checkpoint: &Checkpoint| Trainer::from_checkpoint(checkpoint.clone(), Device::cpu());
    let whole = checkpoint();
    assert!(load(&whole).is_ok());
    type Edit = fn(&mut Checkpoint);
    // What a trainer says, and what a writer says where that is not the same.
    let cases: [(&str, &str, Edit); 6] = [
        ("a mean of 1 epochs is counted", "", |c| c.average_values = None),
        ("counts no epoch", "", |c| c.progress.averaged = 0),
        ("a mean of 2 epochs, after epoch 1 and from epoch 1 on", "", |c| {
            c.progress.averaged = 2
        }),
        ("average_from is not set", "", |c| c.config.average_from = None),
        ("expected 12, got 1", "gmf.item.weight has another size", |c| {
            c.average_values.as_mut().unwrap().truncate(1)
        }),
        ("gmf.user.weight", "", |c| {
            c.average_values.as_mut().unwrap()[0].truncate(1)
        }),
    ];
    for (reason, of_writer, edit) in cases {
        let mut edited = whole.clone();
        edit(&mut edited);
        let error = load(&edited).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        let error = edited.write_to(&mut Vec::new()).unwrap_err().to_string();
        let reason = if of_writer.is_empty() { reason } else { of_writer };
        assert!(error.contains(reason), "{error}");
    }
    let mut edited = whole;
    edited.average_values.as_mut().unwrap()[0][1] = f32::NAN;
    let folder = tempfile::tempdir().unwrap();
    let error = edited.save(folder.path().join("model")).unwrap_err().to_string();
    assert!(error.contains("average/gmf.user.weight"), "{error}");
}

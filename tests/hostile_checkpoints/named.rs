//! What is refused, and in which words.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use pocketrec::{
    checkpoint::{Checkpoint, ClickCheckpoint},
    data::clicks::{Field, Schema, Training},
    models::{Dien, Lr, NeuMf},
    train::{BestClickEpoch, ClickConfig, ClickProgress, ClickTrainer, Trainer},
};
use safetensors::Dtype;

use super::{
    clicks,
    common::files::{Tensors, edited},
    device, din, featured, pairs, past_checksum, small,
};

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
            .embedding_dim(1)
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
        set(strings, "model", "embedding_dim", "18446744073709551615")
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
            "4294967295 rows of the vocabulary endless, which no field reads",
            r#""vocabularies":["#,
            r#""vocabularies":[{"name":"endless","rows":4294967295},"#,
        ),
    ] {
        let reason = click_reason(&file, &|tensors, strings| {
            tensors.remove("encoder");
            let mut model = strings["model"].replace(from, to);
            if to.contains("endless") {
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
fn positions_are_gone_on_from_or_refused() {
    let (file, train) = clicks(din);
    let mut checkpoint = ClickCheckpoint::from_bytes(&file).unwrap();
    checkpoint.progress = ClickProgress {
        sample: train.len() as u64,
        ..ClickProgress::default()
    };
    let mut trainer = ClickTrainer::from_checkpoint(checkpoint.clone(), device()).unwrap();
    // What is beyond the rows of an epoch is its end.
    let mut epochs = Vec::new();
    let fit = trainer.fit(&train, None, |epoch| epochs.push((epoch.epoch, epoch.samples)));
    assert_eq!(fit.unwrap().epochs as usize, epochs.len());
    assert_eq!(epochs[..2], [(1, 0), (2, 24)]);
    assert_eq!(trainer.progress().sample, 0);
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
    whole.progress.best = Some(BestClickEpoch {
        epoch: 1,
        value: 0.5,
        averaged: 0,
    });
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

/// Rows that are kept as bytes fit together with their steps and with those that are exact, or are refused by name.
#[test]
fn rows_of_bytes_must_fit_together() {
    let file = small(NeuMf::new(6, 7).factors(2));
    let table = "gmf.item.weight";
    let [scale, exact, rows] = ["scale", "exact", "exact_rows"].map(|prefix| format!("{prefix}/{table}"));
    fn shape(tensors: &mut Tensors, name: &str, shape: &[usize], data: Vec<u8>) {
        let tensor = tensors.get_mut(name).unwrap();
        (tensor.1, tensor.2) = (shape.to_vec(), data);
    }
    let numbers = |numbers: &[i32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let cases: &[(&str, Edit)] = &[
        ("tensor scale/gmf.item.weight is missing", &|tensors, _| {
            _ = tensors.remove(&scale)
        }),
        ("must be [7, 2], a step and a middle a row", &|tensors, _| {
            shape(tensors, &scale, &[6, 2], vec![0; 24]);
        }),
        ("holds a value that is not finite", &|tensors, _| {
            shape(tensors, &scale, &[7, 2], vec![0xff; 28]); // NaN
        }),
        (
            "has shape [7, 1]; the model needs [8, 2], or fewer rows and the rest",
            &|tensors, _| {
                shape(tensors, table, &[7, 1], vec![0; 7]);
            },
        ),
        ("must name the last 2 of the rows", &|tensors, _| {
            shape(tensors, table, &[6, 2], vec![0; 12]);
            shape(tensors, &scale, &[6, 2], vec![0; 24]);
            shape(tensors, &rows, &[1], numbers(&[7]));
            shape(tensors, &exact, &[1, 2], vec![0; 8]);
        }),
        ("must name the last 1 of the rows, in ascending order", &|tensors, _| {
            shape(tensors, &rows, &[2], numbers(&[7, 3]));
            shape(tensors, &exact, &[2, 2], vec![0; 16]);
        }),
        ("must name the last 1 of the rows", &|tensors, _| {
            shape(tensors, &rows, &[2], numbers(&[7, 8]));
            shape(tensors, &exact, &[2, 2], vec![0; 16]);
        }),
        (
            "exact/gmf.item.weight has shape [1, 2]; the model needs [2, 2]",
            &|tensors, _| {
                shape(tensors, &rows, &[2], numbers(&[3, 7]));
                shape(tensors, &exact, &[1, 2], vec![0; 8]);
            },
        ),
        ("tensor mlp.item.weight is of type F32; it must be I8", &|tensors, _| {
            let tensor = tensors.get_mut("mlp.item.weight").unwrap();
            *tensor = (Dtype::F32, vec![8, tensor.1[1]], vec![0; 32 * tensor.1[1]]);
        }),
        ("history/others has 9 numbers for 8 items", &|tensors, _| {
            shape(tensors, "history/others", &[9], vec![0; 36]);
        }),
    ];
    for (expected, edit) in cases {
        let reason = past_checksum(&edited(&file, edit), Checkpoint::from_bytes).unwrap_err();
        assert!(reason.contains(expected), "{reason:?} lacks {expected:?}");
    }
}

#[test]
fn features_that_do_not_fit_are_refused_by_name() {
    let file = featured();
    assert!(Checkpoint::from_bytes(&file).is_ok());
    let reason = |edit: Edit| {
        let file = edited(&file, |tensors, strings| edit(tensors, strings));
        past_checksum(&file, Checkpoint::from_bytes).unwrap_err()
    };
    let number = |tensors: &mut Tensors, name: &str, at: usize, bytes: &[u8]| {
        let data = &mut tensors.get_mut(name).unwrap().2;
        data[at * bytes.len()..][..bytes.len()].copy_from_slice(bytes);
    };
    let cases: [(&str, Edit); 9] = [
        ("the table has 6 rows", &|_, strings| {
            set(strings, "known", "rows", "99")
        }),
        ("is not in 0..1", &|_, strings| {
            set(strings, "known", "left_out", "\"1.5\"")
        }),
        ("which has", &|_, strings| set(strings, "known", "keys", "99")),
        ("unknown field", &|_, strings| {
            set(strings, "known", "bounds", "2,\"more\":1")
        }),
        ("ascending order", &|tensors, _| {
            number(tensors, "known/items", 0, &77u32.to_le_bytes())
        }),
        ("must rise from 0", &|tensors, _| {
            number(tensors, "known/items.offsets", 1, &77u64.to_le_bytes())
        }),
        ("quantiles in ascending order", &|tensors, _| {
            number(tensors, "known/items.bounds", 0, &77f32.to_le_bytes());
        }),
        ("not finite", &|tensors, _| {
            number(tensors, "known/items.bounds", 0, &f32::NAN.to_le_bytes())
        }),
        ("does not belong to this model", &|_, strings| {
            strings.remove("known").unwrap();
        }),
    ];
    for (expected, edit) in cases {
        let reason = reason(edit);
        assert!(reason.contains(expected), "{expected:?}: {reason}");
    }
}

//! What stands in a study's folder is not trusted, and not shared.

use std::fs;

use pocketrec::{Error, device::Device, tune::*};

use crate::{
    planted::{interactions, split},
    resume::{make, search},
};

#[test]
fn a_folder_of_something_else_is_refused() {
    let validation = split();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study");
    let refused = |search: Search| Tuner::in_folder(search, &path).map(|_| ()).unwrap_err().to_string();

    fs::create_dir(&path).unwrap();
    fs::write(path.join("letter.txt"), "").unwrap();
    assert!(refused(search()).contains("has letter.txt and no study.json"));
    fs::remove_file(path.join("letter.txt")).unwrap();
    assert!(Tuner::in_folder(search(), folder.path().join("no/folder")).is_err());

    let mut tuner = Tuner::in_folder(search(), &path).unwrap();
    assert!(refused(search()).contains("another search is at work"));
    tuner
        .run(&mut Pairs::new(&validation, Device::cpu(), make), |_, _| ())
        .unwrap();
    drop(tuner);

    // Another search, or other data.
    let others = [
        ("seed", Search { seed: 12, ..search() }),
        ("random", Search { random: 5, ..search() }),
        (
            "space",
            Search {
                space: Space::new().integers("x", 0, 3),
                ..search()
            },
        ),
        (
            "halving",
            Search {
                halving: Halving {
                    first: 2,
                    last: 4,
                    eta: 2,
                },
                ..search()
            },
        ),
    ];
    for (what, other) in others {
        let other = Search {
            budget: Budget::trials(5),
            ..other
        };
        let error = refused(other);
        assert!(
            error.starts_with(&format!("{what}: the study was begun with another one")),
            "{error}"
        );
    }
    let other = interactions(9).leave_one_out().unwrap();
    let mut tuner = Tuner::in_folder(search(), &path).unwrap();
    let error = tuner
        .run(&mut Pairs::new(&other, Device::cpu(), make), |_, _| ())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("objective: the study is of NDCG@k of 120 cases"),
        "{error}"
    );
    let by = Pairs::new(&validation, Device::cpu(), make).by(RankingMetric::Mrr);
    assert!(tuner.run(&mut { by }, |_, _| ()).is_err());
}

#[test]
fn a_damaged_study_is_an_error() {
    let validation = split();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study");
    let mut tuner = Tuner::in_folder(search(), &path).unwrap();
    tuner
        .run(&mut Pairs::new(&validation, Device::cpu(), make), |_, _| ())
        .unwrap();
    drop(tuner);
    let file = path.join("study.json");
    let whole = fs::read_to_string(&file).unwrap();
    let opened = |text: &str| {
        fs::write(&file, text).unwrap();
        Tuner::in_folder(search(), &path).map(|_| ())
    };
    opened(&whole).unwrap();
    for (from, to) in [
        (&whole[whole.len() / 2..], ""),
        ("\"pocketrec_study\": 1", "\"pocketrec_study\": 2"),
        ("\"finished\"", "\"paused\""),
        ("\"paused\"", "\"running\""),
        ("\"trial\": ", "\"trial\": 9"),
        ("\"mf\"", "\"dcn\""),
        ("\"seconds\": \"", "\"seconds\": \"-"),
    ] {
        let text = whole.replacen(
            from,
            to,
            usize::from(from != "\"mf\"") + 100 * usize::from(from == "\"paused\""),
        );
        let text = if from == "\"mf\"" {
            whole.replace("\"text\": \"mf\"", "\"text\": \"dcn\"")
        } else {
            text
        };
        assert_ne!(text, whole, "{from}");
        let error = opened(&text).unwrap_err();
        let is_other_space = from == "\"mf\"" && matches!(error, Error::Config { .. });
        assert!(
            is_other_space || matches!(error, Error::Checkpoint { .. }),
            "{from}: {error}"
        );
    }
    // The checkpoints are gone: to go on with one says so.
    opened(&whole).unwrap();
    for entry in fs::read_dir(&path).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "safetensors") {
            fs::remove_file(path).unwrap();
        }
    }
    let more = Search {
        budget: Budget::epochs(60),
        ..search()
    };
    let mut tuner = Tuner::in_folder(more, &path).unwrap();
    let mut pairs = Pairs::new(&validation, Device::cpu(), make);
    let error = tuner.run(&mut pairs, |_, _| ()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert!(tuner.best(&mut pairs).is_err());
}

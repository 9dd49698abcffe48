//! A search that was stopped anywhere and gone on with from its folder is the search that was never stopped.

use std::{fs, path::Path};

use pocketrec::{
    Result,
    data::Split,
    device::Device,
    eval::Protocol,
    models::{Gmf, Mf, Model},
    plan::Optimizer,
    train::{Control, TrainConfig, Trainer},
    tune::*,
};

use crate::planted::{ITEMS, USERS, config, split};

pub fn search() -> Search {
    let space = Space::new()
        .choice("model", ["mf", "gmf"])
        .log_uniform("lr", 1e-4, 1e-1)
        .integers("factors", 2, 6)
        .choice("negatives", [1, 3]);
    Search {
        halving: Halving {
            first: 1,
            last: 4,
            eta: 2,
        },
        budget: Budget::epochs(24),
        random: 4,
        seed: 11,
        ..Search::new(space)
    }
}

pub fn make(settings: &Settings) -> Result<Trainer> {
    let (users, items) = (USERS as usize, ITEMS as usize);
    let factors = settings.whole("factors")?;
    let model: Model = match settings.text("model")? {
        "mf" => Mf::new(users, items).factors(factors).into(),
        _ => Gmf::new(users, items).factors(factors).into(),
    };
    let config = TrainConfig {
        optimizer: Optimizer::default().with_learning_rate(settings.number("lr")? as f32),
        negatives: settings.whole("negatives")? as u32,
        ..config()
    };
    Trainer::new(model, Device::cpu(), config)
}

/// What must not depend on interruptions: settings, values and states, and the winner with its bytes.
type Essence = (Vec<(Settings, Vec<f64>, State)>, (usize, u32, f64), Vec<u8>);

fn essence(tuner: &Tuner, validation: &Split) -> Essence {
    let trials = tuner.study().trials().iter();
    let trials = trials.map(|trial| (trial.settings.clone(), trial.curve.clone(), trial.state.clone()));
    let winner = tuner.study().winner().unwrap();
    let mut pairs = Pairs::new(validation, Device::cpu(), make);
    let bytes = tuner.best(&mut pairs).unwrap().to_bytes().unwrap();
    (trials.collect(), (winner.trial, winner.epoch, winner.value), bytes)
}

fn whole(validation: &Split) -> Essence {
    let mut pairs = Pairs::new(validation, Device::cpu(), make);
    let mut tuner = Tuner::new(search()).unwrap();
    assert_eq!(tuner.run(&mut pairs, |_, _| ()).unwrap(), Ended::OutOfEpochs);
    let winner = tuner.study().winner().unwrap().clone();
    // The winner is as good as it was said to be.
    let again = tuner
        .best(&mut pairs)
        .unwrap()
        .evaluate(validation, Protocol::Sampled, 10)
        .unwrap();
    assert_eq!(again.ndcg, winner.value);
    essence(&tuner, validation)
}

#[test]
fn stopping_anywhere_changes_no_bit() {
    let validation = split();
    let expected = whole(&validation);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("study");
    let mut stops = 0;
    loop {
        let mut tuner = Tuner::in_folder(search(), &folder).unwrap();
        let mut pairs = Pairs::new(&validation, Device::cpu().threads(1 + stops % 2), make);
        // In turn at the first, second and third thing that happens.
        let mut events = 0;
        let ended = tuner.run(&mut pairs, |_, event| {
            events += usize::from(!matches!(event, Event::Begun { .. }));
            match events > stops % 3 {
                true => Control::Stop,
                false => Control::Continue,
            }
        });
        stops += 1;
        if ended.unwrap() != Ended::Stopped {
            assert_eq!(essence(&tuner, &validation), expected);
            break;
        }
    }
    assert!(stops > 30, "{stops}");
    // Of what was kept there is what may go on, and the best.
    let tuner = Tuner::in_folder(search(), &folder).unwrap();
    let paused = tuner
        .study()
        .trials()
        .iter()
        .filter(|trial| trial.state == State::Paused)
        .count();
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    let kept = names
        .filter(|name| name.to_string_lossy().starts_with("trial-"))
        .count();
    assert!((paused..=paused + 1).contains(&kept), "{kept} of {paused}");
}

/// The same bits, of the callback's answer or not: a copy of the folder at any moment is what a killed search leaves.
#[test]
fn a_killed_search_goes_on_from_what_was_saved() {
    let validation = split();
    let expected = whole(&validation);
    let folder = tempfile::tempdir().unwrap();
    let (first, folder) = (folder.path().join("first"), folder.path());
    let mut copies = Vec::new();
    let mut tuner = Tuner::in_folder(search(), &first).unwrap();
    let mut events = 0;
    let mut pairs = Pairs::new(&validation, Device::cpu(), make);
    tuner
        .run(&mut pairs, |_, _| {
            events += 1;
            if events % 37 == 0 {
                let copy = folder.join(format!("copy{events}"));
                copy_of(&first, &copy);
                copies.push(copy);
            }
        })
        .unwrap();
    assert!(copies.len() > 4, "{}", copies.len());
    for copy in copies {
        // What was begun and is in no study yet.
        fs::write(copy.join("trial-9-9.safetensors"), "half").unwrap();
        let mut tuner = Tuner::in_folder(search(), &copy).unwrap();
        tuner
            .run(&mut Pairs::new(&validation, Device::cpu(), make), |_, _| ())
            .unwrap();
        assert_eq!(essence(&tuner, &validation), expected, "{}", copy.display());
        assert!(!copy.join("trial-9-9.safetensors").exists());
    }
}

fn copy_of(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// More epochs go on from where fewer ended, and time that is over ends a search within an epoch.
#[test]
fn a_budget_may_be_raised() {
    let validation = split();
    let expected = whole(&validation);
    let mut pairs = Pairs::new(&validation, Device::cpu(), make);
    let folder = tempfile::tempdir().unwrap();
    let with = |budget| Search { budget, ..search() };
    let run = |budget, pairs: &mut Pairs<'_, _>| {
        let mut tuner = Tuner::in_folder(with(budget), folder.path()).unwrap();
        let ended = tuner.run(pairs, |_, _| ()).unwrap();
        (tuner, ended)
    };
    let (tuner, ended) = run(Budget::minutes(1e-9), &mut pairs);
    assert_eq!((ended, tuner.study().trials().len()), (Ended::OutOfTime, 0));
    drop(tuner);
    let least = search().halving.least().unwrap();
    let (tuner, ended) = run(Budget::epochs(least), &mut pairs);
    assert!(ended == Ended::OutOfEpochs && tuner.study().epochs() <= least);
    drop(tuner);
    let (tuner, ended) = run(Budget::epochs(24), &mut pairs);
    assert_eq!(ended, Ended::OutOfEpochs);
    // With less left another job can have been all that was affordable: the first trials are the same.
    assert_eq!(
        essence(&tuner, &validation).0[..4]
            .iter()
            .map(|trial| &trial.0)
            .collect::<Vec<_>>(),
        expected.0[..4].iter().map(|trial| &trial.0).collect::<Vec<_>>()
    );
    assert!(tuner.study().seconds() > 0.0);
}

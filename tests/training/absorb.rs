//! Learning after training: a click shows, what was trained stays, new ids are welcome.

use pocketrec::{
    Error,
    data::Split,
    device::Device,
    eval::Protocol,
    models::{Gmf, Mf, Mlp, Model, NeuMf},
    plan::{Optimizer, ParamKind},
    train::{AbsorbConfig, TrainConfig, Trainer},
};

use crate::planted::{GROUPS, ITEMS, USERS, config, split, trainer};

fn models() -> [Model; 4] {
    let (users, items) = (USERS as usize, ITEMS as usize);
    [
        Mf::new(users, items).factors(8).into(),
        Gmf::new(users, items).into(),
        Mlp::new(users, items).layers([32, 16, 8]).into(),
        NeuMf::new(users, items).factors(4).into(),
    ]
}

fn trained(model: Model) -> Trainer {
    let config = TrainConfig {
        epochs: 20,
        optimizer: Optimizer::default().with_learning_rate(0.01),
        ..config()
    };
    let mut trainer = trainer(model, config);
    trainer.fit(&split(), |_| ()).unwrap();
    trainer
}

/// Places from the top among all items, whether the user has them or not.
fn place(trainer: &mut Trainer, user: u32, item: u32) -> usize {
    let all: Vec<u32> = (0..trainer.items() as u32).collect();
    let ranked = trainer.recommend_from(user, &all, usize::MAX).unwrap();
    ranked.iter().position(|entry| entry.0 == item).unwrap()
}

/// An unseen item from the middle of the user's ranking.
fn middling(trainer: &mut Trainer, user: u32) -> u32 {
    let unseen = trainer.recommend(user, usize::MAX).unwrap();
    unseen[unseen.len() / 2].0
}

/// The cases of users from `first` on.
fn others(split: &Split, first: u32) -> Split {
    let cases: Vec<(u32, u32, Vec<u32>)> = (split.test.iter().enumerate())
        .filter(|(_, case)| case.user >= first)
        .map(|(index, case)| (case.user, case.item, split.negatives(index).to_vec()))
        .collect();
    let cases = cases
        .iter()
        .map(|(user, item, negatives)| (*user, *item, &negatives[..]));
    Split::from_cases(split.train.clone(), cases).unwrap()
}

#[test]
fn a_click_shows_and_what_was_trained_stays() {
    let others = others(&split(), 20);
    for model in models() {
        let name = model.name();
        let mut trainer = trained(model);
        let before = trainer.evaluate(&others, Protocol::Sampled, 10).unwrap();
        let state = trainer.state().unwrap();
        let (mut places_before, mut places_after) = (0, 0);
        for user in 0..20 {
            let item = middling(&mut trainer, user);
            let old = place(&mut trainer, user, item);
            let report = trainer.absorb(&[(user, item)]).unwrap();
            let new = place(&mut trainer, user, item);
            assert!(report.after > report.before + 0.2, "{name} {user}: {report:?}");
            (places_before, places_after) = (places_before + old, places_after + new);
            assert!(
                trainer
                    .recommend(user, ITEMS as usize)
                    .unwrap()
                    .iter()
                    .all(|best| best.0 != item)
            );
            let counts = (
                report.pairs,
                report.known,
                report.new_users,
                report.new_items,
                report.steps,
            );
            assert_eq!(counts, (1, 0, 0, 0, 20));
        }
        let (old, new) = (places_before / 20, places_after / 20);
        assert!(new + 10 < old, "{name}: place {old} -> {new}");
        // Twenty clicks later the hit rate of the hundred users who did not click is within three points.
        let after = trainer.evaluate(&others, Protocol::Sampled, 10).unwrap();
        println!("{name}: {before} -> {after}");
        assert!((after.hr - before.hr).abs() <= 0.03, "{name}: {before} -> {after}");
        // What all users share is as it was, to the bit; so are the rows of those who did not click, all moments, and
        // the step count.
        let now = trainer.state().unwrap();
        assert_eq!(now.step, state.step);
        for (param, (now, old)) in trainer
            .plan()
            .params()
            .iter()
            .zip(now.tensors.iter().zip(&state.tensors))
        {
            assert_eq!((&now.m, &now.v), (&old.m, &old.v), "{}", param.name);
            match param.kind {
                ParamKind::Dense | ParamKind::Statistic => assert_eq!(now.value, old.value),
                ParamKind::Table { vocabulary: 0 } => {
                    let kept = 20 * param.width..;
                    assert_eq!(now.value[kept.clone()], old.value[kept]);
                }
                ParamKind::Table { .. } => assert_ne!(now.value, old.value),
            }
        }
    }
}

#[test]
fn new_users_and_items_find_their_group() {
    for model in models() {
        let name = model.name();
        let mut trainer = trained(model);
        for group in 0..GROUPS {
            // Three clicks on items of a group: most of the ten best are of that group, where one in four is chance.
            let user = trainer.users() as u32;
            let clicks: Vec<(u32, u32)> = (2..5).map(|i| (user, i * GROUPS + group)).collect();
            let report = trainer.absorb(&clicks).unwrap();
            assert_eq!(
                (report.new_users, report.new_items, trainer.users()),
                (1, 0, user as usize + 1)
            );
            let best = trainer.recommend(user, 10).unwrap();
            let own = best.iter().filter(|(item, _)| item % GROUPS == group).count();
            assert!(own >= 6, "{name}: {own} of group {group} in {best:?}");
        }
        // An item that three users of group 1 took is high for the others of group 1 and low for group 2.
        let item = trainer.items() as u32;
        let report = trainer.absorb(&[(1, item), (5, item), (9, item)]).unwrap();
        assert_eq!((report.new_items, trainer.items()), (1, item as usize + 1));
        let mut mean = |group: u32| {
            let users = (5..15).map(|i| i * GROUPS + group);
            users.map(|user| place(&mut trainer, user, item)).sum::<usize>() / 10
        };
        let (own, other) = (mean(1), mean(2));
        assert!(own + 10 < other, "{name}: {own} {other}");
        assert_eq!(trainer.model().plan().unwrap(), *trainer.plan());
    }
}

#[test]
fn both_new_at_once_and_with_a_gap() {
    let mut trainer = trained(models()[3].clone());
    let report = trainer.absorb(&[(USERS + 5, ITEMS + 3)]).unwrap();
    assert_eq!((report.new_users, report.new_items), (6, 4));
    assert!(report.after > report.before);
    assert!(
        trainer
            .state()
            .unwrap()
            .tensors
            .iter()
            .all(|t| t.value.iter().all(|x| x.is_finite()))
    );
    assert_eq!(trainer.recommend(USERS + 2, 5).unwrap().len(), 5);
    // Training goes on with the longer tables.
    let config = TrainConfig {
        epochs: 21,
        ..*trainer.config()
    };
    trainer.set_config(config).unwrap();
    assert_eq!(trainer.fit(&split(), |_| ()).unwrap().epochs, 1);
    assert_eq!(trainer.history().absorbed(USERS + 5), [ITEMS + 3]);
}

#[test]
fn absorbing_is_a_function_of_the_calls_even_through_a_file() {
    let clicks: Vec<(u32, u32)> = (0..70).map(|i| (i * 7 % (USERS + 3), i * 11 % (ITEMS + 2))).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let mut whole = trained(models()[3].clone());
    let mut parts = trained(models()[3].clone());
    for clicks in clicks.chunks(9) {
        let expected = whole.absorb(clicks).unwrap();
        assert_eq!(parts.absorb(clicks).unwrap(), expected);
        parts.save(&path).unwrap();
        parts = Trainer::load(&path, Device::cpu().threads(1)).unwrap();
    }
    assert_eq!(parts.checkpoint().unwrap(), whole.checkpoint().unwrap());
    let config = TrainConfig {
        epochs: 22,
        ..*whole.config()
    };
    for trainer in [&mut whole, &mut parts] {
        trainer.set_config(config).unwrap();
        trainer.fit(&split(), |_| ()).unwrap();
    }
    assert_eq!(parts.checkpoint().unwrap(), whole.checkpoint().unwrap());
}

#[test]
fn keys_are_read_as_the_data_is() {
    let mut trainer = trained(models()[0].clone());
    let known = [trainer.user_ids().key(3).unwrap(), trainer.item_ids().key(4).unwrap()].map(|key| key.into_owned());
    let padded = known.clone().map(|key| format!(" {key}\t"));
    let config = AbsorbConfig::default();
    let report = trainer
        .absorb_keys(
            &[
                (&padded[0], &padded[1]),
                (" ann ", "4"),
                ("ann", "\u{a0}new\n"),
                ("ann", "new"),
            ],
            &config,
        )
        .unwrap();
    assert_eq!((report.new_users, report.new_items), (1, 1));
    assert_eq!(trainer.user_ids().get("ann"), Some(USERS));
    assert_eq!(trainer.item_ids().get("new"), Some(ITEMS));
    assert_eq!(trainer.user_ids().get(" ann "), None);
    let before = trainer.checkpoint().unwrap();
    for (pairs, place) in [
        ([("bob", "4"), ("", "4")], "pairs[1]: its user key is empty"),
        ([("bob", " \t"), ("ann", "4")], "pairs[0]: its item key is empty"),
    ] {
        let text = trainer.absorb_keys(&pairs, &config).unwrap_err().to_string();
        assert!(text.starts_with(place), "{text}");
    }
    assert_eq!(trainer.checkpoint().unwrap(), before);
}

#[test]
fn a_crowd_at_once_is_learnt_as_well() {
    let mut trainer = trained(models()[1].clone());
    let before = trainer.evaluate(&split(), Protocol::Sampled, 10).unwrap();
    let clicks: Vec<(u32, u32)> = (0..USERS).map(|user| (user, middling(&mut trainer, user))).collect();
    let report = trainer.absorb(&clicks).unwrap();
    assert!(report.after > report.before + 0.5, "{report:?}");
    assert_eq!(report.steps, 20 * u64::from(USERS.div_ceil(32)));
    let after = trainer.evaluate(&split(), Protocol::Sampled, 10).unwrap();
    println!("{before} -> {after}");
    // Every user took an item of another group, so that every ranking shifts, and yet not far.
    assert!(after.hr > before.hr - 0.15, "{before} -> {after}");
}

#[test]
fn refusals_change_nothing() {
    let mut trainer = trained(models()[0].clone());
    let before = trainer.checkpoint().unwrap();
    for pairs in [[(u32::MAX, 0)], [(0, u32::MAX)], [(USERS + 70_000, 0)]] {
        assert!(matches!(trainer.absorb(&pairs).unwrap_err(), Error::Id { .. }));
    }
    for learning_rate in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let config = AbsorbConfig {
            learning_rate,
            ..AbsorbConfig::default()
        };
        assert!(trainer.absorb_with(&[(0, 0)], &config).is_err());
    }
    assert_eq!(trainer.absorb(&[]).unwrap().pairs, 0);
    assert_eq!(trainer.checkpoint().unwrap(), before);
    // A user who has everything has no negatives; that is no error.
    let all: Vec<(u32, u32)> = (0..ITEMS).map(|item| (3, item)).collect();
    trainer.absorb(&all).unwrap();
    trainer.absorb(&[(3, 0)]).unwrap();
    assert!(trainer.recommend(3, 5).unwrap().is_empty());
}

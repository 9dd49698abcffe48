//! What a split must hold so that an evaluation means something, and keys by which data and models go together.
#![cfg(feature = "std")]

use std::fs;

use pocketrec::{
    Error,
    data::{Candidates, Dataset, IdMap, Interactions, Split},
    device::Device,
    eval::{Protocol, RankingReport, evaluate, evaluate_popularity, evaluate_with},
    models::Gmf,
    train::{Progress, TrainConfig, Trainer},
};

/// 40 users with 6 of 60 items each.
fn pairs() -> Vec<(u32, u32)> {
    (0..40)
        .flat_map(|user| (0..6).map(move |at| (user, (user * 7 + at * 11) % 60)))
        .collect()
}

fn constant(split: &Split, protocol: Protocol) -> Result<RankingReport, Error> {
    evaluate_with(split, protocol, 10, |_, _, out| {
        out.fill(0.0);
        Ok(())
    })
}

#[test]
fn test_items_that_were_trained_on_are_left_out_or_refused() {
    let train = Interactions::from_pairs(&pairs()).unwrap();
    let keys = |name: &str, count: u32| IdMap::from_keys((0..count).map(|at| format!("{name}{at}"))).unwrap();
    let train = train.with_ids(keys("u", 40), keys("i", 60)).unwrap();
    let free = |user: u32| (0..60).filter(move |&item| !pairs().contains(&(user, item)));
    let mut cases: Vec<(u32, u32, Vec<u32>)> = Vec::new();
    for user in 0..40 {
        for item in free(user).take(5) {
            cases.push((user, item, free(user).skip(5).take(4).collect()));
        }
    }
    assert_eq!(cases.len(), 200);
    let of = |cases: &[(u32, u32, Vec<u32>)]| {
        let cases = cases.iter().map(|(user, item, others)| (*user, *item, &others[..]));
        Split::from_cases(train.clone(), cases)
    };
    assert_eq!(of(&cases).unwrap().report().trained_on, 0);
    // One in a hundred is left out, with its candidates.
    for at in [17, 180] {
        cases[at].1 = train.of_user(cases[at].0)[0];
    }
    let split = of(&cases).unwrap();
    assert_eq!((split.test.len(), split.report().trained_on), (198, 2));
    let first = (cases[17].0, cases[17].1);
    assert_eq!(split.report().first_trained_on, Some(first));
    let with_negatives = |at: usize| (split.test[at].user, split.test[at].item, split.negatives(at).to_vec());
    assert_eq!(with_negatives(16), cases[16]);
    assert_eq!(with_negatives(17), cases[18]);
    assert_eq!(constant(&split, Protocol::Sampled).unwrap().cases, 198);
    // One more is refused.
    cases[199].1 = train.of_user(cases[199].0)[2];
    let reason = of(&cases).unwrap_err().to_string();
    let named = format!(
        "3 of 200 test items are in the training part of their user, such as item \"i{}\" of user \"u{}\"",
        first.1, first.0
    );
    assert!(reason.contains(&named), "{reason}");
}

fn ncf(train: &str, test: &str, negative: &str) -> Result<Split, Error> {
    let folder = tempfile::tempdir().unwrap();
    for (end, content) in [
        ("train.rating", train),
        ("test.rating", test),
        ("test.negative", negative),
    ] {
        if !content.is_empty() {
            fs::write(folder.path().join(format!("a.{end}")), content).unwrap();
        }
    }
    Dataset::read(folder.path())
}

#[test]
fn ncf_files_whose_test_items_were_trained_on_are_refused() {
    let refused = ncf("0\t1\t5\t1\n0\t2\t5\t2\n", "0\t2\t5\t3\n", "")
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("1 of 1 test items are in the training part"),
        "{refused}"
    );
}

#[test]
fn given_candidates_count_once_each() {
    let split = ncf(
        "0\t0\t5\t1\n0\t1\t5\t2\n1\t2\t5\t1\n",
        "0\t3\t5\t3\n1\t0\t5\t3\n",
        "(0,3)\t4\t2\t4\t4\t3\t1\t2\n(1,0)\t0\t0\n",
    )
    .unwrap();
    assert_eq!((split.negatives(0), split.negatives(1)), (&[4, 2, 1][..], &[][..]));
    let report = split.report();
    assert_eq!((report.repeated_candidates, report.own_test_item), (3, 3));
    // 1 is in the training part of user 0; nobody has 4.
    assert_eq!(
        (report.trained_candidates, report.unused_candidates, report.unused_items),
        (1, 1, 1)
    );
    assert_eq!(report.no_candidates, 1);
    let ranked = constant(&split, Protocol::Sampled).unwrap();
    assert_eq!((ranked.cases, ranked.left_out, ranked.scored), (1, 1, 4));
    assert_eq!(ranked.hr, 1.0); // 10 places for 4
    assert!(ranked.to_string().ends_with("on 1 of 2 cases"), "{ranked}");
    // Drawn anew, none of that is left.
    let split = split.among(Candidates::default());
    assert_eq!(
        (split.report().repeated_candidates, split.report().unused_candidates),
        (0, 0)
    );
    assert_eq!(split.report().unused_items, 1);
}

/// Candidates and catalogue of ids with gaps are those of the same data without gaps.
#[test]
fn items_that_nobody_has_are_no_candidates() {
    let dense = Interactions::from_pairs(&pairs()).unwrap();
    assert!(dense.unused_items().is_empty());
    let gaps: Vec<(u32, u32)> = pairs().iter().map(|&(user, item)| (user, item * 50 + 7)).collect();
    let sparse = Interactions::from_pairs(&gaps).unwrap();
    assert_eq!(
        (sparse.items(), sparse.unused_items().len()),
        (59 * 50 + 8, 59 * 49 + 7)
    );
    for count in [3, 99] {
        let candidates = Candidates::Sampled { count, seed: 4 };
        let split = sparse.leave_one_out_among(candidates).unwrap();
        assert_eq!(split.report().unused_items as usize, sparse.unused_items().len());
        for (at, case) in split.test.iter().enumerate() {
            let mut negatives = split.negatives(at).to_vec();
            assert_eq!(negatives.len(), 54.min(count as usize));
            negatives.sort_unstable();
            negatives.dedup();
            assert_eq!(negatives.len(), split.negatives(at).len());
            for item in negatives {
                assert!(item % 50 == 7 && !sparse.contains(case.user, item));
            }
        }
        // A validation part draws from the same items, though some of them are in its test part alone.
        let inner = split.train.leave_one_out_among(candidates).unwrap();
        assert_eq!(inner.train.unused_items(), sparse.unused_items());
    }
    let (dense, sparse) = (dense.leave_one_out().unwrap(), sparse.leave_one_out().unwrap());
    for protocol in [Protocol::Sampled, Protocol::Full] {
        assert_eq!(
            constant(&dense, protocol).unwrap(),
            constant(&sparse, protocol).unwrap()
        );
        let popularity = |split| evaluate_popularity(split, protocol, 10).unwrap();
        assert_eq!(popularity(&dense).hr, popularity(&sparse).hr);
        assert_eq!(popularity(&dense).scored, popularity(&sparse).scored);
    }
    // By a model, which searches the catalogue on its own.
    let model = Gmf::new(40, sparse.train.items() as usize).factors(4);
    let mut trainer = Trainer::new(model, Device::cpu(), TrainConfig::default()).unwrap();
    let searched = trainer.evaluate(&sparse, Protocol::Full, 10).unwrap();
    let scored = evaluate_with(&sparse, Protocol::Full, 10, |users, items, out| {
        let pairs: Vec<(u32, u32)> = users.iter().copied().zip(items.iter().copied()).collect();
        out.copy_from_slice(&trainer.score(&pairs)?);
        Ok(())
    })
    .unwrap();
    assert_eq!((searched.cases, searched.scored), (40, scored.scored));
    assert!((searched.mrr - scored.mrr).abs() < 1e-9, "{searched:?} {scored:?}");
}

/// The draws where every item occurs are what they were: worked out by the rule, a user's stream scaled to the items.
#[test]
fn dense_catalogues_keep_their_draws() {
    use pocketrec::rng::{Rng, scale};
    let data = Interactions::from_pairs(&pairs()).unwrap();
    let split = data
        .leave_one_out_among(Candidates::Sampled { count: 9, seed: 3 })
        .unwrap();
    for (at, case) in split.test.iter().enumerate() {
        let rng = Rng::new(3).stream(3).stream(case.user);
        let mut want = Vec::new();
        for item in (0..).map(|index| scale(rng.at(index)[0], 60)) {
            if !data.contains(case.user, item) && !want.contains(&item) {
                want.push(item);
            }
            if want.len() == 9 {
                break;
            }
        }
        assert_eq!(split.negatives(at), want);
    }
}

#[test]
fn a_user_with_everything_is_no_hit() {
    let mut pairs: Vec<(u32, u32)> = (0..8).map(|item| (0, item)).collect();
    pairs.extend([(1, 0), (1, 1), (2, 3), (2, 4)]);
    let split = Interactions::from_pairs(&pairs).unwrap().leave_one_out().unwrap();
    assert_eq!((split.report().no_candidates, split.test.len()), (1, 3));
    let mut trainer = Trainer::new(Gmf::new(3, 8), Device::cpu(), TrainConfig::default()).unwrap();
    for protocol in [Protocol::Sampled, Protocol::Full] {
        let ranked = constant(&split, protocol).unwrap();
        assert_eq!((ranked.cases, ranked.left_out), (2, 1), "{protocol:?}");
        let searched = trainer.evaluate(&split, protocol, 3).unwrap();
        assert_eq!(
            (searched.cases, searched.left_out, searched.scored),
            (2, 1, ranked.scored)
        );
    }
    // Nobody else is left: there is nothing to evaluate.
    let all: Vec<(u32, u32)> = (0..16).map(|at| (at / 8, at % 8)).collect();
    let split = Interactions::from_pairs(&all).unwrap().leave_one_out().unwrap();
    for protocol in [Protocol::Sampled, Protocol::Full] {
        let refused = constant(&split, protocol).unwrap_err().to_string();
        assert!(
            refused.contains("none of 2 cases has an item to rank the test item among"),
            "{refused}"
        );
        assert!(evaluate_popularity(&split, protocol, 10).is_err());
    }
    let config = TrainConfig {
        negatives: 0,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(Gmf::new(2, 8), Device::cpu(), config).unwrap();
    let refused = trainer.fit(&split, |_| ()).unwrap_err().to_string();
    assert!(refused.contains("no test case has a candidate"), "{refused}");
    assert_eq!(*trainer.progress(), Progress::default());
}

#[test]
fn ties_for_the_latest_are_counted() {
    let rows = [
        (0, 0, 5),
        (0, 1, 9),
        (0, 2, 9),
        (1, 0, 1),
        (1, 1, 2),
        (2, 3, 7),
        (2, 1, 7),
        (3, 0, 1),
    ];
    let split = Interactions::from_triples(&rows).unwrap().leave_one_out().unwrap();
    assert_eq!((split.report().tied, split.report().first_tied), (2, Some(0)));
    let held_out: Vec<u32> = split.test.iter().map(|case| case.item).collect();
    assert_eq!(held_out, [2, 1, 1]); // the last in the source
    let pairs: Vec<(u32, u32)> = rows.iter().map(|row| (row.0, row.1)).collect();
    assert_eq!(
        Interactions::from_pairs(&pairs)
            .unwrap()
            .leave_one_out()
            .unwrap()
            .report()
            .tied,
        0
    );
}

#[test]
fn scores_that_are_nan_are_named_by_keys() {
    let data = Interactions::from_keys([("ann", "tea", 1), ("ann", "rice", 2), ("bob", "salt", 3)]).unwrap();
    let split = data.leave_one_out().unwrap();
    let error = evaluate_with(&split, Protocol::Full, 1, |_, _, _| Ok(()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("user \"ann\" and item \"rice\" is NaN"), "{error}");
}

/// Interactions by key, in this order of users and items.
fn by_keys(rows: &[(String, String, i64)]) -> Interactions {
    let rows = rows
        .iter()
        .map(|(user, item, time)| (user.as_str(), item.as_str(), *time));
    Interactions::from_keys(rows).unwrap()
}

#[test]
fn a_file_in_another_order_is_refused_or_numbered_by_the_models_keys() {
    let rows: Vec<(String, String, i64)> = pairs()
        .iter()
        .zip(0..)
        .map(|(&(user, item), time)| (format!("u{user}"), format!("i{item}"), time))
        .collect();
    let (own, split) = (by_keys(&rows), by_keys(&rows).leave_one_out().unwrap());
    let config = TrainConfig {
        epochs: 1,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(Gmf::new(40, 60), Device::cpu(), config).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    let before = trainer.checkpoint().unwrap();
    let good = trainer.evaluate(&split, Protocol::Full, 10).unwrap();

    let resorted = |key: fn(&(String, String, i64)) -> String| {
        let mut rows = rows.clone();
        rows.sort_by_key(key);
        rows
    };
    let by_user = resorted(|row| row.0.clone());
    let mut by_item = rows.clone();
    by_item.sort_by(|a, b| (&a.0[..1], &b.1).cmp(&(&b.0[..1], &a.1)));
    let renamed: Vec<_> = rows
        .iter()
        .map(|row| (row.0.replace("u39", "zoe"), row.1.clone(), row.2))
        .collect();
    let fewer: Vec<_> = rows.iter().rev().take(120).cloned().collect();
    for (rows, said) in [
        (&by_user, "its users are not those"),
        (&by_item, "are not those that the model was trained with"),
        (
            &renamed,
            "row 39 is \"zoe\" there and \"u39\" in the model: its keys are others",
        ),
        (
            &fewer,
            "row 0 is \"u39\" there and \"u0\" in the model: its keys are the same in another order",
        ),
    ] {
        let data = by_keys(rows);
        let split = data.leave_one_out().unwrap();
        for result in [
            trainer.fit(&split, |_| ()).map(|_| ()),
            trainer.evaluate(&split, Protocol::Full, 10).map(|_| ()),
        ] {
            let reason = result.unwrap_err().to_string();
            assert!(reason.contains(said), "{reason}");
        }
        assert_eq!(trainer.checkpoint().unwrap(), before);
        let numbered = data.with_order_of(trainer.user_ids(), trainer.item_ids()).unwrap();
        let newcomers = numbered.users() as usize > trainer.users();
        assert_eq!(newcomers, rows == &renamed);
        let split = numbered.leave_one_out().unwrap();
        let result = trainer.evaluate(&split, Protocol::Full, 10);
        match newcomers {
            true => assert!(result.is_err()),
            false => assert_eq!(result.unwrap().cases, if rows.len() == 240 { 40 } else { 20 }),
        }
    }
    // Numbered by the model's keys a file in another order is the file itself, users' order of time included.
    let numbered = by_keys(&by_user).with_order_of(own.user_ids(), own.item_ids()).unwrap();
    assert!((0..40).all(|user| numbered.of_user(user) == own.of_user(user)));
    assert!((0..40).all(|user| numbered.times_of(user) == own.times_of(user)));
    let again = trainer
        .evaluate(&numbered.leave_one_out().unwrap(), Protocol::Full, 10)
        .unwrap();
    assert_eq!(again, good);
    // The first users alone go with the model.
    let first: Vec<_> = rows.iter().take(120).cloned().collect();
    let first = by_keys(&first).leave_one_out().unwrap();
    assert!(first.train.users() == 20 && first.train.items() <= 60);
    trainer.fit(&first, |_| ()).unwrap();
}

/// The executor's own way has no keys to name, and leaves out the same.
#[test]
fn executors_evaluate_alike() {
    let split = Interactions::from_pairs(&pairs()).unwrap().leave_one_out().unwrap();
    let mut trainer = Trainer::new(Gmf::new(40, 60), Device::cpu(), TrainConfig::default()).unwrap();
    let plan = Gmf::new(40, 60).plan().unwrap();
    let state = trainer.state().unwrap();
    let mut executor = Device::cpu().executor(plan, state).unwrap();
    for protocol in [Protocol::Sampled, Protocol::Full] {
        assert_eq!(
            evaluate(&mut *executor, &split, protocol, 10).unwrap(),
            trainer.evaluate(&split, protocol, 10).unwrap()
        );
    }
}

//! The evaluator against brute force, on models, baselines and constants.

use pocketrec::{
    Error,
    data::{Candidates, Split},
    eval::{CHUNK, Protocol, Rank, evaluate_popularity, evaluate_with},
    models::{Gmf, NeuMf},
    rng::Rng,
    train::TrainConfig,
};

use crate::planted::{ITEMS, USERS, config, split, trainer};

/// (hr, ndcg, mrr) by sorting every case's candidates, where no two scores are equal.
fn brute_force(split: &Split, protocol: Protocol, k: usize, score: impl Fn(u32, u32) -> f32) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for (index, case) in split.test.iter().enumerate() {
        let others: Vec<u32> = match protocol {
            Protocol::Sampled => split.negatives(index).to_vec(),
            Protocol::Full => (0..split.train.items())
                .filter(|&item| item != case.item && !split.train.contains(case.user, item))
                .collect(),
        };
        let mut scored: Vec<(f32, u32)> = others.iter().map(|&item| (score(case.user, item), item)).collect();
        scored.push((score(case.user, case.item), case.item));
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        let place = scored.iter().position(|entry| entry.1 == case.item).unwrap() + 1;
        if place <= k {
            sums[0] += 1.0;
            sums[1] += 1.0 / ((place + 1) as f64).log2();
        }
        sums[2] += 1.0 / place as f64;
    }
    sums.map(|sum| sum / split.test.len() as f64)
}

fn close(report: &pocketrec::eval::RankingReport, expected: [f64; 3]) {
    for (got, expected) in [report.hr, report.ndcg, report.mrr].iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12, "{report:?} {expected}");
    }
}

#[test]
fn both_protocols_agree_with_sorting() {
    let split = split();
    // Distinct for distinct items, of both signs.
    let score = |user: u32, item: u32| {
        let noise = Rng::new(3).stream(user).uniform(u64::from(item)) - 0.5;
        noise * 16.0 + item as f32 * 1e-5
    };
    for protocol in [Protocol::Sampled, Protocol::Full] {
        for k in [1, 5, 10, 1000] {
            let mut calls = 0;
            let report = evaluate_with(&split, protocol, k, |users, items, out| {
                calls += 1;
                assert!(users.len() <= CHUNK && users.len() == items.len() && items.len() == out.len());
                for ((out, &user), &item) in out.iter_mut().zip(users).zip(items) {
                    *out = score(user, item);
                }
                Ok(())
            })
            .unwrap();
            close(&report, brute_force(&split, protocol, k, score));
            assert_eq!(report.cases, split.test.len() as u64);
            assert_eq!(calls, report.scored.div_ceil(CHUNK as u64));
        }
    }
}

#[test]
fn a_constant_gets_chance_and_not_luck() {
    let split = split();
    let constant = |_: &[u32], _: &[u32], out: &mut [f32]| {
        out.fill(-3.0);
        Ok(())
    };
    let report = evaluate_with(&split, Protocol::Sampled, 10, constant).unwrap();
    assert!((report.hr - 10.0 / 41.0).abs() < 1e-12, "{report:?}");
    let chance = Rank { better: 0, ties: 40 };
    assert!((report.ndcg - chance.ndcg(10)).abs() < 1e-12);
    // With 99 negatives it is 10 in 100.
    let split = planted_with_99();
    let report = evaluate_with(&split, Protocol::Sampled, 10, constant).unwrap();
    assert!((report.hr - 0.1).abs() < 1e-12, "{report:?}");
}

fn planted_with_99() -> Split {
    let pairs: Vec<(u32, u32)> = (0..50)
        .flat_map(|user| [(user, user % 7), (user, 199 - user)])
        // Somebody has each of the others: nobody's items are no candidates.
        .chain((7..150).map(|item| (50 + item % 4, item)))
        .collect();
    let data = pocketrec::data::Interactions::from_pairs(&pairs).unwrap();
    let split = data.leave_one_out().unwrap();
    assert!((0..split.test.len()).all(|case| split.negatives(case).len() == 99));
    split
}

#[test]
fn an_oracle_beats_a_model_beats_chance() {
    let split = split();
    let same_group = |users: &[u32], items: &[u32], out: &mut [f32]| {
        for ((out, user), item) in out.iter_mut().zip(users).zip(items) {
            *out = f32::from(user % crate::planted::GROUPS == item % crate::planted::GROUPS);
        }
        Ok(())
    };
    let mut trainer = trainer(
        NeuMf::new(USERS as usize, ITEMS as usize).factors(4),
        TrainConfig {
            epochs: 25,
            optimizer: pocketrec::plan::Optimizer::default().with_learning_rate(0.01),
            ..config()
        },
    );
    let last = trainer.fit(&split, |_| ()).unwrap().last.unwrap();
    let model = last.evaluation.unwrap();
    assert_eq!(trainer.evaluate(&split, Protocol::Sampled, 10).unwrap(), model);
    let oracle = evaluate_with(&split, Protocol::Sampled, 10, same_group).unwrap();
    let popularity = evaluate_popularity(&split, Protocol::Sampled, 10).unwrap();
    let chance = 10.0 / 41.0;
    assert!(oracle.hr > 0.75, "{oracle}");
    assert!(model.hr > 0.6 && model.hr < oracle.hr + 0.05, "{model} {oracle}");
    assert!((popularity.hr - chance).abs() < 0.15, "{popularity}");
    let full = trainer.evaluate(&split, Protocol::Full, 10).unwrap();
    assert!(full.hr < model.hr && full.hr > 0.2, "{full}");
}

#[test]
fn a_nan_ranks_nowhere() {
    let split = split();
    for protocol in [Protocol::Sampled, Protocol::Full] {
        let one_nan = |users: &[u32], _: &[u32], out: &mut [f32]| {
            out.fill(0.0);
            out[users.len() / 2] = f32::NAN;
            Ok(())
        };
        let error = evaluate_with(&split, protocol, 10, one_nan).unwrap_err();
        assert!(error.to_string().contains("NaN"), "{error}");
        // A scorer that writes nothing is caught as well.
        assert!(evaluate_with(&split, protocol, 10, |_, _, _| Ok(())).is_err());
    }
}

#[test]
fn what_cannot_be_evaluated_is_refused_by_name() {
    let split = split();
    let zeros = |_: &[u32], _: &[u32], out: &mut [f32]| {
        out.fill(0.0);
        Ok(())
    };
    let of = |split: &Split, protocol, k| evaluate_with(split, protocol, k, zeros).unwrap_err().to_string();
    assert!(of(&split, Protocol::Full, 0).starts_with("k:"));
    let all = split.clone().among(Candidates::All);
    assert!(of(&all, Protocol::Sampled, 10).contains("no negatives"));
    let untested = Split::from_cases(split.train.clone(), []).unwrap();
    assert!(of(&untested, Protocol::Full, 10).contains("no test cases"));

    // The trainer finds out before it trains.
    let mut small = trainer(Gmf::new(USERS as usize, ITEMS as usize), config());
    for split in [&all, &untested] {
        assert!(matches!(small.fit(split, |_| ()).unwrap_err(), Error::Config { .. }));
        assert_eq!(small.progress().step, 0);
    }
    let blind = TrainConfig {
        eval_every: 0,
        ..config()
    };
    small.set_config(blind).unwrap();
    assert_eq!(small.fit(&untested, |_| ()).unwrap().epochs, 4);
    // A model with fewer rows than the data.
    let mut narrow = trainer(Gmf::new(USERS as usize, 9), config());
    let error = narrow.fit(&split, |_| ()).unwrap_err().to_string();
    assert!(error.contains("80 items, the model 9"), "{error}");
    assert!(matches!(
        narrow.evaluate(&split, Protocol::Full, 10).unwrap_err(),
        Error::Id { .. }
    ));
}

#[test]
fn recommendations_are_the_head_of_a_sort_without_what_the_user_has() {
    let split = split();
    let mut trainer = trainer(NeuMf::new(USERS as usize, ITEMS as usize).factors(4), config());
    trainer.fit(&split, |_| ()).unwrap();
    for user in [0, 17, USERS - 1] {
        let test = split.test.iter().find(|case| case.user == user).unwrap();
        let unseen: Vec<u32> = (0..ITEMS)
            .filter(|&item| !split.train.contains(user, item) && item != test.item)
            .collect();
        let pairs: Vec<(u32, u32)> = unseen.iter().map(|&item| (user, item)).collect();
        let scores = trainer.score(&pairs).unwrap();
        let mut expected: Vec<(u32, f32)> = unseen.iter().copied().zip(scores).collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let all = trainer.recommend(user, usize::MAX).unwrap();
        // A catalogue adds up in another order than pairs: items whose scores differ by rounding may trade places.
        assert_eq!(all.len(), expected.len());
        for (got, want) in all.iter().zip(&expected) {
            let own = expected.iter().find(|(item, _)| *item == got.0).unwrap().1;
            assert!(
                (got.1 - want.1).abs() < 1e-5 && (got.1 - own).abs() < 1e-5,
                "{got:?} {want:?}"
            );
        }
        assert!(all.is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0)));
        expected.truncate(5);
        assert_eq!(trainer.recommend(user, 5).unwrap(), all[..5]);
        assert_eq!(trainer.recommend_from(user, &unseen, 5).unwrap(), expected);
    }
    assert!(trainer.recommend(0, 0).unwrap().is_empty());
    assert!(matches!(trainer.recommend(USERS, 1).unwrap_err(), Error::Id { .. }));
    assert!(matches!(
        trainer.recommend_from(0, &[ITEMS], 1).unwrap_err(),
        Error::Id { .. }
    ));
    assert!(matches!(trainer.score(&[(0, u32::MAX)]).unwrap_err(), Error::Id { .. }));
}

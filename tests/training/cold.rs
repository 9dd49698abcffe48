//! Splits of cold items and cold users, and how these are ranked: against counts by hand and brute force.

use pocketrec::{
    Error,
    data::{Candidates, FeatureKind, FeatureTable, IdMap, Interactions, Split},
    device::Device,
    eval::{FullRanking, Protocol, evaluate_popularity, evaluate_with},
    models::Mf,
    rng::Rng,
    train::{TrainConfig, Trainer},
};

const USERS: u32 = 40;
const ITEMS: u32 = 70;

/// About a quarter of all pairs; nobody has the items 13, 26, ...
fn data() -> Interactions {
    let rng = Rng::new(11);
    let all = (0..USERS).flat_map(|user| (0..ITEMS).map(move |item| (user, item)));
    let has = |&(user, item): &(u32, u32)| item % 13 != 12 && rng.stream(user).below(item.into(), 4) == 0;
    let (users, items): (Vec<u32>, Vec<u32>) = all.filter(has).unzip();
    let times: Vec<i64> = (0..users.len() as u64).map(|at| rng.below(at, 1000).into()).collect();
    Interactions::from_columns((USERS, ITEMS), &users, &items, &times).unwrap()
}

/// The first split of some seeds whose cold items are these.
fn with_cold(data: &Interactions, cold: &[u32]) -> Split {
    let splits = (0..1000).filter_map(|seed| data.cold_items(0.4, seed).ok());
    splits.into_iter().find(|split| split.cold_items() == cold).unwrap()
}

#[test]
fn cold_items_lose_all_interactions_and_no_others() {
    let data = data();
    let split = data.cold_items(0.2, 5).unwrap();
    let cold = split.cold_items();
    assert!((5..25).contains(&cold.len()) && cold.is_sorted(), "{cold:?}");
    assert!(split.cold_users().is_empty() && split.clicks().is_empty());
    let (mut tested, mut kept) = (Vec::new(), Vec::new());
    for pair in data.iter() {
        if cold.contains(&pair.1) { &mut tested } else { &mut kept }.push(pair);
    }
    assert!(split.train.iter().eq(kept));
    assert!(split.test.iter().map(|case| (case.user, case.item)).eq(tested));
    assert_eq!(split.report().no_history, 0);
    for user in 0..USERS {
        let times = split.train.times_of(user);
        assert!(times.is_sorted() && times.len() == split.train.of_user(user).len());
    }
    // An item that nobody has is not cold, and a cold one is not one that nobody has.
    assert_eq!(split.train.unused_items(), data.unused_items());
    let again = data.cold_items(0.2, 5).unwrap();
    assert_eq!(again.cold_items(), cold);
    assert_ne!(data.cold_items(0.2, 6).unwrap().cold_items(), cold);
}

#[test]
fn a_small_split_is_ranked_as_by_hand() {
    // Ann has 0 and 1, Bob 1 and 2, Cem 2 alone, Dan 0, 2 and 3.
    let pairs = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (3, 0), (3, 2), (3, 3)];
    let split = with_cold(&Interactions::from_pairs(&pairs).unwrap(), &[2, 3]);
    // Of Cem nothing is left to train on.
    assert_eq!(
        (split.report().no_history, split.test.len(), split.train.len()),
        (1, 3, 4)
    );
    let all = FullRanking::new(1).with_auc();
    let report = all.of_known_popularity(&split).unwrap();
    // Known popularities are 2, 2, 2, 1. Bob gets 0 or 2, of which 2 is his; against 0 it draws, against 3 it wins. Dan gets
    // 1 before 3, or 2 before: of his test items 2 is first half the time, and 2 draws with 1, 3 loses to it.
    assert_eq!(report.all.users, 2);
    assert_eq!(report.all.recall, (0.5 + 0.5 / 2.0) / 2.0);
    assert_eq!(report.auc, Some((1.5 / 2.0 + 0.5 / 2.0) / 2.0));
    assert_eq!(report.items, 4);
    let alone = all.cold_alone();
    let report = alone.of_known_popularity(&split).unwrap();
    // Bob gets 2, his own; Dan has both, and nothing that he has not.
    assert_eq!(
        (report.all.recall, report.auc, report.items),
        ((1.0 + 0.5) / 2.0, Some(1.0), 2)
    );
    let chance = alone.of_chance(&split).unwrap();
    assert_eq!((chance.all.recall, chance.auc), (0.5, Some(0.5)));
    // Nobody is trained on a cold item: popularity of the training part is chance.
    assert_eq!(alone.of_popularity(&split).unwrap().all, chance.all);
    assert!(
        report
            .to_string()
            .contains("AUC 1.0000; coverage 0.5000 (1 of 2 items)"),
        "{report}"
    );
}

/// Mean AUC by comparing every test item with every other candidate.
fn auc_by_pairs(split: &Split, candidates: impl Fn(u32) -> Vec<u32>, score: impl Fn(u32, u32) -> f32) -> f64 {
    let (mut sum, mut users) = (0.0, 0.0);
    for user in 0..split.train.users() {
        let tested: Vec<u32> = split
            .test
            .iter()
            .filter(|case| case.user == user)
            .map(|case| case.item)
            .collect();
        let others = candidates(user).into_iter().filter(|item| !tested.contains(item));
        let pairs: Vec<f64> = others
            .flat_map(|other| tested.iter().map(move |&item| (item, other)))
            .map(|(item, other)| match score(user, item) - score(user, other) {
                d if d > 0.0 => 1.0,
                0.0 => 0.5,
                _ => 0.0,
            })
            .collect();
        if !pairs.is_empty() {
            sum += pairs.iter().sum::<f64>() / pairs.len() as f64;
            users += 1.0;
        }
    }
    sum / users
}

#[test]
fn auc_is_that_of_all_pairs_alone_and_among_all() {
    let data = data();
    let split = data.cold_items(0.3, 2).unwrap();
    let score = |user: u32, item: u32| ((user * 7 + item * 5 + user * item) % 11) as f32;
    let unknown = |user: u32| -> Vec<u32> {
        let used = (0..ITEMS).filter(|item| !data.unused_items().contains(item));
        used.filter(|&item| !split.train.contains(user, item)).collect()
    };
    let cold = |_: u32| split.cold_items().to_vec();
    let by_scores = |ranking: FullRanking| {
        let report = ranking.of_scores(&split, |users, out| {
            for (user, row) in users.iter().zip(out.chunks_exact_mut(ITEMS as usize)) {
                (0..ITEMS).for_each(|item| row[item as usize] = score(*user, item));
            }
            Ok(())
        });
        report.unwrap().auc.unwrap()
    };
    let ranking = FullRanking::new(3).with_auc();
    assert!((by_scores(ranking) - auc_by_pairs(&split, unknown, score)).abs() < 1e-12);
    assert!((by_scores(ranking.cold_alone()) - auc_by_pairs(&split, cold, score)).abs() < 1e-12);

    // A model's is that of its scores.
    let config = TrainConfig {
        eval_every: 0,
        epochs: 1,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(Mf::new(USERS as usize, ITEMS as usize), Device::cpu(), config).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    let pairs: Vec<(u32, u32)> = (0..USERS)
        .flat_map(|user| (0..ITEMS).map(move |item| (user, item)))
        .collect();
    let scores = trainer.score(&pairs).unwrap();
    let score = |user: u32, item: u32| scores[(user * ITEMS + item) as usize];
    let report = trainer.full_ranking(&split, ranking.cold_alone()).unwrap();
    assert!((report.auc.unwrap() - auc_by_pairs(&split, cold, score)).abs() < 1e-12);
    let report = trainer.full_ranking(&split, ranking).unwrap();
    assert!((report.auc.unwrap() - auc_by_pairs(&split, unknown, score)).abs() < 1e-12);
    assert_eq!(trainer.full_ranking(&split, FullRanking::new(3)).unwrap().auc, None);
}

#[test]
fn chance_is_exact() {
    let split = data().cold_items(0.3, 2).unwrap();
    let count = split.cold_items().len() as f64;
    let chance = FullRanking::new(4).cold_alone().with_auc().of_chance(&split).unwrap();
    assert!((chance.all.recall - 4.0 / count).abs() < 1e-12);
    assert_eq!((chance.auc, chance.items), (Some(0.5), count as u64));
}

#[test]
fn cold_users_keep_their_first_clicks_out_of_training_and_test() {
    let data = data();
    let split = data.cold_users(0.3, 4, 3).unwrap();
    let cold = split.cold_users();
    assert!((4..22).contains(&cold.len()) && split.cold_items().is_empty());
    for user in 0..USERS {
        let (whole, trained) = (data.of_user(user), split.train.of_user(user));
        let tested: Vec<u32> = split
            .test
            .iter()
            .filter(|case| case.user == user)
            .map(|case| case.item)
            .collect();
        let clicked: Vec<u32> = split.clicks_of(user).iter().map(|click| click.1).collect();
        match cold.contains(&user) {
            true => assert_eq!((trained.len(), [clicked, tested].concat()), (0, whole.to_vec())),
            false => assert_eq!((trained, tested.len(), clicked.len()), (whole, 0, 0)),
        }
        assert!(split.clicks_of(user).len() <= 4);
    }
    // Every user has more than four items.
    assert_eq!(split.clicks().len(), cold.len() * 4);

    // No ranking offers a clicked item.
    let mut offered = FullRanking::new(5);
    offered.groups = 1;
    let report = offered.of_lists(&split, |queries, k| {
        for query in queries {
            let clicked = split.clicks_of(query.user);
            assert_eq!(clicked.len(), 4);
            assert!(clicked.iter().all(|click| query.known.contains(&click.1)));
        }
        let free = |known: &[u32]| {
            (0..ITEMS)
                .filter(|item| !known.contains(item))
                .take(k)
                .map(|item| (item, 0.0))
                .collect()
        };
        Ok(queries.iter().map(|query| free(query.known)).collect())
    });
    let report = report.unwrap();
    assert_eq!((report.groups[0].least, report.groups[0].most), (4, 4));
    let sampled = split.clone().among(Candidates::Sampled { count: 99, seed: 1 });
    for (at, case) in sampled.test.iter().enumerate() {
        let left = data.items() as usize - data.unused_items().len() - data.of_user(case.user).len();
        assert_eq!(sampled.negatives(at).len(), left);
        assert!(
            sampled
                .negatives(at)
                .iter()
                .all(|&item| !data.contains(case.user, item))
        );
    }
    // Nor does the ranking of single test items among all.
    let report = evaluate_with(&split, Protocol::Full, 1, |_, _, out| {
        out.fill(0.0);
        Ok(())
    });
    let candidates = data.items() as usize - data.unused_items().len() - 4;
    let report = report.unwrap();
    assert_eq!(report.scored, (candidates * split.test.len()) as u64);
    assert!((report.hr - 1.0 / candidates as f64).abs() < 1e-12);
    let config = TrainConfig {
        eval_every: 0,
        epochs: 1,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(Mf::new(USERS as usize, ITEMS as usize), Device::cpu(), config).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    let by_model = trainer.evaluate(&split, Protocol::Full, 1).unwrap();
    assert_eq!((by_model.scored, by_model.cases), (report.scored, report.cases));
    assert!(evaluate_popularity(&split, Protocol::Full, 10).unwrap().hr > 0.0);
}

#[test]
fn attributes_of_the_history_rank_cold_items() {
    // Ann has tea and mate, Bob rice and salt; cold are milk, a drink like tea, and soup, a food.
    let keys = ["tea", "mate", "rice", "salt", "milk", "soup"];
    let pairs = [(0, 0), (0, 1), (0, 4), (1, 2), (1, 3), (1, 5), (2, 0), (2, 5)];
    let data = Interactions::from_pairs(&pairs).unwrap();
    let item_ids = IdMap::from_keys(keys).unwrap();
    let data = data.with_ids(IdMap::numbered(3), item_ids.clone()).unwrap();
    let split = with_cold(&data, &[4, 5]);
    let table = FeatureTable::new(&item_ids)
        .column("kind", FeatureKind::Values)
        .unwrap();
    let mut table = table.column("state", FeatureKind::Category).unwrap();
    for (key, kind, state) in [
        ("tea", "drink", "dry"),
        ("mate", "drink", "dry"),
        ("milk", "drink", "wet"),
        ("rice", "food", "dry"),
        ("salt", "", "dry"),
        ("soup", "food", "wet"),
    ] {
        table.push(key, &[kind, state]).unwrap();
    }
    let features = table.finish().unwrap();
    let ranking = FullRanking::new(1).cold_alone().with_auc();
    let report = ranking.of_attributes(&split, &features).unwrap();
    // Ann gets milk and Bob soup, which are theirs; the third, who has tea, gets milk and has soup.
    assert_eq!(
        (report.all.users, report.all.recall, report.auc),
        (3, 2.0 / 3.0, Some(2.0 / 3.0))
    );
    let others = FeatureTable::new(&IdMap::from_keys(["a", "b"]).unwrap());
    let mut others = others.column("kind", FeatureKind::Values).unwrap();
    others.push("a", &["x"]).unwrap();
    let error = ranking.of_attributes(&split, &others.finish().unwrap()).unwrap_err();
    assert!(
        error.to_string().contains("such as \"a\" in place of \"tea\""),
        "{error}"
    );
}

#[test]
fn what_cannot_be_split_or_ranked_is_refused() {
    let data = data();
    for share in [0.0, 1.0, -1.0, f32::NAN] {
        for split in [data.cold_items(share, 1), data.cold_users(share, 5, 1)] {
            assert!(matches!(split, Err(Error::Config { .. })), "{share}");
        }
    }
    let few = Interactions::from_pairs(&[(0, 0), (1, 1), (2, 2)]).unwrap();
    let refused = |error: pocketrec::Result<Split>| error.unwrap_err().to_string();
    assert!(refused(few.cold_items(0.5, 1)).contains("no user has one of them and another item"));
    assert!(refused(few.cold_users(0.9, 1, 1)).contains("none of them has more than 1 interactions"));
    let split = data.hold_out(0.2, 1).unwrap();
    let error = FullRanking::new(5).cold_alone().of_chance(&split).unwrap_err();
    assert!(error.to_string().contains("no cold items"), "{error}");
    let error = FullRanking::new(5)
        .with_auc()
        .of_lists(&split, |queries, _| Ok(vec![Vec::new(); queries.len()]));
    assert!(error.unwrap_err().to_string().contains("lists do not say"));
}

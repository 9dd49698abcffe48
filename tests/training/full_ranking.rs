//! The full ranking with several test items a user: against figures from a program of its own, against brute force, and
//! against what chance gives.

use pocketrec::{
    Error,
    data::{Candidates, Interactions, Split},
    device::Device,
    eval::{Best, FullRanking, FullReport, Query},
    models::Mf,
    rng::Rng,
    train::{TrainConfig, Trainer},
};

/// A part with so many users and items.
fn part(counts: (u32, u32), lists: &[(u32, &[u32])]) -> Interactions {
    let pairs: Vec<(u32, u32)> = lists
        .iter()
        .flat_map(|&(user, items)| items.iter().map(move |&item| (user, item)))
        .collect();
    let (users, items): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
    Interactions::from_columns(counts, &users, &items, &[]).unwrap()
}

fn close(got: [f64; 6], want: [f64; 6], what: &str) {
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() < 1e-12, "{what}: {got} not {want}");
    }
}

fn values(metrics: &pocketrec::eval::ListMetrics) -> [f64; 6] {
    let m = metrics;
    [m.recall, m.ndcg, m.precision, m.hit_rate, m.mrr, m.map]
}

/// The figures are those of a short Python program that computes recall, precision and NDCG as LightGCN's authors do
/// (`RecallPrecision_ATk`, `NDCGatK_r`), and hit rate, MRR and MAP as textbooks do.
#[test]
fn figures_are_those_of_another_program() {
    let counts = (6, 14);
    let train = [
        (0, &[1, 5, 9][..]),
        (1, &[0]),
        (2, &[3, 4, 5, 6, 7]),
        (3, &[2, 13]),
        (4, &[8, 10, 11, 12]),
        (5, &[6]),
    ];
    let test = [
        (0, &[0, 2, 3, 4, 6, 12][..]),
        (1, &[7]),
        (2, &[0, 9]),
        (4, &[1, 2]),
        (5, &[13, 5, 4]),
    ];
    let split = Split::from_parts(part(counts, &train), &part(counts, &test)).unwrap();
    assert_eq!((split.test.len(), split.report().untested_users), (14, 1));
    let score = |user: u32, item: u32| ((user * 11 + item * 5 + 3 * user * item) % 29) as f32 / 8.0 - 1.5;
    let report = FullRanking::new(4)
        .groups(2)
        .of_scores(&split, |users, out| {
            for (user, row) in users.iter().zip(out.chunks_exact_mut(14)) {
                (0..14).for_each(|item| row[item as usize] = score(*user, item));
            }
            Ok(())
        })
        .unwrap();
    assert_eq!((report.all.users, report.recommended, report.items), (5, 11, 14));
    let all = [
        0.3333333333333333,
        0.24222082340880097,
        0.25,
        0.8,
        0.26666666666666666,
        0.13055555555555554,
    ];
    close(values(&report.all), all, "all");
    let bounds: Vec<_> = report
        .groups
        .iter()
        .map(|g| (g.least, g.most, g.metrics.users))
        .collect();
    assert_eq!(bounds, [(1, 1, 2), (3, 5, 3)]);
    let least = [
        0.16666666666666666,
        0.11731968150568911,
        0.125,
        0.5,
        0.16666666666666666,
        0.05555555555555555,
    ];
    close(values(&report.groups[0].metrics), least, "least active");
    let most = [
        0.4444444444444444,
        0.32548825134420895,
        0.3333333333333333,
        1.0,
        0.3333333333333333,
        0.18055555555555555,
    ];
    close(values(&report.groups[1].metrics), most, "most active");
    let shown = report.to_string();
    assert!(
        shown.lines().all(|line| line.len() <= 80) && shown.lines().count() == 5,
        "{shown}"
    );
    let table = [
        "all   0.3333   0.2422   0.2500   0.8000   0.2667   0.1306",
        " 3-5   0.4444",
    ];
    assert!(table.iter().all(|row| shown.contains(row)), "{shown}");
    assert!(
        shown.ends_with("at 4 places; coverage 0.7857 (11 of 14 items)"),
        "{shown}"
    );
}

/// 60 users, of whom some have no test item, and items that nobody has.
fn random_split(seed: u64) -> Split {
    let rng = Rng::new(seed);
    let mut parts = [Vec::new(), Vec::new()];
    for user in 0..60u32 {
        for item in 0..90u32 {
            let draw = rng.stream(user).below(u64::from(item), 16 + user / 4);
            if draw < 2 && item % 11 != 3 {
                parts[draw as usize].push((user, item));
            }
        }
    }
    let [train, test] = parts.map(|pairs| {
        let (users, items): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
        Interactions::from_columns((60, 90), &users, &items, &[]).unwrap()
    });
    Split::from_parts(train, &test).unwrap()
}

/// Recall and hits by sorting every user's items, equal scores in the order of the items.
fn brute_force(split: &Split, k: usize, score: impl Fn(u32, u32) -> f32) -> [f64; 2] {
    let (mut recall, mut hits, mut users) = (0.0, 0.0, 0.0);
    for user in 0..split.train.users() {
        let tested: Vec<u32> = split.test.iter().filter(|c| c.user == user).map(|c| c.item).collect();
        if tested.is_empty() {
            continue;
        }
        let unused = split.train.unused_items();
        let mut all: Vec<u32> = (0..split.train.items())
            .filter(|item| !split.train.contains(user, *item) && !unused.contains(item))
            .collect();
        all.sort_by(|&a, &b| score(user, b).total_cmp(&score(user, a)));
        let found = all[..k.min(all.len())]
            .iter()
            .filter(|item| tested.contains(item))
            .count() as f64;
        recall += found / tested.len() as f64;
        hits += f64::from(u8::from(found > 0.0));
        users += 1.0;
    }
    [recall / users, hits / users]
}

fn of_scores(split: &Split, k: usize, score: impl Fn(u32, u32) -> f32) -> FullReport {
    let items = split.train.items() as usize;
    let report = FullRanking::new(k).of_scores(split, |users, out| {
        for (user, row) in users.iter().zip(out.chunks_exact_mut(items)) {
            (0..items).for_each(|item| row[item] = score(*user, item as u32));
        }
        Ok(())
    });
    report.unwrap()
}

#[test]
fn rankings_are_those_of_a_sort() {
    for seed in 0..5 {
        let split = random_split(seed);
        assert!(split.train.unused_items().len() >= 8);
        let score = |user: u32, item: u32| Rng::new(seed).stream(user).uniform(item.into()) + item as f32 * 1e-6;
        for k in [1, 3, 20, 200] {
            let report = of_scores(&split, k, score);
            let want = brute_force(&split, k, score);
            assert!((report.all.recall - want[0]).abs() < 1e-12 && (report.all.hit_rate - want[1]).abs() < 1e-12);
            let of_groups: f64 = report
                .groups
                .iter()
                .map(|g| g.metrics.recall * g.metrics.users as f64)
                .sum();
            assert!((of_groups / report.all.users as f64 - want[0]).abs() < 1e-12);
            assert_eq!(
                report.groups.iter().map(|g| g.metrics.users).sum::<u64>(),
                report.all.users
            );
        }
        // All there is to find is found in all places.
        assert_eq!(of_scores(&split, 200, score).all.recall, 1.0);
    }
}

#[test]
fn a_constant_gets_chance_whatever_the_order_of_items() {
    let split = random_split(3);
    for k in [1, 7, 50] {
        let report = of_scores(&split, k, |_, _| -2.0);
        let (mut recall, mut users) = (0.0, 0.0);
        let used = (split.train.items() as usize) - split.train.unused_items().len();
        for user in (0..60).filter(|user| split.test.iter().any(|case| case.user == *user)) {
            let candidates = used - split.train.of_user(user).len();
            recall += (k as f64 / candidates as f64).min(1.0);
            users += 1.0;
        }
        assert!((report.all.recall - recall / users).abs() < 1e-12, "{report}");
    }
    // Two levels: the upper is filled first, and chance decides within each.
    let report = of_scores(&split, 50, |_, item| f32::from(u8::from(item < 45)));
    let by_popularity = FullRanking::new(50).of_popularity(&split).unwrap();
    assert!(report.all.recall > 0.5 && by_popularity.all.recall > 0.5);
}

#[test]
fn a_model_is_ranked_by_its_own_scores() {
    let split = random_split(8);
    let config = TrainConfig {
        epochs: 3,
        eval_every: 0,
        ..crate::planted::config()
    };
    for threads in [1, 2] {
        let mut trainer = Trainer::new(Mf::new(60, 93).factors(6), Device::cpu().threads(threads), config).unwrap();
        trainer.fit(&split, |_| ()).unwrap();
        let report = trainer.full_ranking(&split, FullRanking::new(9)).unwrap();
        let pairs: Vec<(u32, u32)> = (0..60).flat_map(|user| (0..90).map(move |item| (user, item))).collect();
        let scores = trainer.score(&pairs).unwrap();
        // The three rows of the model that the split does not know are no candidates.
        let want = of_scores(&split, 9, |user, item| scores[(user * 90 + item) as usize]);
        assert_eq!((report.all, report.recommended), (want.all, want.recommended));
        assert_eq!(report.groups, want.groups);
    }
}

#[test]
fn what_cannot_be_ranked_is_refused_by_name() {
    let split = random_split(1);
    let no_lists = |_: &[Query<'_>], _: usize| -> pocketrec::Result<Vec<Best>> { Ok(Vec::new()) };
    let refused = |split: &Split, k: usize| FullRanking::new(k).of_lists(split, no_lists).unwrap_err().to_string();
    assert!(refused(&split, 0).starts_with("k: 0 places"));
    assert!(refused(&split, 5).contains("lists, one a query"));
    let untested = Split::from_cases(split.train.clone(), []).unwrap();
    assert!(refused(&untested, 5).contains("no test cases"));
    let of_list = |list: fn(&Query<'_>) -> Best| {
        let lists = |queries: &[Query<'_>], _: usize| Ok(queries.iter().map(list).collect());
        FullRanking::new(5).of_lists(&split, lists).unwrap_err().to_string()
    };
    for (error, reason) in [
        (of_list(|query| vec![(query.known[0], 1.0)]), "is to be left out"),
        (of_list(|_| vec![(90, 1.0)]), "item 90, which is not one of"),
        (of_list(|_| vec![(3, f32::NAN)]), "left out"),
        (of_list(|query| repeat(query, 7)), "has 7 items where 6"),
        (of_list(|query| repeat(query, 2)), "twice"),
        (of_list(|query| unsorted(query, 2.0)), "descending order"),
        (of_list(|query| unsorted(query, f32::NAN)), "descending order"),
    ] {
        assert!(
            error.starts_with("list: that of user") && error.contains(reason),
            "{error} {reason}"
        );
    }
    // A closure that forgets to write, a model that is too small.
    let unwritten = FullRanking::new(5)
        .of_scores(&split, |_, _| Ok(()))
        .unwrap_err()
        .to_string();
    assert!(unwritten.contains("NaN"), "{unwritten}");
    for (users, items, column) in [(60, 80, "item"), (50, 90, "user")] {
        let mut small = Trainer::new(Mf::new(users, items).factors(2), Device::cpu(), TrainConfig::default()).unwrap();
        match small.full_ranking(&split, FullRanking::new(5)).unwrap_err() {
            Error::Id { column: at, .. } => assert_eq!(at, column),
            other => panic!("{other}"),
        }
    }
}

/// An item that the user may be recommended, so many times.
fn repeat(query: &Query<'_>, times: usize) -> Best {
    let item = (0..90).find(|item| query.known.binary_search(item).is_err()).unwrap();
    vec![(item, 1.0); times]
}

fn unsorted(query: &Query<'_>, second: f32) -> Best {
    let free: Vec<u32> = (0..90)
        .filter(|item| query.known.binary_search(item).is_err())
        .collect();
    vec![(free[0], 1.0), (free[1], second)]
}

#[test]
fn candidates_of_several_test_items_are_nothing_that_the_user_has() {
    let split = random_split(2);
    let dev = part((60, 90), &[(0, &[0, 1, 2, 4, 5, 6, 7, 8, 9, 10]), (7, &[88])]);
    let split = split.among_without(Candidates::Sampled { count: 20, seed: 4 }, &[&dev]);
    for (at, case) in split.test.iter().enumerate() {
        let negatives = split.negatives(at);
        let has = |item: &u32| {
            split.train.contains(case.user, *item)
                || dev.contains(case.user, *item)
                || split
                    .test
                    .iter()
                    .any(|other| (other.user, other.item) == (case.user, *item))
        };
        assert!(negatives.len() == 20 && !negatives.iter().any(has));
    }
}

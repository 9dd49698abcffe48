//! RP3beta and iALS on Gowalla, ranked among all items.
//!
//! Takes the data beside the project:
//!
//! ```text
//! cargo test --release --no-default-features --features parallel,full --test published classical:: -- --ignored --nocapture
//! ```
//!
//! `RP3BETA="ALPHA BETA NEIGHBOURS NORMALIZE, ..."` and `IALS="FACTORS UNOBSERVED L2 EXPONENT ITERATIONS, ..."` try settings on a fifth of the training part that is
//! held out, and leaves the test part alone: so the settings below were chosen.

use std::{fs, path::Path, time::Instant};

use pocketrec::{
    classical::{Classical, Ials, IalsConfig, Method, Rp3Beta, Rp3BetaConfig, Solver},
    data::Interactions,
    device::Device,
    rng::Rng,
};

/// The cut-off of recall and NDCG.
const K: usize = 20;

/// A user's items, a user a line.
fn lists(path: &Path) -> Vec<Vec<u32>> {
    let text = fs::read_to_string(path).unwrap();
    let mut lists = Vec::new();
    for line in text.lines() {
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u32>().unwrap());
        let user = numbers.next().unwrap() as usize;
        lists.resize(lists.len().max(user + 1), Vec::new());
        lists[user] = numbers.collect();
    }
    lists
}

/// The data, and what is held out of it: the test part, or where settings are tried a fifth of the training part.
fn data(trial: bool) -> Option<(Interactions, Vec<Vec<u32>>)> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(std::env::var("GOWALLA").unwrap_or("../shared/data/gowalla".into()));
    if !folder.is_dir() {
        crate::skipped::skipped("../shared/data/gowalla is not there");
        return None;
    }
    let (mut train, mut test) = (lists(&folder.join("train.txt")), lists(&folder.join("test.txt")));
    let items = 1 + train.iter().chain(&test).flatten().max().copied().unwrap();
    if trial {
        for (user, (items, held)) in train.iter_mut().zip(&mut test).enumerate() {
            let rng = Rng::new(7).stream(user as u32);
            let (kept, out): (Vec<_>, Vec<_>) = (0..)
                .zip(items.iter().copied())
                .partition(|(i, _)| rng.below(*i, 5) > 0);
            *items = kept.into_iter().map(|(_, item)| item).collect();
            *held = out.into_iter().map(|(_, item)| item).collect();
        }
    }
    let of_user =
        |(user, items): (usize, &Vec<u32>)| items.iter().map(move |&item| (user as u32, item)).collect::<Vec<_>>();
    let pairs: Vec<(u32, u32)> = train.iter().enumerate().flat_map(of_user).collect();
    let (users, columns): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
    let data = Interactions::from_columns((train.len() as u32, items), &users, &columns, &[]).unwrap();
    Some((data, test))
}

/// Mean recall and NDCG at [`K`] over the users with test items: of an item in place `p`, counted from 0, the gain is
/// `1 / log2(p + 2)`, over that of the best ranking there can be.
fn evaluate<M: Method>(model: &mut Classical<M>, test: &[Vec<u32>]) -> (f64, f64) {
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let (mut recall, mut ndcg) = (0.0, 0.0);
    let users: Vec<u32> = (0..test.len() as u32)
        .filter(|&user| !test[user as usize].is_empty())
        .collect();
    let best = model.recommend_many(&users, K).unwrap();
    for (&user, best) in users.iter().zip(best) {
        let items = &test[user as usize];
        let hits = best.iter().enumerate().filter(|(_, (item, _))| items.contains(item));
        let places: Vec<usize> = hits.map(|(place, _)| place).collect();
        recall += places.len() as f64 / items.len() as f64;
        let ideal: f64 = (0..items.len().min(K)).map(gain).sum();
        ndcg += places.into_iter().map(gain).sum::<f64>() / ideal;
    }
    (recall / users.len() as f64, ndcg / users.len() as f64)
}

/// Settings to try, each a few numbers.
fn trials(name: &str) -> Option<Vec<Vec<f32>>> {
    let text = std::env::var(name).ok()?;
    let numbers = |trial: &str| trial.split_whitespace().map(|number| number.parse().unwrap()).collect();
    Some(text.split(',').map(numbers).collect())
}

#[test]
#[ignore = "takes seconds in release mode, and the data"]
fn rp3beta_reaches_its_figure() {
    let trials = trials("RP3BETA");
    let Some((data, test)) = data(trials.is_some()) else {
        return;
    };
    let run = |config: Rp3BetaConfig| {
        let start = Instant::now();
        let mut model = Rp3Beta::fit(&data, config, &Device::cpu()).unwrap();
        let fitted = start.elapsed().as_secs_f64();
        let (recall, ndcg) = evaluate(&mut model, &test);
        let ranked = start.elapsed().as_secs_f64() - fitted;
        println!(
            "{config:?}: recall@20 {recall:.4}, ndcg@20 {ndcg:.4}, fitted in {fitted:.2} s, ranked in {ranked:.2} s"
        );
        (recall, ndcg)
    };
    match trials {
        Some(trials) => trials.iter().for_each(|numbers| {
            run(Rp3BetaConfig {
                alpha: numbers[0],
                beta: numbers[1],
                neighbours: numbers[2] as usize,
                normalize: numbers[3] > 0.0,
            });
        }),
        None => {
            let (recall, ndcg) = run(Rp3BetaConfig::default());
            assert!(recall >= 0.181 && ndcg >= 0.148, "recall {recall}, ndcg {ndcg}");
        }
    }
}

/// Trains, looking at the ranking after every fourth of the iterations; gives recall and NDCG at the end.
fn run_ials(data: &Interactions, test: &[Vec<u32>], config: IalsConfig) -> (f64, f64) {
    println!("{config:?}");
    let (mut model, mut seconds, mut last) = (Ials::new(data, config, &Device::cpu()).unwrap(), 0.0, (0.0, 0.0));
    let every = (config.iterations / 4).max(1);
    while model.iterations() < config.iterations {
        let start = Instant::now();
        model.train(every).unwrap();
        let trained = start.elapsed().as_secs_f64();
        seconds += trained;
        let start = Instant::now();
        last = evaluate(&mut model, test);
        println!(
            "iteration {}: recall@20 {:.4}, ndcg@20 {:.4}, {:.3} s an iteration, {seconds:.1} s in all, ranked in {:.2} s",
            model.iterations(),
            last.0,
            last.1,
            trained / f64::from(every),
            start.elapsed().as_secs_f64()
        );
    }
    last
}

#[test]
#[ignore = "takes seconds in release mode, and the data"]
fn ials_reaches_its_figure() {
    let trials = trials("IALS");
    let Some((data, test)) = data(trials.is_some()) else {
        return;
    };
    match trials {
        Some(trials) => trials.iter().for_each(|numbers| {
            let config = IalsConfig {
                factors: numbers[0] as usize,
                unobserved: numbers[1],
                l2: numbers[2],
                l2_exponent: numbers[3],
                iterations: numbers[4] as u32,
                solver: match numbers.get(5) {
                    Some(&0.0) => Solver::Cholesky,
                    Some(&steps) => Solver::ConjugateGradient { steps: steps as u32 },
                    None => IalsConfig::default().solver,
                },
                ..IalsConfig::default()
            };
            run_ials(&data, &test, config);
        }),
        None => {
            let config = IalsConfig {
                unobserved: 0.01,
                iterations: 8,
                ..IalsConfig::default()
            };
            let (recall, ndcg) = run_ials(&data, &test, config);
            assert!(recall >= 0.13 && ndcg >= 0.1, "recall {recall}, ndcg {ndcg}");
        }
    }
}

/// What `implicit` 0.7.3 has there with the settings below, seed 1.
const IMPLICIT: (f64, f64) = (0.1492, 0.1274);

/// The settings of Hu et al. as `implicit` calls them, alpha 40 and regularization 0.01, 15 iterations: its ranking and ours.
#[test]
#[ignore = "takes seconds in release mode, and the data"]
fn ials_ranks_as_implicit_does() {
    let Some((data, test)) = data(false) else { return };
    let config = IalsConfig {
        iterations: 15,
        ..IalsConfig::from_confidence(40.0, 0.01)
    };
    let (recall, ndcg) = run_ials(&data, &test, config);
    assert!(
        recall >= IMPLICIT.0 - 0.002 && ndcg >= IMPLICIT.1 - 0.002,
        "recall {recall}, ndcg {ndcg}"
    );
}

//! What needs no model reaches on cold items of MovieLens-1M, Amazon Grocery and Last.FM: chance, the attributes of a user's
//! history, and a popularity that nobody can know. Models have to be better than the first two; MF that knows items by features is.
//!
//! Takes minutes, and the data beside the project:
//!
//! ```text
//! cargo test --release --no-default-features --features parallel,full --test published cold:: -- --ignored --nocapture
//! ```

use std::path::{Path, PathBuf};

use pocketrec::{
    classical::{Ials, IalsConfig},
    data::{Delimited, FeatureFile, Features, Interactions, Split},
    device::Device,
    eval::{FullRanking, FullReport, Protocol},
    models::{Loss, Mf, Model, NeuMf, Softmax},
    plan::{AdamConfig, Optimizer},
    train::{Known, TrainConfig, Trainer},
};

use crate::{grocery, lastfm, skipped};

/// Items that lose their interactions.
const SHARE: f32 = 0.2;

/// Mean recall at 20 places of three draws: of chance, of attributes, and of popularity.
fn baselines(name: &str, data: &Interactions, features: &Features) -> [f64; 3] {
    let (users, items, features_of) = (data.users(), data.items(), features.features());
    println!(
        "{name}: {} interactions of {users} users and {items} items, {features_of} features",
        data.len()
    );
    let mut means = [0.0; 3];
    for seed in [1, 2, 3] {
        let split = data.cold_items(SHARE, seed).unwrap();
        let (cold, no_history) = (split.cold_items().len(), split.report().no_history);
        println!(
            "seed {seed}: {cold} cold items, {} cases, {no_history} without a history",
            split.test.len()
        );
        let say = |what: &str, report: FullReport| {
            let (recall, ndcg, auc) = (report.all.recall, report.all.ndcg, report.auc.unwrap());
            println!("  {what:<24} recall@20 {recall:.4}, NDCG@20 {ndcg:.4}, AUC {auc:.4}");
            recall
        };
        let alone = FullRanking::new(20).cold_alone().with_auc();
        let recalls = [
            say("chance, alone", alone.of_chance(&split).unwrap()),
            say("attributes, alone", alone.of_attributes(&split, features).unwrap()),
            say("popularity, alone", alone.of_known_popularity(&split).unwrap()),
        ];
        means
            .iter_mut()
            .zip(recalls)
            .for_each(|(mean, recall)| *mean += recall / 3.0);
        if seed == 1 {
            let all = FullRanking::new(20).with_auc();
            say("attributes, among all", all.of_attributes(&split, features).unwrap());
            say("popularity, among all", all.of_known_popularity(&split).unwrap());
        }
    }
    println!("{name}: recall@20 of cold items alone {means:.4?}");
    means
}

/// Within so much of what another program measured, on draws of its own.
fn assert_near(got: [f64; 3], measured: [f64; 3], off: f64) {
    for (got, measured) in got.into_iter().zip(measured) {
        assert!((got - measured).abs() <= off * measured, "{got} is not near {measured}");
    }
}

/// The folder of MovieLens-1M.
pub fn movie_lens() -> Option<PathBuf> {
    let folder = std::env::var("POCKETREC_DATA").unwrap_or("../shared/data".into());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("ml-1m");
    if !folder.is_dir() {
        skipped::skipped("../shared/data/ml-1m is not there");
        return None;
    }
    Some(folder)
}

#[test]
#[ignore = "takes a minute"]
fn baselines_of_movie_lens() {
    let Some(folder) = movie_lens() else { return };
    let data = Interactions::read(folder.join("ratings.dat")).unwrap();
    let features = FeatureFile::of_items()
        .values(3)
        .read(folder.join("movies.dat"), data.item_ids());
    // That program's 0.037 / 0.085 / 0.368 are of other ratings or of another recall: nothing is within 15 % of them.
    let [chance, attributes, popularity] = baselines("MovieLens-1M", &data, &features.unwrap());
    assert!(attributes > 3.0 * chance && popularity > 2.0 * attributes);
}

#[test]
#[ignore = "takes a minute"]
fn baselines_of_grocery() {
    let Some(data) = grocery::read() else { return };
    let file = FeatureFile::of_items().category(grocery::CATEGORY);
    let features = file.read(grocery::folder().join("item_meta.csv"), data.train.item_ids());
    assert_near(
        baselines("Grocery", &data.whole(), &features.unwrap()),
        [0.011, 0.013, 0.153],
        0.15,
    );
}

#[test]
#[ignore = "takes a minute"]
fn baselines_of_last_fm() {
    let Some((data, known)) = lastfm::plays() else { return };
    let features = Features::of_triples(&known).unwrap();
    assert_near(baselines("Last.FM", &data, &features), [0.024, 0.082, 0.403], 0.15);
}

/// Recall at 20 places of cold items alone by a model with features, on a draw of cold items that settings are looked at on:
/// `COLD="SET MODEL EPOCHS RATE BATCH TEMPERATURE LEFT_OUT WIDTH EVERY"`, where SET is `ml-1m`, `liked` (of that, ratings of 4 and 5), `grocery` or
/// `lastfm` and a TEMPERATURE of 0 means cross-entropy with four negatives; several with semicolons between, one after the other.
#[test]
#[ignore = "takes minutes in release mode; for trials"]
fn trial_with_features() {
    trials("COLD", recall_by_features);
}

/// Tries each of the texts that a variable has, with semicolons between, on a draw that settings are looked at on.
fn trials<T>(variable: &str, one: impl Fn(&str, u64) -> Option<T>) {
    let texts = std::env::var(variable).unwrap_or_default();
    for text in texts.split(';').filter(|text| !text.trim().is_empty()) {
        one(text, 11);
    }
}

/// The mean of three draws, other ones than trials look at; nothing where the data is not there.
fn mean_of_draws<const N: usize>(text: &str, one: impl Fn(&str, u64) -> Option<[f64; N]>) -> Option<[f64; N]> {
    let mut mean = [0.0; N];
    for draw in [1, 2, 3] {
        let got = one(text, draw)?;
        mean.iter_mut().zip(got).for_each(|(mean, got)| *mean += got / 3.0);
    }
    println!("{text}: mean of three draws {mean:.4?}");
    Some(mean)
}

/// With the best settings of that draw, on three others: more than the attributes of what a user has say by themselves, and on
/// Last.FM more than the best simple method (relations of the items, 0.133).
#[test]
#[ignore = "takes minutes in release mode"]
fn features_rank_what_nobody_has() {
    for (text, least) in [
        ("lastfm mf 15 3e-3 512 0.3 0.5 128 15", 0.14),
        ("grocery mf 9 3e-3 1024 0.2 0.5 64 9", 0.0119),
        ("ml-1m mf 2 1e-3 1024 0.1 0.5 64 2", 0.0988),
    ] {
        let Some([mean]) = mean_of_draws(text, |text, draw| recall_by_features(text, draw).map(|recall| [recall]))
        else {
            continue;
        };
        assert!(mean >= least, "{text}: {mean}");
    }
}

/// The interactions of a set, and what is known of its items.
fn items_with_features(set: &str) -> Option<(Interactions, Features)> {
    Some(match set {
        "ml-1m" | "liked" => {
            let folder = movie_lens()?;
            let options = Delimited {
                min_rating: (set == "liked").then_some(4.0),
                ..Delimited::default()
            };
            let data = Interactions::read_with(folder.join("ratings.dat"), &options).unwrap();
            let file = FeatureFile::of_items().values(3).words(2, 2048);
            let features = file.read(folder.join("movies.dat"), data.item_ids()).unwrap();
            (data, features)
        }
        "grocery" => {
            let data = grocery::read()?;
            (data.whole(), grocery::features(&data.train))
        }
        _ => {
            let (data, known) = lastfm::plays()?;
            (data, Features::of_triples(&known).unwrap())
        }
    })
}

/// The recall after the last epoch; nothing where the data is not there.
fn recall_by_features(text: &str, draw: u64) -> Option<f64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |k: usize| -> f32 { words[k].parse().unwrap() };
    let (data, features) = items_with_features(words[0])?;
    let split = data.cold_items(SHARE, draw).unwrap();
    let (users, items, width) = (data.users() as usize, data.items() as usize, number(7) as usize);
    let loss = match number(5) {
        0.0 => Loss::CrossEntropy,
        temperature => Loss::Softmax(Softmax {
            temperature,
            block: number(4) as u32,
            ..Softmax::default()
        }),
    };
    let config = TrainConfig {
        epochs: number(2) as u32,
        loss,
        batch_size: number(4) as usize,
        optimizer: Optimizer::LazyAdam(AdamConfig {
            learning_rate: number(3),
            ..AdamConfig::default()
        }),
        eval_every: 0,
        seed: 1,
        ..TrainConfig::default()
    };
    let model: Model = match words[1] {
        "mf" => Mf::new(users, items).factors(width).into(),
        _ => NeuMf::new(users, items).factors(width).into(),
    };
    let known = Known::of_items(features).left_out(number(6));
    let mut trainer = Trainer::with_known(model, known, Device::cpu(), config).unwrap();
    let (start, mut recall) = (std::time::Instant::now(), None);
    for epochs in (number(8) as u32..=config.epochs).step_by(number(8) as usize) {
        trainer.set_config(TrainConfig { epochs, ..config }).unwrap();
        trainer.fit(&split, |_| ()).unwrap();
        let alone = trainer
            .full_ranking(&split, FullRanking::new(20).cold_alone())
            .unwrap()
            .all;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{text}: draw {draw}, epoch {epochs}, recall {:.4}, NDCG {:.4}, {seconds:.1} s",
            alone.recall, alone.ndcg
        );
        recall = Some(alone.recall);
    }
    let of_places = hits_of_places(&split, |pairs| trainer.score(pairs).unwrap());
    let mut counts = vec![0.0; items];
    split.test.iter().for_each(|case| counts[case.item as usize] += 1.0);
    let popular = hits_of_places(&split, |pairs| {
        pairs.iter().map(|pair| counts[pair.1 as usize]).collect()
    });
    println!(
        "{text}: draw {draw}, hits of what 20 places can hold {of_places:.4}, by popularity if it were known {popular:.4}"
    );
    recall
}

/// As [`trial_with_features`] for models that are trained without features: `PLACED="SET FACTORS CONFIDENCE L2 RIDGE,RIDGE,.."`.
#[test]
#[ignore = "takes minutes in release mode; for trials"]
fn trial_of_places() {
    trials("PLACED", places_by_features);
}

/// iALS that knows no features, and by ridge regression on its vectors where cold items belong, with the best settings of that draw on
/// three others. On films that are liked 0.23 is asked for of what 20 places can hold.
#[test]
#[ignore = "takes minutes in release mode"]
fn features_place_what_nobody_has() {
    for (text, least) in [
        ("liked 64 11 100 30", [0.195, 0.23]),
        ("ml-1m 64 11 100 30", [0.22, 0.34]),
        ("lastfm 64 11 10 3", [0.165, 0.165]),
    ] {
        let Some(mean) = mean_of_draws(text, places_by_features) else {
            continue;
        };
        assert!(mean[0] >= least[0] && mean[1] >= least[1], "{text}: {mean:?}");
    }
}

/// Recall at 20 places of cold items alone, and the hits of what the places can hold, by the last ridge; nothing where the data is
/// not there.
fn places_by_features(text: &str, draw: u64) -> Option<[f64; 2]> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |k: usize| -> f32 { words[k].parse().unwrap() };
    let (data, features) = items_with_features(words[0])?;
    let split = data.cold_items(SHARE, draw).unwrap();
    let config = IalsConfig {
        factors: number(1) as usize,
        ..IalsConfig::from_confidence(number(2), number(3))
    };
    let start = std::time::Instant::now();
    let mut model = Ials::fit(&split.train, config, &Device::cpu()).unwrap();
    let (trained, mut got) = (start.elapsed().as_secs_f64(), None);
    for ridge in words[4].split(',') {
        let start = std::time::Instant::now();
        let placed = model.place_items(&features, ridge.parse().unwrap()).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let ranking = FullRanking::new(20).cold_alone();
        let recall = model.full_ranking(&split, ranking).unwrap().all.recall;
        let of_places = hits_of_places(&split, |pairs| model.score(pairs).unwrap());
        println!(
            "{text}: draw {draw}, ridge {ridge}, recall {recall:.4}, hits of what 20 places can hold {of_places:.4}; trained in {trained:.1} s, placed in {seconds:.2} s, {placed:?}"
        );
        got = Some([recall, of_places]);
    }
    got
}

/// The mean over users of their hits at 20 places among cold items, in each case divided by as many as could be there at most; some call this
/// recall. Scores are those of the pairs of a user and all cold items.
fn hits_of_places(split: &Split, mut scores: impl FnMut(&[(u32, u32)]) -> Vec<f32>) -> f64 {
    let (mut sum, mut users) = (0.0, 0);
    for cases in split.test.chunk_by(|a, b| a.user == b.user) {
        let pairs: Vec<(u32, u32)> = split.cold_items().iter().map(|&item| (cases[0].user, item)).collect();
        let mut ranked: Vec<(f32, u32)> = scores(&pairs)
            .into_iter()
            .zip(pairs)
            .map(|(score, pair)| (score, pair.1))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let is_case = |item: u32| cases.iter().any(|case| case.item == item);
        let hits = ranked[..20].iter().filter(|best| is_case(best.1)).count();
        sum += hits as f64 / cases.len().min(20) as f64;
        users += 1;
    }
    sum / f64::from(users)
}

/// The standard error of HR@10 on the users of MovieLens-1M.
const STANDARD_ERROR: f64 = 0.006;

/// HR@10 and NDCG@10 of the latest films of MovieLens-1M, each among 99 others, without features and with genres and words of titles:
/// what everybody has is ranked no worse than by a standard error. `WARM="MODEL EPOCHS LEFT_OUT"` tries others.
#[test]
#[ignore = "takes minutes in release mode"]
fn features_cost_no_warm_accuracy() {
    let Some((data, features)) = items_with_features("ml-1m") else {
        return;
    };
    let split = data.leave_one_out().unwrap();
    let text = std::env::var("WARM").unwrap_or("mf 20 0.5;neumf 20 0.5".into());
    for text in text.split(';') {
        let (mut plain, mut known) = ([0.0; 2], [0.0; 2]);
        for seed in 1..=3 {
            for (mean, features) in [(&mut plain, None), (&mut known, Some(&features))] {
                let got = warm(text, seed, features, &split);
                *mean = [mean[0] + got[0] / 3.0, mean[1] + got[1] / 3.0];
            }
        }
        println!("{text}: without {plain:.4?}, with {known:.4?}");
        let is_no_worse = (0..2).all(|at| known[at] >= plain[at] - STANDARD_ERROR);
        assert!(is_no_worse, "{text}: {plain:?}, {known:?}");
    }
}

/// HR@10 and NDCG@10 of a model, with these features or without any.
fn warm(text: &str, seed: u64, features: Option<&Features>, split: &Split) -> [f64; 2] {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (users, items) = (split.train.users() as usize, split.train.items() as usize);
    let model: Model = match words[0] {
        "mf" => Mf::new(users, items).factors(16).into(),
        _ => NeuMf::new(users, items).factors(8).into(),
    };
    let config = TrainConfig {
        epochs: words[1].parse().unwrap(),
        eval_every: 0,
        seed,
        ..TrainConfig::default()
    };
    let trainer = match features {
        None => Trainer::new(model, Device::cpu(), config),
        Some(features) => {
            let known = Known::of_items(features.clone()).left_out(words[2].parse().unwrap());
            Trainer::with_known(model, known, Device::cpu(), config)
        }
    };
    let mut trainer = trainer.unwrap();
    let fit = trainer.fit(split, |_| ()).unwrap();
    let got = trainer.evaluate(split, Protocol::Sampled, 10).unwrap();
    let known = if features.is_some() { "with" } else { "without" };
    println!(
        "{text}, seed {seed}, {known} features: HR@10 {:.4}, NDCG@10 {:.4}, {:.1} s",
        got.hr, got.ndcg, fit.seconds
    );
    [got.hr, got.ndcg]
}

//! KGCN on Last.FM beside popularity and matrix factorisation with item bias, as clicks that are told from items that a user has
//! not: AUC.
//!
//! Takes a minute, and the data beside the project:
//!
//! ```text
//! cargo test --release --no-default-features --features parallel,full --test published lastfm:: -- --ignored --nocapture
//! ```
//!
//! `LASTFM="MODEL WIDTH EPOCHS RATE BATCH L2 NEIGHBOURS EVERY"` tries settings on the dev part and leaves the test part alone: so
//! the settings below were chosen. MODEL is `mf` or `kgcn`.

use std::{fs, path::Path, time::Instant};

use pocketrec::{
    data::{IdMap, Interactions, ItemLinks, Knowledge, Split, Triples},
    device::Device,
    eval::ClickReport,
    models::{Kgcn, Mf},
    plan::{AdamConfig, L2, Optimizer},
    rng::Rng,
    train::{TrainConfig, Trainer},
};

use crate::skipped;

/// What was chosen on the dev part, in the words of the head comment.
const CHOSEN: [&str; 2] = ["mf 16 20 2e-3 128 1e-3 8 2", "kgcn 16 16 2e-3 128 1e-4 8 2"];
const SEED: u64 = 1;

/// A user, an item, and 1 where the user has played it.
type Row = (u32, u32, f32);

/// By the published rule: an artist that a user has played and that is linked is a positive; each user gets as many negatives,
/// drawn uniformly from the linked artists that the user has not played; of all rows 60 % are trained on, 20 % are the dev part
/// and 20 % the test part, at random.
struct Data {
    train: Interactions,
    dev: Vec<Row>,
    test: Vec<Row>,
    known: Triples,
}

/// Who has played which linked artist, in the order of the file, and what is known of the artists.
pub fn plays() -> Option<(Interactions, Triples)> {
    let data = std::env::var("POCKETREC_DATA").unwrap_or("../shared/data".into());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(data).join("lastfm-kg");
    if !folder.is_dir() {
        skipped::skipped("../shared/data/lastfm-kg is not there");
        return None;
    }
    let links = ItemLinks::read(folder.join("item_index2entity_id.txt")).unwrap();
    let item_ids = IdMap::from_keys(links.iter().map(|link| link.0)).unwrap();
    let known = Triples::read(folder.join("kg.txt")).unwrap();
    let known = known.with_items(&item_ids, &links).unwrap();
    let rows = known.report().rows;
    assert_eq!((rows, known.items(), known.entities()), (15_518, 3846, 9366));

    let (mut user_ids, mut users, mut items) = (IdMap::new(), Vec::new(), Vec::new());
    let text = fs::read_to_string(folder.join("user_artists.dat")).unwrap();
    for line in text.lines().skip(1) {
        let mut fields = line.split_whitespace();
        let (user, artist) = (fields.next().unwrap(), fields.next().unwrap());
        if let Some(item) = item_ids.get(artist) {
            users.push(user_ids.get_or_insert(user).unwrap());
            items.push(item);
        }
    }
    let counts = (user_ids.len() as u32, item_ids.len() as u32);
    let plays = Interactions::from_columns(counts, &users, &items, &[]).unwrap();
    Some((plays.with_ids(user_ids, item_ids).unwrap(), known))
}

fn read() -> Option<Data> {
    let (plays, known) = plays()?;
    let rng = Rng::new(SEED).stream(1);
    let mut rows: Vec<Row> = Vec::new();
    for user in 0..plays.users() {
        let items = plays.of_user(user);
        rows.extend(items.iter().map(|&item| (user, item, 1.0)));
        let mut others: Vec<u32> = (0..plays.items()).filter(|item| !items.contains(item)).collect();
        let rng = rng.stream(user);
        for k in 0..items.len() {
            let at = k + rng.below(k as u64, (others.len() - k) as u32) as usize;
            others.swap(k, at);
            rows.push((user, others[k], 0.0));
        }
    }
    let order = Rng::new(SEED).stream(2);
    let mut keyed: Vec<([u32; 2], Row)> = (0..).zip(rows).map(|(at, row)| (order.at(at), row)).collect();
    keyed.sort_by_key(|row| row.0);
    let rows: Vec<Row> = keyed.into_iter().map(|row| row.1).collect();
    let (first, second) = (rows.len() * 6 / 10, rows.len() * 8 / 10);
    let trained = rows[..first].iter().filter(|row| row.2 > 0.0);
    let (users, items): (Vec<u32>, Vec<u32>) = trained.map(|&(user, item, _)| (user, item)).unzip();
    let train = Interactions::from_columns((plays.users(), plays.items()), &users, &items, &[]).unwrap();
    let (user_ids, item_ids) = (plays.user_ids().clone(), plays.item_ids().clone());
    Some(Data {
        train: train.with_ids(user_ids, item_ids).unwrap(),
        dev: rows[first..second].to_vec(),
        test: rows[second..].to_vec(),
        known,
    })
}

fn auc(rows: &[Row], scores: &[f32]) -> f64 {
    let labels: Vec<f32> = rows.iter().map(|row| row.2).collect();
    ClickReport::of(scores, &labels, &[]).unwrap().auc.unwrap()
}

fn by_popularity(data: &Data, rows: &[Row]) -> f64 {
    let popularity = data.train.popularity();
    let scores: Vec<f32> = rows.iter().map(|row| popularity[row.1 as usize] as f32).collect();
    auc(rows, &scores)
}

fn by_model(trainer: &mut Trainer, rows: &[Row]) -> f64 {
    let pairs: Vec<(u32, u32)> = rows.iter().map(|row| (row.0, row.1)).collect();
    auc(rows, &trainer.score(&pairs).unwrap())
}

/// Trains by settings, and gives what it has learnt; says the AUC of the dev part now and then.
fn train(data: &Data, settings: &str) -> Trainer {
    let words: Vec<&str> = settings.split_whitespace().collect();
    assert_eq!(words.len(), 8, "{settings:?} has not the words of the head comment");
    let whole = |k: usize| -> usize { words[k].parse().unwrap() };
    let (width, epochs, batch, neighbours, every) = (whole(1), whole(2) as u32, whole(4), whole(6), whole(7) as u32);
    let l2: f32 = words[5].parse().unwrap();
    let mut config = TrainConfig {
        negatives: 1,
        batch_size: batch,
        optimizer: Optimizer::LazyAdam(AdamConfig {
            learning_rate: words[3].parse().unwrap(),
            ..AdamConfig::default()
        }),
        l2: L2 {
            tables: l2,
            dense: l2,
            ..L2::default()
        },
        eval_every: 0,
        seed: SEED,
        ..TrainConfig::default()
    };
    let (users, items) = (data.train.users() as usize, data.train.items() as usize);
    let mut trainer = match words[0] {
        "mf" => Trainer::new(Mf::new(users, items).factors(width), Device::cpu(), config).unwrap(),
        "kgcn" => {
            let knowledge = Knowledge::sample(&data.known, neighbours, SEED).unwrap();
            let model = Kgcn::of(users, &knowledge).embedding_dim(width);
            let mut trainer = Trainer::new(model, Device::cpu(), config).unwrap();
            trainer.set_knowledge(knowledge).unwrap();
            trainer
        }
        other => panic!("no model {other}"),
    };
    let split = Split::from_cases(data.train.clone(), []).unwrap();
    let start = Instant::now();
    for epoch in (every..=epochs).step_by(every as usize) {
        config.epochs = epoch;
        trainer.set_config(config).unwrap();
        trainer.fit(&split, |_| ()).unwrap();
        let (dev, seconds) = (by_model(&mut trainer, &data.dev), start.elapsed().as_secs_f64());
        println!("{settings}: epoch {epoch}, dev AUC {dev:.4}, {seconds:.1} s");
    }
    trainer
}

#[test]
#[ignore = "takes a minute"]
fn kgcn_beside_popularity_and_mf() {
    let Some(data) = read() else { return };
    if let Ok(settings) = std::env::var("LASTFM") {
        println!("popularity: dev AUC {:.4}", by_popularity(&data, &data.dev));
        train(&data, &settings);
        return;
    }
    let mut trainers = CHOSEN.map(|settings| train(&data, settings));
    println!(
        "{} rows of the test part, AUC\npopularity  {:.4}",
        data.test.len(),
        by_popularity(&data, &data.test)
    );
    let [mf, kgcn] = [0, 1].map(|k| by_model(&mut trainers[k], &data.test));
    println!("MF          {mf:.4}\nKGCN        {kgcn:.4}");
    assert!(kgcn >= 0.80, "{kgcn}");
}

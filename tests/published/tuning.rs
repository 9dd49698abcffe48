//! The search for settings against the full grid: NeuMF on MovieLens-1M, 81 settings of 9 epochs each.
//!
//! The grid takes the better part of an hour, and is kept in a folder, so that it can be killed and gone on with; a search
//! takes a quarter of it. The data lies beside the project.
//!
//! ```text
//! cargo test --release --no-default-features --features parallel,tune,full --test published tuning:: -- --ignored --nocapture
//! ```
//!
//! Trials of the same settings have the same bits in the grid and in a search, so that searches of several seeds are replayed
//! from the grid's curves; that this is so is what one search in earnest shows. `TUNING=FOLDER` is where the grid is kept
//! otherwise than in `target/tmp`.

use std::path::{Path, PathBuf};

use pocketrec::{
    Error, Result,
    data::{Candidates, Dataset, Split},
    device::Device,
    eval::Protocol,
    models::NeuMf,
    plan::Optimizer,
    train::{TrainConfig, Trainer},
    tune::*,
};

use crate::skipped;

/// Epochs of a trial that goes to the end.
const LAST: u32 = 9;
/// A quarter of the grid's.
const BUDGET: u64 = 81 * LAST as u64 / 4;

fn space() -> Space {
    Space::new()
        .choice("factors", [4, 8, 16])
        .choice("lr", [3e-4, 1e-3, 3e-3])
        .choice("negatives", [1, 2, 4])
        .choice("batch", [256, 1024, 4096])
}

fn search(seed: u64) -> Search {
    Search {
        budget: Budget::epochs(BUDGET),
        seed,
        ..Search::new(space())
    }
}

fn make(settings: &Settings, split: &Split) -> Result<Trainer> {
    let (users, items) = (split.train.users() as usize, split.train.items() as usize);
    let config = TrainConfig {
        batch_size: settings.whole("batch")?,
        negatives: settings.whole("negatives")? as u32,
        optimizer: Optimizer::default().with_learning_rate(settings.number("lr")? as f32),
        ..TrainConfig::default()
    };
    let model = NeuMf::new(users, items).factors(settings.whole("factors")?);
    Trainer::new(model, Device::cpu(), config)
}

fn read() -> Option<Split> {
    let data = std::env::var("POCKETREC_DATA").unwrap_or("../shared/data".into());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(data).join("ml-1m");
    if !folder.is_dir() {
        skipped::skipped("../shared/data/ml-1m is not there");
        return None;
    }
    Some(Dataset::read(folder).unwrap())
}

/// Every setting to the end, each kept as soon as an epoch is over.
fn grid(validation: &Split) -> Study {
    let folder = std::env::var_os("TUNING").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("tuning"));
    let all = Halving {
        first: LAST,
        last: LAST,
        eta: 3,
    };
    let search = Search {
        halving: all,
        random: 81,
        ..Search::new(space())
    };
    let mut tuner = Tuner::in_folder(search, folder).unwrap();
    let mut pairs = Pairs::new(validation, Device::cpu(), |settings| make(settings, validation));
    let ended = tuner.run(&mut pairs, |study, event| {
        if let Event::Ended { trial } = *event {
            let about = &study.trials()[trial];
            println!("{:>2}  {:?}  {}", trial + 1, about.best(), about.settings);
        }
    });
    assert_eq!(ended.unwrap(), Ended::Finished);
    tuner.study().clone()
}

/// Trials of a study once more, without training.
struct Replay<'a>(&'a Study);

impl Replay<'_> {
    fn curve(&self, trial: usize) -> &[f64] {
        &self.0.trials()[trial].curve
    }
}

impl Objective for Replay<'_> {
    /// The trial in the study, and its epochs.
    type Trainer = (usize, u32);

    fn metric(&self) -> String {
        "NDCG@10".into()
    }

    fn identity(&self) -> String {
        "a grid".into()
    }

    fn make(&mut self, settings: &Settings, _: u32) -> Result<(usize, u32)> {
        let at = self.0.trials().iter().position(|trial| trial.settings == *settings);
        Ok((
            at.ok_or_else(|| Error::config("settings", "the grid has none such"))?,
            0,
        ))
    }

    fn save(&mut self, trainer: &mut (usize, u32)) -> Result<Vec<u8>> {
        Ok([trainer.0 as u8, trainer.1 as u8].into())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(usize, u32)> {
        Ok((bytes[0].into(), bytes[1].into()))
    }

    fn epochs(&self, trainer: &(usize, u32)) -> u32 {
        trainer.1
    }

    fn train_epoch(&mut self, trainer: &mut (usize, u32), _: Progress<'_>) -> Result<Option<f64>> {
        trainer.1 += 1;
        Ok(self.curve(trainer.0).get(trainer.1 as usize - 1).copied())
    }
}

/// What a search has found and spent.
fn found(tuner: &Tuner) -> (f64, u64, String) {
    let study = tuner.study();
    let winner = study.winner().unwrap();
    (
        winner.value,
        study.epochs(),
        format!("epoch {} of {}", winner.epoch, study.best_settings().unwrap()),
    )
}

#[test]
#[ignore = "an hour"]
fn a_quarter_of_the_grid_finds_its_best() {
    let Some(split) = read() else { return };
    let among = Candidates::Sampled { count: 99, seed: 1 };
    let validation = split.train.leave_one_out_among(among).unwrap();
    let grid = grid(&validation);
    let best = grid.winner().unwrap().value;
    println!(
        "grid: NDCG@10 {best:.4} in {} epochs, {}",
        grid.epochs(),
        grid.best_settings().unwrap()
    );
    for seed in 1..=3 {
        let mut tuner = Tuner::new(search(seed)).unwrap();
        tuner.run(&mut Replay(&grid), |_, _| ()).unwrap();
        let (value, epochs, what) = found(&tuner);
        println!(
            "seed {seed}: NDCG@10 {value:.4}, {:.4} of the grid's, in {epochs} epochs, {what}",
            value / best
        );
        assert!(value >= 0.99 * best && epochs <= BUDGET);
    }
    // In earnest.
    let mut tuner = Tuner::new(search(1)).unwrap();
    let mut pairs = Pairs::new(&validation, Device::cpu(), |settings| make(settings, &validation));
    tuner.run(&mut pairs, |_, _| ()).unwrap();
    let mut replayed = Tuner::new(search(1)).unwrap();
    replayed.run(&mut Replay(&grid), |_, _| ()).unwrap();
    assert_eq!(found(&tuner), found(&replayed));
    for (trial, same) in tuner.study().trials().iter().zip(replayed.study().trials()) {
        assert_eq!((&trial.settings, &trial.curve), (&same.settings, &same.curve));
    }
    let test = tuner
        .best(&mut pairs)
        .unwrap()
        .evaluate(&split, Protocol::Sampled, 10)
        .unwrap();
    println!(
        "the winner of seed 1 on the test items: HR@10 {:.4}, NDCG@10 {:.4}",
        test.hr, test.ndcg
    );
}

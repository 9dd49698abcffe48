//! Trains what a page trains, here and without vectors, and writes the checkpoint: byte for byte the one that the page saves.
//!
//! ```text
//! cargo run --release --example web_native -- --epochs 3 | sha256sum
//! cargo run --release --example web_native -- --epochs 3 --ratings ml-100k/u.data | sha256sum
//! ```

use std::{
    error::Error,
    fs,
    io::{Write, stdout},
    path::PathBuf,
};

use clap::Parser;
use pocketrec::{
    cpu::Isa,
    data::{Delimited, Interactions, Planted},
    device::Device,
    models::NeuMf,
    train::{TrainConfig, Trainer},
};

/// The settings of `Recommender.create`, of which the others have their defaults.
#[derive(Parser)]
struct Options {
    #[arg(long, default_value_t = 8)]
    factors: usize,
    #[arg(long, default_value_t = 20)]
    epochs: u32,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A file, as the page is given it; else made-up interactions.
    #[arg(long)]
    ratings: Option<PathBuf>,
    #[arg(long, default_value_t = 2000)]
    users: u32,
    #[arg(long, default_value_t = 1000)]
    items: u32,
    #[arg(long, default_value_t = 40)]
    per_user: u32,
    #[arg(long, default_value_t = 42)]
    data_seed: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let interactions = match &options.ratings {
        Some(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Interactions::read_bytes(&name, fs::read(path)?, &Delimited::default())?
        }
        None => {
            let planted = Planted {
                users: options.users,
                items: options.items,
                interactions_per_user: options.per_user,
                seed: options.data_seed,
                ..Planted::default()
            };
            planted.generate()?.interactions
        }
    };
    let split = interactions.leave_one_out()?;
    let model = NeuMf::new(split.train.users() as usize, split.train.items() as usize).factors(options.factors);
    let config = TrainConfig {
        epochs: options.epochs,
        seed: options.seed,
        patience: Some(options.epochs.max(1)), // ends with the best, as in the browser
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(model, Device::cpu().simd(Isa::Scalar), config)?;
    trainer.fit(&split, |epoch| eprintln!("{epoch}"))?;
    stdout().write_all(&trainer.to_bytes()?)?;
    Ok(())
}

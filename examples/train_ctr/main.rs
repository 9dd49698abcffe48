//! Trains a model that predicts clicks: on data made up on the spot, or on files.
//!
//! ```sh
//! cargo run --release --example train_ctr
//! cargo run --release --example train_ctr -- --data frappe --model deepfm --factors 10 --hidden 400,400,400
//! ```

mod data;
mod options;

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use pocketrec::{Result, eval::ClickReport, train::ClickTrainer};

use options::Options;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let config = options.config();
    config.validate()?;
    let device = options.device()?;
    let start = Instant::now();
    let data = data::load(options)?;
    let layout = data.encoder.layout();
    println!(
        "{} training rows, {} dev, {} test; {} fields, {} numbers ({:.1} s)",
        data.train.len(),
        data.dev.len(),
        data.test.len(),
        layout.ids.len() + layout.many.len(),
        layout.numbers.len(),
        start.elapsed().as_secs_f64()
    );
    let mut trainer = ClickTrainer::new(options.model(layout), device, config)?;
    println!(
        "{} with {} parameters on {}",
        trainer.model().name(),
        trainer.plan().weights(),
        trainer.device()
    );
    let fit = trainer.fit(&data.train, Some(&data.dev), |epoch| println!("{epoch}"))?;
    if let Some(best) = fit.best {
        println!("best dev epoch: {}", best.epoch);
    }
    println!("test  {}", trainer.evaluate(&data.test)?);
    if let Some(truth) = &data.truth {
        let best = ClickReport::of(truth, data.test.labels(), data.test.groups())?;
        println!("best possible  {best}");
    }
    Ok(())
}

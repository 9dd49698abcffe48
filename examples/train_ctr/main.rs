//! Trains a model that predicts clicks: on data made up on the spot, or on files.
//!
//! ```sh
//! cargo run --release --example train_ctr
//! cargo run --release --example train_ctr -- --data frappe --model deepfm --factors 10 --hidden 400,400,400
//! ```

mod data;
mod options;
mod plot;

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use pocketrec::{
    Error, Result,
    eval::ClickReport,
    train::{ClickFit, ClickTrainer, Control, StopReason},
};

use data::Data;
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
    options.config(true).validate()?;
    if let Some(path) = &options.plot {
        plot::check(path)?;
    }
    let start = Instant::now();
    let data = data::load(options)?;
    if !data.labels && options.plot.is_some() {
        let reason = "the data have no clicks to draw against predictions; leave it out";
        return Err(Error::config("--plot", reason));
    }
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
    let mut trainer = trainer(options, &data)?;
    println!(
        "{} with {} parameters on {}",
        trainer.model().name(),
        trainer.plan().weights(),
        trainer.device()
    );
    let fit = fit(options, &mut trainer, &data)?;
    if let Some(best) = fit.best {
        println!("best dev epoch: {}", best.epoch);
    }
    if !data.labels {
        println!("test  {}", trainer.evaluate_ranking(&data.test, trainer.config().k)?);
        return Ok(());
    }
    let report = trainer.evaluate(&data.test)?;
    println!("test  {report}");
    if let Some(truth) = &data.truth {
        let best = ClickReport::of(truth, data.test.labels(), data.test.groups())?;
        println!("best possible  {best}");
    }
    match &options.plot {
        Some(path) => plot::draw(path, &format!("{} on the test rows", trainer.model().name()), &report),
        None => Ok(()),
    }
}

/// A new trainer, or the one that was saved.
fn trainer(options: &Options, data: &Data) -> Result<ClickTrainer> {
    let device = options.device()?;
    match &options.checkpoint {
        Some(path) if options.resume => {
            let mut trainer = ClickTrainer::load(path, device)?;
            if trainer.model().layout() != data.encoder.layout() {
                let reason = format!("the data are not what {} was trained on", path.display());
                return Err(Error::config("--resume", reason));
            }
            trainer.set_config(options.config(data.labels))?;
            trainer.set_encoder(data.encoder.clone())?;
            Ok(trainer)
        }
        Some(path) if path.exists() => {
            let reason = format!("{} is there already; give --resume, or another name", path.display());
            Err(Error::config("--checkpoint", reason))
        }
        _ => {
            let mut trainer = ClickTrainer::new(
                options.model(data.encoder.layout()),
                device,
                options.config(data.labels),
            )?;
            trainer.set_encoder(data.encoder.clone())?;
            Ok(trainer)
        }
    }
}

/// Trains to the end, and saves after each epoch where a file for it is set.
fn fit(options: &Options, trainer: &mut ClickTrainer, data: &Data) -> Result<ClickFit> {
    let answer = match options.checkpoint {
        Some(_) => Control::Stop,
        None => Control::Continue,
    };
    loop {
        let fit = trainer.fit(&data.train, Some(&data.dev), |epoch| {
            println!("{epoch}");
            answer
        })?;
        if let Some(path) = &options.checkpoint {
            trainer.save(path)?;
        }
        if fit.reason != StopReason::Stopped {
            return Ok(fit);
        }
    }
}

//! Trains a model that predicts clicks: on data made up on the spot, or on files.
//!
//! ```sh
//! cargo run --release --example train_ctr
//! cargo run --release --example train_ctr -- --data frappe --model deepfm --embedding-dim 10 --hidden 400,400,400
//! ```

mod columns;
#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod data;
mod fields;
mod joined;
mod model;
mod options;
mod plot;
mod reading;
mod settings;
mod source;
mod training;
mod view;
mod why;

use std::{path::Path, process::ExitCode};

use clap::Parser;
use pocketrec::{
    Error, Result,
    data::clicks::Layout,
    device::Device,
    eval::ClickReport,
    train::{ClickConfig, ClickTrainer},
};

use common::{
    cost,
    device::report_every,
    ending::{Ending, exit_code},
    export::check_trainable,
    files, kind,
    output::say,
    reasons,
    tables::wrapped,
    watch::Watch,
};
use data::{Data, Saved};
use options::{NAMES, Options};
use settings::TrainingOptions;
use training::Training;

fn main() -> ExitCode {
    exit_code(run(&Options::parse()), NAMES)
}

fn run(options: &Options) -> Result<(), Ending> {
    // Everything that can be refused is refused before time is spent.
    let output = &options.output;
    files::check_training(&output.checkpoint, output.resume, &output.plot, &output.export.export)?;
    options.model.check()?;
    let device = options.device.device()?;
    let resumed = match (&output.checkpoint, output.resume) {
        (Some(path), true) if !kind::is_of_clicks("--checkpoint", path)? => {
            let reason = format!(
                "{} is no checkpoint of a model of clicks; train_ncf goes on with those of users and items",
                path.display()
            );
            return Err(Error::config("--resume", reason).into());
        }
        (Some(path), true) => {
            let trainer = ClickTrainer::load(path, device.clone())?;
            check_trainable(path, trainer.plan().row_type())?;
            Some(trainer)
        }
        _ => None,
    };
    let base = |labels| match &resumed {
        Some(trainer) => *trainer.config(),
        None => TrainingOptions::defaults(labels),
    };
    options.training.config(base(true))?;
    if output.why {
        let model = match &resumed {
            Some(trainer) => trainer.model().clone(),
            None => options.model.build(&Layout::default())?,
        };
        reasons::check(model.name(), model.reasons(), reasons::OF_CLICKS)?;
    }
    let saved = match (&resumed, &output.checkpoint) {
        (Some(trainer), Some(checkpoint)) => Some(Saved {
            encoder: trainer.encoder().ok_or_else(|| without_encoder(checkpoint))?,
            checkpoint,
        }),
        _ => None,
    };
    let data = data::load(&options.data, saved)?;
    options.training.check_labels(data.labels)?;
    let config = options.training.config(base(data.labels))?;
    let mut trainer = match resumed {
        Some(trainer) => go_on(trainer, options, &data)?,
        None => begin(options, &data, device)?,
    };
    let report_every = report_every(&trainer.device(), config.batch_size);
    trainer.set_config(ClickConfig { report_every, ..config })?;
    say!(
        "{} with {} parameters on {}",
        trainer.model().name(),
        trainer.plan().weights(),
        trainer.device()
    )?;
    if options.output.dry_run {
        let (epochs, cost) = (config.epochs, trainer.cost(&data.train, Some(&data.dev), cost::PROBE)?);
        return Ok(cost::tell(&cost, epochs, 1)?);
    }
    let mut watch = Watch::new(options.output.quiet, None);
    watch.saved_by = Some("--checkpoint");
    let mut training = Training {
        watch,
        checkpoint: options.output.checkpoint.clone(),
        curve: Vec::new(),
    };
    training.watch.begin()?;
    let fit = training.fit(&mut trainer, &data)?;
    training.watch.end();
    if let Some(best) = fit.best {
        say!("best dev epoch: {}", best.epoch)?;
    }
    test(options, &mut trainer, &data, &training)?;
    if output.why {
        why::of_a_user(&mut trainer, &data.test)?;
    }
    Ok(output.export.write_clicks(&mut trainer)?)
}

/// Says how good the model is on the test rows, and draws it.
fn test(options: &Options, trainer: &mut ClickTrainer, data: &Data, training: &Training) -> Result<()> {
    let report = match data.labels {
        true => Some(trainer.evaluate(&data.test)?),
        false => None,
    };
    match &report {
        Some(report) => say!("test  {report}")?,
        None => say!("test  {}", trainer.evaluate_ranking(&data.test, trainer.config().k)?)?,
    }
    if let Some(truth) = &data.truth {
        let best = ClickReport::of(truth, data.test.labels(), data.test.groups())?;
        say!("best possible  {best}")?;
    }
    match &options.output.plot {
        None => Ok(()),
        Some(_) if report.is_none() && training.curve.is_empty() => {
            say!("no epoch was completed, so there is no curve to draw")
        }
        Some(path) => plot::draw(path, trainer.model().name(), &training.curve, report.as_ref()),
    }
}

/// A new trainer.
fn begin(options: &Options, data: &Data, device: Device) -> Result<ClickTrainer> {
    let config = options.training.config(TrainingOptions::defaults(data.labels))?;
    let mut trainer = ClickTrainer::new(options.model.build(data.encoder.layout())?, device, config)?;
    trainer.set_encoder(data.encoder.clone())?;
    Ok(trainer)
}

/// The trainer that was saved, grown for what is new in the data.
fn go_on(mut trainer: ClickTrainer, options: &Options, data: &Data) -> Result<ClickTrainer> {
    let before = trainer.model().layout().vocabularies.clone();
    let path = options.output.checkpoint.as_deref().unwrap_or(Path::new(""));
    trainer.set_encoder(data.encoder.clone()).map_err(|error| match error {
        Error::Config { field, reason } => {
            let reason = format!(
                "the data are not what {} was trained on: {field}: {reason}",
                path.display()
            );
            Error::config("--resume", reason)
        }
        other => other,
    })?;
    let after = data.encoder.layout().vocabularies.iter();
    let grown = before
        .iter()
        .zip(after)
        .filter(|(before, after)| before.rows < after.rows);
    let grown: Vec<String> = grown
        .map(|(before, after)| format!("{} {}", after.name, after.rows - before.rows))
        .collect();
    if !grown.is_empty() {
        say!("{}", wrapped("new keys", &grown.join(", ")))?;
    }
    let progress = trainer.progress();
    say!("goes on after epoch {}, step {}", progress.epoch, progress.step)?;
    Ok(trainer)
}

fn without_encoder(path: &Path) -> Error {
    let reason = format!(
        "{} has no encoder, by which rows could be read; train_ctr saves one",
        path.display()
    );
    Error::config("--resume", reason)
}

//! Trains a model of *Neural Collaborative Filtering* and says how well it ranks.
//!
//! ```text
//! cargo run --release --example train_ncf                               # made-up data, some seconds
//! cargo run --release --example train_ncf -- --data ml-1m/ratings.dat
//! cargo run --release --example train_ncf -- --help
//! ```

#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod loss;
mod options;
mod pretraining;
mod profile;

use std::{path::Path, process::ExitCode};

use clap::Parser;
use pocketrec::{
    Error, Result,
    data::Planted,
    device::Device,
    models::{Gmf, Mlp, Model},
    plan::Optimizer,
    train::{FitReport, TrainConfig, Trainer},
};

use common::{
    device::{is_processor, report_every},
    ending::{Ending, exit_code},
    files,
    interactions::{
        data::{Data, MadeUp},
        plot, report,
        training::Training,
    },
    kind,
    output::say,
    watch::Watch,
};
use options::{NAMES, Options};

fn main() -> ExitCode {
    exit_code(run(&Options::parse()), NAMES)
}

fn run(options: &Options) -> Result<(), Ending> {
    // Everything that can be refused is refused before time is spent.
    let output = &options.output;
    files::check_training(output.checkpoint.as_deref(), output.resume, output.plot.as_deref())?;
    let device = options.device.device()?;
    let described = check_model(options, device.clone())?;
    let watch = Watch::new(options.output.quiet, options.training.time()?);
    let resumed = match (&output.checkpoint, output.resume) {
        (Some(path), true) if kind::is_of_clicks("--checkpoint", path)? => {
            let reason = format!("{} is of a model of clicks; train_ctr goes on with it", path.display());
            return Err(Error::config("--resume", reason).into());
        }
        (Some(path), true) => Some(Trainer::load(path, device.clone())?),
        _ => None,
    };
    let mut base = match &resumed {
        Some(trainer) => *trainer.config(),
        None => TrainConfig {
            epochs: if options.data.data.is_some() {
                20
            } else {
                options::MADE_UP_EPOCHS
            },
            optimizer: options.pretraining.optimizer(TrainConfig::default().optimizer),
            ..TrainConfig::default()
        },
    };
    base.loss = options.loss.loss(base.loss)?;
    let mut config = options.training.config(base)?;
    config.report_every = report_every(&described, config.batch_size);
    let data = Data::load(&options.data, config.patience.is_some(), resumed.as_ref(), made_up)?;
    let user = data.user(options.output.user.as_deref())?;
    data.describe()?;

    let mut training = Training::new(watch);
    let (mut trainer, fit) = train(options, &data, device, resumed, config, &mut training)?;
    training.watch.end();
    report::ended(&fit, &trainer)?;
    report::rankings(&mut trainer, &data, &fit, options.output.full)?;
    report::recommendations(&mut trainer, &data, user)?;
    if let Some(path) = &options.output.plot {
        let items = if data.validation.is_some() {
            "validation"
        } else {
            "test"
        };
        let title = format!("{} on {items} items", trainer.model().name());
        match training.curve.is_empty() {
            true => say!("no epoch was completed, so there is no curve to draw")?,
            false => plot::draw(path, &title, &training.curve)?,
        }
    }
    if let Some(path) = &options.output.checkpoint {
        say!(
            "saved to {0}: cargo run --release --example recommend -- --model {0} --user KEY",
            path.display()
        )?;
    }
    Ok(())
}

/// Data with planted tastes.
fn made_up() -> Result<MadeUp> {
    let planted = Planted::default().generate()?;
    Ok(MadeUp {
        interactions: planted.interactions.clone(),
        truth: Box::new(move |user, item| planted.score(user, item)),
        planted: "tastes",
    })
}

/// Trains what the options say, from the beginning or from a checkpoint.
fn train(
    options: &Options,
    data: &Data,
    device: Device,
    resumed: Option<Trainer>,
    config: TrainConfig,
    training: &mut Training,
) -> Result<(Trainer, FitReport), Ending> {
    let split = data.trained_on();
    if let Some(trainer) = &resumed {
        data.check_trained_on(trainer, "--resume")?;
    }
    training.watch.begin()?;
    let mut trainer = match resumed {
        Some(mut trainer) => {
            trainer.set_config(config)?;
            trainer
        }
        None => {
            let model = options
                .model
                .build(split.train.users() as usize, split.train.items() as usize)?;
            match options.pretraining.is_pretrained() {
                true => pretrained(options, data, device.clone(), model, config, training)?,
                false => Trainer::new(model, device.clone(), config)?,
            }
        }
    };
    training.checkpoint.clone_from(&options.output.checkpoint);
    if !training.watch.quiet {
        describe(&trainer)?;
    }
    if options.output.profile {
        profile::print(&mut trainer, device, split)?;
    }
    let fit = training.fit(&mut trainer, split)?;
    Ok((trainer, fit))
}

/// Joins GMF and MLP, trained here or before.
fn pretrained(
    options: &Options,
    data: &Data,
    device: Device,
    model: Model,
    config: TrainConfig,
    training: &mut Training,
) -> Result<Trainer, Ending> {
    let Model::NeuMf(model) = model else {
        return Err(not_neumf().into());
    };
    let [mut gmf, mut mlp] = match &options.pretraining.pretrain_from[..] {
        [gmf, mlp] => [
            load_part(data, device.clone(), gmf)?,
            load_part(data, device.clone(), mlp)?,
        ],
        _ => {
            let gmf = Gmf::new(model.users, model.items).factors(model.factors);
            let mlp = Mlp::new(model.users, model.items).layers(model.layers.clone());
            let config = options.pretraining.pretrain_config(config)?;
            [
                train_part(data, device.clone(), gmf.into(), config, training)?,
                train_part(data, device.clone(), mlp.into(), config, training)?,
            ]
        }
    };
    Ok(Trainer::pretrained(
        model,
        &mut gmf,
        &mut mlp,
        options.pretraining.alpha,
        device,
        config,
    )?)
}

fn load_part(data: &Data, device: Device, path: &Path) -> Result<Trainer> {
    let trainer = Trainer::load(path, device)?;
    data.check_trained_on(&trainer, "--pretrain-from")?;
    Ok(trainer)
}

fn train_part(
    data: &Data,
    device: Device,
    model: Model,
    config: TrainConfig,
    training: &mut Training,
) -> Result<Trainer, Ending> {
    let mut trainer = Trainer::new(model, device, config)?;
    if !training.watch.quiet {
        describe(&trainer)?;
    }
    training.fit(&mut trainer, data.trained_on())?;
    Ok(trainer)
}

/// One line: what is about to be trained.
fn describe(trainer: &Trainer) -> Result<()> {
    let (config, progress) = (trainer.config(), trainer.progress());
    let optimizer = match config.optimizer {
        Optimizer::Adam(adam) => format!("Adam {}", adam.learning_rate),
        Optimizer::LazyAdam(adam) => format!("lazy Adam {}", adam.learning_rate),
        Optimizer::Sgd { learning_rate } => format!("gradient descent {learning_rate}"),
    };
    let averaged = match config.average_from {
        Some(epoch) => format!(", averaged from epoch {epoch} on"),
        None => String::new(),
    };
    say!(
        "{:<10}{} parameters, batch {}, {} negatives, {}{averaged}",
        trainer.model().name(),
        trainer.plan().weights(),
        config.batch_size,
        config.negatives,
        optimizer
    )?;
    match progress.step {
        0 => Ok(()),
        step => say!("          goes on after epoch {}, step {step}", progress.epoch),
    }
}

fn not_neumf() -> Error {
    Error::config(
        "--pretrain, --pretrain-from",
        "only neumf is joined from two models; leave it out",
    )
}

/// Refuses what no data could make right, by a model of one user and one item. Gives the device that it runs on.
fn check_model(options: &Options, device: Device) -> Result<String> {
    let model = options.model.build(1, 1)?;
    if options.pretraining.is_pretrained() && !matches!(model, Model::NeuMf(_)) {
        return Err(not_neumf());
    }
    if !(0.0..=1.0).contains(&options.pretraining.alpha) {
        return Err(Error::config("--alpha", "it is not in 0..=1; 0.5 is usual"));
    }
    let config = TrainConfig {
        // Whether a mean comes in time is known with the checkpoint's epochs alone.
        epochs: u32::MAX,
        optimizer: options.pretraining.optimizer(TrainConfig::default().optimizer),
        loss: options.loss.loss(TrainConfig::default().loss)?,
        ..TrainConfig::default()
    };
    let described = Trainer::new(model, device, options.training.config(config)?)?.device();
    if options.output.profile && is_processor(&described) {
        let reason = format!("it times the stages of a step, which only graphics devices do; this is {described}");
        return Err(Error::config("--profile", reason));
    }
    Ok(described)
}

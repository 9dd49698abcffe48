//! Trains a model of *Neural Collaborative Filtering* and says how well it ranks.
//!
//! ```text
//! cargo run --release --example train_ncf                               # made-up data, some seconds
//! cargo run --release --example train_ncf -- --data ml-1m/ratings.dat
//! cargo run --release --example train_ncf -- --help
//! ```

mod data;
mod options;
mod plot;
mod profile;
mod report;
mod training;

use std::{path::Path, process::ExitCode};

use clap::Parser;
use pocketrec::{
    Error, Result,
    device::Device,
    models::{Gmf, Mlp, Model},
    plan::Optimizer,
    train::{FitReport, TrainConfig, Trainer},
};

use data::Data;
use options::{Options, OutputOptions};
use training::Watch;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Error::Data { .. } = error {
                eprintln!("hint: --delimiter, --header and the options that end in -column say how to read a file");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    // Everything that can be refused is refused before time is spent.
    check_output(&options.output)?;
    let device = options.device.device()?;
    check_model(options, device)?;
    let mut watch = Watch::new(options.output.quiet, options.training.time()?);
    let resumed = match (&options.output.checkpoint, options.output.resume) {
        (Some(path), true) if !path.exists() => {
            let reason = format!("there is no {}; leave --resume out to begin", path.display());
            return Err(Error::config("--resume", reason));
        }
        (Some(path), true) => Some(Trainer::load(path, device)?),
        _ => None,
    };
    let base = match &resumed {
        Some(trainer) => *trainer.config(),
        None => TrainConfig {
            epochs: if options.data.data.is_some() {
                20
            } else {
                options::MADE_UP_EPOCHS
            },
            ..TrainConfig::default()
        },
    };
    let config = options.training.config(base)?;
    let data = Data::load(&options.data, config.patience.is_some())?;
    let user = data.user(options.output.user.as_deref())?;
    data.describe();

    let (mut trainer, fit) = train(options, &data, device, resumed, config, &mut watch)?;
    report::ended(&fit, &trainer);
    report::rankings(&mut trainer, &data, &fit, options.output.full)?;
    report::recommendations(&mut trainer, &data, user)?;
    if let Some(path) = &options.output.plot {
        let items = if data.validation.is_some() {
            "validation"
        } else {
            "test"
        };
        let title = format!("{} on {items} items", trainer.model().name());
        match watch.curve.is_empty() {
            true => println!("no epoch was completed, so there is no curve to draw"),
            false => plot::draw(path, &title, &watch.curve)?,
        }
    }
    if let Some(path) = &options.output.checkpoint {
        println!(
            "saved to {0}: cargo run --release --example recommend -- --model {0} --user KEY",
            path.display()
        );
    }
    Ok(())
}

/// Trains what the options say, from the beginning or from a checkpoint.
fn train(
    options: &Options,
    data: &Data,
    device: Device,
    resumed: Option<Trainer>,
    config: TrainConfig,
    watch: &mut Watch,
) -> Result<(Trainer, FitReport)> {
    let split = data.trained_on();
    let mut trainer = match resumed {
        Some(mut trainer) => {
            data.check_trained_on(&trainer, "--resume")?;
            trainer.set_config(config)?;
            trainer
        }
        None => {
            let model = options
                .model
                .build(split.train.users() as usize, split.train.items() as usize)?;
            match options.training.is_pretrained() {
                true => pretrained(options, data, device, model, config, watch)?,
                false => Trainer::new(model, device, config)?,
            }
        }
    };
    watch.checkpoint.clone_from(&options.output.checkpoint);
    if !watch.quiet {
        say(&trainer);
    }
    if options.output.profile {
        profile::print(&mut trainer, device, split)?;
    }
    let fit = watch.fit(&mut trainer, split)?;
    Ok((trainer, fit))
}

/// Joins GMF and MLP, trained here or before.
fn pretrained(
    options: &Options,
    data: &Data,
    device: Device,
    model: Model,
    config: TrainConfig,
    watch: &mut Watch,
) -> Result<Trainer> {
    let Model::NeuMf(model) = model else {
        return Err(not_neumf());
    };
    let [mut gmf, mut mlp] = match &options.training.pretrain_from[..] {
        [gmf, mlp] => [load_part(data, device, gmf)?, load_part(data, device, mlp)?],
        _ => {
            let gmf = Gmf::new(model.users, model.items).factors(model.factors);
            let mlp = Mlp::new(model.users, model.items).layers(model.layers.clone());
            let config = options.training.pretrain_config(config)?;
            [
                train_part(data, device, gmf.into(), config, watch)?,
                train_part(data, device, mlp.into(), config, watch)?,
            ]
        }
    };
    Trainer::pretrained(model, &mut gmf, &mut mlp, options.training.alpha, device, config)
}

fn load_part(data: &Data, device: Device, path: &Path) -> Result<Trainer> {
    let trainer = Trainer::load(path, device)?;
    data.check_trained_on(&trainer, "--pretrain-from")?;
    Ok(trainer)
}

fn train_part(data: &Data, device: Device, model: Model, config: TrainConfig, watch: &mut Watch) -> Result<Trainer> {
    let mut trainer = Trainer::new(model, device, config)?;
    if !watch.quiet {
        say(&trainer);
    }
    watch.fit(&mut trainer, data.trained_on())?;
    Ok(trainer)
}

/// One line: what is about to be trained.
fn say(trainer: &Trainer) {
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
    println!(
        "{:<10}{} parameters, batch {}, {} negatives, {}{averaged}",
        trainer.model().name(),
        trainer.plan().weights(),
        config.batch_size,
        config.negatives,
        optimizer
    );
    if progress.step > 0 {
        println!(
            "          goes on after epoch {}, step {}",
            progress.epoch, progress.step
        );
    }
}

fn not_neumf() -> Error {
    Error::config(
        "--pretrain, --pretrain-from",
        "only neumf is joined from two models; leave it out",
    )
}

/// Refuses what no data could make right, by a model of one user and one item.
fn check_model(options: &Options, device: Device) -> Result<()> {
    let model = options.model.build(1, 1)?;
    if options.training.is_pretrained() && !matches!(model, Model::NeuMf(_)) {
        return Err(not_neumf());
    }
    if !(0.0..=1.0).contains(&options.training.alpha) {
        return Err(Error::config("--alpha", "it is not in 0..=1; 0.5 is usual"));
    }
    Trainer::new(model, device, options.training.config(TrainConfig::default())?)?;
    Ok(())
}

fn check_output(output: &OutputOptions) -> Result<()> {
    for (option, path) in [("--checkpoint", &output.checkpoint), ("--plot", &output.plot)] {
        let folder = path.as_ref().and_then(|path| path.parent());
        if let Some(folder) = folder.filter(|folder| *folder != Path::new("") && !folder.is_dir()) {
            let reason = format!("there is no folder {}; make it first", folder.display());
            return Err(Error::config(option, reason));
        }
    }
    if let Some(path) = &output.plot {
        plot::check(path)?;
    }
    match &output.checkpoint {
        Some(path) if path.exists() && !output.resume => {
            let reason = format!(
                "{} is there already; go on from it with --resume, remove it, or name another",
                path.display()
            );
            Err(Error::config("--checkpoint", reason))
        }
        _ => Ok(()),
    }
}

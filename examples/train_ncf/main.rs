//! Trains a model of *Neural Collaborative Filtering* and says how well it ranks.
//!
//! ```text
//! cargo run --release --example train_ncf                               # made-up data, some seconds
//! cargo run --release --example train_ncf -- --data ml-1m/ratings.dat
//! cargo run --release --example train_ncf -- --data ml-1m/ratings.dat --item-features ml-1m/movies.dat --item-columns 3:values,2:words
//! cargo run --release --example train_ncf -- --help
//! ```

#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod features;
mod loss;
mod options;
mod pretraining;

use std::{path::Path, process::ExitCode};

use clap::Parser;
use pocketrec::{
    Error, Result,
    device::Device,
    models::{Gmf, Mlp, Model},
    train::{TrainConfig, Trainer},
};

use common::{
    ending::{Ending, exit_code},
    interactions::{
        data::{Data, made_up},
        session::{self, Session},
        training::Training,
    },
};
use options::{NAMES, Options};

fn main() -> ExitCode {
    exit_code(run(&Options::parse()), NAMES)
}

fn run(options: &Options) -> Result<(), Ending> {
    let given = (&options.data, &options.training, &options.output);
    let session = Session::begin(given, options.device.device()?, |device| check_model(options, device))?;
    let mut base = match session.resumed() {
        Some(trainer) => *trainer.config(),
        None => TrainConfig {
            epochs: match options.data.data {
                Some(_) => 20,
                None => options::MADE_UP_EPOCHS,
            },
            optimizer: options.pretraining.optimizer(TrainConfig::default().optimizer),
            ..TrainConfig::default()
        },
    };
    base.loss = options.loss.loss(base.loss)?;
    let device = session.device.clone();
    session.run(base, made_up, |data, config, training| {
        let train = &data.trained_on().train;
        let model = options.model.build(train.users() as usize, train.items() as usize)?;
        match options.features.known(train)? {
            Some(known) => Ok(Trainer::with_known(model, known, device, config)?),
            None if options.pretraining.is_pretrained() => pretrained(options, data, device, model, config, training),
            None => Ok(Trainer::new(model, device, config)?),
        }
    })
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
    session::train_part(&mut trainer, data.trained_on(), training)?;
    Ok(trainer)
}

fn not_neumf() -> Error {
    Error::config(
        "--pretrain, --pretrain-from",
        "only neumf is joined from two models; leave it out",
    )
}

/// Refuses what no data could make right, by a model of one user and one item.
fn check_model(options: &Options, device: Device) -> Result<Trainer> {
    let model = options.model.build(1, 1)?;
    if options.pretraining.is_pretrained() && !matches!(model, Model::NeuMf(_)) {
        return Err(not_neumf());
    }
    options.features.check()?;
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
    Trainer::new(model, device, options.training.config(config)?)
}

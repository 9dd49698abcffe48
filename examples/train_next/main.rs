//! Trains a model of what comes next in a history, SASRec, and says how well it ranks.
//!
//! ```text
//! cargo run --release --example train_next                               # made-up data, some seconds
//! cargo run --release --example train_next -- --data ml-1m/ratings.dat
//! cargo run --release --example train_next -- --help
//! ```

#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod options;

use std::process::ExitCode;

use pocketrec::{
    Error, Result,
    device::Device,
    train::{TrainConfig, Trainer},
};

use common::{
    ending::{Ending, exit_code},
    interactions::{data::made_up_paths, session::Session},
};
use options::{NAMES, Options};

fn main() -> ExitCode {
    exit_code(run(&Options::read()), NAMES)
}

fn run(options: &Options) -> Result<(), Ending> {
    let given = (&options.data, &options.training, &options.output);
    let session = Session::begin(given, options.device.device()?, |device| check_model(options, device))?;
    let base = match session.resumed() {
        Some(trainer) => *trainer.config(),
        None => options.base(),
    };
    let device = session.device.clone();
    session.run(
        base,
        || made_up_paths(None),
        |data, config, _| {
            let train = &data.trained_on().train;
            if let Some(reason) = options.model.too_many(train.items()) {
                return Err(Error::config("--candidates", reason).into());
            }
            let model = options.model.build(train.users() as usize, train.items() as usize);
            Ok(Trainer::new(model, device, config)?)
        },
    )
}

/// Refuses what no data could make right, by a model of one user and two items.
fn check_model(options: &Options, device: Device) -> Result<Trainer> {
    let config = TrainConfig {
        // Whether a mean comes in time is known with the checkpoint's epochs alone.
        epochs: u32::MAX,
        ..options.base()
    };
    Trainer::new(options.model.build(1, 2), device, options.training.config(config)?)
}

//! Fifty devices learn from their own users' clicks, and the model that all began from gets better by what they send back: rows
//! that moved, and no clicks.
//!
//!     cargo run --release --example federated
//!
//! The first half of what made-up users did trains a model, which is exported: tables of bytes. Each device loads that small
//! file, absorbs the second half of its own users' clicks, and sends a delta. The mean of all deltas is applied to the export.
//! Everyone's last item is ranked among all items that they do not have, before and after; beside it, where all clicks are
//! absorbed in one place.

#[path = "common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;

use std::process::ExitCode;

use clap::Parser;
use common::{
    ending::{Ending, exit_code},
    output::say,
    reasons,
};
use pocketrec::{
    Result,
    checkpoint::{Checkpoint, Delta, DeltaConfig, Export},
    data::{Interactions, Planted, Split},
    device::Device,
    eval::Protocol,
    models::Mf,
    train::{TrainConfig, Trainer},
};

/// Averages what made-up devices have learnt from their own users.
#[derive(Parser)]
#[command(name = "federated", max_term_width = 80)]
struct Options {
    /// Devices that the users are spread over
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=2000))]
    devices: u32,
    /// Rows of items that no float of moved by more are not sent
    #[arg(long, default_value_t = 0.002)]
    threshold: f32,
    /// Epochs of the model that all begin from
    #[arg(long, default_value_t = 12)]
    epochs: u32,
    /// Say what the first device recommends to its first user, and what that comes from: of clicks that only it knows
    #[arg(long)]
    why: bool,
}

fn main() -> ExitCode {
    exit_code(
        run(&Options::parse()).map_err(Ending::from),
        &[("threshold", "--threshold")],
    )
}

fn run(options: &Options) -> Result<()> {
    let config = DeltaConfig {
        threshold: options.threshold,
        clicks: false,
    };
    config.validate()?;
    let planted = Planted::default().generate()?;
    let split = planted.interactions.leave_one_out()?;
    let (earlier, later) = halves(&split.train);
    let base = trained(&Interactions::from_triples(&earlier)?, &split, options.epochs)?;
    let export = base.export(&Export::default())?;
    let small = export.to_bytes()?;
    say!("the model that all begin from: {} KB as bytes", small.len() / 1000)?;

    let mut sent = Vec::new();
    let mut deltas = Vec::new();
    for device in 0..options.devices {
        let mut trainer = Trainer::from_bytes(&small, Device::cpu())?;
        let own: Vec<(u32, u32)> = later
            .iter()
            .copied()
            .filter(|(user, _)| user % options.devices == device)
            .collect();
        trainer.absorb(&own)?;
        if options.why && device == 0 {
            let best = trainer.recommend(0, 5)?;
            say!("what the first device recommends to user 0, who told nobody else of their clicks")?;
            reasons::of_user(&mut trainer, 0, &best)?;
        }
        let bytes = trainer.delta(&export, &config)?.to_bytes()?;
        sent.push(bytes.len());
        deltas.push(Delta::from_bytes(&bytes)?);
    }
    sent.sort_unstable();
    say!(
        "{} devices learnt from {} clicks and sent {} KB each (the median), no clicks",
        options.devices,
        later.len(),
        sent[sent.len() / 2] / 1000
    )?;

    let mut before = Trainer::from_bytes(&small, Device::cpu())?;
    let mut together = Trainer::from_bytes(&small, Device::cpu())?;
    together.apply(&Delta::mean(&deltas)?)?;
    let mut central = Trainer::from_bytes(&small, Device::cpu())?;
    central.absorb(&later)?;
    say!(
        "\n{:<34}{:>8}{:>10}",
        "everyone's last item, among all",
        "HR@10",
        "NDCG@10"
    )?;
    for (name, trainer) in [
        ("before", &mut before),
        ("with the mean of the deltas", &mut together),
        ("all clicks absorbed in one place", &mut central),
    ] {
        let report = trainer.evaluate(&split, Protocol::Full, 10)?;
        say!("{name:<34}{:>8.4}{:>10.4}", report.hr, report.ndcg)?;
    }
    Ok(())
}

/// (user, item, time), and what came later as (user, item).
type Halves = (Vec<(u32, u32, i64)>, Vec<(u32, u32)>);

/// The first half of what each user did, and the second.
fn halves(all: &Interactions) -> Halves {
    let (mut earlier, mut later) = (Vec::new(), Vec::new());
    for user in 0..all.users() {
        let items = all.of_user(user);
        let (first, second) = items.split_at(items.len().div_ceil(2));
        earlier.extend((0..).zip(first).map(|(time, &item)| (user, item, time)));
        later.extend(second.iter().map(|&item| (user, item)));
    }
    (earlier, later)
}

/// A model of what was earlier, with a row for every user and item of the data.
fn trained(earlier: &Interactions, split: &Split, epochs: u32) -> Result<Checkpoint> {
    let (users, items) = (split.train.users() as usize, split.train.items() as usize);
    let config = TrainConfig {
        epochs,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(Mf::new(users, items).factors(16), Device::cpu(), config)?;
    trainer.fit(&earlier.leave_one_out()?, |epoch| {
        let hr = epoch.evaluation.map_or(0.0, |report| report.hr);
        let _ = say!("epoch {:>2}  loss {:.4}  HR@10 {hr:.4}", epoch.epoch, epoch.loss);
    })?;
    trainer.checkpoint()
}

//! Clicks on ads: probabilities that must be right, as bids are multiplied by them.
//!
//! ```sh
//! cargo run --release --example ads                      # made-up impressions, whose true probabilities are known
//! cargo run --release --example ads -- --data frappe     # a folder with train, valid and test in libfm's format
//! cargo run --release --example ads -- --data clicks.csv --label clicked --numbers price,shown --hash 100000
//! ```
//!
//! LR and DeepFM stand beside a constant rate and, on made-up data, beside the truth: by how well they order impressions, and by
//! whether their probabilities are right. Then what that is worth: auctions in which the highest bid times probability is
//! shown. Then new ads come, and their first clicks are absorbed.

#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod data;
mod log;
mod models;
mod new_ads;
mod revenue;
mod world;

use std::process::ExitCode;

use clap::Parser;
use pocketrec::{Error, Result, device::Device};

use common::{
    ending::{Ending, exit_code},
    field::{
        clicks::{MEASURES, measured},
        comparison::Comparison,
        options::{FieldOptions, NAMES},
    },
    output::say,
    plot::Picture,
};
use data::{Data, DataOptions};
use models::Model;
use world::World;

/// Which ad? By a probability of a click that is right.
#[derive(Debug, Parser)]
#[command(name = "ads", version, max_term_width = 80)]
struct Options {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    field: FieldOptions,
}

fn main() -> ExitCode {
    exit_code(run(&Options::parse()), NAMES)
}

fn run(options: &Options) -> Result<(), Ending> {
    let device = options.field.begin()?;
    let Some(path) = &options.data.data else {
        return made_up(options, &device);
    };
    if options.field.user.is_some() {
        let reason = "whose impressions these are is one field of many, and nobody's auction is known; leave it out";
        return Err(Error::config("--user", reason).into());
    }
    let data = options.data.read(path)?;
    describe(&data, &path.display().to_string())?;
    let mut models = models::trained(&options.field, &data, &device)?;
    let comparison = compared(&data, &mut models)?;
    comparison.say()?;
    draw(options, &data, &mut models)
}

/// All that can be said where the truth is known.
fn made_up(options: &Options, device: &Device) -> Result<(), Ending> {
    let world = World::new(options.field.seed);
    let (data, shown) = log::draw(&world)?;
    describe(&data, "made up, with ads that suit some ages, devices and sites")?;
    let user = revenue::user(&options.field, &data)?;
    let mut models = models::trained(&options.field, &data, device)?;
    let mut comparison = compared(&data, &mut models)?;
    let too_sure = models::too_sure(&models[1].trainer.score(&data.test)?, models::base_logit(&data));
    comparison.add(models::TOO_SURE, measured(&models::report(&too_sure, &data)?));
    let truth: Vec<f32> = shown.iter().map(|row| world.logit(row)).collect();
    comparison.ceiling(measured(&models::report(&truth, &data)?));
    comparison.say()?;
    revenue::of_auctions(&world, &data, &mut models)?;
    revenue::of_user(&world, &mut models[1], user)?;
    draw(options, &data, &mut models)?;
    let [_, best] = &mut models;
    Ok(new_ads::absorbed(&world, &data, &shown, best)?)
}

fn describe(data: &Data, name: &str) -> Result<()> {
    say!("{name}")?;
    let clicks = 100.0 * models::rate(data.train.labels());
    let [train, dev, test] = [&data.train, &data.dev, &data.test].map(|part| part.len());
    say!("{train} impressions to train on, {dev} to choose the epoch by, {test} to test on")?;
    say!("{clicks:.1} % of the first were clicked on")
}

/// What the models reach on the test part, and a rate that is the same for all.
fn compared(data: &Data, models: &mut [Model]) -> Result<Comparison> {
    let mut comparison = Comparison::new("test impressions", MEASURES);
    let constant = vec![models::base_logit(data); data.test.len()];
    comparison.add("the same rate for all", measured(&models::report(&constant, data)?));
    for model in models {
        let logits = model.trainer.score(&data.test)?;
        comparison.add(model.name, measured(&models::report(&logits, data)?));
    }
    Ok(comparison)
}

/// Draws predicted against observed clicks, of the model that is best.
fn draw(options: &Options, data: &Data, models: &mut [Model]) -> Result<(), Ending> {
    let (Some(path), Some(best)) = (&options.field.plot, models.last_mut()) else {
        return Ok(());
    };
    let report = models::report(&best.trainer.score(&data.test)?, data)?;
    let picture = Picture {
        title: &format!("{} on test impressions", best.name),
        panels: Vec::new(),
        best: None,
        calibration: Some(&report.calibration.bins),
    };
    picture.save(path)?;
    Ok(say!("drawn to {}", path.display())?)
}

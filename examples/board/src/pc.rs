//! The PC's part: it trains the model, and answers requests as the board does.

use std::{
    env, error, fs,
    io::{BufRead, stdin},
};

use pocketrec::{
    checkpoint::Export,
    data::Planted,
    device::Device,
    models::NeuMf,
    train::{TrainConfig, Trainer},
};

use crate::session::Session;

const USAGE: &str = "usage: pocketrec-board train FILE, or pocketrec-board answer FILE < REQUESTS";

pub fn main() -> Result<(), Box<dyn error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["train", file] => Ok(fs::write(file, trained()?)?),
        ["answer", file] => answer(&fs::read(file)?),
        _ => Err(USAGE.into()),
    }
}

/// A small model of made-up interactions, as a file for the board: tables as bytes, all users with their histories.
fn trained() -> pocketrec::Result<Vec<u8>> {
    let planted = Planted {
        users: 50,
        items: 200,
        interactions_per_user: 20,
        ..Planted::default()
    };
    let split = planted.generate()?.interactions.leave_one_out()?;
    let config = TrainConfig {
        epochs: 10,
        seed: 1,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(NeuMf::new(50, 200).factors(8), Device::cpu(), config)?;
    trainer.fit(&split, |epoch| eprintln!("{epoch}"))?;
    trainer.export_to_bytes(&Export::default())
}

fn answer(model: &[u8]) -> Result<(), Box<dyn error::Error>> {
    let mut session = Session::new(model)?;
    for request in stdin().lock().lines() {
        println!("{}", session.answer(&request?));
    }
    Ok(())
}

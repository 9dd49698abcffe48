//! Searches for the settings of a recommender: a table while it runs, a picture, the winner as Rust and as options.
//!
//! ```text
//! cargo run --release --example tune                                             # made-up data, under a minute
//! cargo run --release --example tune -- --data ml-1m/ratings.dat --minutes 30 --study ml-1m.study --plot ml-1m.svg
//! cargo run --release --example tune -- --help
//! ```

mod board;
#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod options;
mod picture;
mod winner;

use std::process::ExitCode;

use clap::Parser;
use pocketrec::{
    Error, Result,
    data::Split,
    train::{Control, Trainer},
    tune::{Ended, Pairs, Settings, Tuner},
};

use board::Board;
use common::{
    ending::{Ending, exit_code},
    files,
    interactions::data::{Data, made_up},
    output::say,
    signals::Stop,
};
use options::{NAMES, Options};

fn main() -> ExitCode {
    exit_code(run(&Options::parse()), NAMES)
}

fn run(options: &Options) -> Result<(), Ending> {
    let (search, output) = (options.search()?, &options.output);
    files::check_training(&output.checkpoint, false, &output.plot, &None)?;
    let device = options.device.device()?;
    let mut tuner = match &output.study {
        Some(folder) => Tuner::in_folder(search, folder)?,
        None => Tuner::new(search)?,
    };
    // Carved out of the training part: the test items play no part in the search.
    let data = Data::load(&options.data, true, None, made_up)?;
    data.describe()?;
    let validation = data.trained_on();
    let mut pairs = Pairs::new(validation, device.clone(), |settings: &Settings| {
        winner::trainer(settings, validation, device.clone())
    });
    let ended = searched(&mut tuner, &mut pairs, options)?;
    say!("{}", board::ended(&tuner, ended))?;
    for row in board::best(&tuner, tuner.study().trials().len().min(10)) {
        say!("{row}")?;
    }
    board::failed(&tuner)?;
    let mut best = tuner.best(&mut pairs)?;
    winner::print(&tuner, &mut best, &data, &options.data)?;
    if let Some(path) = &output.checkpoint {
        best.save(path)?;
        say!(
            "\nsaved to {0}: cargo run --release --example recommend -- --model {0} --user KEY",
            path.display()
        )?;
    }
    match &output.plot {
        Some(path) => Ok(picture::draw(path, &tuner)?),
        None => Ok(()),
    }
}

/// Searches until the budget is spent. A signal or output that fails ends the program, after all is kept that is to be.
fn searched<F>(tuner: &mut Tuner, pairs: &mut Pairs<'_, F>, options: &Options) -> Result<Ended, Ending>
where
    F: FnMut(&Settings) -> Result<Trainer>,
{
    let stop = Stop::default();
    stop.install()
        .map_err(|error| Error::io("signals such as that of Ctrl-C", error))?;
    let mut board = Board::new(tuner, options.output.quiet)?;
    let mut fault = None;
    let ended = tuner.run(pairs, |study, event| {
        fault = board.show(study, event).err();
        match fault.is_some() || stop.signal().is_some() {
            true => Control::Stop,
            false => Control::Continue,
        }
    })?;
    board.end();
    stop.disarm();
    if let Some(error) = fault {
        return Err(error.into());
    }
    let Some(signal) = stop.signal() else {
        return Ok(ended);
    };
    let saved = match &options.output.study {
        Some(folder) => format!("kept in {0}; go on with --study {0}", folder.display()),
        None => "nothing was kept, as there is no --study".into(),
    };
    let study = tuner.study();
    let text = format!(
        "stopped after {} epochs of {} trials: {saved}",
        study.epochs(),
        study.trials().len()
    );
    Err(Ending::Stopped { signal, text })
}

/// Rows that a model needs for a split.
fn rows(split: &Split) -> (usize, usize) {
    (split.train.users() as usize, split.train.items() as usize)
}

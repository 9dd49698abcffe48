//! Recommends from a checkpoint, and learns from new clicks on the spot.
//!
//! ```text
//! cargo run --release --example train_ncf -- --checkpoint neumf.safetensors
//! cargo run --release --example recommend -- --model neumf.safetensors --user 7
//! cargo run --release --example recommend -- --model neumf.safetensors --user new --absorb new:12,new:40
//!
//! cargo run --release --example train_ncf -- --data plays.csv --item-features songs.csv --item-columns genre,title:words \
//!     --checkpoint songs.safetensors
//! cargo run --release --example recommend -- --model songs.safetensors --user 7 --new-item 99 --item-known genre=jazz
//!
//! cargo run --release --example train_graph -- --model lightgcn --relate 10 --save related.safetensors
//! cargo run --release --example recommend -- --model related.safetensors --user 7 --new-item new --item-related related=12
//!
//! cargo run --release --example train_graph -- --save walks.safetensors
//! cargo run --release --example recommend -- --model walks.safetensors --user 7 --why
//!
//! cargo run --release --example train_ctr -- --model din --checkpoint din.safetensors
//! cargo run --release --example recommend -- --model din.safetensors --user 7 --history 3,42 --context hour=7 --why
//! cargo run --release --example recommend -- --model din.safetensors --input rows.csv --output predicted.csv
//! ```

mod classical;
mod clicks;
#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod csv_file;
mod known;
mod options;
mod pairs;
mod predict;
mod users;

use std::process::ExitCode;

use clap::Parser;
use pocketrec::{
    Result,
    classical::{Ials, Rp3Beta},
    train::{ClickTrainer, Trainer},
};

use common::{
    ending::exit_code,
    kind,
    output::say,
    tables::{table, titled},
};
use options::{NAMES, Options};

fn main() -> ExitCode {
    exit_code(run(&Options::parse()), NAMES)
}

fn run(options: &Options) -> Result<()> {
    options.check()?;
    options.clicks_to_absorb()?;
    let device = options.device.device()?;
    let classical = kind::classical("--model", &options.model)?;
    if let Some(name) = &classical {
        options.known.check_none(name)?;
    }
    match classical.as_deref() {
        Some("rp3beta") => classical::recommend(options, Rp3Beta::load(&options.model, &device)?),
        Some(_) => classical::recommend(options, Ials::load(&options.model, &device)?), // or it says what is wrong
        None if kind::is_of_clicks("--model", &options.model)? => {
            options.known.check_none("a model of clicks")?;
            clicks::recommend(options, ClickTrainer::load(&options.model, device)?)
        }
        None => pairs::recommend(options, Trainer::load(&options.model, device)?),
    }
}

/// Keys and scores, best first, under a heading.
type List<'a> = (&'a str, Vec<(String, f32)>);

/// Prints lists side by side, each place on a line, with titles where there are some.
fn print_side_by_side<'t>(lists: &[List], score: &str, title: impl Fn(&str) -> Option<&'t str>) -> Result<()> {
    let names = lists.iter().flat_map(|(name, _)| [(*name).to_owned(), score.into()]);
    let mut table = table([String::new()].into_iter().chain(names).collect(), |column| {
        column % 2 == 0
    });
    // What the numbers and lines of each list leave of a terminal.
    let width = (72 / lists.len().max(1)).saturating_sub(score.len().max(7) + 6);
    let rows = lists.iter().map(|(_, list)| list.len()).max().unwrap_or(0);
    for place in 0..rows {
        let cells = lists.iter().flat_map(|(_, list)| match list.get(place) {
            Some((key, score)) => [titled(title(key), key, width), format!("{score:.3}")],
            None => [String::new(), String::new()],
        });
        table.add_row([format!("{}", place + 1)].into_iter().chain(cells));
    }
    say!("{table}")
}

//! Recommends from a checkpoint, and learns from new clicks on the spot.
//!
//! ```text
//! cargo run --release --example train_ncf -- --checkpoint neumf.safetensors
//! cargo run --release --example recommend -- --model neumf.safetensors --user 7
//! cargo run --release --example recommend -- --model neumf.safetensors --user new --absorb new:12,new:40
//! ```

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use pocketrec::{
    Error, Result,
    data::IdMap,
    device::Device,
    train::{AbsorbConfig, Trainer},
};

/// The best items for a user, from a checkpoint of train_ncf (or of Trainer::save).
#[derive(Debug, Parser)]
#[command(name = "recommend", version)]
struct Options {
    /// The checkpoint
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The user's key in the data
    #[arg(long, value_name = "KEY")]
    user: String,
    /// How many items
    #[arg(long, default_value_t = 10, value_name = "N")]
    k: usize,
    /// Rank these items alone, whether or not the user has them
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    items: Option<Vec<String>>,
    /// Learn from these clicks first; users and items may be new. A colon in a key of a user cannot be written here
    #[arg(long, value_name = "USER:ITEM,...", value_delimiter = ',')]
    absorb: Option<Vec<String>>,
    /// Save the model that has learnt; FILE may be that of --model
    #[arg(long, value_name = "FILE", requires = "absorb")]
    save: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    if options.k == 0 {
        return Err(Error::config("--k", "0 items; give 1 or more"));
    }
    let mut trainer = Trainer::load(&options.model, Device::auto()?)?;
    println!(
        "{} of {} users and {} items, trained for {} epochs",
        trainer.model().name(),
        trainer.users(),
        trainer.items(),
        trainer.progress().epoch
    );
    let Some(clicks) = &options.absorb else {
        let user = id_of(trainer.user_ids(), &options.user, "--user")?;
        describe(&trainer, user);
        let best = ranked(&mut trainer, user, options)?;
        print_side_by_side(&trainer, &[("best items", best)]);
        return Ok(());
    };

    let clicks = clicks.iter().map(|click| pair(click)).collect::<Result<Vec<_>>>()?;
    let of_user = clicks.iter().any(|click| click.0 == options.user);
    let mut lists = Vec::new();
    match trainer.user_ids().get(&options.user) {
        Some(user) => lists.push(("before", ranked(&mut trainer, user, options)?)),
        None if of_user => println!("user {} is new", options.user),
        None => return Err(unknown(trainer.user_ids(), &options.user, "--user")),
    }
    let report = trainer.absorb_keys(&clicks, &AbsorbConfig::default())?;
    println!(
        "absorbed {} clicks ({} known already, {} new users, {} new items) in {} steps: mean score {:.3}, before {:.3}",
        report.pairs, report.known, report.new_users, report.new_items, report.steps, report.after, report.before
    );
    let user = id_of(trainer.user_ids(), &options.user, "--user")?;
    describe(&trainer, user);
    lists.push(("now", ranked(&mut trainer, user, options)?));
    print_side_by_side(&trainer, &lists);
    if let Some(path) = &options.save {
        trainer.save(path)?;
        println!("saved to {}", path.display());
    }
    Ok(())
}

/// `user:item`; an item's key may hold colons.
fn pair(click: &str) -> Result<(&str, &str)> {
    match click.split_once(':') {
        Some((user, item)) if !user.is_empty() && !item.is_empty() => Ok((user, item)),
        _ => Err(Error::config("--absorb", format!("{click:?} is not USER:ITEM"))),
    }
}

fn id_of(ids: &IdMap, key: &str, option: &str) -> Result<u32> {
    ids.get(key).ok_or_else(|| unknown(ids, key, option))
}

fn unknown(ids: &IdMap, key: &str, option: &str) -> Error {
    let first: Vec<_> = ids.iter().take(3).collect();
    let reason = format!(
        "the model does not know {key:?}; its {} keys are like {}",
        ids.len(),
        first.join(", ")
    );
    Error::config(option, reason)
}

/// The best of the items asked for, or of all that the user does not have.
fn ranked(trainer: &mut Trainer, user: u32, options: &Options) -> Result<Vec<(u32, f32)>> {
    let Some(keys) = &options.items else {
        return trainer.recommend(user, options.k);
    };
    let items = keys.iter().map(|key| id_of(trainer.item_ids(), key, "--items"));
    let items = items.collect::<Result<Vec<u32>>>()?;
    trainer.recommend_from(user, &items, options.k)
}

fn name_of(trainer: &Trainer, item: u32) -> String {
    let key = trainer.item_ids().key(item).unwrap_or_default();
    match trainer.title(item) {
        Some(title) => format!("{title} [{key}]"),
        None => key.into_owned(),
    }
}

fn describe(trainer: &Trainer, user: u32) {
    let history = trainer.history();
    let has = history.trained(user).iter().chain(history.absorbed(user));
    let lately: Vec<String> = has.rev().take(5).map(|&item| name_of(trainer, item)).collect();
    let count = history.trained(user).len() + history.absorbed(user).len();
    let key = trainer.user_ids().key(user).unwrap_or_default();
    println!("user {key} has {count} items, lately {}", lately.join(", "));
}

fn print_side_by_side(trainer: &Trainer, lists: &[(&str, Vec<(u32, f32)>)]) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let names = lists.iter().flat_map(|(name, _)| [(*name).to_owned(), "score".into()]);
    table.set_header([String::new()].into_iter().chain(names));
    for column in table.column_iter_mut().skip(2).step_by(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let rows = lists.iter().map(|(_, list)| list.len()).max().unwrap_or(0);
    for place in 0..rows {
        let cells = lists.iter().flat_map(|(_, list)| match list.get(place) {
            Some(&(item, score)) => [name_of(trainer, item), format!("{score:.3}")],
            None => [String::new(), String::new()],
        });
        table.add_row([format!("{}", place + 1)].into_iter().chain(cells));
    }
    println!("{table}");
}

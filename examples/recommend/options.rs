//! The command line.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser};
use pocketrec::{Error, Result, data::Delimiter};

use crate::{
    common::{device::DeviceOptions, files, messages::Names},
    known::KnownOptions,
};

/// What the library calls something, and the option that gives it.
pub const NAMES: Names = &[
    ("request", "--context"),
    ("candidates", "--items"),
    ("device", "--device"),
    ("threads", "--threads"),
    ("simd", "--simd"),
];

/// The best items for a user, from a checkpoint of train_ncf or train_ctr (or of a trainer's save).
#[derive(Debug, Parser)]
#[command(name = "recommend", version, max_term_width = 80, allow_negative_numbers = true)]
#[command(group(ArgGroup::new("learns").args(["absorb", "new_item", "user_known"]).multiple(true)))]
pub struct Options {
    /// The checkpoint
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// The user's key in the data
    #[arg(long, value_name = "KEY", required_unless_present = "input")]
    pub user: Option<String>,
    /// How many items [default: 10]
    #[arg(long, value_name = "N")]
    pub k: Option<usize>,
    /// Rank these items alone, whether or not the user has them
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub items: Option<Vec<String>>,
    /// Say which of the user's items each recommendation comes from, and how much of its score (RP3beta, iALS, LightGCN,
    /// MF, GMF), or how much was looked at each (SASRec, DIN, DIEN); and the best path along relations (CFKG, and LightGCN
    /// or MF that know some)
    #[arg(long, conflicts_with = "input")]
    pub why: bool,
    /// Learn from these clicks first; users and items may be new. A colon in a key of a user cannot be written here
    #[arg(long, value_name = "USER:ITEM,...", value_delimiter = ',')]
    pub absorb: Option<Vec<String>>,
    /// Save the model that has learnt; FILE may be that of --model
    #[arg(long, value_name = "FILE", requires = "learns")]
    pub save: Option<PathBuf>,
    /// Of a model of users and items, recommend to all users of this file, which has a column of users or one key a
    /// line; of a model of clicks, predict for its rows, which have the columns of the training file but for the label
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    pub input: Option<PathBuf>,
    /// What stands between fields of --input: one sign, tab, space or "::" [default: found from the rows]
    #[arg(long, value_name = "SIGN", requires = "input")]
    pub delimiter: Option<Delimiter>,
    /// Write what is found for --input here, as CSV: user, item, rank and score; or, of a model of clicks, row, the keys
    /// of user and item, and probability [default: to standard output]
    #[arg(long, value_name = "FILE.csv", requires = "input")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub known: KnownOptions,
    #[command(flatten)]
    pub clicks: ClickOptions,
    #[command(flatten)]
    pub device: DeviceOptions,
}

/// What models of clicks look at besides user and item.
#[derive(Debug, Args)]
#[command(next_help_heading = "Models of clicks")]
pub struct ClickOptions {
    /// Values of other columns, such as hour=7
    #[arg(long, value_name = "COLUMN=VALUE,...", value_delimiter = ',')]
    pub context: Vec<String>,
    /// Items that the user clicked on, oldest first
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub history: Vec<String>,
    /// The column of --user [default: user, user_id, userid or uid, whichever there is]
    #[arg(long, value_name = "COLUMN")]
    pub user_column: Option<String>,
    /// The column of items [default: item, item_id, itemid or iid, whichever there is]
    #[arg(long, value_name = "COLUMN")]
    pub item_column: Option<String>,
}

impl ClickOptions {
    /// Refuses them for a model of pairs.
    pub fn check_pairs(&self) -> Result<()> {
        let given = [
            ("--context", !self.context.is_empty()),
            ("--history", !self.history.is_empty()),
            ("--user-column", self.user_column.is_some()),
            ("--item-column", self.item_column.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => {
                let reason = "the checkpoint is that of a model of users and items alone; leave it out";
                Err(Error::config(option, reason))
            }
            None => Ok(()),
        }
    }
}

impl Options {
    /// Refuses what cannot be before the model is loaded.
    pub fn check(&self) -> Result<()> {
        if self.k == Some(0) {
            return Err(Error::config("--k", "0 items; give 1 or more"));
        }
        self.known.check()?;
        let (save, output) = (self.save.as_deref(), self.output.as_deref());
        for (option, path) in [("--save", save), ("--output", output)] {
            path.map_or(Ok(()), |path| files::check_output(option, path))?;
        }
        if let Some(path) = output {
            files::check_extension("--output", path, "csv", "recommendations are written as CSV")?;
        }
        let input = self.input.as_deref();
        files::check_distinct(&[("--model", Some(&self.model)), ("--input", input), ("--output", output)])?;
        files::check_distinct(&[("--input", input), ("--output", output), ("--save", save)])
    }

    /// How many items.
    pub fn k(&self) -> usize {
        self.k.unwrap_or(10)
    }

    /// Whether CSV goes to standard output, and so nothing else does.
    pub fn writes_csv(&self) -> bool {
        self.input.is_some() && self.output.is_none()
    }

    /// Refuses what says something of one user, where rows of a file are predicted for.
    pub fn check_rows(&self) -> Result<()> {
        let given = [
            ("--k", self.k.is_some()),
            ("--items", self.items.is_some()),
            ("--absorb", self.absorb.is_some()),
            ("--context", !self.clicks.context.is_empty()),
            ("--history", !self.clicks.history.is_empty()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => {
                let reason = "the rows of --input say all that a model of clicks is asked; leave it out";
                Err(Error::config(option, reason))
            }
            None => Ok(()),
        }
    }

    /// The clicks to learn from: user and item; an item's key may hold colons.
    pub fn clicks_to_absorb(&self) -> Result<Vec<(&str, &str)>> {
        let clicks = self.absorb.iter().flatten();
        clicks
            .map(|click| match click.split_once(':') {
                Some((user, item)) if !user.trim().is_empty() && !item.trim().is_empty() => {
                    Ok((user.trim(), item.trim()))
                }
                _ => Err(Error::config("--absorb", format!("{click:?} is not USER:ITEM"))),
            })
            .collect()
    }
}

//! Options of all examples that train on interactions: what is read, and what is written.

use std::path::PathBuf;

use clap::Args;
use pocketrec::{
    Error, Result,
    data::{BadRows, Column, Delimited, Delimiter},
};

use crate::common::export::ExportOptions;

#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub struct DataOptions {
    /// A file or folder: MovieLens, NCF's *.train.rating, or any delimited file [default: made-up data]
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// What stands between fields: one sign, tab, space or "::" [default: found from the rows]
    #[arg(long, requires = "data", value_name = "SIGN")]
    delimiter: Option<Delimiter>,
    /// Whether the first line names the columns [default: found from the rows]
    #[arg(long, requires = "data", value_name = "true|false")]
    header: Option<bool>,
    /// Column of users, by name or number from 1
    #[arg(long, requires = "data", value_name = "COLUMN")]
    user_column: Option<Column>,
    /// Column of items
    #[arg(long, requires = "data", value_name = "COLUMN")]
    item_column: Option<Column>,
    /// Column of ratings
    #[arg(long, requires = "data", value_name = "COLUMN")]
    rating_column: Option<Column>,
    /// Column of times
    #[arg(long, requires = "data", value_name = "COLUMN")]
    time_column: Option<Column>,
    /// Leave out rows with a lower rating
    #[arg(long, requires = "data", value_name = "RATING")]
    min_rating: Option<f32>,
    /// Whether each row is a user and any number of items [default: found from the rows]
    #[arg(long, requires = "data", value_name = "true|false")]
    lists: Option<bool>,
    /// Leave out rows that cannot be used, and count them
    #[arg(long, requires = "data")]
    skip_bad_rows: bool,
}

impl DataOptions {
    /// How to read a delimited file.
    pub fn delimited(&self) -> Delimited {
        Delimited {
            delimiter: self.delimiter,
            header: self.header,
            user: self.user_column.clone(),
            item: self.item_column.clone(),
            rating: self.rating_column.clone(),
            time: self.time_column.clone(),
            min_rating: self.min_rating,
            lists: self.lists,
            bad_rows: match self.skip_bad_rows {
                true => BadRows::Skip,
                false => BadRows::Refuse,
            },
        }
    }

    /// Refuses what says how to read a file for files that are read in one way alone.
    pub fn check_published(&self) -> Result<()> {
        let given = [
            ("--delimiter", self.delimiter.is_some()),
            ("--header", self.header.is_some()),
            ("--user-column", self.user_column.is_some()),
            ("--item-column", self.item_column.is_some()),
            ("--rating-column", self.rating_column.is_some()),
            ("--time-column", self.time_column.is_some()),
            ("--min-rating", self.min_rating.is_some()),
            ("--lists", self.lists.is_some()),
            ("--skip-bad-rows", self.skip_bad_rows),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => {
                let reason = "*.train.rating and the files beside it are read as published; leave it out";
                Err(Error::config(option, reason))
            }
            None => Ok(()),
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// Save everything to this file after every epoch (safetensors; replaced at once or not at all)
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from --checkpoint; its settings hold unless they are given anew
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    #[command(flatten)]
    pub export: ExportOptions,
    /// A user who is in --export, one of several if it is given again [default: all]
    #[arg(long, requires = "export", value_name = "KEY")]
    pub export_user: Vec<String>,
    /// Rank among the whole catalogue as well
    #[arg(long)]
    pub full: bool,
    /// Before training, time each stage of a step on a copy of the model (graphics devices alone)
    #[arg(long)]
    pub profile: bool,
    /// Say what training takes, in time, memory and files, by some seconds of it, and train nothing
    #[arg(long, conflicts_with_all = ["checkpoint", "plot", "export"])]
    pub dry_run: bool,
    /// Draw the learning curve
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Recommend to this user [default: the first with a test item]
    #[arg(long, value_name = "KEY")]
    pub user: Option<String>,
    /// Say what each recommendation comes from, and how much
    #[arg(long)]
    pub why: bool,
    /// No progress and no line an epoch, just the results
    #[arg(long)]
    pub quiet: bool,
}

//! The options that say what is known of users and items besides who has what.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use pocketrec::{
    Error, Result,
    data::{Column, FeatureFile, FeatureKind, Features, IdMap, Interactions},
    train::Known,
};

use crate::common::{output::say, tables::wrapped};

/// Parts of about as many rows that numbers are put into.
const PARTS: u32 = 10;
/// Features that words are hashed into.
const WORDS: u32 = 2048;

/// A column of a table, and what it holds.
#[derive(Clone, Debug)]
struct FeatureColumn {
    column: Column,
    kind: FeatureKind,
}

impl FromStr for FeatureColumn {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (column, kind) = text.rsplit_once(':').unwrap_or((text, "category"));
        let kind = match kind {
            "category" => FeatureKind::Category,
            "values" => FeatureKind::Values,
            "numbers" => FeatureKind::Quantiles(PARTS),
            "words" => FeatureKind::Words(WORDS),
            _ => return Err(format!("{kind:?} is none of category, values, numbers and words")),
        };
        let column = column.parse().map_err(|error: Error| error.to_string())?;
        Ok(FeatureColumn { column, kind })
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Features, of mf, gmf, mlp and neumf")]
pub struct FeatureOptions {
    /// A table of items: what is known of each besides who has it. Items that come later are ranked by it (recommend --new-item)
    #[arg(long, value_name = "FILE", requires = "item_columns", requires = "data")]
    #[arg(conflicts_with_all = ["resume", "pretraining"])]
    item_features: Option<PathBuf>,
    /// Its columns, by name or number from 1, and what they hold: one value (category), any number of values (values), a number
    /// (numbers) or text (words), as in genres:values,title:words [default: category]
    #[arg(
        long,
        value_name = "COLUMN[:KIND],...",
        value_delimiter = ',',
        requires = "item_features"
    )]
    item_columns: Vec<FeatureColumn>,
    /// A table of users
    #[arg(long, value_name = "FILE", requires = "user_columns", requires = "data")]
    #[arg(conflicts_with_all = ["resume", "pretraining"])]
    user_features: Option<PathBuf>,
    /// Its columns
    #[arg(
        long,
        value_name = "COLUMN[:KIND],...",
        value_delimiter = ',',
        requires = "user_features"
    )]
    user_columns: Vec<FeatureColumn>,
    /// Share of samples whose user or item is told by its features alone, so that these carry what they can [default: 0.5]
    #[arg(long, value_name = "SHARE")]
    left_out: Option<f32>,
}

impl FeatureOptions {
    /// Refuses what no table could make right.
    pub fn check(&self) -> Result<()> {
        let is_known = self.item_features.is_some() || self.user_features.is_some();
        match self.left_out {
            Some(_) if !is_known => {
                let reason =
                    "it says how features are learnt, and there are none; add --item-features or --user-features";
                Err(Error::config("--left-out", reason))
            }
            Some(share) if !(0.0..1.0).contains(&share) => {
                let reason = format!("{share} is not in 0..1; 0.5 is usual");
                Err(Error::config("--left-out", reason))
            }
            _ => Ok(()),
        }
    }

    /// Reads the tables, for the users and items of these interactions, and says what they hold.
    pub fn known(&self, train: &Interactions) -> Result<Option<Known>> {
        let of_items = match &self.item_features {
            Some(path) => Some(read("items", path, &self.item_columns, train.item_ids())?),
            None => None,
        };
        let of_users = match &self.user_features {
            Some(path) => Some(read("users", path, &self.user_columns, train.user_ids())?),
            None => None,
        };
        let known = match (of_items, of_users) {
            (Some(items), Some(users)) => Known::of_items(items).and_users(users),
            (Some(items), None) => Known::of_items(items),
            (None, Some(users)) => Known::of_users(users),
            (None, None) => return Ok(None),
        };
        Ok(Some(match self.left_out {
            Some(share) => known.left_out(share),
            None => known,
        }))
    }
}

fn read(what: &str, path: &Path, columns: &[FeatureColumn], ids: &IdMap) -> Result<Features> {
    let add = |file: FeatureFile, of: &FeatureColumn| file.column(of.column.clone(), of.kind);
    let file = match what {
        "users" => FeatureFile::of_users(),
        _ => FeatureFile::of_items(),
    };
    let features = columns.iter().fold(file, add).read(path, ids)?;
    let (rows, report) = (features.rows(), features.report());
    let columns: Vec<&str> = features.columns().collect();
    let mut text = format!(
        "{}: {} of {rows} {what} have some of {} features ({})",
        path.display(),
        rows - report.without as usize,
        features.features(),
        columns.join(", ")
    );
    if report.unknown > 0 {
        text += &format!("; {} rows of other {what} are left out", report.unknown);
    }
    say!("{}", wrapped("features", &text))?;
    Ok(features)
}

//! Items and users who are new, by what is known of them.

use clap::Args;
use pocketrec::{
    Error, Result,
    train::{Known, KnownRow, Trainer},
};

use crate::common::tables::cut;

#[derive(Debug, Args)]
#[command(next_help_heading = "Models of users and items that know features")]
pub struct KnownOptions {
    /// Take this item in first, by what --item-known says of it: it is recommended before anybody has it
    #[arg(long, value_name = "KEY", requires = "item_known")]
    new_item: Option<String>,
    /// A column of the table that the model was trained with, and what it would hold, as in genres=Drama|Crime; again for further
    /// columns
    #[arg(long, value_name = "COLUMN=VALUE", requires = "new_item")]
    item_known: Vec<String>,
    /// The same of --user, who may be new
    #[arg(long, value_name = "COLUMN=VALUE", requires = "user")]
    user_known: Vec<String>,
}

impl KnownOptions {
    /// Refuses them for a model that has no features, which `model` names.
    pub fn check_none(&self, model: &str) -> Result<()> {
        let reason =
            format!("the checkpoint is that of {model}; leave it out, or train with train_ncf --item-features");
        match (&self.new_item, self.user_known.is_empty()) {
            (Some(_), _) => Err(Error::config("--new-item", reason)),
            (None, false) => Err(Error::config("--user-known", reason)),
            (None, true) => Ok(()),
        }
    }

    /// Refuses what is not COLUMN=VALUE.
    pub fn check(&self) -> Result<()> {
        pairs("--item-known", &self.item_known)?;
        pairs("--user-known", &self.user_known)?;
        Ok(())
    }

    /// Takes in whom or what is new, or has other features from now on. Gives what is to be said of it.
    pub fn take_in(&self, trainer: &mut Trainer, user: Option<&str>) -> Result<Vec<String>> {
        let mut said = Vec::new();
        if let Some(key) = &self.new_item {
            if trainer.known().and_then(Known::items).is_none() {
                let reason = "the checkpoint knows no items by features; train_ncf --item-features makes one that does";
                return Err(Error::config("--new-item", reason));
            }
            let row = trainer.absorb_item(key, &pairs("--item-known", &self.item_known)?);
            said.push(described(
                "item",
                key,
                &row.map_err(|error| named("--item-known", error))?,
            ));
        }
        if let (Some(key), false) = (user, self.user_known.is_empty()) {
            if trainer.known().and_then(Known::users).is_none() {
                let reason = "the checkpoint knows no users by features; train_ncf --user-features makes one that does";
                return Err(Error::config("--user-known", reason));
            }
            let row = trainer.absorb_user(key, &pairs("--user-known", &self.user_known)?);
            said.push(described(
                "user",
                key,
                &row.map_err(|error| named("--user-known", error))?,
            ));
        }
        Ok(said)
    }
}

/// What the library says of fields, of the option that gave them.
fn named(option: &str, error: Error) -> Error {
    match error {
        Error::Config { reason, .. } => Error::config(option, reason),
        other => other,
    }
}

fn pairs<'a>(option: &str, texts: &'a [String]) -> Result<Vec<(&'a str, &'a str)>> {
    let pair = |text: &'a String| match text.split_once('=') {
        Some((column, value)) if !column.trim().is_empty() => Ok((column.trim(), value)),
        _ => Err(Error::config(option, format!("{text:?} is not COLUMN=VALUE"))),
    };
    texts.iter().map(pair).collect()
}

fn described(what: &str, key: &str, row: &KnownRow) -> String {
    let new = if row.is_new { "is new and" } else { "now" };
    let unknown = match row.unknown {
        0 => String::new(),
        count => format!("; {count} values that nothing had in training say nothing"),
    };
    format!(
        "{what} {} {new} has {} features{unknown}",
        cut(key, 40),
        row.features.len()
    )
}

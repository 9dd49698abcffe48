//! Items and users who are new, by what is known of them.

use clap::{ArgGroup, Args};
use pocketrec::{
    Error, Result,
    train::{Known, KnownRow, RelatedRow, Trainer},
};

use crate::common::tables::cut;

#[derive(Debug, Args)]
#[command(next_help_heading = "Models of users and items that know features or relations")]
#[command(group(ArgGroup::new("of_item").args(["item_known", "item_related"]).multiple(true)))]
pub struct KnownOptions {
    /// Take this item in first, by --item-known or --item-related: it is recommended before anybody has it
    #[arg(long, value_name = "KEY", requires = "of_item")]
    new_item: Option<String>,
    /// A column of the table that the model was trained with, and what it would hold, as in genres=Drama|Crime; again for further
    /// columns
    #[arg(long, value_name = "COLUMN=VALUE", requires = "new_item")]
    item_known: Vec<String>,
    /// A relation of the items that the model was trained with, and the key of another item, as in goes_with=42; again for further
    /// ones
    #[arg(long, value_name = "RELATION=KEY", requires = "new_item")]
    item_related: Vec<String>,
    /// What is known of --user, who may be new, as by --item-known
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

    /// Refuses what is not COLUMN=VALUE, or RELATION=KEY.
    pub fn check(&self) -> Result<()> {
        pairs("--item-known", &self.item_known)?;
        pairs("--item-related", &self.item_related)?;
        pairs("--user-known", &self.user_known)?;
        Ok(())
    }

    /// Takes in whom or what is new, or has other features from now on. Gives what is to be said of it.
    pub fn take_in(&self, trainer: &mut Trainer, user: Option<&str>) -> Result<Vec<String>> {
        let mut said = Vec::new();
        if let Some(key) = &self.new_item {
            said.extend(self.item_by_features(trainer, key)?);
            said.extend(self.item_by_relations(trainer, key)?);
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

    fn item_by_features(&self, trainer: &mut Trainer, key: &str) -> Result<Option<String>> {
        if self.item_known.is_empty() {
            return Ok(None);
        }
        if trainer.known().and_then(Known::items).is_none() {
            let reason = "the checkpoint knows no items by features; train_ncf --item-features makes one that does";
            return Err(Error::config("--item-known", reason));
        }
        let row = trainer.absorb_item(key, &pairs("--item-known", &self.item_known)?);
        let row = row.map_err(|error| named("--item-known", error))?;
        Ok(Some(described("item", key, &row)))
    }

    fn item_by_relations(&self, trainer: &mut Trainer, key: &str) -> Result<Option<String>> {
        if self.item_related.is_empty() {
            return Ok(None);
        }
        if trainer.relations().is_none() {
            let reason = "the checkpoint knows no relations of items; train_graph --relations makes one that does";
            return Err(Error::config("--item-related", reason));
        }
        let row = trainer.absorb_related(key, &pairs("--item-related", &self.item_related)?);
        let row: RelatedRow = row.map_err(|error| named("--item-related", error))?;
        let new = if row.is_new { "is new and" } else { "now" };
        let unknown = match row.unknown {
            0 => String::new(),
            count => format!(", and {count} of which nothing is known"),
        };
        Ok(Some(format!(
            "item {} {new} has relations that say something of it: {}{unknown}",
            cut(key, 40),
            row.related
        )))
    }
}

/// What the library says of fields and relations, of the option that gave them.
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

//! A schema as it is stored: to say in words what columns are, and to hold options to those of a checkpoint.

use std::path::Path;

use pocketrec::{
    Error, Result,
    data::{
        Column,
        clicks::{Kind, Schema},
    },
};
use serde::Deserialize;

use crate::{
    common::messages::proposal,
    reading::{ColumnOptions, Named, Range},
};

/// Whether a field is of a kind.
type IsKind = fn(&Kind) -> bool;

/// Columns that are listed at most.
const LISTED: usize = 40;

/// What is said of columns and fields.
#[derive(Debug, Deserialize)]
pub struct View {
    fields: Vec<FieldView>,
    histories: Vec<HistoryView>,
    joins: Vec<JoinView>,
    label: Option<LabelView>,
    group: Option<String>,
    time: Option<String>,
    #[serde(default)]
    weight: Option<String>,
    negatives: Option<NegativesView>,
    #[serde(default)]
    ties_in_order: bool,
}

#[derive(Debug, Deserialize)]
struct FieldView {
    column: String,
    kind: Kind,
    min_count: u32,
    buckets: Option<u32>,
    #[serde(default)]
    clip: Option<[f32; 2]>,
    #[serde(default)]
    log: bool,
}

#[derive(Debug, Deserialize)]
struct HistoryView {
    fields: Vec<String>,
    length: u32,
}

#[derive(Debug, Deserialize)]
struct JoinView {
    table: String,
}

#[derive(Debug, Deserialize)]
struct LabelView {
    column: String,
    at_least: Option<f32>,
}

#[derive(Debug, Deserialize)]
struct NegativesView {
    column: String,
    of: String,
}

impl View {
    pub fn of(schema: &Schema) -> Result<View> {
        let stored = serde_json::to_value(schema).and_then(serde_json::from_value);
        stored.map_err(|error| Error::config("schema", error.to_string()))
    }

    /// Whether rows say what was clicked on.
    pub fn has_label(&self) -> bool {
        self.label.is_some()
    }

    /// Whether a field comes from the column.
    pub fn has(&self, column: &str) -> bool {
        self.fields.iter().any(|field| field.column == column)
    }

    /// Whether a file is joined by this name.
    pub fn joins(&self, table: &str) -> bool {
        self.joins.iter().any(|join| join.table == table)
    }

    /// What columns were taken for, and which fields there are.
    pub fn describe(&self) -> String {
        let or_no = |role: &str, column: Option<&String>| match column {
            Some(column) => format!("{role} = {column}"),
            None => format!("no {role}"),
        };
        let label = self.label.as_ref().map(|label| match label.at_least {
            Some(least) => format!("{} (1 from {least} on)", label.column),
            None => label.column.clone(),
        });
        let mut roles = vec![
            or_no("user", self.group.as_ref()),
            or_no("time", self.time.as_ref()),
            or_no("label", label.as_ref()),
        ];
        roles.extend(self.weight.as_ref().map(|column| format!("weight = {column}")));
        if let Some(NegativesView { column, of }) = &self.negatives {
            roles.push(format!("negatives of {of} = {column}"));
        }
        let mut text = roles.join(", ");
        let kinds: [(&str, IsKind); 5] = [
            ("keys", |kind| *kind == Kind::Key),
            ("several keys", |kind| matches!(kind, Kind::Keys { .. })),
            ("keys with weights", |kind| *kind == Kind::Weighted),
            ("numbers", |kind| matches!(kind, Kind::Number { .. })),
            ("numbers by quantile", |kind| matches!(kind, Kind::Quantile { .. })),
        ];
        for (name, is) in kinds {
            let of_kind = self.fields.iter().filter(|field| is(&field.kind));
            let named: Vec<String> = of_kind.map(FieldView::words).collect();
            if !named.is_empty() {
                text += &format!("; {name}: {}", listed(&named));
            }
        }
        for HistoryView { fields, length } in &self.histories {
            text += &format!("; history: the last {length} of {}", fields.join(" and "));
            if self.ties_in_order {
                text += ", those of one moment in order of the rows";
            }
        }
        text
    }

    /// Refuses options that say otherwise than the checkpoint that training goes on from.
    pub fn check(
        &self,
        options: &ColumnOptions,
        checkpoint: &Path,
        name: &dyn Fn(&str, &Column) -> Result<String>,
    ) -> Result<()> {
        let refused = |option: &str, reason: String| {
            let reason = format!("{}: {reason}; leave it out", checkpoint.display());
            Err(Error::config(option, reason))
        };
        let roles = [
            (
                "--label",
                &options.label,
                self.label.as_ref().map(|label| &label.column),
            ),
            ("--user-column", &options.user_column, self.group.as_ref()),
            ("--time-column", &options.time_column, self.time.as_ref()),
            ("--weight", &options.weight, self.weight.as_ref()),
        ];
        for (option, given, own) in roles {
            let Some(given) = given else { continue };
            if own != Some(&name(option, given)?) {
                let own = own.map_or("there is none".into(), |own| format!("it is {own}"));
                return refused(option, format!("for this model {own}"));
            }
        }
        if let Some(given) = &options.item_column {
            let item = name("--item-column", given)?;
            let of = self.negatives.as_ref().map(|negatives| &negatives.of);
            let collected = self.histories.iter().flat_map(|history| &history.fields);
            if !of.into_iter().chain(collected).any(|own| *own == item) {
                return refused("--item-column", format!("{item} is not the item of this model"));
            }
        }
        self.check_settings(options, &refused)?;
        self.check_fields(options, name, &refused)
    }

    fn check_settings(&self, options: &ColumnOptions, refused: &dyn Fn(&str, String) -> Result<()>) -> Result<()> {
        if let Some(least) = options.label_at_least {
            match self.label.as_ref().and_then(|label| label.at_least) {
                Some(own) if own == least => {}
                Some(own) => return refused("--label-at-least", format!("for this model it is {own}")),
                None => return refused("--label-at-least", "this model's labels are 0 and 1 as they are".into()),
            }
        }
        if let Some(sign) = options.separator {
            let other = |field: &&FieldView| matches!(field.kind, Kind::Keys { separator } if separator != sign);
            if let Some(field) = self.fields.iter().find(other) {
                return refused("--separator", format!("for {} it is another", field.column));
            }
        }
        if let Some(count) = options.min_count {
            let is_counted = |field: &&FieldView| matches!(field.kind, Kind::Key | Kind::Keys { .. });
            let mut fields = self.fields.iter().filter(is_counted);
            if let Some(field) = fields.find(|field| field.buckets.is_none() && field.min_count != count) {
                let own = field.min_count;
                return refused("--min-count", format!("for {} it is {own}", field.column));
            }
        }
        if let Some(length) = options.history {
            let own = self.histories.first().map_or(0, |history| history.length);
            if own != length {
                return refused("--history", format!("for this model it is {own}"));
            }
        }
        if options.ties_in_order && !self.ties_in_order {
            let reason = "in this model's histories rows of one moment are not earlier";
            return refused("--ties-in-order", reason.into());
        }
        Ok(())
    }

    fn check_fields(
        &self,
        options: &ColumnOptions,
        name: &dyn Fn(&str, &Column) -> Result<String>,
        refused: &dyn Fn(&str, String) -> Result<()>,
    ) -> Result<()> {
        let check = |option: &str, given: &str, what: &str, is: &dyn Fn(&FieldView) -> bool| -> Result<()> {
            let column = name(option, &given.into())?;
            match self.fields.iter().find(|field| field.column == column) {
                Some(field) if is(field) => Ok(()),
                Some(_) => refused(option, format!("for this model {column} is not {what}")),
                None => {
                    let near = proposal(&column, self.fields.iter().map(|field| field.column.as_str().into()));
                    refused(option, format!("this model has no field of a column {column}{near}"))
                }
            }
        };
        let is_number = |field: &FieldView| matches!(field.kind, Kind::Number { .. });
        for column in &options.numbers {
            check("--numbers", column, "a number", &is_number)?;
        }
        for column in &options.log {
            check("--log", column, "a logarithm", &|field| field.log)?;
        }
        for Named { column, value } in &options.clip {
            let Range(range) = *value;
            check("--clip", column, "cut so", &|field| field.clip == Some(range))?;
        }
        for Named { column, value } in &options.quantiles {
            let kind = Kind::Quantile { parts: *value };
            check("--quantiles", column, "one of so many quantiles", &|field| {
                field.kind == kind
            })?;
        }
        for Named { column, value } in &options.hash {
            let is = |field: &FieldView| field.buckets == Some(*value);
            check("--hash", column, "hashed into so many buckets", &is)?;
        }
        for column in &options.skip {
            let column = name("--skip", &column.as_str().into())?;
            if self.fields.iter().any(|field| field.column == column) {
                return refused("--skip", format!("{column} is a field of this model"));
            }
        }
        Ok(())
    }
}

impl FieldView {
    /// The column, and what becomes of its values.
    fn words(&self) -> String {
        let mut more = Vec::new();
        if let Kind::Keys { separator } = self.kind {
            more.push(format!("{separator:?} between"));
        }
        if let Kind::Quantile { parts } = self.kind {
            more.push(format!("of {parts}"));
        }
        more.extend(self.clip.map(|[low, high]| format!("cut to {low} to {high}")));
        more.extend(self.log.then(|| "logarithm".into()));
        more.extend(self.buckets.map(|buckets| format!("hashed into {buckets}")));
        match more.is_empty() {
            true => self.column.clone(),
            false => format!("{} ({})", self.column, more.join(", ")),
        }
    }
}

/// Names for a line, not too many of them.
pub fn listed(names: &[String]) -> String {
    let first = names[..names.len().min(LISTED)].join(", ");
    match names.len() > LISTED {
        true => format!("{first}, ... ({} in all)", names.len()),
        false => first,
    }
}

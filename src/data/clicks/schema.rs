//! What the columns of a file of clicks mean.

use alloc::{format, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Field, Kind,
    field::{MAX_FIELDS, is_false},
};
use crate::{Error, Result};

/// What a user did before: the last positive rows of the row's group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct History {
    pub name: String,
    pub fields: Vec<String>,
    pub length: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Join {
    pub table: String,
    pub key: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Label {
    pub column: String,
    pub at_least: Option<f32>,
    /// Labels are 0 or 1, or -1 or +1, as in libfm's and svmlight's files of two classes.
    #[serde(default, skip_serializing_if = "is_false")]
    pub signs: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Negatives {
    pub column: String,
    pub of: String,
    pub separator: char,
}

/// The fields of a file of clicks, in the order in which models see them, and which columns are label, group and time.
/// See [`Field`] for an example.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    pub(super) fields: Vec<Field>,
    pub(super) histories: Vec<History>,
    pub(super) joins: Vec<Join>,
    pub(super) label: Option<Label>,
    pub(super) group: Option<String>,
    pub(super) time: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) ties_in_order: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<String>,
    pub(super) negatives: Option<Negatives>,
}

/// How refusals of labels name their remedy, [`Schema::label_at_least`]: a program puts the name of its own option in
/// the place of these words.
pub const LABEL_AT_LEAST: &str = "Schema::label_at_least";

impl Schema {
    /// A schema without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// The schema of libfm files whose rows all have `fields` features with the value 1: the k-th feature of a row is
    /// the field `k`. Labels are 0 or 1, or -1 or +1, where -1 is 0; others, such as ratings, are refused unless
    /// [`Schema::label_at_least`] says from which value on they are 1.
    pub fn one_hot(fields: usize) -> Self {
        let schema = Schema::new().signs();
        (1..=fields).fold(schema, |schema, place| schema.field(Field::key(format!("{place}"))))
    }

    /// The schema of libfm and svmlight files in general: one weighted field, `features`, and labels as with
    /// [`Schema::one_hot`].
    pub fn features() -> Self {
        Schema::new().field(Field::weighted("features")).signs()
    }

    /// The label of files of two classes.
    fn signs(mut self) -> Self {
        self.label = Some(Label {
            column: "label".into(),
            at_least: None,
            signs: true,
        });
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Adds a behaviour sequence: of every row, these fields of the last `length` earlier rows of its group that have
    /// label 1, oldest first. Rows of the same moment are not earlier, in whatever order they stand in the file: what
    /// was shown together was not yet answered ([`Schema::ties_in_order`] says otherwise). The fields must have one id a row; they keep their vocabularies, so that a history of
    /// items shares its table with the candidate.
    #[must_use]
    pub fn history<N: Into<String>>(
        mut self,
        name: impl Into<String>,
        fields: impl IntoIterator<Item = N>,
        length: u32,
    ) -> Self {
        self.histories.push(History {
            name: name.into(),
            fields: fields.into_iter().map(Into::into).collect(),
            length,
        });
        self
    }

    /// Joins a side table by the column `key` of the rows.
    #[must_use]
    pub fn join(mut self, table: impl Into<String>, key: impl Into<String>) -> Self {
        self.joins.push(Join {
            table: table.into(),
            key: key.into(),
        });
        self
    }

    /// The column of labels, which are numbers from 0 to 1. Without a label every row is a click, with label 1.
    #[must_use]
    pub fn label(mut self, column: impl Into<String>) -> Self {
        self.label = Some(Label {
            column: column.into(),
            at_least: None,
            signs: false,
        });
        self
    }

    /// The column of labels, which are 1 where its number is `least` or more and else 0.
    #[must_use]
    pub fn label_at_least(mut self, column: impl Into<String>, least: f32) -> Self {
        self.label = Some(Label {
            column: column.into(),
            at_least: Some(least),
            signs: false,
        });
        self
    }

    /// The column by which rows are grouped for histories and grouped AUC: the user.
    #[must_use]
    pub fn group(mut self, column: impl Into<String>) -> Self {
        self.group = Some(column.into());
        self
    }

    /// The column of times, by which rows are earlier or later. Without one the order of the rows counts.
    #[must_use]
    pub fn time(mut self, column: impl Into<String>) -> Self {
        self.time = Some(column.into());
        self
    }

    /// Takes the order of rows at the same time for that in which they came: each is in the histories of those behind
    /// it. For times too coarse to tell what came first, such as days, in files that are in order. Where rows of one
    /// moment are candidates that were shown together, the labels of some would give those of others away.
    #[must_use]
    pub fn ties_in_order(mut self) -> Self {
        self.ties_in_order = true;
        self
    }

    /// The column of weights, finite numbers from 0 on: how many times a row counts in training. Evaluations do not
    /// read them.
    #[must_use]
    pub fn weight(mut self, column: impl Into<String>) -> Self {
        self.weight = Some(column.into());
        self
    }

    /// A column of dev and test files that lists other values of the column `of` (the item), with `separator` between
    /// them: what the row's own is to be ranked among. It may be missing, and is not read from the training rows.
    #[must_use]
    pub fn negatives(mut self, column: impl Into<String>, of: impl Into<String>, separator: char) -> Self {
        self.negatives = Some(Negatives {
            column: column.into(),
            of: of.into(),
            separator,
        });
        self
    }

    /// The fields, in their order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The most events a history has, by its name.
    pub fn history_length(&self, name: &str) -> Option<u32> {
        self.histories
            .iter()
            .find(|history| history.name == name)
            .map(|history| history.length)
    }

    /// The column of times.
    #[cfg(feature = "std")]
    pub(in crate::data) fn time_column(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// The columns of a side table that fields come from, each once.
    #[cfg(feature = "std")]
    pub(in crate::data) fn table_columns(&self, table: &str) -> Vec<&str> {
        let mut columns = Vec::new();
        for field in self.fields.iter().filter(|field| field.table.as_deref() == Some(table)) {
            if !columns.contains(&field.column.as_str()) {
                columns.push(&field.column);
            }
        }
        columns
    }

    /// Of each number whether it is standardised, in the order of the layout.
    pub(super) fn standard_numbers(&self) -> impl Iterator<Item = bool> + '_ {
        self.fields.iter().filter_map(|field| match field.kind {
            Kind::Number { standard } => Some(standard),
            _ => None,
        })
    }

    pub(super) fn field_named(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// [`Error::Config`] with the name of the field, history or table at fault.
    pub fn check(&self) -> Result<()> {
        if self.fields.is_empty() {
            return Err(Error::config("schema", "there are no fields; add one at least"));
        }
        let events: usize = self.histories.iter().map(|history| history.fields.len()).sum();
        for (what, count) in [
            ("fields", self.fields.len()),
            ("histories", self.histories.len()),
            ("fields of histories", events),
            ("joins", self.joins.len()),
        ] {
            if count > MAX_FIELDS {
                return Err(Error::config(what, format!("{count}; give {MAX_FIELDS} at most")));
            }
        }
        let names = self.fields.iter().map(|field| &field.name);
        twice("field", names.chain(self.histories.iter().map(|history| &history.name)))?;
        twice("table", self.joins.iter().map(|join| &join.table))?;
        for field in &self.fields {
            field.check()?;
            let joined = |table: &String| self.joins.iter().any(|join| join.table == *table);
            if let Some(table) = field.table.as_ref().filter(|&table| !joined(table)) {
                let reason = format!("it comes from the table {table:?}, which is not joined; add Schema::join");
                return Err(Error::config(field.name.clone(), reason));
            }
        }
        self.check_vocabularies()?;
        self.histories
            .iter()
            .try_for_each(|history| self.check_history(history))?;
        let threshold = self.label.as_ref().and_then(|label| label.at_least);
        if threshold.is_some_and(|least| !least.is_finite()) {
            return Err(Error::config(
                "label",
                "the least value for label 1 is not a finite number",
            ));
        }
        self.check_negatives()
    }

    fn check_negatives(&self) -> Result<()> {
        let Some(Negatives { column, of, .. }) = &self.negatives else {
            return Ok(());
        };
        let reason = if !self.depends_on(of).any(|depends| depends) {
            format!("no field comes from the column {of:?} of the negatives")
        } else if column == of || self.depends_on(column).any(|depends| depends) {
            "the column of negatives cannot be a field as well".into()
        } else {
            return Ok(());
        };
        Err(Error::config(column.clone(), reason))
    }

    /// Whether each field's value is decided by this column of the rows, itself or by a join.
    pub(super) fn depends_on<'a>(&'a self, column: &'a str) -> impl Iterator<Item = bool> + 'a {
        self.fields.iter().map(move |field| match &field.table {
            None => field.column == column,
            Some(table) => self.joins.iter().any(|join| join.table == *table && join.key == column),
        })
    }

    fn check_vocabularies(&self) -> Result<()> {
        for (at, field) in self.fields.iter().enumerate() {
            let first = self.fields[..at]
                .iter()
                .find(|first| first.vocabulary == field.vocabulary);
            let Some(first) = first else {
                continue;
            };
            let settings = |field: &Field| (field.has_keys(), field.min_count, field.buckets);
            if settings(first) != settings(field) {
                let reason = format!(
                    "it shares the vocabulary {:?} with {:?}: both must have the same min_count and buckets",
                    field.vocabulary, first.name
                );
                return Err(Error::config(field.name.clone(), reason));
            }
        }
        Ok(())
    }

    fn check_history(&self, history: &History) -> Result<()> {
        let refused = |reason: String| Err(Error::config(history.name.clone(), reason));
        if self.group.is_none() {
            return refused("a history is that of a user; name the user's column by Schema::group".into());
        }
        if history.length == 0 || history.fields.is_empty() {
            return refused("a history needs a length of 1 or more, and a field or more".into());
        }
        for name in &history.fields {
            match self.field_named(name) {
                None => return refused(format!("there is no field {name:?} to collect")),
                Some(at) if !self.fields[at].has_one_id() => {
                    return refused(format!(
                        "the field {name:?} has not one id a row; only such can be collected"
                    ));
                }
                Some(_) => {}
            }
        }
        twice("field of a history", history.fields.iter())
    }
}

fn twice<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen: Vec<&String> = names.collect();
    seen.sort_unstable();
    match seen.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::config(pair[0].clone(), format!("two times the same {what}"))),
        None => Ok(()),
    }
}

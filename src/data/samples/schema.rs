//! What the columns of a file of clicks mean.

use alloc::{format, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a field's values are and what becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One key: an id.
    Key,
    /// Any number of keys with this sign between them: ids.
    Keys {
        /// What stands between two keys.
        separator: char,
    },
    /// Any number of `key:weight` with blanks between them, as in libfm files: ids and their weights.
    Weighted,
    /// A number, which stays one.
    Number {
        /// Whether it is scaled to mean 0 and standard deviation 1 of the training rows.
        standard: bool,
    },
    /// A number, which becomes an id: that of its quantile in the training rows.
    Quantile {
        /// The most quantiles there can be; there are fewer where numbers repeat.
        parts: u32,
    },
}

/// A field of every row. By default its values come from the column of its name and its keys have a vocabulary of
/// their own.
///
/// ```
/// use pocketrec::data::samples::{Field, Schema};
/// let schema = Schema::new()
///     .field(Field::key("user"))
///     .field(Field::key("item"))
///     .field(Field::keys("genres", '|').from_table("films")) // joined by the item
///     .field(Field::number("price"))
///     .field(Field::key("referrer").hashed(1 << 16))
///     .join("films", "item")
///     .history("history", ["item"], 20)
///     .label_at_least("rating", 4.0)
///     .group("user")
///     .time("timestamp");
/// schema.check()?;
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) column: String,
    pub(super) table: Option<String>,
    pub(super) vocabulary: String,
    pub(super) min_count: u32,
    pub(super) buckets: Option<u32>,
}

impl Field {
    fn new(name: impl Into<String>, kind: Kind) -> Self {
        let name = name.into();
        Field {
            column: name.clone(),
            vocabulary: name.clone(),
            name,
            kind,
            table: None,
            min_count: 1,
            buckets: None,
        }
    }

    /// A field with one key a row (user, item, hour, ...). A key that training does not know, and an empty value, gets
    /// row 0 of the vocabulary.
    pub fn key(name: impl Into<String>) -> Self {
        Self::new(name, Kind::Key)
    }

    /// A field with any number of keys a row, with `separator` between them (`Comedy|Drama`). Blanks around a key do not
    /// count, and an empty value has no key.
    pub fn keys(name: impl Into<String>, separator: char) -> Self {
        Self::new(name, Kind::Keys { separator })
    }

    /// A field with any number of `key:weight` a row and blanks between them (`7:1 19:0.5`).
    pub fn weighted(name: impl Into<String>) -> Self {
        Self::new(name, Kind::Weighted)
    }

    /// A number, scaled to mean 0 and standard deviation 1 of the training rows. Where the value is empty, the mean
    /// stands for it.
    pub fn number(name: impl Into<String>) -> Self {
        Self::new(name, Kind::Number { standard: true })
    }

    /// A number as it is. Where the value is empty, the mean of the training rows stands for it.
    pub fn raw_number(name: impl Into<String>) -> Self {
        Self::new(name, Kind::Number { standard: false })
    }

    /// A number that becomes one of at most `parts` ids, each of which has about as many training rows. An empty value
    /// gets id 0.
    pub fn quantile(name: impl Into<String>, parts: u32) -> Self {
        Self::new(name, Kind::Quantile { parts })
    }

    /// Takes the values from another column than that of the field's name.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = column.into();
        self
    }

    /// Takes the values from a side table, by the key that [`Schema::join`] names.
    #[must_use]
    pub fn from_table(mut self, table: impl Into<String>) -> Self {
        self.table = Some(table.into());
        self
    }

    /// Shares the vocabulary with all fields that name the same one; by default a vocabulary has its field's name.
    #[must_use]
    pub fn vocabulary(mut self, vocabulary: impl Into<String>) -> Self {
        self.vocabulary = vocabulary.into();
        self
    }

    /// Leaves keys that come less often in the training rows to row 0.
    #[must_use]
    pub fn min_count(mut self, min_count: u32) -> Self {
        self.min_count = min_count;
        self
    }

    /// Gives keys one of `buckets` rows by a hash, and stores no keys: for columns of too many different ones. Row 0
    /// comes on top and is for empty values.
    #[must_use]
    pub fn hashed(mut self, buckets: u32) -> Self {
        self.buckets = Some(buckets);
        self
    }

    /// The field's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its values are.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it has one id a row.
    pub(super) fn has_one_id(&self) -> bool {
        matches!(self.kind, Kind::Key | Kind::Quantile { .. })
    }

    /// Whether its ids come from keys.
    pub(super) fn has_keys(&self) -> bool {
        matches!(self.kind, Kind::Key | Kind::Keys { .. } | Kind::Weighted)
    }

    fn check(&self) -> Result<()> {
        let refused = |reason: &str| Err(Error::config(self.name.clone(), reason));
        if self.name.is_empty() || self.column.is_empty() || self.vocabulary.is_empty() {
            return refused("the name of a field, column or vocabulary is empty");
        }
        if self.min_count == 0 {
            return refused("min_count 0 means nothing; 1 keeps every key");
        }
        if self.buckets.is_some() && self.min_count > 1 {
            return refused("hashed keys are not counted; leave min_count out");
        }
        if !self.has_keys() && (self.buckets.is_some() || self.min_count > 1 || self.vocabulary != self.name) {
            return refused("a number has no vocabulary of keys: min_count, hashed and vocabulary do not apply");
        }
        match (self.kind, self.buckets) {
            (Kind::Quantile { parts: 0 | 1 }, _) => refused("fewer than 2 quantiles tell nothing"),
            (Kind::Quantile { parts }, _) if parts > 1 << 20 => refused("more than 1048576 quantiles"),
            (_, Some(0)) => refused("there must be 1 bucket or more"),
            (_, Some(u32::MAX)) => refused("at most 4294967294 buckets fit"),
            _ => Ok(()),
        }
    }
}

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
    pub(super) negatives: Option<Negatives>,
}

impl Schema {
    /// A schema without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// The schema of libfm files whose rows all have `fields` features with the value 1: the k-th feature of a row is the
    /// field `k`. The label is 1 where it is 0.5 or more, so that -1 and 0 are both 0.
    pub fn one_hot(fields: usize) -> Self {
        let schema = Schema::new().label_at_least("label", 0.5);
        (1..=fields).fold(schema, |schema, place| schema.field(Field::key(format!("{place}"))))
    }

    /// The schema of libfm and svmlight files in general: one weighted field, `features`.
    pub fn features() -> Self {
        Schema::new()
            .field(Field::weighted("features"))
            .label_at_least("label", 0.5)
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Adds a behaviour sequence: of every row, these fields of the last `length` earlier rows of its group that have
    /// label 1, oldest first. The fields must have one id a row; they keep their vocabularies, so that a history of
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
        });
        self
    }

    /// The column of labels, which are 1 where its number is `least` or more and else 0.
    #[must_use]
    pub fn label_at_least(mut self, column: impl Into<String>, least: f32) -> Self {
        self.label = Some(Label {
            column: column.into(),
            at_least: Some(least),
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
        if threshold.is_some_and(f32::is_nan) {
            return Err(Error::config("label", "the least value for label 1 is not a number"));
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

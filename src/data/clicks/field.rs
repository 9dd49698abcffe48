//! What a field of a row is.

use alloc::{format, string::String};

use serde::{Deserialize, Serialize};

use super::Scale;
use crate::{Error, Result};

/// Fields at most, and fields of events: looking for a name takes time proportional to their number, and a plan has a
/// stage and a parameter or two for each.
pub(crate) const MAX_FIELDS: usize = 1 << 13;

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
/// use pocketrec::data::clicks::{Field, Schema};
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) clip: Option<[f32; 2]>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) log: bool,
}

/// What is left out of a stored schema, as in those from before there were such settings.
pub(super) fn is_false(setting: &bool) -> bool {
    !setting
}

/// What becomes of a number before it is scaled or falls into a quantile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Shape {
    clip: Option<[f32; 2]>,
    log: bool,
}

impl Shape {
    /// The number in its shape; NaN, which stands for a missing one, stays.
    pub fn of(self, mut number: f32) -> f32 {
        if let (Some([low, high]), false) = (self.clip, number.is_nan()) {
            number = number.max(low).min(high);
        }
        match self.log {
            true => libm::copysign(libm::log1p(f64::from(number.abs())), f64::from(number)) as f32,
            false => number,
        }
    }
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
            clip: None,
            log: false,
        }
    }

    /// A field with one key a row (user, item, hour, ...). A key that training does not know, and an empty value, gets
    /// row 0 of the vocabulary.
    pub fn key(name: impl Into<String>) -> Self {
        Self::new(name, Kind::Key)
    }

    /// A field with any number of keys a row, with `separator` between them (`Comedy|Drama`). Blanks around a key do
    /// not count, and an empty value has no key.
    pub fn keys(name: impl Into<String>, separator: char) -> Self {
        Self::new(name, Kind::Keys { separator })
    }

    /// A field with any number of `key:weight` a row and blanks between them (`7:1 19:0.5`): features with values, as
    /// libfm and svmlight files have them. Models read the sum of the keys' rows times their weights, and factorisation
    /// machines the pairs of keys within the field too (Rendle, *Factorization Machines*, ICDM 2010, equation 1).
    pub fn weighted(name: impl Into<String>) -> Self {
        Self::new(name, Kind::Weighted)
    }

    /// A number, scaled to mean 0 and standard deviation 1 of the training rows. Where the value is empty, the mean
    /// stands for it. What later rows have far beyond all of training counts as [`Scale::LIMIT`](super::Scale::LIMIT)
    /// deviations; [`Samples::clamped`](super::Samples::clamped) says where.
    pub fn number(name: impl Into<String>) -> Self {
        Self::new(name, Kind::Number { standard: true })
    }

    /// A number as it is, however far off. Where the value is empty, the mean of the training rows stands for it.
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

    /// Takes the values from a side table, by the key that [`Schema::join`](super::Schema::join) names.
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

    /// Limits a number to `low..=high`, in the units of its column, before it is scaled or falls into a quantile: for
    /// columns with a few values far off, which may be mistakes.
    #[must_use]
    pub fn clip(mut self, low: f32, high: f32) -> Self {
        self.clip = Some([low, high]);
        self
    }

    /// Takes `sign(x) * ln(1 + |x|)` instead of a number `x`, behind [`clip`](Field::clip) and before it is scaled: for
    /// prices, counts and the like, of which a few are many times as large as most.
    #[must_use]
    pub fn log(mut self) -> Self {
        self.log = true;
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

    /// Whether a value may be refused because it holds no number.
    pub(super) fn reads_numbers(&self) -> bool {
        !matches!(self.kind, Kind::Key | Kind::Keys { .. })
    }

    /// What the field is, in words that leave nothing out: floats are written to the bit.
    pub(super) fn words(&self, scale: Option<&Scale>) -> String {
        let mut words = match self.kind {
            Kind::Key => "a key".into(),
            Kind::Keys { separator } => format!("keys with {separator:?} between them"),
            Kind::Weighted => "keys with weights".into(),
            Kind::Number { .. } => String::from("a number"),
            Kind::Quantile { .. } => "a number by its quantile".into(),
        };
        if let Some(buckets) = self.buckets {
            words += &format!(" hashed into {buckets}");
        }
        if let Some([low, high]) = self.clip {
            words += &format!(" cut to {low:?}..={high:?}");
        }
        if self.log {
            words += " by its logarithm";
        }
        if let Some(Scale {
            shift, factor, mean, ..
        }) = scale
        {
            words += &format!(" scaled as (x - {shift:?}) * {factor:?}, {mean:?} where it is missing");
        }
        words += &format!(", from the column {:?}", self.column);
        if let Some(table) = &self.table {
            words += &format!(" of the table {table:?}");
        }
        words
    }

    /// What becomes of its numbers before they are scaled.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            clip: self.clip,
            log: self.log,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
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
        let is_number = matches!(self.kind, Kind::Number { .. } | Kind::Quantile { .. });
        if !is_number && (self.clip.is_some() || self.log) {
            return refused("keys are not numbers: clip and log do not apply");
        }
        if let Some([low, high]) = self.clip
            && !(low.is_finite() && high.is_finite() && low < high)
        {
            let reason = format!("{low} to {high} is no range to clip to; give two numbers, the lower one first");
            return Err(Error::config(self.name.clone(), reason));
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

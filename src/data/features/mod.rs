//! What is known of items or users besides the interactions: categories, numbers, words, as lists of features.

mod batch;
mod column;
mod rows;
#[cfg(feature = "checkpoint")]
mod stored;
mod table;

use alloc::{format, string::String, vec::Vec};

pub(crate) use self::batch::{FeaturedBatch, vocabulary_of};
use self::column::FeatureColumn;
#[cfg(feature = "checkpoint")]
pub(crate) use self::stored::StoredColumn;
pub use self::{column::FeatureKind, table::FeatureTable};
use super::{IdMap, Triples, clicks::Vocabulary, interactions::zeroed};
use crate::{Error, Result};

/// What was read of a side table, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeatureReport {
    /// Rows of items or users that there are.
    pub rows: u64,
    /// Rows left out because the interactions do not know their key.
    pub unknown: u64,
    /// Line and key of the first of these; line 0 where there is no file.
    pub first_unknown: Option<(u64, String)>,
    /// Items or users that have no feature.
    pub without: u32,
    /// Rows that cannot be used and were left out, where the reader was told to.
    pub skipped: u64,
    /// Line and reason of the first of these.
    pub first_skipped: Option<(u64, String)>,
    /// Blank lines.
    pub blank: u64,
    /// How the file was taken to be laid out, where a file was read.
    #[cfg(feature = "std")]
    pub layout: Option<super::FileLayout>,
}

/// The features of items or of users: for each of them a list of numbers `0..features()`, in ascending order, each once. A
/// feature takes 4 bytes a row that has it.
///
/// They are made by [`FeatureFile`](super::FeatureFile) from a side table, by [`FeatureTable`] from rows in memory, or
/// from a knowledge graph ([`Features::of_triples`]). Rows go by the keys that the interactions have, so that features of
/// one numbering are never taken for those of another.
#[derive(Clone, Debug)]
pub struct Features {
    row_ids: IdMap,
    columns: Vec<FeatureColumn>,
    /// Those of row `r` are `ids[offsets[r]..offsets[r + 1]]`.
    offsets: Vec<usize>,
    ids: Vec<u32>,
    report: FeatureReport,
}

/// Whether the same rows have the same features, however these were read.
impl PartialEq for Features {
    fn eq(&self, other: &Self) -> bool {
        let own = (&self.offsets, &self.ids, &self.columns, &self.row_ids);
        own == (&other.offsets, &other.ids, &other.columns, &other.row_ids)
    }
}

impl Features {
    /// The features of (row, feature) pairs, in any order and any number of times.
    fn of_pairs(
        row_ids: IdMap,
        columns: Vec<FeatureColumn>,
        mut pairs: Vec<(u32, u32)>,
        mut report: FeatureReport,
    ) -> Result<Self> {
        pairs.sort_unstable();
        pairs.dedup();
        let mut offsets: Vec<usize> = zeroed(row_ids.len() + 1)?;
        for &(row, _) in &pairs {
            offsets[row as usize + 1] += 1;
        }
        report.without = offsets.iter().skip(1).filter(|&&count| count == 0).count() as u32;
        for row in 0..row_ids.len() {
            offsets[row + 1] += offsets[row];
        }
        Ok(Features {
            row_ids,
            columns,
            offsets,
            ids: pairs.into_iter().map(|pair| pair.1).collect(),
            report,
        })
    }

    /// What a knowledge graph says of items: each relation is a column, and what an item leads to by it a feature, be that
    /// another item or not.
    ///
    /// ```
    /// use pocketrec::data::{Features, IdMap, ItemLinks, Triples};
    /// let known = Triples::from_keys([("tea", "kind", "drink"), ("mate", "kind", "drink"), ("tea", "with", "milk")])?;
    /// let items = IdMap::from_keys(["milk", "tea", "mate"])?;
    /// let links = ItemLinks::from_keys([("milk", "milk"), ("tea", "tea"), ("mate", "mate")])?;
    /// let features = Features::of_triples(&known.with_items(&items, &links)?)?;
    /// assert_eq!((features.of(0), features.of(1), features.of(2)), (&[][..], &[0, 1][..], &[0][..]));
    /// assert_eq!(features.key(1).as_deref(), Some("with:milk"));
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where the triples are not aligned with interactions ([`Triples::with_items`]), or the head of none is
    /// an item.
    pub fn of_triples(triples: &Triples) -> Result<Self> {
        let mut row_ids = triples.entity_ids().clone();
        row_ids.truncate(triples.items() as usize);
        let (mut columns, mut pairs, mut first) = (Vec::new(), Vec::new(), 0u32);
        for (relation, name) in (0..).zip(triples.relation_ids().iter()) {
            let mut column = FeatureColumn::new(name.into_owned(), FeatureKind::Values)?;
            let Vocabulary::Keys(keys) = &mut column.vocabulary else {
                continue;
            };
            for (head, tail) in triples.of_relation(relation).filter(|pair| pair.0 < triples.items()) {
                // No more than there are triples, whose number fits.
                pairs.push((
                    head,
                    first + keys.get_or_insert(&triples.entity_ids().key(tail).unwrap_or_default())?,
                ));
            }
            column.first = first;
            first = first.saturating_add(column.features());
            columns.push(column);
        }
        if pairs.is_empty() {
            let (triples, items) = (triples.len(), triples.items());
            let reason =
                format!("none of {triples} triples leads from one of {items} items; align them (Triples::with_items)");
            return Err(Error::config("features", reason));
        }
        let report = FeatureReport {
            rows: triples.report().rows,
            ..FeatureReport::default()
        };
        Self::of_pairs(row_ids, columns, pairs, report)
    }

    /// Number of items or users.
    pub fn rows(&self) -> usize {
        self.row_ids.len()
    }

    /// Number of different features.
    pub fn features(&self) -> u32 {
        self.columns.last().map_or(0, |column| column.first + column.features())
    }

    /// The features of an item or a user, in ascending order; none of one that is not there.
    pub fn of(&self, row: u32) -> &[u32] {
        let offsets = self.offsets.get(row as usize..).unwrap_or_default();
        match offsets {
            [start, end, ..] => &self.ids[*start..*end],
            _ => &[],
        }
    }

    /// What a feature stands for: `genres:Comedy`, `year:1990..1995` (with the bounds of its quantile), `title#17` (of words,
    /// by their hash); `None` if there are not so many.
    pub fn key(&self, feature: u32) -> Option<String> {
        let after = self.columns.partition_point(|column| column.first <= feature);
        let column = self.columns.get(after.checked_sub(1)?)?;
        let own = feature - column.first;
        (own < column.features()).then(|| column.key(own))
    }

    /// The features of somebody or something new, by the names of columns and what their fields would hold. Values that no
    /// row had are no features.
    ///
    /// ```
    /// # use pocketrec::data::{FeatureKind, FeatureTable, IdMap};
    /// # let films = IdMap::from_keys(["31", "50"])?;
    /// # let mut table = FeatureTable::new(&films).column("genres", FeatureKind::Values)?;
    /// # table.push("50", &["Crime|Drama"])?;
    /// # let features = table.finish()?;
    /// assert_eq!(features.encode(&[("genres", "Drama|Western")])?, [1]);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such column, or a field is not what its column holds.
    pub fn encode(&self, fields: &[(&str, &str)]) -> Result<Vec<u32>> {
        self.encode_all(fields).map(|(features, _)| features)
    }

    /// The same, and how many values no row had.
    pub(crate) fn encode_all(&self, fields: &[(&str, &str)]) -> Result<(Vec<u32>, usize)> {
        let (mut features, mut unknown) = (Vec::new(), 0);
        for &(name, field) in fields {
            let Some(column) = self.columns.iter().find(|column| column.name == name) else {
                let names: Vec<&str> = self.columns().collect();
                let reason = format!("there is no column {name:?}; those are {}", names.join(", "));
                return Err(Error::config("features", reason));
            };
            let said = column.read(field).map_err(|reason| Error::config("features", reason))?;
            unknown += column.look_up(&said, |feature| features.push(column.first + feature));
        }
        features.sort_unstable();
        features.dedup();
        Ok((features, unknown))
    }

    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The keys of the items or users, by their numbers.
    pub fn row_ids(&self) -> &IdMap {
        &self.row_ids
    }

    /// What was read and what became of it.
    pub fn report(&self) -> &FeatureReport {
        &self.report
    }

    /// Refuses interactions whose items or users (`of`) are others, or numbered otherwise; either may know more of them.
    pub(crate) fn check_rows(&self, keys: &IdMap, of: &str) -> Result<()> {
        if *keys == self.row_ids {
            return Ok(());
        }
        let mut both = self.row_ids.iter().zip(keys.iter());
        let Some((own, other)) = both.find(|(own, other)| own != other) else {
            return Ok(());
        };
        let reason = format!(
            "their rows are others than the {of}, such as {own:?} in place of {other:?}; read them with the keys of the interactions"
        );
        Err(Error::config("features", reason))
    }
}

//! Reads relations of items that stand in columns: a row an item, a column a relation, in it what the item is related to.

use std::path::Path;

use super::{
    BadRows, Column,
    columns::Role,
    keyed::{Asked, Keyed, Once},
    lines::Lines,
    records::utf8,
    report::RowReport,
    triples::{filled, take_over},
};
use crate::{
    Error, Result,
    data::{
        Delimiter, IdMap, Triples,
        graph::TripleCollector,
        text::{Entries, entries},
    },
};

/// A table of items whose columns are relations, such as ReChorus's `item_meta.csv` with the columns `item_id`,
/// `i_category`, `r_complement` and `r_substitute`. It is read into [`Triples`] whose first entities are the items of the
/// interactions, by the same numbers; a relation is called as its column.
///
/// A field holds any number of items or values: a list in brackets (`[4496, 194]`, `['a', "b"]`, `[]`); items else with
/// bars, semicolons, commas or blanks between, values with bars (`Comedy|Drama`). An empty field holds none.
///
/// ```
/// use pocketrec::data::{IdMap, RelationFile};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("item_meta.csv");
/// std::fs::write(&path, "item_id,i_category,r_complement\n1,drink,\"[2, 3]\"\n2,food,[]\n9,food,[1]\n")?;
/// let items = IdMap::from_keys(["1", "2", "3"])?;
/// let known = RelationFile::new().values("i_category").items("r_complement").read(&path, &items)?;
/// assert_eq!((known.items(), known.entities(), known.len()), (3, 5, 4));
/// assert_eq!(known.item_pairs(1).collect::<Vec<_>>(), [(0, 1), (0, 2)]);
/// assert_eq!(known.entity_ids().key(3).as_deref(), Some("i_category:drink"));
/// assert_eq!(known.report().unknown, 1); // item 9
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RelationFile {
    item: Option<Column>,
    delimiter: Option<Delimiter>,
    bad_rows: BadRows,
    columns: Vec<(String, Entries)>,
}

impl RelationFile {
    /// No columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column that names other items.
    pub fn items(mut self, column: impl Into<String>) -> Self {
        self.columns.push((column.into(), Entries::Keys));
        self
    }

    /// Adds a column of values, such as a category: each becomes an entity of its own, with the key `column:value`, and
    /// with `column:` before it once more where that is the key of an item or of another column's value.
    pub fn values(mut self, column: impl Into<String>) -> Self {
        self.columns.push((column.into(), Entries::Values));
        self
    }

    /// Sets the column of the row's item; else it is found by its name.
    pub fn item(mut self, column: impl Into<Column>) -> Self {
        self.item = Some(column.into());
        self
    }

    /// Sets what stands between fields; else that is found.
    pub fn delimiter(mut self, delimiter: Delimiter) -> Self {
        self.delimiter = Some(delimiter);
        self
    }

    /// Sets what to do about rows that cannot be used.
    pub fn bad_rows(mut self, bad_rows: BadRows) -> Self {
        self.bad_rows = bad_rows;
        self
    }

    /// Reads a file with a header, for the items of `item_ids`. Rows of other items, and other items in a list, are left out
    /// and counted ([`TripleReport::unknown`](crate::data::TripleReport::unknown)).
    ///
    /// # Errors
    /// [`Error::Config`] where no column is asked for or one is asked for twice; [`Error::Io`], and [`Error::Data`] with
    /// file, line and reason where a column is not there, an item has two rows, a list is not closed or has an empty entry,
    /// and where no triple is left.
    pub fn read(&self, path: impl AsRef<Path>, item_ids: &IdMap) -> Result<Triples> {
        if self.columns.is_empty() {
            let reason = "no column is asked for; add some by RelationFile::items and RelationFile::values";
            return Err(Error::config("relations", reason));
        }
        let asked = Asked {
            delimiter: self.delimiter,
            header: Some(true),
            role: Role::Item,
            key: self.item.as_ref(),
            taken_for: "a relation",
            setter: "RelationFile::item",
            columns: self
                .columns
                .iter()
                .map(|(name, _)| Column::Name(name.clone()))
                .collect(),
        };
        let table = Keyed::open(Lines::open(path.as_ref())?, &asked)?;
        let mut reader = Reader {
            item_ids,
            triples: TripleCollector::of_keys(
                item_ids.clone(),
                IdMap::from_keys(self.columns.iter().map(|column| &column.0))?,
            ),
            once: Once::new(item_ids, Role::Item),
        };
        let mut report = RowReport::new(self.bad_rows);
        report.layout = Some(table.layout);
        let relations: Vec<(usize, &str, Entries)> = table
            .places
            .iter()
            .zip(&self.columns)
            .map(|(&place, (name, tails))| (place, name.as_str(), *tails))
            .collect();
        table.records.each(&mut report, |line, record| {
            let fields = relations.iter().map(|&(place, name, tails)| {
                let text = utf8(record.get(place).unwrap_or_default())?;
                Ok((
                    name,
                    tails,
                    entries(text, tails).map_err(|reason| format!("{name}: {reason}"))?,
                ))
            });
            let fields = fields.collect::<Result<Vec<_>, String>>()?;
            reader.push(line, filled(record, table.key, "item")?, &fields)
        })?;
        take_over(&mut reader.triples, report);
        let triples = reader.triples.finish(item_ids.len() as u32);
        triples.map_err(|error| Error::data(table.name, 0, error.to_string()))
    }
}

/// Collects the triples of rows.
struct Reader<'a> {
    item_ids: &'a IdMap,
    triples: TripleCollector,
    once: Once<'a>,
}

impl Reader<'_> {
    /// Adds what a row says of its item. Nothing of a row that is refused may stay.
    fn push(&mut self, line: u64, item: &str, fields: &[(&str, Entries, Vec<&str>)]) -> Result<(), String> {
        let Some(head) = self.once.index(line, item)? else {
            self.miss(line, item);
            return Ok(());
        };
        for (relation, (name, tails, entries)) in (0..).zip(fields) {
            for entry in entries {
                let tail = match tails {
                    Entries::Values => {
                        let value = self.triples.value((relation, name), entry);
                        Some(value.map_err(|error| error.to_string())?)
                    }
                    Entries::Keys => self.item_ids.get(entry),
                };
                match tail {
                    Some(tail) => self.triples.push(head, relation, tail),
                    None => self.miss(line, entry),
                }
            }
        }
        Ok(())
    }

    fn miss(&mut self, line: u64, item: &str) {
        let report = &mut self.triples.report;
        report.unknown += 1;
        report.first_unknown.get_or_insert_with(|| (line, item.into()));
    }
}

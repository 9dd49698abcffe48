//! Reads relations of items that stand in columns: a row an item, a column a relation, in it what the item is related to.

use std::path::Path;

use super::{
    BadRows, Column,
    columns::{Role, listed, place_of},
    dialect::{Dialect, Wish},
    lines::Lines,
    records::utf8,
    report::RowReport,
    triples::{filled, take_over},
};
use crate::{
    Error, Result,
    data::{Delimiter, FileLayout, IdMap, Triples, graph::TripleCollector, text::shown},
};

/// What a column of relations holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tails {
    Items,
    Values,
}

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
    columns: Vec<(String, Tails)>,
}

impl RelationFile {
    /// No columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column that names other items.
    pub fn items(mut self, column: impl Into<String>) -> Self {
        self.columns.push((column.into(), Tails::Items));
        self
    }

    /// Adds a column of values, such as a category: each becomes an entity of its own, with the key `column:value`, and
    /// with `column:` before it once more where that is the key of an item or of another column's value.
    pub fn values(mut self, column: impl Into<String>) -> Self {
        self.columns.push((column.into(), Tails::Values));
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
        let lines = Lines::open(path.as_ref())?;
        let name = lines.name().to_owned();
        let wish = Wish {
            delimiter: self.delimiter,
            header: Some(true),
            lists: Some(false),
        };
        let (dialect, records) = Dialect::of(lines, &wish)?;
        let (item, places) = self.places(&dialect).map_err(|reason| Error::data(&*name, 1, reason))?;
        let mut reader = Reader {
            item_ids,
            triples: TripleCollector::of_keys(
                item_ids.clone(),
                IdMap::from_keys(self.columns.iter().map(|column| &column.0))?,
            ),
            rows_of: vec![0; item_ids.len()],
        };
        let mut report = RowReport::new(self.bad_rows);
        report.layout = Some(self.layout(&dialect, item, &places));
        let relations: Vec<(usize, &str, Tails)> = places
            .iter()
            .zip(&self.columns)
            .map(|(&place, (name, tails))| (place, name.as_str(), *tails))
            .collect();
        records.each(&mut report, |line, record| {
            let fields = relations.iter().map(|&(place, name, tails)| {
                let text = utf8(record.get(place).unwrap_or_default())?;
                Ok((
                    name,
                    tails,
                    entries(text, tails).map_err(|reason| format!("{name}: {reason}"))?,
                ))
            });
            let fields = fields.collect::<Result<Vec<_>, String>>()?;
            reader.push(line, filled(record, item, "item")?, &fields)
        })?;
        take_over(&mut reader.triples, report);
        let triples = reader.triples.finish(item_ids.len() as u32);
        triples.map_err(|error| Error::data(name, 0, error.to_string()))
    }

    /// The places of the item and of the relations.
    fn places(&self, dialect: &Dialect) -> Result<(usize, Vec<usize>), String> {
        let header = dialect.header.as_deref().unwrap_or_default();
        let place = |column: &Column| place_of(column, Some(header), dialect.columns()).map(|found| found.0);
        let relations = self.columns.iter().map(|(name, _)| place(&Column::Name(name.clone())));
        let relations = relations.collect::<Result<Vec<usize>, String>>()?;
        let item = match &self.item {
            Some(column) => place(column)?,
            None => Role::Item.find(header).ok_or_else(|| {
                let names = listed(header);
                format!("no column is known to be the item; set RelationFile::item to one of: {names}")
            })?,
        };
        match relations.contains(&item) {
            true => Err(format!("column {} is taken for the item and for a relation", item + 1)),
            false => Ok((item, relations)),
        }
    }

    fn layout(&self, dialect: &Dialect, item: usize, places: &[usize]) -> FileLayout {
        let header = dialect.header.as_deref().unwrap_or_default();
        let used = |place: &usize| *place == item || places.contains(place);
        let unused: Vec<String> = (0..header.len())
            .filter(|place| !used(place) && !header[*place].is_empty())
            .map(|place| header[place].clone())
            .collect();
        let mut notes = dialect.notes.clone();
        if !unused.is_empty() {
            notes.push(format!("not used: {}", listed(&unused)));
        }
        FileLayout {
            delimiter: dialect.splitting.delimiter,
            header: true,
            lists: false,
            columns: vec![("item", Some((header.get(item).cloned().unwrap_or_default(), item + 1)))],
            notes,
        }
    }
}

/// Collects the triples of rows.
struct Reader<'a> {
    item_ids: &'a IdMap,
    triples: TripleCollector,
    /// The line of each item's row; 0 where it has none yet.
    rows_of: Vec<u64>,
}

impl Reader<'_> {
    /// Adds what a row says of its item. Nothing of a row that is refused may stay.
    fn push(&mut self, line: u64, item: &str, fields: &[(&str, Tails, Vec<&str>)]) -> Result<(), String> {
        let Some(head) = self.item_ids.get(item) else {
            self.miss(line, item);
            return Ok(());
        };
        let row = &mut self.rows_of[head as usize];
        if *row > 0 {
            return Err(format!("the item {item:?} has a row on line {row} already; keep one"));
        }
        *row = line;
        for (relation, (name, tails, entries)) in (0..).zip(fields) {
            for entry in entries {
                let tail = match tails {
                    Tails::Values => {
                        let value = self.triples.value((relation, name), entry);
                        Some(value.map_err(|error| error.to_string())?)
                    }
                    Tails::Items => self.item_ids.get(entry),
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

/// The entries of a field.
fn entries(text: &str, tails: Tails) -> Result<Vec<&str>, String> {
    let text = text.trim();
    let cut = || shown(text.as_bytes());
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = match text.strip_prefix('[') {
        Some(rest) => {
            let inner = rest.strip_suffix(']').map(str::trim);
            let inner = inner.ok_or_else(|| format!("the list {} is not closed; add the closing ]", cut()))?;
            if inner.is_empty() {
                return Ok(Vec::new());
            }
            list_parts(inner)
        }
        None if text.ends_with(']') => return Err(format!("the list {} is not opened; add the opening [", cut())),
        None => match (tails, ['|', ';', ','].into_iter().find(|&sign| text.contains(sign))) {
            (_, Some('|')) => text.split('|').collect(),
            (Tails::Values, _) => vec![text],
            (Tails::Items, Some(sign)) => text.split(sign).collect(),
            (Tails::Items, None) => text.split_whitespace().collect(),
        },
    };
    let parts: Vec<&str> = parts.into_iter().map(unquoted).collect();
    match parts.iter().any(|part| part.is_empty()) {
        true => Err(format!("the list {} has an empty entry; leave it out", cut())),
        false => Ok(parts),
    }
}

/// The entries of a list in brackets: at commas that are not within quotes.
fn list_parts(inner: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, sign) in inner.char_indices() {
        let begins = inner[start..at].trim().is_empty();
        match (quote, sign) {
            (None, '"' | '\'') if begins => quote = Some(sign),
            (Some(open), _) if open == sign => quote = None,
            (None, ',') => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    parts
}

/// An entry without blanks and quotes around it.
fn unquoted(entry: &str) -> &str {
    let entry = entry.trim();
    let of = |sign: char| entry.strip_prefix(sign)?.strip_suffix(sign);
    of('"').or_else(|| of('\'')).unwrap_or(entry).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_however_a_list_is_written() {
        for (text, items, values) in [
            ("", &[][..], &[][..]),
            (" [] ", &[], &[]),
            ("[4, 5,6]", &["4", "5", "6"], &["4", "5", "6"]),
            ("['a, b', \"c\"]", &["a, b", "c"], &["a, b", "c"]),
            ("[it's, b]", &["it's", "b"], &["it's", "b"]),
            ("7", &["7"], &["7"]),
            ("7 8", &["7", "8"], &["7 8"]),
            ("7;8", &["7", "8"], &["7;8"]),
            ("a, b", &["a", "b"], &["a, b"]),
            ("Comedy|Drama", &["Comedy", "Drama"], &["Comedy", "Drama"]),
        ] {
            assert_eq!(entries(text, Tails::Items).unwrap(), items, "{text:?}");
            assert_eq!(entries(text, Tails::Values).unwrap(), values, "{text:?}");
        }
        for (text, reason) in [
            ("[1, 2", "not closed"),
            ("1, 2]", "not opened"),
            ("[1,,2]", "empty entry"),
            ("[1, 2,]", "empty entry"),
            ("a||b", "empty entry"),
            ("['']", "empty entry"),
        ] {
            assert!(entries(text, Tails::Items).unwrap_err().contains(reason), "{text:?}");
        }
    }
}

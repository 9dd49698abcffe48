//! Reads knowledge graphs: triples of a head, a relation and a tail, and the links of items to entities.

use std::path::Path;

use super::{
    BadRows, Column,
    columns::place_of,
    dialect::{Dialect, Wish},
    lines::Lines,
    records::{Record, utf8},
    report::RowReport,
    source,
};
use crate::{
    Error, Result,
    data::{Delimiter, FileLayout, ItemLinks, Triples, graph::TripleCollector},
};

/// How a file of triples or of links is to be read. What is `None` is found from its rows, as for
/// [`Delimited`](super::Delimited).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TripleFile {
    /// What stands between fields.
    pub delimiter: Option<Delimiter>,
    /// Whether the first line names the columns.
    pub header: Option<bool>,
    /// The column of heads, or of items in a file of links: the first, unless a header names another.
    pub head: Option<Column>,
    /// The column of relations: the second.
    pub relation: Option<Column>,
    /// The column of tails, or of entities in a file of links: the last.
    pub tail: Option<Column>,
    /// What to do about rows that cannot be used.
    pub bad_rows: BadRows,
}

/// A column that is looked for: what it is, what is said of it, and how headers begin that name it.
type Sought<'a> = (&'static str, &'a Option<Column>, &'static [&'static str]);

impl Triples {
    /// Reads `head relation tail` a row, ids or names, with tabs, blanks, commas or another sign between; compressed by
    /// gzip or not. RecBole's `.kg` files are read by their header.
    ///
    /// ```
    /// use pocketrec::data::Triples;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("kg.txt");
    /// std::fs::write(&path, "2086\tmusic.artist.origin\t3846\n1601\tfilm.actor.film\t3847\n")?;
    /// let known = Triples::read(&path)?;
    /// assert_eq!((known.entities(), known.relations(), known.len()), (4, 2, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read; [`Error::Data`] with file, line and reason where a row has more or fewer
    /// fields than the others or an empty one, where rows do not have three fields and nothing names them, and where there
    /// is no triple.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::read_with(path, &TripleFile::default())
    }

    /// [`Triples::read`] by `options`.
    ///
    /// # Errors
    /// Those of [`Triples::read`], and [`Error::Data`] where a column is not in the file.
    pub fn read_with(path: impl AsRef<Path>, options: &TripleFile) -> Result<Self> {
        read(Lines::open(path.as_ref())?, options)
    }

    /// Reads triples that are in memory, as [`Triples::read_with`] reads a file; `name` stands for the file in messages.
    ///
    /// # Errors
    /// Those of [`Triples::read_with`].
    pub fn read_bytes(name: &str, bytes: impl Into<Vec<u8>>, options: &TripleFile) -> Result<Self> {
        let from = source::of_bytes(name, bytes.into())?;
        read(Lines::new(from, name.into()), options)
    }
}

impl ItemLinks {
    /// Reads `item entity` a row, such as KGCN's `item_index2entity_id.txt` or RecBole's `.link` files.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] as [`Triples::read`]; [`Error::Data`] where an item or an entity is linked twice.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::read_with(path, &TripleFile::default())
    }

    /// [`ItemLinks::read`] by `options`, whose `head` and `tail` are the columns of items and entities.
    ///
    /// # Errors
    /// Those of [`ItemLinks::read`], and [`Error::Data`] where a column is not in the file.
    pub fn read_with(path: impl AsRef<Path>, options: &TripleFile) -> Result<Self> {
        let lines = Lines::open(path.as_ref())?;
        let sought: [Sought<'_>; 2] = [
            ("item", &options.head, &["item", "head"]),
            ("entity", &options.tail, &["entity", "tail"]),
        ];
        let mut links = ItemLinks::default();
        let row = |[item, entity]: [&str; 2]| links.push(item, entity);
        rows(lines, options, sought, row)?;
        Ok(links)
    }
}

fn read(lines: Lines, options: &TripleFile) -> Result<Triples> {
    let sought: [Sought<'_>; 3] = [
        ("head", &options.head, &["head", "subject", "source"]),
        ("relation", &options.relation, &["relation", "predicate", "rel"]),
        ("tail", &options.tail, &["tail", "object", "target"]),
    ];
    let name = lines.name().to_owned();
    let mut triples = TripleCollector::default();
    let report = rows(lines, options, sought, |[head, relation, tail]| {
        let text = |error: Error| error.to_string();
        let head = triples.entity_ids.get_or_insert(head).map_err(text)?;
        let relation = triples.relation_ids.get_or_insert(relation).map_err(text)?;
        let tail = triples.entity_ids.get_or_insert(tail).map_err(text)?;
        triples.push(head, relation, tail);
        Ok(())
    })?;
    take_over(&mut triples, report);
    triples
        .finish(0)
        .map_err(|error| Error::data(name, 0, error.to_string()))
}

/// Puts what became of rows into the report of triples; 0, for no line.
pub(super) fn take_over(triples: &mut TripleCollector, report: RowReport) {
    triples.report.rows = report.rows;
    triples.report.skipped = report.skipped;
    triples.report.first_skipped = report.first_skipped;
    triples.report.blank = report.blank;
    triples.report.layout = report.layout;
}

/// Gives the fields of each row that are sought, none of them empty, to `row`.
fn rows<const N: usize>(
    lines: Lines,
    options: &TripleFile,
    sought: [Sought<'_>; N],
    mut row: impl FnMut([&str; N]) -> Result<(), String>,
) -> Result<RowReport> {
    let named = |column: &Option<Column>| matches!(column, Some(Column::Name(name)) if name.parse::<usize>().is_err());
    let wish = Wish {
        delimiter: options.delimiter,
        header: options
            .header
            .or_else(|| sought.iter().any(|(_, column, _)| named(column)).then_some(true)),
        lists: Some(false),
    };
    let name = lines.name().to_owned();
    let is_header = |first: &[String]| sought.iter().all(|(.., names)| named_in(first, names).is_some());
    let (dialect, records) = Dialect::of_rows(lines, &wish, N, is_header)?;
    let places = places(&dialect, sought).map_err(|reason| Error::data(&*name, dialect.first_line, reason))?;
    let mut report = RowReport::new(options.bad_rows);
    report.layout = Some(FileLayout {
        delimiter: dialect.splitting.delimiter,
        header: dialect.header.is_some(),
        lists: false,
        columns: sought
            .iter()
            .zip(places)
            .map(|((what, ..), place)| {
                let header = dialect.header.as_ref().and_then(|header| header.get(place));
                (*what, Some((header.cloned().unwrap_or_default(), place + 1)))
            })
            .collect(),
        notes: dialect.notes.clone(),
    });
    records.each(&mut report, |_, record| {
        let mut fields = [""; N];
        for ((field, place), (what, ..)) in fields.iter_mut().zip(places).zip(&sought) {
            *field = filled(record, place, what)?;
        }
        row(fields)
    })?;
    Ok(report)
}

/// A field that must not be empty.
pub(super) fn filled<'r>(record: &Record<'r>, place: usize, what: &str) -> Result<&'r str, String> {
    let field = utf8(record.get(place).unwrap_or_default()).map_err(|reason| format!("the {what} {reason}"))?;
    match field.trim() {
        "" => Err(format!("the {what} is empty")),
        field => Ok(field),
    }
}

/// The column of a header whose name begins with one of `names`.
fn named_in(header: &[String], names: &[&str]) -> Option<usize> {
    let begins = |title: &String| names.iter().any(|name| title.to_lowercase().starts_with(name));
    header.iter().position(begins)
}

/// Where what is sought stands: where it is said to, where a header names it, or in order.
fn places<const N: usize>(dialect: &Dialect, sought: [Sought<'_>; N]) -> Result<[usize; N], String> {
    let header = dialect.header.as_deref();
    let columns = dialect.columns();
    let mut places = [None; N];
    for (place, (_, column, names)) in places.iter_mut().zip(&sought) {
        *place = match column {
            Some(column) => Some(place_of(column, header, columns)?.0),
            None => header.and_then(|header| named_in(header, names)),
        };
    }
    let list = || sought.map(|(what, ..)| what).join(", ");
    if places.iter().any(Option::is_none) {
        if columns != N || places.iter().any(Option::is_some) {
            return Err(format!(
                "rows have {columns} fields and nothing says which are the {}; expected {N} in this order, or set \
                 TripleFile::head, relation and tail",
                list()
            ));
        }
        places = core::array::from_fn(Some);
    }
    let places = places.map(Option::unwrap_or_default);
    let twice = (1..N).any(|at| places[..at].contains(&places[at]));
    match twice {
        true => Err(format!("one column is taken for two of {}; set each", list())),
        false => Ok(places),
    }
}

//! The files of He et al., *Neural Collaborative Filtering*, WWW 2017: `*.train.rating`, `*.test.rating` and
//! `*.test.negative`; and the one call that reads any data ready to train.

use std::path::{Path, PathBuf};

use super::{
    dialect::{Dialect, Wish},
    lines::Lines,
    lists,
    options::BadRows,
    records::{Record, Records, Width},
    report::RowReport,
    titles::compressed_or_not,
    values::dense_id,
};
use crate::{
    Error, Result,
    data::{
        Candidates, Delimiter, IdMap, Interactions, Split,
        interactions::Rows,
        text::{Times, shown},
    },
};

/// Reads data ready to train.
#[derive(Clone, Copy, Debug)]
pub struct Dataset;

impl Dataset {
    /// Reads a split from `path`:
    ///
    /// - NCF's files, where `path` is one of them, their common beginning (`Data/ml-1m`) or a folder that holds one such
    ///   set: training part, test items and candidates exactly as published, except that a candidate that is its own
    ///   case's test item is left out (156 users of ml-1m have one). Ids are numbers from 0 on; where some below the
    ///   largest come in none of the files, the others are numbered anew. There are no titles.
    /// - LightGCN's files, where `path` is a folder that holds `train.txt` and `test.txt`, or one of them: the parts as
    ///   published, several test items a user, to be ranked among all items ([`Dataset::read_lists`]). Rows of columns in
    ///   files of these names are read as such ([`Interactions::read_parts`]).
    /// - Else what [`Interactions::read`] reads, with each user's latest interaction held out, to be ranked among 99
    ///   sampled items.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] with file, line and reason, as [`Interactions::read`], and those of
    /// [`Interactions::leave_one_out`].
    pub fn read(path: impl AsRef<Path>) -> Result<Split> {
        match lists_of(path.as_ref())? {
            Some(parts) => lists::read(parts),
            None => Self::read_among(path, Candidates::default()),
        }
    }

    /// Whether a path means NCF's files, whose parts, ids and candidates are as published.
    ///
    /// # Errors
    /// [`Error::Io`] where a folder cannot be read, [`Error::Data`] where it holds several sets of such files.
    pub fn is_published(path: impl AsRef<Path>) -> Result<bool> {
        Ok(stem_of(path.as_ref())?.is_some())
    }

    /// [`Dataset::read`] with other candidates than 99 sampled ones where no file gives them.
    ///
    /// # Errors
    /// Those of [`Dataset::read`].
    pub fn read_among(path: impl AsRef<Path>, candidates: Candidates) -> Result<Split> {
        if let Some(parts) = lists_of(path.as_ref())? {
            return Ok(lists::read(parts)?.among(candidates));
        }
        match stem_of(path.as_ref())? {
            Some(stem) => read(&stem, candidates),
            None => Interactions::read(path)?.leave_one_out_among(candidates),
        }
    }
}

/// LightGCN's files, if `path` means such and none of NCF's.
fn lists_of(path: &Path) -> Result<Option<[PathBuf; 2]>> {
    let parts = lists::parts_of(path);
    Ok(if parts.is_some() && stem_of(path)?.is_none() {
        parts
    } else {
        None
    })
}

const TRAIN: &str = ".train.rating";
const TEST: &str = ".test.rating";
const NEGATIVE: &str = ".test.negative";

/// A file of the set, compressed or not; the plain name where there is neither.
fn with_end(stem: &Path, end: &str) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(end);
    let path = PathBuf::from(name);
    compressed_or_not(&path).unwrap_or(path)
}

/// The common beginning of NCF's files, if `path` means such.
fn stem_of(path: &Path) -> Result<Option<PathBuf>> {
    let stem = |file: &Path, end: &str| {
        let name = file.file_name()?.to_str()?;
        let name = name.strip_suffix(".gz").unwrap_or(name);
        Some(file.with_file_name(name.strip_suffix(end)?))
    };
    if !path.is_dir() {
        let named = [TRAIN, TEST, NEGATIVE].iter().find_map(|end| stem(path, end));
        return Ok(named.or_else(|| (!path.exists() && with_end(path, TRAIN).is_file()).then(|| path.into())));
    }
    let mut found = Vec::new();
    for entry in path.read_dir().map_err(|source| Error::io(path, source))? {
        let entry = entry.map_err(|source| Error::io(path, source))?;
        found.extend(stem(&entry.path(), TRAIN));
    }
    found.sort();
    found.dedup();
    if let [first, second, ..] = found.as_slice() {
        let (first, second) = (first.display(), second.display());
        let reason = format!("the folder holds several data sets, such as {first} and {second}; name one of them");
        return Err(Error::data(path.display().to_string(), 0, reason));
    }
    Ok(found.pop())
}

fn read(stem: &Path, candidates: Candidates) -> Result<Split> {
    let mut train = read_ratings(&with_end(stem, TRAIN))?;
    let mut test = read_ratings(&with_end(stem, TEST))?;
    refuse_twins(&with_end(stem, TEST), &test)?;
    let negative = with_end(stem, NEGATIVE);
    let mut given = match negative.is_file() {
        true => read_negatives(&negative, &test)?,
        false => Vec::new(),
    };
    let users = numbered([&mut train.rows.users, &mut test.rows.users].into_iter())?;
    let items = [&mut train.rows.items, &mut test.rows.items].into_iter();
    let items = numbered(items.chain(&mut given))?;
    let mut data = Interactions::from_rows(train.rows, users, items)?;
    data.report.blank = train.report.blank;
    data.report.time_decimals = train.decimals;
    data.report.layout = train.report.layout;
    let cases = test.rows.users.iter().zip(&test.rows.items).enumerate();
    let cases = cases.map(|(at, (&user, &item))| (user, item, given.get(at).map_or(&[][..], Vec::as_slice)));
    let split = Split::from_cases(data, cases)?;
    Ok(match given.is_empty() {
        true => split.among(candidates),
        false => split,
    })
}

/// The keys of a column's ids, which are numbers. Where some below the largest do not come, a table for all of them would
/// hold rows of nobody: then the ids are replaced by their places among those that come.
fn numbered<'a>(columns: impl Iterator<Item = &'a mut Vec<u32>>) -> Result<IdMap> {
    let mut columns: Vec<&mut Vec<u32>> = columns.collect();
    let mut ids: Vec<u32> = columns.iter().flat_map(|ids| ids.iter().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    let largest = ids.last().copied().unwrap_or(0);
    if ids.len() == largest as usize + 1 {
        return Ok(IdMap::numbered(largest + 1));
    }
    for column in &mut columns {
        for id in column.iter_mut() {
            // All are among the ids.
            *id = ids.partition_point(|&other| other < *id) as u32;
        }
    }
    IdMap::from_keys(ids.iter().map(|id| id.to_string()))
}

/// Rows of a rating file, and the line of each.
struct Ratings {
    rows: Rows,
    lines: Vec<u64>,
    decimals: u32,
    report: RowReport,
}

/// Opens a file of the set: fields with tabs between, or blanks.
fn open(path: &Path) -> Result<(Dialect, Records)> {
    let mut lines = Lines::open(path)?;
    let tabs = lines.peek()?.0.contains(&b'\t');
    let wish = Wish {
        delimiter: Some(if tabs {
            Delimiter::Char(b'\t')
        } else {
            Delimiter::Blanks
        }),
        header: Some(false),
        lists: Some(false),
    };
    Dialect::of(lines, &wish)
}

/// Reads `user item [rating [time]]`; all rows have as many fields.
fn read_ratings(path: &Path) -> Result<Ratings> {
    let (dialect, records) = open(path)?;
    let columns = dialect.columns();
    if !(2..=4).contains(&columns) {
        let reason = format!("rows have {columns} fields; expected user, item, rating, time, with tabs between");
        return Err(Error::data(path.display().to_string(), dialect.first_line, reason));
    }
    let (mut rows, mut times, mut lines) = (Rows::default(), Times::default(), Vec::new());
    let mut report = RowReport::new(BadRows::Refuse);
    records.each(&mut report, |number, record| {
        let field = |index| record.get(index).unwrap_or_default();
        rows.users.push(dense_id("user", field(0))?);
        rows.items.push(dense_id("item", field(1))?);
        if columns > 3 {
            times.push(field(3))?;
        }
        lines.push(number);
        Ok(())
    })?;
    let decimals = times.unit().decimals();
    rows.times = times.into_values();
    Ok(Ratings {
        rows,
        lines,
        decimals,
        report,
    })
}

fn refuse_twins(path: &Path, test: &Ratings) -> Result<()> {
    let mut seen = hashbrown::HashMap::new();
    for (user, line) in test.rows.users.iter().zip(&test.lines) {
        if let Some(first) = seen.insert(user, line) {
            let reason = format!("user {user} has a test item on line {first} already; keep one");
            return Err(Error::data(path.display().to_string(), *line, reason));
        }
    }
    Ok(())
}

/// Reads `(user,item)` and negatives on each line, in the order of the test items.
fn read_negatives(path: &Path, test: &Ratings) -> Result<Vec<Vec<u32>>> {
    let (_, mut records) = open(path)?;
    records.width = Width::Any;
    let mut all = Vec::with_capacity(test.rows.users.len());
    let (mut report, mut last) = (RowReport::new(BadRows::Refuse), 0);
    records.each(&mut report, |number, record| {
        last = number;
        all.push(negatives_of(all.len(), record, test)?);
        Ok(())
    })?;
    match (all.len(), test.rows.users.len()) {
        (got, expected) if got == expected => Ok(all),
        (got, expected) => {
            let reason = format!("ends after {got} test items of {expected}; is it cut off?");
            Err(Error::data(path.display().to_string(), last, reason))
        }
    }
}

/// The negatives of the test item at this place.
fn negatives_of(at: usize, record: &Record, test: &Ratings) -> Result<Vec<u32>, String> {
    let (Some(user), Some(item)) = (test.rows.users.get(at), test.rows.items.get(at)) else {
        return Err(format!("there are only {at} test items; remove the lines from here on"));
    };
    let mut fields = record.iter();
    let case = fields.next().unwrap_or_default();
    if case != format!("({user},{item})").as_bytes() {
        let shown = shown(case);
        return Err(format!(
            "{shown} is not ({user},{item}), the test item on the same line"
        ));
    }
    if record.len() < 2 {
        return Err("no negatives; expected item ids after the pair, with tabs between".into());
    }
    fields.map(|field| dense_id("item", field)).collect()
}

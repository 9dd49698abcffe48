//! The files of He et al., *Neural Collaborative Filtering*, WWW 2017: `*.train.rating`, `*.test.rating` and
//! `*.test.negative`; and the one call that reads any data ready to train.

use std::path::{Path, PathBuf};

use super::{
    fields::{self, Fields},
    lines::Lines,
    options::Delimiter,
    values::{self, dense_id, shown},
};
use crate::{
    Error, Result,
    data::{
        Candidates, IdMap, Interactions, Split,
        interactions::{Rows, check_dense},
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
    ///   case's test item is left out (156 users of ml-1m have one). Ids are numbers from 0 on; there are no titles.
    /// - Else what [`Interactions::read`] reads, with each user's latest interaction held out, to be ranked among 99
    ///   sampled items.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] with file, line and reason, as [`Interactions::read`], and those of
    /// [`Interactions::leave_one_out`].
    pub fn read(path: impl AsRef<Path>) -> Result<Split> {
        Self::read_among(path, Candidates::default())
    }

    /// [`Dataset::read`] with other candidates than 99 sampled ones where no file gives them.
    ///
    /// # Errors
    /// Those of [`Dataset::read`].
    pub fn read_among(path: impl AsRef<Path>, candidates: Candidates) -> Result<Split> {
        match stem_of(path.as_ref())? {
            Some(stem) => read(&stem, candidates),
            None => Interactions::read(path)?.leave_one_out_among(candidates),
        }
    }
}

const TRAIN: &str = ".train.rating";
const TEST: &str = ".test.rating";
const NEGATIVE: &str = ".test.negative";

fn with_end(stem: &Path, end: &str) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The common beginning of NCF's files, if `path` means such.
fn stem_of(path: &Path) -> Result<Option<PathBuf>> {
    let stem = |file: &Path, end: &str| Some(file.with_file_name(file.file_name()?.to_str()?.strip_suffix(end)?));
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
    if let [first, second, ..] = found.as_slice() {
        return Err(Error::data(
            path.display().to_string(),
            0,
            format!(
                "the folder holds several data sets, such as {} and {}; name one of them",
                first.display(),
                second.display()
            ),
        ));
    }
    Ok(found.pop())
}

fn read(stem: &Path, candidates: Candidates) -> Result<Split> {
    let mut sizes = [Size::new("user"), Size::new("item")];
    let train = read_ratings(&with_end(stem, TRAIN), &mut sizes)?;
    let test = read_ratings(&with_end(stem, TEST), &mut sizes)?;
    refuse_twins(&with_end(stem, TEST), &test)?;
    let negative = with_end(stem, NEGATIVE);
    let given = if negative.is_file() {
        read_negatives(&negative, &test, &mut sizes)?
    } else {
        Vec::new()
    };
    let rows = train.rows.users.len();
    let [users, items] = sizes;
    let (users, items) = (users.checked(rows)?, items.checked(rows)?);
    let mut data = Interactions::from_rows(train.rows, IdMap::numbered(users), IdMap::numbered(items))?;
    data.report.blank = train.blank;
    let cases = test.rows.users.iter().zip(&test.rows.items).enumerate();
    let split = Split::from_cases(
        data,
        cases.map(|(at, (&user, &item))| (user, item, given.get(at).map_or(&[][..], Vec::as_slice))),
    )?;
    Ok(if given.is_empty() {
        split.among(candidates)
    } else {
        split
    })
}

/// The largest id of a column and where it stands.
struct Size {
    column: &'static str,
    largest: u32,
    file: String,
    line: u64,
}

impl Size {
    fn new(column: &'static str) -> Self {
        Size {
            column,
            largest: 0,
            file: String::new(),
            line: 0,
        }
    }

    /// Reads an id and remembers it if it is the largest.
    fn read(&mut self, field: &[u8], file: &str, line: u64) -> Result<u32, String> {
        let id = dense_id(self.column, field)?;
        if id > self.largest {
            self.largest = id;
            self.line = line;
            if self.file != file {
                self.file = file.into();
            }
        }
        Ok(id)
    }

    /// The number of ids, unless the largest is far from what `rows` rows can fill.
    fn checked(self, rows: usize) -> Result<u32> {
        let fine = check_dense(self.column, self.largest, rows);
        fine.map_err(|reason| Error::data(self.file, self.line, reason))?;
        Ok(self.largest + 1)
    }
}

/// Rows of a rating file, and the line of each.
struct Ratings {
    rows: Rows,
    lines: Vec<u64>,
    blank: u64,
}

/// Reads `user item [rating [time]]`; all rows have as many fields as the first.
fn read_ratings(path: &Path, sizes: &mut [Size; 2]) -> Result<Ratings> {
    let (mut lines, mut fields) = (Lines::open(path)?, Fields::default());
    let (name, mut width) = (lines.name().to_owned(), None);
    let mut ratings = Ratings {
        rows: Rows::default(),
        lines: Vec::new(),
        blank: 0,
    };
    loop {
        let shape = |line: &[u8]| (delimiter_of(line), 4);
        let (blank, row) = fields::next_row(&mut lines, &mut fields, shape, |number, line, fields| {
            let expected = *width.get_or_insert(fields.len().max(2));
            if fields.len() < expected {
                return Err(format!(
                    "too few fields: {}; expected {expected}: user, item, rating, time, with tabs between",
                    fields.len()
                ));
            }
            let field = |index| fields.get(line, index).unwrap_or_default();
            let [users, items] = &mut *sizes;
            let row = (
                users.read(field(0), &name, number)?,
                items.read(field(1), &name, number)?,
            );
            if expected > 2 {
                values::rating(field(2))?;
            }
            let time = if expected > 3 {
                Some(values::time(field(3))?)
            } else {
                None
            };
            Ok((row, time))
        })?;
        ratings.blank += blank;
        let Some(((user, item), time)) = row else {
            break;
        };
        ratings.rows.users.push(user);
        ratings.rows.items.push(item);
        ratings.rows.times.extend(time);
        ratings.lines.push(lines.number());
    }
    if ratings.rows.users.is_empty() {
        return Err(lines.error_at(
            0,
            "the file is empty; expected user, item, rating and time on each line",
        ));
    }
    Ok(ratings)
}

fn delimiter_of(line: &[u8]) -> Delimiter {
    if line.contains(&b'\t') {
        Delimiter::Char(b'\t')
    } else {
        Delimiter::Blanks
    }
}

fn refuse_twins(path: &Path, test: &Ratings) -> Result<()> {
    let mut seen = hashbrown::HashMap::new();
    for (user, line) in test.rows.users.iter().zip(&test.lines) {
        if let Some(first) = seen.insert(user, line) {
            return Err(Error::data(
                path.display().to_string(),
                *line,
                format!("user {user} has a test item on line {first} already; keep one"),
            ));
        }
    }
    Ok(())
}

/// Reads `(user,item)` and negatives on each line, in the order of the test items.
fn read_negatives(path: &Path, test: &Ratings, sizes: &mut [Size; 2]) -> Result<Vec<Vec<u32>>> {
    let (mut lines, mut fields) = (Lines::open(path)?, Fields::default());
    let name = lines.name().to_owned();
    let mut all = Vec::with_capacity(test.rows.users.len());
    loop {
        let shape = |line: &[u8]| (delimiter_of(line), usize::MAX);
        let at = all.len();
        let row = fields::next_row(&mut lines, &mut fields, shape, |number, line, fields| {
            let (Some(user), Some(item)) = (test.rows.users.get(at), test.rows.items.get(at)) else {
                return Err(format!("there are only {at} test items; remove the lines from here on"));
            };
            let case = fields.get(line, 0).unwrap_or_default();
            if case != format!("({user},{item})").as_bytes() {
                return Err(format!(
                    "{} is not ({user},{item}), the test item on the same line",
                    shown(case)
                ));
            }
            if fields.len() < 2 {
                return Err("no negatives; expected item ids after the pair, with tabs between".into());
            }
            let negatives = (1..fields.len()).filter_map(|index| fields.get(line, index));
            negatives.map(|field| sizes[1].read(field, &name, number)).collect()
        })?;
        match row.1 {
            Some(negatives) => all.push(negatives),
            None if all.len() == test.rows.users.len() => return Ok(all),
            None => {
                let reason = format!(
                    "ends after {} test items of {}; is it cut off?",
                    all.len(),
                    test.rows.users.len()
                );
                return Err(lines.error_at(lines.number(), reason));
            }
        }
    }
}

//! How a file of rows is laid out, decided once and from many lines: delimiter, quotes, header, lists.

use hashbrown::HashSet;

use super::{
    columns::{Role, names, untyped},
    lines::Lines,
    options::Delimiter,
    records::{Records, Splitting, Width},
};
use crate::{Error, Result};

/// Records that are looked at.
const LOOK: usize = 2000;
/// A row with more fields than this, but for a list, is none.
const MOST_COLUMNS: usize = 1 << 16;

/// What is said of a file by those who read it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    pub delimiter: Option<Delimiter>,
    pub header: Option<bool>,
    pub lists: Option<bool>,
}

/// How a file is laid out.
#[derive(Clone, Debug)]
pub(super) struct Dialect {
    pub splitting: Splitting,
    pub width: Width,
    /// The columns' names, where the first record has them.
    pub header: Option<Vec<String>>,
    pub lists: bool,
    /// What could as well be otherwise.
    pub notes: Vec<String>,
    /// The first records that are no header.
    pub sample: Vec<Vec<String>>,
    /// Line of the first record.
    pub first_line: u64,
}

impl Dialect {
    /// Decides, and takes the header where there is one.
    ///
    /// # Errors
    /// [`Error::Data`] where nothing separates fields, or a header does not go with its rows.
    pub fn of(mut lines: Lines, wish: &Wish) -> Result<(Dialect, Records)> {
        let name = lines.name().to_owned();
        let (bytes, all) = lines.peek()?;
        let sample = Sample {
            bytes,
            all,
            name: &name,
        };
        let dialect = sample.decide(wish)?;
        let mut records = Records::new(lines, dialect.splitting);
        if dialect.header.is_some() {
            records.advance()?;
        }
        records.width = dialect.width;
        Ok((dialect, records))
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        match self.width {
            Width::Of { fields, .. } => fields,
            Width::Any => 0,
        }
    }
}

/// The beginning of a file.
struct Sample<'a> {
    bytes: &'a [u8],
    /// Whether that is all of it.
    all: bool,
    name: &'a str,
}

/// How a delimiter splits the beginning of a file.
struct Trial {
    splitting: Splitting,
    widths: Vec<usize>,
    /// Fields that were quoted.
    quoted: u64,
    /// Whether all is as RFC 4180 has it.
    whole: bool,
}

impl Trial {
    /// The number of fields that most records have; of two as frequent, that which comes first.
    fn width(&self) -> usize {
        usual(&self.widths)
    }

    /// Whether all records behind the first have the same number of fields, and the first too, or one less as R writes
    /// names of rows, or any where it is alone.
    fn agrees(&self) -> bool {
        let Some((&first, rest)) = self.widths.split_first() else {
            return false;
        };
        let width = rest.first().copied().unwrap_or(first);
        width >= 2 && rest.iter().all(|&other| other == width) && (first == width || first + 1 == width)
    }

    /// Share of the records that have as many fields as most.
    fn share(&self) -> f64 {
        let width = self.width();
        let same = self.widths.iter().filter(|&&other| other == width).count();
        if width < 2 {
            0.0
        } else {
            same as f64 / self.widths.len() as f64
        }
    }
}

/// The most frequent number; of two as frequent, that which comes first.
fn usual(widths: &[usize]) -> usize {
    let mut counts: Vec<(usize, usize)> = Vec::new();
    for &width in widths {
        match counts.iter_mut().find(|(other, _)| *other == width) {
            Some((_, count)) => *count += 1,
            None => counts.push((width, 1)),
        }
    }
    let most = counts.iter().map(|&(_, count)| count).max().unwrap_or(0);
    counts
        .into_iter()
        .find(|&(_, count)| count == most)
        .map_or(0, |(width, _)| width)
}

impl Sample<'_> {
    fn decide(&self, wish: &Wish) -> Result<Dialect> {
        let chosen = self.choose(wish)?;
        let (mut records, first_line) = self.records(chosen.splitting);
        if records.is_empty() {
            return Err(self.refused(0, "the file is empty; expected rows"));
        }
        let lists = match wish.lists {
            Some(lists) => lists,
            None => wish.header != Some(true) && are_lists(&records),
        };
        if lists {
            let is_header = wish.header == Some(true);
            return Ok(Dialect {
                splitting: chosen.splitting,
                width: Width::Any,
                header: is_header.then(|| records.remove(0)),
                lists,
                notes: Vec::new(),
                sample: records,
                first_line,
            });
        }
        if let Some(columns) = chosen.widths.iter().find(|&&width| width > MOST_COLUMNS) {
            let reason = format!("{columns} fields in a row; at most {MOST_COLUMNS} are read");
            return Err(self.refused(first_line, &reason));
        }
        let (is_header, told) = match wish.header {
            Some(header) => (header, true),
            None => has_header(&records),
        };
        let mut notes = Vec::new();
        if !told {
            notes.push("the first row was taken for data, as nothing in it tells that it is a header".into());
        }
        let header = is_header.then(|| names(records.remove(0)));
        let rows: Vec<usize> = records.iter().map(Vec::len).collect();
        let fields = match (&header, rows.is_empty()) {
            (Some(header), true) => header.len(),
            (None, _) => chosen.width(),
            (Some(_), false) => usual(&rows),
        };
        let mut dialect = Dialect {
            splitting: chosen.splitting,
            width: Width::Of { fields, surplus: false },
            header,
            lists,
            notes,
            sample: records,
            first_line,
        };
        Self::fit_header(&mut dialect, fields, chosen.quoted > 0);
        Ok(dialect)
    }

    /// Brings a header and rows of another width together, where it is known how.
    fn fit_header(dialect: &mut Dialect, fields: usize, quoted: bool) {
        let Some(header) = &mut dialect.header else {
            return;
        };
        let columns = header.len();
        if columns == fields {
            return;
        }
        // Rows that go with the header in no way are refused at their lines.
        dialect.width = Width::Of {
            fields: columns,
            surplus: false,
        };
        let rows: Vec<&Vec<String>> = dialect.sample.iter().filter(|row| row.len() == fields).collect();
        if fields != columns + 1 {
            return;
        }
        if rows.iter().all(|row| row.last().is_some_and(String::is_empty)) {
            dialect.width = Width::Of {
                fields: columns,
                surplus: true,
            };
        } else if are_names_of_rows(&rows, quoted) {
            header.insert(0, String::new());
            dialect.width = Width::Of { fields, surplus: false };
            let note = "the first field of each row was taken for the row's name, as R writes them";
            dialect.notes.push(note.into());
        }
    }

    /// The delimiter under which all records agree; where none is, the one under which most do.
    fn choose(&self, wish: &Wish) -> Result<Trial> {
        if let Some(delimiter) = wish.delimiter {
            return Ok(self.tried(delimiter));
        }
        let usual = [
            Delimiter::Colons,
            Delimiter::Char(b'\t'),
            Delimiter::Char(b';'),
            Delimiter::Char(b','),
            Delimiter::Char(b'|'),
            Delimiter::Blanks,
        ];
        let trials: Vec<Trial> = usual.map(|delimiter| self.tried(delimiter)).into();
        let known = |trial: &Trial| {
            let first = self.first(trial.splitting).unwrap_or_default();
            Role::OF_PAIRS.iter().filter(|role| role.find(&first).is_some()).count()
        };
        let mut agreeing: Vec<Trial> = Vec::new();
        let mut others = Vec::new();
        for trial in trials {
            if trial.agrees() {
                agreeing.push(trial)
            } else {
                others.push(trial)
            }
        }
        // The usual names in the first record tell most; then that keys come again and again in the first column, which
        // a decimal comma or a list within a text would make ever different; then the number of columns.
        agreeing.sort_by_cached_key(|trial| {
            let names = core::cmp::Reverse(known(trial));
            (
                names,
                self.first_column(trial.splitting),
                core::cmp::Reverse(trial.width()),
            )
        });
        if !agreeing.is_empty() {
            return Ok(agreeing.swap_remove(0));
        }
        let lists = |trial: &Trial| are_lists(&self.records(trial.splitting).0);
        let found = others.iter().position(lists).or_else(|| {
            let shares: Vec<f64> = others.iter().map(Trial::share).collect();
            let best = shares.iter().copied().fold(0.0, f64::max);
            shares.iter().position(|&share| share == best && best > 0.0)
        });
        match found {
            Some(found) => Ok(others.swap_remove(found)),
            None => {
                let (line, first) = match self.records(Splitting {
                    delimiter: Delimiter::Colons,
                    quotes: false,
                }) {
                    (records, line) if !records.is_empty() => (line, records[0].join("::")),
                    _ => return Err(self.refused(0, "the file is empty; expected rows")),
                };
                let shown = super::values::shown(first.as_bytes()).to_string();
                let reason = format!(
                    "{shown} has no \"::\", tab, comma, semicolon, bar or blank between fields; set Delimited::delimiter"
                );
                Err(self.refused(line, &reason))
            }
        }
    }

    /// Splits by a delimiter, with quotes where they make sense: always in CSV; elsewhere if each field that begins with
    /// a quote ends with one, since titles begin with quotes too.
    fn tried(&self, delimiter: Delimiter) -> Trial {
        let csv = matches!(delimiter, Delimiter::Char(b',' | b';'));
        if csv || memchr::memchr(b'"', self.bytes).is_some() {
            let quoted = self.trial(Splitting {
                delimiter,
                quotes: true,
            });
            if csv || (quoted.whole && quoted.quoted > 0) {
                return quoted;
            }
        }
        self.trial(Splitting {
            delimiter,
            quotes: false,
        })
    }

    fn trial(&self, splitting: Splitting) -> Trial {
        let mut trial = Trial {
            splitting,
            widths: Vec::new(),
            quoted: 0,
            whole: true,
        };
        let mut records = self.open(splitting);
        while trial.widths.len() < LOOK {
            match records.advance() {
                Ok(true) => trial.widths.push(records.record().len()),
                Ok(false) => break,
                Err(_) => {
                    // A field that is not closed where the sample ends may be closed behind it.
                    trial.whole &= !self.all;
                    break;
                }
            }
            trial.whole &= !records.has_stray_text();
        }
        trial.quoted = records.quoted();
        trial
    }

    fn open(&self, splitting: Splitting) -> Records {
        Records::new(Lines::of_bytes(self.bytes.to_vec(), self.name), splitting)
    }

    /// The first records, and the line of the first of them.
    fn records(&self, splitting: Splitting) -> (Vec<Vec<String>>, u64) {
        let (mut records, mut all, mut line) = (self.open(splitting), Vec::new(), 0);
        while all.len() < LOOK && matches!(records.advance(), Ok(true)) {
            if all.is_empty() {
                line = records.number();
            }
            all.push(records.record().texts());
        }
        (all, line)
    }

    /// Different values of the first column.
    fn first_column(&self, splitting: Splitting) -> usize {
        let (records, _) = self.records(splitting);
        let values: HashSet<&String> = records.iter().skip(1).filter_map(|record| record.first()).collect();
        values.len()
    }

    fn first(&self, splitting: Splitting) -> Option<Vec<String>> {
        let mut records = self.open(splitting);
        matches!(records.advance(), Ok(true)).then(|| records.record().texts())
    }

    fn refused(&self, line: u64, reason: &str) -> Error {
        Error::data(self.name, line, reason)
    }
}

/// Whether the first fields are the rows' names: R gives each another, in quotes or counted from 1.
fn are_names_of_rows(rows: &[&Vec<String>], quoted: bool) -> bool {
    let names = || rows.iter().filter_map(|row| row.first());
    let different: HashSet<&String> = names().collect();
    let counted = names().zip(1u64..).all(|(name, number)| name.parse() == Ok(number));
    rows.len() > 1 && different.len() == rows.len() && (quoted || counted)
}

/// Whether records are users with their items: whole numbers alone, in rows of different lengths, no user twice.
fn are_lists(records: &[Vec<String>]) -> bool {
    let whole = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let firsts: HashSet<&String> = records.iter().filter_map(|record| record.first()).collect();
    let first = records.first().map_or(0, Vec::len);
    records.iter().any(|record| record.len() != first)
        && records.iter().any(|record| record.len() > 2)
        && firsts.len() == records.len()
        && records.iter().flatten().all(whole)
}

/// Whether the first record is a header, and whether that can be told.
fn has_header(records: &[Vec<String>]) -> (bool, bool) {
    let Some((first, rest)) = records.split_first() else {
        return (false, true);
    };
    if first.iter().all(|name| untyped(name).is_some()) {
        return (true, true);
    }
    // Where rows have a name, the header lacks that column.
    let shift = usize::from(!rest.is_empty() && rest.iter().all(|row| row.len() == first.len() + 1));
    let column = |at: usize| rest.iter().filter_map(move |row| row.get(at + shift));
    let again = |at: usize| column(at).any(|value| *value == first[at]);
    let known: Vec<usize> = Role::OF_PAIRS.iter().filter_map(|role| role.find(first)).collect();
    if known.len() >= 2 || (known.len() == 1 && !again(known[0])) {
        return (true, true);
    }
    let is_word = |text: &str| !text.is_empty() && !text.bytes().any(|byte| byte.is_ascii_digit());
    if !first.iter().all(|name| is_word(name)) || (0..first.len()).any(again) || rest.is_empty() {
        return (false, true);
    }
    // Numbers and codes all hold digits, and the words above them none.
    let coded = |at: usize| column(at).all(|value| value.bytes().any(|byte| byte.is_ascii_digit()));
    let header = (0..first.len()).any(coded);
    (header, header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(text: &str) -> Dialect {
        let lines = Lines::of_bytes(text.into(), "file");
        Dialect::of(lines, &Wish::default()).unwrap().0
    }

    #[test]
    fn the_delimiter_is_what_all_lines_agree_on() {
        for (text, delimiter, columns) in [
            ("1::2\n3::4\n", "::", 2),
            ("a b\tc\nd\te\n", "tab", 2),
            ("1,2 3\n4,5\n", ",", 2),
            ("u;i;3,5;7\nv;j;1,5;9\n", ";", 4),
            ("u;3,5\nv;1,5\n", ";", 2),
            ("u,a;b\nv,c\n", ",", 2),
            ("u,x,a;b\nv,y,c;d\n", ",", 3),
            ("1|2\n3|4\n", "|", 2),
            ("u|i|a,b\nv|j|c,d\n", "|", 3),
            ("1 2\n3  4\n", "space", 2),
            ("\"a,b\";\"c\"\n\"d,e\";\"f\"\n", ";", 2),
            ("\"u\"\t\"i\"\n\"v\"\t\"j\"\n", "tab", 2),
            ("user,item,at\nu,i,2020-01-01 10:00:00\n", ",", 3),
        ] {
            let got = decided(text);
            assert_eq!(got.splitting.delimiter, delimiter.parse().unwrap(), "{text:?}");
            assert_eq!(got.columns(), columns, "{text:?}");
        }
        assert!(decided("\"u\"\t\"i\"\n\"v\"\t\"j\"\n").splitting.quotes);
        // A title may begin with a quote; in a file of tabs that opens nothing.
        assert!(!decided("1\t\"Cats\" (1998)\n2\t\"x\"\n").splitting.quotes);
    }

    #[test]
    fn headers_are_told_by_names_and_by_what_stands_below() {
        for (text, header) in [
            ("user,item\nann,tea\n", true),
            ("customer,product\nc0,p4\n", true),
            ("foo,bar\nc0,p4\nc1,p4\n", true),
            ("foo,bar,baz\nx,y,1.5\nz,y,2\n", true),
            ("user_id:token\titem_id:token\n0\t4\n", true),
            ("ann,tea\nbob,rice\nann,rice\n", false),
            ("c0,p4\nc1,p4\n", false),
            ("1,2\n3,4\n", false),
            ("ann,book\nbob,book\n", false),
        ] {
            assert_eq!(decided(text).header.is_some(), header, "{text:?}");
        }
        assert_eq!(decided("name,drink\nann,tea\nbob,rice\n").notes.len(), 1);
        assert!(decided("ann,tea\nann,rice\n").notes.is_empty());
    }

    #[test]
    fn names_of_rows_and_empty_last_fields_are_no_columns() {
        let r = decided("\"user\" \"item\"\n\"1\" \"u0\" \"i4\"\n\"2\" \"u0\" \"i5\"\n");
        assert_eq!(
            (r.header.clone().unwrap(), r.columns()),
            (vec![String::new(), "user".into(), "item".into()], 3)
        );
        let surplus = decided("user,item\nu,i,\nv,j,\n");
        assert_eq!(
            surplus.width,
            Width::Of {
                fields: 2,
                surplus: true
            }
        );
        // Rows that are longer for no reason that is known are to be refused, not shifted.
        for text in ["user,item\nu,i,1,2\nu,j,3,4\n", "user,item\nu,i,x\nv,j,y\n"] {
            assert_eq!(decided(text).columns(), 2, "{text:?}");
        }
        assert_eq!(decided("user,item\n1,u,i\n2,u,j\n").columns(), 3);
    }

    #[test]
    fn lists_are_rows_of_numbers_of_many_lengths() {
        for (text, lists) in [
            ("0 5 7\n1 13 11 0\n2 4\n", true),
            ("0\t5\t7\n1\t13\n", true),
            ("0 5 7\n1 13 11\n", false),
            ("0 5 7\n0 13 11 4\n", false),
            ("0 5 x\n1 13 11 4\n", false),
            ("0 5\n1\n", false),
        ] {
            assert_eq!(decided(text).lists, lists, "{text:?}");
        }
    }
}

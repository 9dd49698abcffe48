//! Reads samples from files: fits an encoder to the training file and encodes dev and test files by it.

use std::path::Path;

use super::{
    libfm,
    only::Only,
    options::BadRows,
    report::RowReport,
    sink::{Inputs, Sink},
    table,
};
use crate::{
    Result,
    data::{
        Delimiter,
        clicks::{Encoder, Past, Rows, Samples, Schema, SideTable, Training},
    },
};

/// How a file of samples is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SampleFormat {
    /// Delimited rows, which may be quoted as in CSV where a comma or semicolon stands between fields.
    Delimited {
        /// What stands between fields; `None` takes that under which all rows have as many fields.
        delimiter: Option<Delimiter>,
        /// The columns' names where the file has no header.
        columns: Option<Vec<String>>,
    },
    /// `label index:value ...` a line: libfm, svmlight. Its columns are named `label`, `qid`, `features` and, for the
    /// index of the first, second, ... feature of a row, `1`, `2`, ...; see [`Schema::one_hot`] and
    /// [`Schema::features`].
    LibFm,
}

impl Default for SampleFormat {
    fn default() -> Self {
        SampleFormat::Delimited {
            delimiter: None,
            columns: None,
        }
    }
}

impl Sink for Training {
    fn push<'r>(&mut self, row: impl Fn(usize) -> Result<&'r str, String>) -> Result<(), String> {
        Training::push(self, row)
    }
}

impl Sink for Rows<'_> {
    fn push<'r>(&mut self, row: impl Fn(usize) -> Result<&'r str, String>) -> Result<(), String> {
        Rows::push(self, row)
    }
}

/// A side table whose first input is the key.
struct TableSink {
    table: SideTable,
    columns: usize,
}

impl Sink for TableSink {
    fn push<'r>(&mut self, row: impl Fn(usize) -> Result<&'r str, String>) -> Result<(), String> {
        let values = (1..=self.columns).map(&row).collect::<Result<Vec<&str>, String>>()?;
        self.table.push(row(0)?, &values).map_err(|error| error.to_string())
    }
}

fn read_rows(
    path: &Path,
    format: &SampleFormat,
    only: Option<Only>,
    inputs: &Inputs,
    sink: &mut impl Sink,
    bad_rows: BadRows,
) -> Result<RowReport> {
    let mut report = RowReport::new(bad_rows);
    match format {
        SampleFormat::LibFm => libfm::read(path, only, inputs, sink, &mut report)?,
        SampleFormat::Delimited { delimiter, columns } => {
            table::read(path, *delimiter, columns.as_deref(), only, inputs, sink, &mut report)?;
        }
    }
    Ok(report)
}

impl Schema {
    /// The schema of a libfm file by its rows: [`Schema::one_hot`] with as many fields as each row has features, if all
    /// have as many and the value 1, or else [`Schema::features`].
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where the file cannot be read, [`Error::Data`](crate::Error::Data) where it is
    /// empty or has a row that is not `label index:value ...`.
    pub fn of_libfm(path: impl AsRef<Path>) -> Result<Schema> {
        libfm::detect(&[path])
    }

    /// The schema of libfm files that go together, by all rows of all of them: see [`Schema::of_libfm`].
    ///
    /// # Errors
    /// Those of [`Schema::of_libfm`].
    pub fn of_libfm_files<P: AsRef<Path>>(paths: &[P]) -> Result<Schema> {
        libfm::detect(paths)
    }
}

/// Files of samples, before the training file is read.
///
/// ```
/// use pocketrec::data::{SampleFiles, clicks::{Field, Schema}};
/// # let folder = tempfile::tempdir()?;
/// # let path = |name: &str| folder.path().join(name);
/// std::fs::write(path("train.csv"), "user,item,time,label\nann,tea,1,1\nann,rice,2,1\nann,tea,3,0\n")?;
/// std::fs::write(path("dev.csv"), "user,item,time,label\nann,salt,9,1\n")?;
/// std::fs::write(path("items.csv"), "item,kind\ntea,drink\nrice,\"food, dry\"\nsalt,spice\n")?;
/// let schema = Schema::new()
///     .field(Field::key("user"))
///     .field(Field::key("item"))
///     .field(Field::key("kind").from_table("items"))
///     .join("items", "item")
///     .history("history", ["item", "kind"], 20)
///     .label("label")
///     .group("user")
///     .time("time");
/// let files = SampleFiles::new(schema).table("items", path("items.csv"), "item")?;
/// let (train, mut files) = files.fit(path("train.csv"))?;
/// let dev = files.read(path("dev.csv"))?;
/// assert_eq!(train.sequence(0).of(0, 2), [1, 2]); // tea, rice
/// assert_eq!((dev.ids(1), dev.sequence(0).of(0, 0)), (&[0][..], &[1, 2][..])); // training had no salt
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SampleFiles {
    schema: Schema,
    /// What reads the training file where a model goes on.
    encoder: Option<Encoder>,
    tables: Vec<SideTable>,
    /// What became of the rows of each table.
    table_reports: Vec<RowReport>,
    format: SampleFormat,
    bad_rows: BadRows,
}

impl SampleFiles {
    /// Delimited files with a header, of which no row may be bad.
    pub fn new(schema: Schema) -> Self {
        SampleFiles {
            schema,
            encoder: None,
            tables: Vec::new(),
            table_reports: Vec::new(),
            format: SampleFormat::default(),
            bad_rows: BadRows::default(),
        }
    }

    /// Files for a model that was trained before: they are read by its encoder, which grows for keys that are new in the
    /// training file; see [`Training::with_encoder`].
    pub fn with_encoder(encoder: Encoder) -> Self {
        SampleFiles {
            encoder: Some(encoder.clone()),
            ..Self::new(encoder.schema().clone())
        }
    }

    /// Sets how the files of rows are written. Side tables are delimited and have a header in any case.
    #[must_use]
    pub fn format(mut self, format: SampleFormat) -> Self {
        self.format = format;
        self
    }

    /// Sets what to do about rows that cannot be used.
    #[must_use]
    pub fn bad_rows(mut self, bad_rows: BadRows) -> Self {
        self.bad_rows = bad_rows;
        self
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(super) fn sample_format(&self) -> &SampleFormat {
        &self.format
    }

    /// Reads the side table `name`, a delimited file with a header, whose column `key` is what the schema joins it by.
    /// Of its columns those are kept that the schema uses.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) and [`Error::Data`](crate::Error::Data) as [`fit`](SampleFiles::fit); a key that
    /// comes twice is a bad row.
    pub fn table(mut self, name: &str, path: impl AsRef<Path>, key: &str) -> Result<Self> {
        let columns = self.schema.table_columns(name);
        let inputs = [key].into_iter().chain(columns.iter().copied());
        let inputs = Inputs(inputs.map(|input| (input.into(), false)).collect());
        let mut sink = TableSink {
            table: SideTable::new(name, columns.iter().copied()),
            columns: columns.len(),
        };
        let report = read_rows(
            path.as_ref(),
            &SampleFormat::default(),
            None,
            &inputs,
            &mut sink,
            self.bad_rows,
        )?;
        self.tables.push(sink.table);
        self.table_reports.push(report);
        Ok(self)
    }

    /// What became of the rows of a side table that was read.
    pub fn table_report(&self, name: &str) -> Option<&RowReport> {
        let at = self.tables.iter().position(|table| table.name() == name)?;
        self.table_reports.get(at)
    }

    /// Reads the training file and fits an encoder to it, by which further files are read.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where the file cannot be read; [`Error::Data`](crate::Error::Data) with file,
    /// line and reason where a column is missing or a row cannot be used (too few or too many fields, no label, a
    /// number or time that cannot be read, an empty group) unless such rows are to be skipped, and where no row is left;
    /// [`Error::Config`](crate::Error::Config) where the schema contradicts itself.
    pub fn fit(self, path: impl AsRef<Path>) -> Result<(Samples, FittedFiles)> {
        self.fit_only(path.as_ref(), None)
    }

    pub(super) fn fit_only(self, path: &Path, only: Option<Only>) -> Result<(Samples, FittedFiles)> {
        let mut training = match self.encoder {
            Some(encoder) => Training::with_encoder(encoder, self.tables)?,
            None => Training::new(self.schema, self.tables)?,
        };
        let inputs = Inputs(training.inputs().into_iter().map(|name| (name.into(), false)).collect());
        let report = read_rows(path, &self.format, only, &inputs, &mut training, self.bad_rows)?;
        let (encoder, samples, past) = training.fit()?;
        let files = FittedFiles {
            encoder,
            past,
            format: self.format,
            bad_rows: self.bad_rows,
            report,
        };
        Ok((samples, files))
    }
}

/// Files of samples, after the training file was read.
#[derive(Clone, Debug)]
pub struct FittedFiles {
    encoder: Encoder,
    past: Past,
    format: SampleFormat,
    bad_rows: BadRows,
    report: RowReport,
}

impl FittedFiles {
    /// Files that are read by an encoder there is, such as that of a saved model, with no past.
    pub fn new(encoder: Encoder) -> Self {
        FittedFiles {
            past: Past::default(),
            encoder,
            format: SampleFormat::default(),
            bad_rows: BadRows::default(),
            report: RowReport::default(),
        }
    }

    /// Sets how the files of rows are written.
    #[must_use]
    pub fn format(mut self, format: SampleFormat) -> Self {
        self.format = format;
        self
    }

    /// Sets what to do about rows that cannot be used.
    #[must_use]
    pub fn bad_rows(mut self, bad_rows: BadRows) -> Self {
        self.bad_rows = bad_rows;
        self
    }

    /// Reads a file of rows to predict for, which need no labels; nor times, users and weights, where a row without a
    /// time comes after all others. Nothing of it is past for files that are read later.
    ///
    /// # Errors
    /// Those of [`SampleFiles::fit`].
    pub fn read_unlabelled(&self, path: impl AsRef<Path>) -> Result<(Samples, RowReport)> {
        let names = self.encoder.inputs().iter().enumerate();
        let optional = |input: usize| self.encoder.is_optional_without_labels(input);
        let inputs = Inputs(names.map(|(input, name)| (name.clone(), optional(input))).collect());
        let mut past = self.past.clone();
        let mut rows = self.encoder.rows_without_labels(&mut past);
        let report = read_rows(path.as_ref(), &self.format, None, &inputs, &mut rows, self.bad_rows)?;
        Ok((rows.finish()?, report))
    }

    /// Reads a further file, such as dev and then test: what users did in it is in the histories of its own later rows
    /// and of the files that are read after it.
    ///
    /// # Errors
    /// Those of [`SampleFiles::fit`].
    pub fn read(&mut self, path: impl AsRef<Path>) -> Result<Samples> {
        self.read_only(path.as_ref(), None)
    }

    pub(super) fn read_only(&mut self, path: &Path, only: Option<Only>) -> Result<Samples> {
        let names = self.encoder.inputs().iter().enumerate();
        let inputs = Inputs(
            names
                .map(|(input, name)| (name.clone(), self.encoder.is_optional(input)))
                .collect(),
        );
        let with_negatives = match (&self.format, self.encoder.negatives_column()) {
            (SampleFormat::LibFm, _) | (_, None) => false,
            (SampleFormat::Delimited { delimiter, columns }, Some(column)) => {
                table::has_column(path, *delimiter, columns.as_deref(), column)?
            }
        };
        let mut rows = self.encoder.rows(&mut self.past, with_negatives);
        self.report = read_rows(path, &self.format, only, &inputs, &mut rows, self.bad_rows)?;
        rows.finish()
    }

    /// What the training file taught.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// What users did in the files so far.
    pub fn past(&self) -> &Past {
        &self.past
    }

    pub(super) fn set_report(&mut self, report: RowReport) {
        self.report = report;
    }

    /// What became of the rows of the file that was read last.
    pub fn report(&self) -> &RowReport {
        &self.report
    }

    /// The encoder and the past, when all files are read.
    pub fn into_parts(self) -> (Encoder, Past) {
        (self.encoder, self.past)
    }
}

//! Parts one file of samples into training, dev and test rows.

use std::{path::Path, sync::Arc};

use super::{
    columns::missing,
    libfm,
    only::{Only, Part},
    report::RowReport,
    samples::{FittedFiles, SampleFiles, SampleFormat},
    table,
};
use crate::{
    Error, Result,
    data::{clicks::Samples, text::Times},
    rng::{Rng, streams},
};

/// How the rows of one file become training, dev and test rows. Shares are of all rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Parting {
    /// The latest rows by the schema's time are test rows, those before them dev rows. Rows of one moment stay together,
    /// in the earlier part.
    ByTime {
        /// Share of dev rows.
        dev: f64,
        /// Share of test rows.
        test: f64,
    },
    /// Each row is of a part by chance: a function of the seed and the row's place.
    AtRandom {
        /// Share of dev rows.
        dev: f64,
        /// Share of test rows.
        test: f64,
        /// Seed of the draw.
        seed: u64,
    },
}

impl Parting {
    fn check(&self) -> Result<()> {
        let (Parting::ByTime { dev, test } | Parting::AtRandom { dev, test, .. }) = *self;
        match dev > 0.0 && test > 0.0 && dev + test < 1.0 {
            true => Ok(()),
            false => {
                let reason =
                    format!("{dev} for dev and {test} for test rows; both must be above 0 and leave some to train on");
                Err(Error::config("parting", reason))
            }
        }
    }
}

impl SampleFiles {
    /// Reads one file and parts its rows: fits an encoder to the training rows and encodes dev and test rows by it, as
    /// [`SampleFiles::fit`] and [`FittedFiles::read`] do with files. What became of the rows of all parts is in
    /// [`FittedFiles::report`].
    ///
    /// # Errors
    /// Those of [`SampleFiles::fit`]; [`Error::Config`] where shares leave nothing, or where rows are to be parted by time
    /// and the schema names none; [`Error::Data`] where a part has no row.
    pub fn fit_parts(self, path: impl AsRef<Path>, parting: &Parting) -> Result<([Samples; 3], FittedFiles)> {
        let path = path.as_ref();
        parting.check()?;
        let parts: Arc<[Part]> = self.parts_of(path, parting)?.into();
        let count = |part: Part| parts.iter().filter(|&&other| other == part).count();
        for (part, name) in [
            (Part::Train, "to train on"),
            (Part::Dev, "for dev"),
            (Part::Test, "for test"),
        ] {
            if count(part) == 0 {
                let reason = format!("of {} rows none is left {name}; give other shares", parts.len());
                return Err(Error::data(path.display().to_string(), 0, reason));
            }
        }
        let only = |part: Part| Only::of(parts.clone(), part);
        let (train, mut files) = self.fit_only(path, Some(only(Part::Train)))?;
        let mut total = files.report().clone();
        let mut further = |part: Part| -> Result<Samples> {
            let samples = files.read_only(path, Some(only(part)))?;
            total.add(files.report());
            Ok(samples)
        };
        let (dev, test) = (further(Part::Dev)?, further(Part::Test)?);
        files.set_report(total);
        Ok(([train, dev, test], files))
    }

    /// The part of each row.
    fn parts_of(&self, path: &Path, parting: &Parting) -> Result<Vec<Part>> {
        match *parting {
            Parting::AtRandom { dev, test, seed } => {
                let rng = Rng::new(seed).stream(streams::PARTS);
                let part = |row: u64| match f64::from(rng.uniform(row)) {
                    x if x < test => Part::Test,
                    x if x < test + dev => Part::Dev,
                    _ => Part::Train,
                };
                Ok((0..self.count_rows(path)?).map(part).collect())
            }
            Parting::ByTime { dev, test } => {
                let times = self.times_of(path)?;
                let mut sorted: Vec<i64> = times.iter().flatten().copied().collect();
                sorted.sort_unstable();
                // The last moment of a part of so many rows.
                let last = |share: f64| {
                    let rows = (share * sorted.len() as f64).round() as usize;
                    rows.checked_sub(1)
                        .and_then(|last| sorted.get(last))
                        .copied()
                        .unwrap_or(i64::MIN)
                };
                let (of_train, of_dev) = (last(1.0 - dev - test), last(1.0 - test));
                // A row whose time cannot be read is a bad row, to be refused or counted once.
                let part = |time: &Option<i64>| match *time {
                    Some(time) if time > of_dev => Part::Test,
                    Some(time) if time > of_train => Part::Dev,
                    _ => Part::Train,
                };
                Ok(times.iter().map(part).collect())
            }
        }
    }

    fn times_of(&self, path: &Path) -> Result<Vec<Option<i64>>> {
        let Some(column) = self.schema().time_column() else {
            let reason = "rows are to be parted by time, but no column is the time (Schema::time); part them at random";
            return Err(Error::config("parting", reason));
        };
        let SampleFormat::Delimited { delimiter, columns } = self.sample_format() else {
            return Err(Error::config(
                "parting",
                "libfm's files have no times; part them at random",
            ));
        };
        let (names, dialect, mut records) = table::open(path, *delimiter, columns.as_deref())?;
        let place = names.iter().position(|name| name == column).ok_or_else(|| {
            let reason = missing(column, &names);
            Error::data(path.display().to_string(), dialect.first_line, reason)
        })?;
        let (mut times, mut known) = (Times::default(), Vec::new());
        while records.advance()? {
            let field = records.record().get(place).unwrap_or_default();
            known.push(times.push(field).is_ok());
        }
        let mut values = times.values().iter().copied();
        Ok(known
            .into_iter()
            .map(|known| if known { values.next() } else { None })
            .collect())
    }

    fn count_rows(&self, path: &Path) -> Result<u64> {
        let mut rows = 0;
        match self.sample_format() {
            SampleFormat::Delimited { delimiter, columns } => {
                let (.., mut records) = table::open(path, *delimiter, columns.as_deref())?;
                while records.advance()? {
                    rows += 1;
                }
            }
            SampleFormat::LibFm => rows = libfm::count(path)?,
        }
        Ok(rows)
    }
}

impl RowReport {
    /// Adds what became of the rows of another part of the same file.
    fn add(&mut self, other: &RowReport) {
        self.rows += other.rows;
        self.skipped += other.skipped;
        let first = |report: &RowReport| report.first_skipped.clone();
        self.first_skipped = [first(self), first(other)].into_iter().flatten().min();
    }
}

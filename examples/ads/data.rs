//! Impressions from files.

use std::path::{Path, PathBuf};

use clap::Args;
use pocketrec::{
    Error, Result,
    data::{
        Parting, SampleFiles, SampleFormat, Survey,
        clicks::{Encoder, Field, Samples, Schema},
    },
};

use crate::common::{
    output::say,
    samples::{name_of, of_samples, say_all},
};

/// Values from which on a column is hashed.
const BUCKETS: u32 = 1 << 16;
/// Shares of dev and test rows of one file, and the seed by which they are drawn where it has no times.
const SHARE: f64 = 0.1;
const SEED: u64 = 0;
/// What may stand between several values of a field; none is parted here.
const SEPARATOR: char = '|';

#[derive(Debug, Args)]
pub struct DataOptions {
    /// Impressions: a CSV file with a header, or a folder with train, valid and test in libfm's format
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// The column that says what was clicked on, 1 or 0 [default: by its usual names]
    #[arg(long, value_name = "COLUMN", requires = "data")]
    label: Option<String>,
    /// Columns that are numbers and not keys, such as counts and prices
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', requires = "data")]
    numbers: Vec<String>,
    /// Give columns of more values than this so many rows, by a hash [default: 65536]
    #[arg(long, value_name = "BUCKETS", requires = "data", value_parser = clap::value_parser!(u32).range(1..=1 << 28))]
    hash: Option<u32>,
}

/// The three parts, and what encoded them.
pub struct Data {
    pub train: Samples,
    pub dev: Samples,
    pub test: Samples,
    pub encoder: Encoder,
}

impl DataOptions {
    pub fn read(&self, path: &Path) -> Result<Data> {
        let data = match (path.is_dir(), path.exists()) {
            (true, _) => self.read_libfm(path)?,
            (_, true) => self.read_csv(path)?,
            _ => {
                let reason = format!("there is no file or folder {}", path.display());
                return Err(Error::config("--data", reason));
            }
        };
        say_all("test", &of_samples(&data.test))?;
        Ok(data)
    }

    fn read_libfm(&self, folder: &Path) -> Result<Data> {
        let given = [
            ("--label", self.label.is_some()),
            ("--numbers", !self.numbers.is_empty()),
            ("--hash", self.hash.is_some()),
        ];
        if let Some((option, _)) = given.into_iter().find(|(_, given)| *given) {
            let reason = "libfm's files have no named columns; leave it out";
            return Err(Error::config(option, reason));
        }
        let find = |names: &[&str]| {
            let paths = names.iter().map(|name| folder.join(name).with_extension("libfm"));
            paths.clone().find(|path| path.is_file()).ok_or_else(|| {
                let reason = format!("{} has no {}.libfm", folder.display(), names[0]);
                Error::config("--data", reason)
            })
        };
        let [train, dev, test] = [&["train"][..], &["valid", "validation", "dev"], &["test"]].map(find);
        let (train, dev, test) = (train?, dev?, test?);
        let schema = Schema::of_libfm_files(&[&train, &dev, &test])?;
        let (train, mut files) = SampleFiles::new(schema).format(SampleFormat::LibFm).fit(train)?;
        Ok(Data {
            train,
            dev: files.read(dev)?,
            test: files.read(test)?,
            encoder: files.encoder().clone(),
        })
    }

    /// Reads a file once as it is, and again where columns have too many values for a row each.
    fn read_csv(&self, path: &Path) -> Result<Data> {
        let survey = Survey::of(path, None, SEPARATOR)?;
        let (buckets, time) = (self.hash.unwrap_or(BUCKETS), survey.time());
        let parting = match time {
            Some(_) => Parting::ByTime {
                dev: SHARE,
                test: SHARE,
            },
            None => Parting::AtRandom {
                dev: SHARE,
                test: SHARE,
                seed: SEED,
            },
        };
        let read = |hashed: &[String]| -> Result<Data> {
            let schema = self.schema(path, &survey, (hashed, buckets))?;
            let schema = time.iter().fold(schema, |schema, time| schema.time(*time));
            let ([train, dev, test], files) = SampleFiles::new(schema).fit_parts(path, &parting)?;
            let encoder = files.encoder().clone();
            Ok(Data {
                train,
                dev,
                test,
                encoder,
            })
        };
        let data = read(&[])?;
        let tables = data.encoder.layout().vocabularies.iter();
        let large = tables
            .filter(|table| table.rows > buckets)
            .map(|table| table.name.clone());
        let large: Vec<String> = large.collect();
        if large.is_empty() {
            return Ok(data);
        }
        say!("hashed to {buckets} rows each: {}", large.join(", "))?;
        read(&large)
    }

    fn schema(&self, path: &Path, survey: &Survey, (hashed, buckets): (&[String], u32)) -> Result<Schema> {
        let column = |option: &str, name: &str| match survey.place_of(&name.into()) {
            Ok((place, _)) => Ok(survey.columns[place].name.clone()),
            Err(reason) => Err(Error::config(option, format!("{}: {reason}", name_of(path)))),
        };
        let label = match (&self.label, survey.label()) {
            (Some(name), _) => column("--label", name)?,
            (None, Some(name)) => name.to_owned(),
            (None, None) => {
                let reason = format!("{} has no column that is known to be the label; name it", name_of(path));
                return Err(Error::config("--label", reason));
            }
        };
        let numbers = self.numbers.iter().map(|name| column("--numbers", name));
        let numbers: Vec<String> = numbers.collect::<Result<_>>()?;
        if numbers.contains(&label) {
            return Err(Error::config(
                "--numbers",
                format!("{label} is the label; leave it out"),
            ));
        }
        let fields = survey.columns.iter().map(|column| &column.name);
        let fields = fields.filter(|name| **name != label && Some(name.as_str()) != survey.time());
        let field = |name: &String| match (numbers.contains(name), hashed.contains(name)) {
            (true, _) => Field::number(name).log(),
            (_, true) => Field::key(name).hashed(buckets),
            _ => Field::key(name),
        };
        let schema = fields.fold(Schema::new(), |schema, name| schema.field(field(name)));
        Ok(schema.label(label))
    }
}

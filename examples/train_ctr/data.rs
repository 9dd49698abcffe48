//! Click data: from files, or made up.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use pocketrec::{
    Error, Result,
    data::{
        SampleFiles, SampleFormat,
        samples::{Encoder, Field, Part, PlantedClicks, Samples, Schema},
    },
};

use crate::options::DataOptions;

/// Rows of a file that are looked at to see whether a column holds several values.
const LOOK: usize = 200;
/// Events of a history, where the command line does not say.
const HISTORY: u32 = 20;
/// The column that says what was clicked on, and the one that lists what was not chosen.
const LABEL: &str = "label";
const NEGATIVES: &str = "negatives";
/// What stands between several values of a column.
const SEPARATOR: char = '|';

/// The three parts.
pub struct Data {
    pub train: Samples,
    pub dev: Samples,
    pub test: Samples,
    pub encoder: Encoder,
    /// Whether rows say what was clicked on; else each is a choice, and dev and test rows name what was not.
    pub labels: bool,
    /// The logits that made-up test clicks were drawn by.
    pub truth: Option<Vec<f32>>,
}

/// Reads or makes the data.
pub fn load(options: &DataOptions) -> Result<Data> {
    let Some(folder) = &options.data else {
        return made_up();
    };
    if let Some(train) = find(folder, &["train"], &["libfm", "svm", "svmlight"]) {
        options.check_libfm()?;
        return libfm(folder, &train);
    }
    let extensions = &["tsv", "csv", "txt"];
    let part = |names: &[&str]| {
        find(folder, names, extensions).ok_or_else(|| {
            let name = names[0];
            let reason = format!(
                "{} has no {name}.tsv or {name}.csv, and no {name}.libfm",
                folder.display()
            );
            Error::config("data", reason)
        })
    };
    let (train, dev, test) = (
        part(&["train"])?,
        part(&["dev", "validation", "valid"])?,
        part(&["test"])?,
    );
    let tables = ["items", "users"].map(|name| find(folder, &[name], extensions));
    let labels = header(&train)?.iter().any(|column| column == LABEL);
    if !labels {
        for path in [&dev, &test] {
            if !header(path)?.iter().any(|column| column == NEGATIVES) {
                let reason = format!(
                    "{} has no column named {LABEL}, and {} none named {NEGATIVES} to rank its rows among",
                    train.display(),
                    path.display()
                );
                return Err(Error::config("data", reason));
            }
        }
    }
    let schema = schema(options, &train, &tables, labels)?;
    let mut files = SampleFiles::new(schema);
    for (name, table) in ["items", "users"].into_iter().zip(tables.iter()) {
        if let Some(path) = table {
            files = files.table(name, path, &header(path)?[0])?;
        }
    }
    let (train, mut files) = files.fit(train)?;
    let (dev, test) = (files.read(dev)?, files.read(test)?);
    Ok(Data {
        train,
        dev,
        test,
        encoder: files.encoder().clone(),
        labels,
        truth: None,
    })
}

fn made_up() -> Result<Data> {
    let data = PlantedClicks::default().generate()?;
    let truth = data.truth(Part::Test).iter().map(|truth| truth.logit()).collect();
    Ok(Data {
        train: data.train,
        dev: data.dev,
        test: data.test,
        encoder: data.encoder,
        labels: true,
        truth: Some(truth),
    })
}

fn libfm(folder: &Path, train: &Path) -> Result<Data> {
    let part = |names: &[&str]| {
        find(folder, names, &["libfm", "svm", "svmlight"]).ok_or_else(|| {
            Error::config(
                "data",
                format!("{} has no {} in libfm's format", folder.display(), names[0]),
            )
        })
    };
    let (dev, test) = (part(&["validation", "valid", "dev"])?, part(&["test"])?);
    let files = SampleFiles::new(Schema::of_libfm(train)?).format(SampleFormat::LibFm);
    let (train, mut files) = files.fit(train)?;
    Ok(Data {
        train,
        dev: files.read(dev)?,
        test: files.read(test)?,
        encoder: files.encoder().clone(),
        labels: true,
        truth: None,
    })
}

/// Every column is a key but for label, time, and those that the options name; columns with `|` hold several keys.
fn schema(options: &DataOptions, train: &Path, tables: &[Option<PathBuf>; 2], labels: bool) -> Result<Schema> {
    let columns = header(train)?;
    let mut schema = match labels {
        true => Schema::new().label(LABEL),
        false => Schema::new().negatives(NEGATIVES, "item", ','),
    };
    let mut event = Vec::new();
    let used = |column: &str| column != LABEL && column != "time" && !options.skip.iter().any(|skip| skip == column);
    for column in columns.iter().filter(|column| used(column)) {
        schema = schema.field(field(options, column, several(train, column)?));
        if column == "item" {
            event.push(column.clone());
        }
    }
    for (table, path) in ["items", "users"].into_iter().zip(tables) {
        let Some(path) = path else { continue };
        let of_table = header(path)?;
        schema = schema.join(table, of_table[0].clone());
        for column in of_table[1..]
            .iter()
            .filter(|column| used(column) && !columns.contains(column))
        {
            let several = several(path, column)?;
            schema = schema.field(field(options, column, several).from_table(table));
            if table == "items" && !several && !options.numbers.contains(column) {
                event.push(column.clone());
            }
        }
    }
    let has = |name: &str| columns.iter().any(|column| column == name);
    if has("user") {
        schema = schema.group("user");
    }
    if has("time") {
        schema = schema.time("time");
    }
    let history = options.history.unwrap_or(HISTORY);
    if has("user") && !event.is_empty() && history > 0 {
        schema = schema.history("history", event, history);
    }
    Ok(schema)
}

fn field(options: &DataOptions, column: &str, several: bool) -> Field {
    if options.numbers.iter().any(|number| number == column) {
        Field::number(column)
    } else if several {
        Field::keys(column, SEPARATOR).min_count(options.min_count.unwrap_or(1))
    } else {
        Field::key(column).min_count(options.min_count.unwrap_or(1))
    }
}

/// A file in the folder whose name is one of `names` with one of the extensions.
fn find(folder: &Path, names: &[&str], extensions: &[&str]) -> Option<PathBuf> {
    let paths = names.iter().flat_map(|name| {
        extensions
            .iter()
            .map(move |extension| folder.join(format!("{name}.{extension}")))
    });
    paths.into_iter().find(|path| path.is_file())
}

fn lines(path: &Path, count: usize) -> Result<Vec<Vec<String>>> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut rows = Vec::new();
    let mut delimiter = None;
    for line in BufReader::new(file).lines().take(count) {
        let line = line.map_err(|error| Error::io(path, error))?;
        let sign = *delimiter.get_or_insert(if line.contains('\t') { '\t' } else { ',' });
        rows.push(line.split(sign).map(str::to_string).collect());
    }
    Ok(rows)
}

/// The names in the first line.
fn header(path: &Path) -> Result<Vec<String>> {
    lines(path, 1)?
        .pop()
        .ok_or_else(|| Error::config("data", format!("{} is empty", path.display())))
}

/// Whether some of the first rows hold several values in a column.
fn several(path: &Path, column: &str) -> Result<bool> {
    let rows = lines(path, LOOK)?;
    let Some(at) = rows
        .first()
        .and_then(|header| header.iter().position(|name| name == column))
    else {
        return Ok(false);
    };
    Ok(rows[1..]
        .iter()
        .any(|row| row.get(at).is_some_and(|value| value.contains(SEPARATOR))))
}

//! Click data: from files, or made up.

use std::{path::Path, time::Instant};

use pocketrec::{
    Error, Result,
    data::{
        Column, RowReport, SampleFiles, SampleFormat, Survey,
        clicks::{Encoder, Part, PlantedClicks, Samples, Schema},
    },
};

use crate::{
    columns::Columns,
    common::{
        output::say,
        samples::{format_of, name_of, of_rows, of_samples, say_all},
        tables::wrapped,
    },
    reading::DataOptions,
    source::{Held, Source},
    view::View,
};

/// What a model that goes on was trained with.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    pub encoder: &'a Encoder,
    pub checkpoint: &'a Path,
}

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

/// Reads or makes the data: by the encoder of the model that goes on, if there is one. Says how files were taken.
pub fn load(options: &DataOptions, saved: Option<Saved>) -> Result<Data> {
    let start = Instant::now();
    let data = match &options.data {
        None => made_up()?,
        Some(path) => read(options, &Source::find(path, options)?, saved)?,
    };
    let layout = data.encoder.layout();
    say!(
        "{} training rows, {} dev, {} test; {} fields, {} numbers ({:.1} s)",
        data.train.len(),
        data.dev.len(),
        data.test.len(),
        layout.ids.len() + layout.many.len(),
        layout.numbers.len(),
        start.elapsed().as_secs_f64()
    )?;
    for (part, samples) in [("dev", &data.dev), ("test", &data.test)] {
        say_all(part, &of_samples(samples))?;
    }
    Ok(data)
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

fn read(options: &DataOptions, source: &Source, saved: Option<Saved>) -> Result<Data> {
    if source.libfm {
        options.check_libfm()?;
    }
    let (files, view) = match saved {
        Some(saved) => of_saved(options, source, saved)?,
        None if source.libfm => of_libfm(options, source)?,
        None => of_columns(options, source)?,
    };
    let files = files
        .format(format_of(&source.train, options.delimiter))
        .bad_rows(options.bad_rows());
    let ([train, dev, test], files) = match &source.held {
        Held::Parts(parting) => {
            let (samples, files) = files.fit_parts(&source.train, parting)?;
            said(&source.train, files.report(), None)?;
            (samples, files)
        }
        Held::Files { dev, test } => {
            let (train, mut files) = files.fit(&source.train)?;
            let first = files.report().clone();
            said(&source.train, &first, None)?;
            let mut further = |path: &Path| -> Result<Samples> {
                let samples = files.read(path)?;
                said(path, files.report(), Some(&first))?;
                Ok(samples)
            };
            ([train, further(dev)?, further(test)?], files)
        }
    };
    say!("{}", wrapped("columns", &view.describe()))?;
    Ok(Data {
        train,
        dev,
        test,
        encoder: files.encoder().clone(),
        labels: view.has_label(),
        truth: None,
    })
}

/// Says how a file was taken, where that is otherwise than the first, and what became of its rows.
fn said(path: &Path, report: &RowReport, first: Option<&RowReport>) -> Result<()> {
    let layout = report.layout.as_ref();
    let layout = layout.filter(|layout| first.is_none_or(|first| first.layout.as_ref() != Some(layout)));
    let name = name_of(path);
    let lines = layout.map(|layout| format!("{name}: {layout}")).into_iter();
    let rows = of_rows(report).into_iter().map(|line| format!("{name}: {line}"));
    say_all("data", &lines.chain(rows).collect::<Vec<_>>())
}

/// Files in libfm's format.
fn of_libfm(options: &DataOptions, source: &Source) -> Result<(SampleFiles, View)> {
    let schema = match &source.held {
        Held::Files { dev, test } => Schema::of_libfm_files(&[&source.train, dev, test])?,
        Held::Parts(_) => Schema::of_libfm(&source.train)?,
    };
    let schema = match options.columns.label_at_least {
        Some(least) => schema.label_at_least("label", least),
        None => schema,
    };
    let view = View::of(&schema)?;
    Ok((SampleFiles::new(schema).format(SampleFormat::LibFm), view))
}

/// Delimited files, whose columns mean what options and their names say.
fn of_columns(options: &DataOptions, source: &Source) -> Result<(SampleFiles, View)> {
    let mut columns = Columns::look(options, source)?;
    let schema = columns.schema()?;
    schema.check()?;
    say_all("data", &columns.notes)?;
    say_all("joined", &columns.describe_tables())?;
    let view = View::of(&schema)?;
    let mut files = SampleFiles::new(schema).bad_rows(options.bad_rows());
    for (name, path, key) in columns.tables() {
        files = files.table(name, path, key)?;
        of_table(&files, name, path)?;
    }
    Ok((files, view))
}

/// Says what became of the rows of a file that is joined.
fn of_table(files: &SampleFiles, name: &str, path: &Path) -> Result<()> {
    let lines = files.table_report(name).map(of_rows).unwrap_or_default();
    let lines: Vec<String> = lines
        .into_iter()
        .map(|line| format!("{}: {line}", name_of(path)))
        .collect();
    say_all("joined", &lines)
}

/// Files that are read as those which a checkpoint's model was trained on.
fn of_saved(options: &DataOptions, source: &Source, saved: Saved) -> Result<(SampleFiles, View)> {
    let view = View::of(saved.encoder.schema())?;
    let given = options.columns.given();
    if source.libfm {
        let no_columns = |option: &str, _: &Column| Err(Error::config(option, "libfm's files have no named columns"));
        view.check(&options.columns, saved.checkpoint, &no_columns)?;
    } else if given.iter().any(|(_, given)| *given) {
        let survey = Survey::with(
            &source.train,
            options.delimiter,
            options.columns.sign(),
            options.bad_rows(),
        )?;
        let name = |option: &str, column: &Column| match (survey.place_of(column), column) {
            (Ok((place, _)), _) => Ok(survey.columns[place].name.clone()),
            // A column of a file that is joined.
            (Err(_), Column::Name(name)) if view.has(name) => Ok(name.clone()),
            (Err(reason), _) => Err(Error::config(option, format!("{}: {reason}", name_of(&source.train)))),
        };
        view.check(&options.columns, saved.checkpoint, &name)?;
    }
    let mut files = SampleFiles::with_encoder(saved.encoder.clone()).bad_rows(options.bad_rows());
    for (name, path) in &source.tables {
        if !view.joins(name) {
            let text = format!(
                "{} is not used: the checkpoint's model has no field of it",
                name_of(path)
            );
            say!("{}", wrapped("joined", &text))?;
            continue;
        }
        let survey = Survey::with(path, None, options.columns.sign(), options.bad_rows())?;
        let key = survey
            .columns
            .first()
            .map(|column| column.name.clone())
            .unwrap_or_default();
        files = files.table(name, path, &key)?;
        of_table(&files, name, path)?;
    }
    Ok((files, view))
}

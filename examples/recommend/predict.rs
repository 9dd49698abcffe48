//! Predictions of a model of clicks for the rows of a file.

use std::path::Path;

use pocketrec::{
    Error, Result,
    data::{
        FittedFiles,
        clicks::{Encoder, Samples, Vocabulary},
    },
    train::ClickTrainer,
};

use crate::{
    clicks::{ITEMS, USERS, column},
    common::{
        output::note,
        samples::{PROBABILITY, format_of, name_of, of_rows, of_samples, probability, score_name},
        tables::wrapped,
    },
    csv_file::CsvFile,
    options::Options,
};

/// Writes a line for each row, in the order of the file: its number from 1, the keys of its user and item as far as the
/// model knows them, and its probability. Says on standard error what the model does not know.
pub fn rows(options: &Options, trainer: &mut ClickTrainer, encoder: Encoder, input: &Path) -> Result<()> {
    options.check_rows()?;
    let keys = KeyColumns::of(options, &encoder)?;
    let files = FittedFiles::new(encoder).format(format_of(input, options.delimiter));
    let (samples, report) = files.read_unlabelled(input)?;
    let name = name_of(input);
    if let Some(layout) = &report.layout {
        note(format_args!("{}", wrapped("input", &format!("{name}: {layout}"))));
    }
    for line in of_rows(&report).iter().chain(&of_samples(&samples)) {
        note(format_args!("{}", wrapped("", line)));
    }
    if !trainer.plan().sequences().is_empty() {
        let text = format!(
            "{} looks at histories, and a checkpoint has none of those it was trained on: the rows are predicted for \
             without",
            trainer.model().name()
        );
        note(format_args!("{}", wrapped("", &text)));
    }
    let logits = trainer.score(&samples)?;
    if let Some(row) = logits.iter().position(|logit| !logit.is_finite()) {
        let reason = format!(
            "row {}: the prediction is not finite; a number of the row is too far off",
            row + 1
        );
        return Err(Error::data(input.display().to_string(), 0, reason));
    }
    let score = score_name(trainer);
    let mut out = CsvFile::new(options.output.as_deref());
    let header = ["row"].into_iter().chain(keys.names()).chain([score]);
    out.row(header.map(String::from));
    for (row, &logit) in logits.iter().enumerate() {
        let value = if score == PROBABILITY {
            probability(logit)
        } else {
            logit
        };
        let own = [(row + 1).to_string()].into_iter();
        out.row(
            own.chain(keys.keys(&samples, files.encoder(), row))
                .chain([value.to_string()]),
        );
    }
    out.finish(&format!("{} predictions", logits.len()))
}

/// The columns of user and item whose keys the model stores, and their places among fields of one key.
struct KeyColumns(Vec<(String, usize)>);

impl KeyColumns {
    fn of(options: &Options, encoder: &Encoder) -> Result<Self> {
        let given = &options.clicks;
        let mut columns = Vec::new();
        for (option, given, usual) in [
            ("--user-column", given.user_column.as_ref(), USERS),
            ("--item-column", given.item_column.as_ref(), ITEMS),
        ] {
            let found = match column(encoder, option, given, usual) {
                Err(error) if given.is_some() => return Err(error),
                found => found.ok(),
            };
            let place = found.and_then(|name| Some((encoder.layout().id(&name)?, name)));
            columns.extend(place.map(|(at, name)| (name, at)));
        }
        columns.retain(|(name, _)| matches!(encoder.vocabulary(name), Some(Vocabulary::Keys(_))));
        Ok(KeyColumns(columns))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The keys of a row; empty where the model does not know one.
    fn keys<'s>(&'s self, samples: &'s Samples, encoder: &'s Encoder, row: usize) -> impl Iterator<Item = String> + 's {
        self.0.iter().map(move |(name, at)| match encoder.vocabulary(name) {
            Some(Vocabulary::Keys(keys)) => samples.ids(*at)[row]
                .checked_sub(1)
                .and_then(|id| keys.key(id))
                .unwrap_or_default()
                .into_owned(),
            _ => String::new(),
        })
    }
}

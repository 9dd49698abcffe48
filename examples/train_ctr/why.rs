//! What a model of attention looks at in a history.

use pocketrec::{Result, data::clicks::Samples, train::ClickTrainer};

use crate::common::{
    output::say,
    reasons::{self, Row},
    samples::{PROBABILITY, probability, score_name},
    tables::cut,
};

/// Rows that are shown.
const SHOWN: usize = 10;
/// What stands for a key that no row of the training part had, or that is not stored.
const UNKNOWN: &str = "unknown";

/// Prints what was looked at for the rows of one user, the first with a history; the best rows first. Where rows are nobody's,
/// those from there on are shown.
pub fn of_a_user(trainer: &mut ClickTrainer, rows: &Samples) -> Result<()> {
    let explained = trainer.explain(rows)?;
    let Some(first) = explained.iter().position(|why| !why.reasons.is_empty()) else {
        return say!("{}", reasons::NOTHING);
    };
    let user = rows.groups().get(first);
    let mut shown: Vec<usize> = (first..explained.len())
        .filter(|&row| rows.groups().get(row) == user)
        .collect();
    if user.is_none() {
        shown.truncate(SHOWN);
    }
    shown.sort_by(|&a, &b| explained[b].score.total_cmp(&explained[a].score));
    shown.truncate(SHOWN);

    let key = user.and_then(|&user| rows.user(user)).map(|key| cut(&key, 20));
    let of = key.map_or("some rows".into(), |key| format!("rows of user {key}"));
    say!("\n{of} among the test rows, and what was looked at for each")?;
    let score = score_name(trainer);
    let shown: Vec<Row> = shown
        .into_iter()
        .map(|row| {
            let why = explained[row].clone();
            let shown = if score == PROBABILITY {
                probability(why.score)
            } else {
                why.score
            };
            (candidate(trainer, rows, row), shown, why)
        })
        .collect();
    let name = |item| trainer.reason_key(item).unwrap_or_else(|| UNKNOWN.into());
    reasons::print(&shown, score, |item, width| cut(&name(item), width))
}

/// The key of a row's candidate: of the field that the history collects first.
fn candidate(trainer: &ClickTrainer, rows: &Samples, row: usize) -> String {
    let layout = rows.layout();
    let history = trainer
        .plan()
        .sequences()
        .first()
        .and_then(|name| layout.sequence(name));
    let field = history.and_then(|history| layout.sequences[history].fields.first());
    let key = field.and_then(|&field| {
        let vocabulary = &layout.vocabularies[layout.ids[field].vocabulary].name;
        trainer.encoder()?.vocabulary(vocabulary)?.key(rows.ids(field)[row])
    });
    key.unwrap_or_else(|| UNKNOWN.into())
}

//! What is said at the end.

use pocketrec::{
    Result,
    eval::{Protocol, RankingReport, evaluate_popularity},
    train::{BestEpoch, FitReport, StopReason, Trainer},
};

use super::{
    data::{Data, name_of},
    ranking,
};
use crate::common::{
    output::{say, short},
    reasons,
    tables::{TERMINAL, cut, listed, table},
};

/// The cut-off of HR@k and NDCG@k.
const K: usize = 10;

/// One line: why and when training ended.
pub fn ended(report: &FitReport, trainer: &Trainer) -> Result<()> {
    let reason = match report.reason {
        StopReason::Finished => "all epochs are done",
        StopReason::Patience => "no better epoch came",
        StopReason::OutOfTime => "the time is over",
        _ => "stopped",
    };
    say!(
        "{reason}: {} epoch{} and {} samples in {:.1} s with evaluation, on {}",
        report.epochs,
        if report.epochs == 1 { "" } else { "s" },
        short(report.samples as f64),
        report.seconds,
        trainer.device()
    )
}

/// Popularity, the model, and the truth where it is known.
pub fn rankings(trainer: &mut Trainer, data: &Data, report: &FitReport, full: bool) -> Result<()> {
    let (split, model) = (&data.split, trainer.model().name());
    let mut protocols = match split.has_negatives() {
        true => vec![Protocol::Sampled],
        false => vec![Protocol::Full],
    };
    if full && split.has_negatives() {
        protocols.push(Protocol::Full);
    }
    let each = |rank: &mut dyn FnMut(Protocol) -> Result<RankingReport>| -> Result<Vec<RankingReport>> {
        protocols.iter().map(|&protocol| rank(protocol)).collect()
    };
    let mut rows = vec![(
        "popularity".to_owned(),
        each(&mut |protocol| evaluate_popularity(split, protocol, K))?,
    )];
    let progress = *trainer.progress();
    let named = |best: &BestEpoch| format!("{model}, {}", epochs(best.epoch, best.averaged));
    let mine = each(&mut |protocol| trainer.evaluate(split, protocol, K))?;
    let name = match (data.validation.is_some(), progress.best) {
        (true, Some(best)) if progress.at_best => format!("{}: best on validation items", named(&best)),
        _ if progress.step == 0 => format!("{model}, untrained"),
        _ if progress.sample > 0 && progress.averaged > 0 => {
            format!(
                "{model}, {}, stopped in the next",
                epochs(progress.epoch, progress.averaged)
            )
        }
        _ if progress.sample > 0 => format!("{model}, in epoch {}", progress.epoch + 1),
        (false, Some(best)) if best.epoch == progress.epoch => {
            format!("{}: the last, and the best on test items", named(&best))
        }
        _ => format!("{model}, {}: the last", epochs(progress.epoch, progress.averaged)),
    };
    let last_is_best = progress.sample == 0 && report.best.is_some_and(|best| best.epoch == progress.epoch);
    rows.push((name, mine));
    if let (None, Some(best), false) = (&data.validation, report.best, last_is_best) {
        let name = format!("{}: best on test items, as in papers", named(&best));
        rows.push((name, vec![best.value]));
    }
    if let Some(truth) = &data.truth {
        let best = each(&mut |protocol| ranking::of_cases(split, protocol, K, truth))?;
        rows.push(("the truth behind the data: the ceiling".into(), best));
    }
    print_rankings(&rows, &protocols)?;
    let left_out = rows[0].1.first().map(|report| (report.left_out, report.cases));
    match left_out {
        Some((left_out @ 1.., cases)) => say!("on {cases} test items; {left_out} more have nothing to be ranked among"),
        _ => Ok(()),
    }
}

/// Whose parameters: those after an epoch, or the mean of so many that end with it.
fn epochs(last: u32, averaged: u32) -> String {
    match averaged {
        0 | 1 => format!("epoch {last}"),
        count => format!("mean of epochs {} to {last}", last.saturating_sub(count - 1)),
    }
}

fn print_rankings(rows: &[(String, Vec<RankingReport>)], protocols: &[Protocol]) -> Result<()> {
    let mut header = vec!["test items ranked by".to_owned()];
    for protocol in protocols {
        let among = if *protocol == Protocol::Full {
            ",\nall items"
        } else {
            ""
        };
        header.extend([format!("HR@{K}{among}"), format!("NDCG@{K}{among}")]);
    }
    let mut table = table(header, |column| column > 0);
    for (name, reports) in rows {
        // Beside twice the figures there is room for half the name.
        let break_at = if protocols.len() > 1 && name.len() > 33 {
            ":\n"
        } else {
            ": "
        };
        let mut cells = vec![name.replacen(": ", break_at, 1)];
        for index in 0..protocols.len() {
            cells.extend(match reports.get(index) {
                Some(report) => [format!("{:.4}", report.hr), format!("{:.4}", report.ndcg)],
                None => ["".into(), "".into()], // known for the protocol of training alone
            });
        }
        table.add_row(cells);
    }
    say!("\n{table}")
}

/// Ten items for one user, and some of what the user has; with what they come from where `why` asks for it.
pub fn recommendations(trainer: &mut Trainer, data: &Data, user: u32, why: bool) -> Result<()> {
    let train = &data.split.train;
    let key = train.user_ids().key(user).unwrap_or_default();
    let has: Vec<String> = train
        .of_user(user)
        .iter()
        .rev()
        .take(5)
        .map(|&item| cut(&name_of(train, item), 18))
        .collect();
    let (count, shown) = (train.of_user(user).len(), cut(&key, 20));
    say!(
        "\nuser {shown} has {count} items, lately {}",
        listed(has, TERMINAL - 20)
    )?;
    let best = trainer.recommend(user, K)?;
    let mut header = vec!["".to_owned(), format!("for user {shown}"), "score".into()];
    let truth = data.truth.as_ref();
    header.extend(truth.map(|_| "true place".to_owned()));
    let mut table = table(header, |column| column != 1);
    for (place, &(item, score)) in (1..).zip(&best) {
        let mut row = vec![
            format!("{place}"),
            cut(&name_of(train, item), 46),
            format!("{score:.3}"),
        ];
        row.extend(truth.map(|truth| {
            let better = |&other: &u32| truth(user, other) > truth(user, item);
            let unseen = (0..train.items()).filter(|&other| !trainer.history().contains(user, other));
            (unseen.filter(better).count() + 1).to_string()
        }));
        table.add_row(row);
    }
    say!("{table}")?;
    match why {
        true => reasons::of_user(trainer, user, &best),
        false => Ok(()),
    }
}

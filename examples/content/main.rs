//! Films, songs, articles: what somebody takes up next, after what came just before. Popularity, MF, which has no order, and
//! SASRec, which reads the history in order, side by side; then an evening, in which the list follows each click.
//!
//! ```text
//! cargo run --release --example content                                # made-up histories whose best ranking is known, seconds
//! cargo run --release --example content -- --data ml-1m/ratings.dat    # minutes
//! ```

#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;

use std::process::ExitCode;

use clap::Parser;
use pocketrec::{
    Error, Result,
    data::Split,
    eval::{Protocol, RankingReport, evaluate_popularity},
    models::{Mf, Model, SasRec},
    train::{TrainConfig, Trainer},
};

use common::{
    ending::{Ending, exit_code},
    field::{
        comparison::Comparison,
        options::{FieldOptions, NAMES},
        pairs::{self, Settings},
    },
    interactions::{
        data::{Data, made_up_paths, name_of},
        options::DataOptions,
        ranking,
    },
    output::say,
    tables::{TERMINAL, cut, listed, wrapped},
};

/// Places of a list that are looked at.
const K: usize = 10;
/// Recommendations that are shown.
const SHOWN: usize = 4;
/// Clicks of an evening, each on what is recommended first.
const CLICKS: usize = 3;
/// Passes over made-up histories, and over those of a file.
const EPOCHS: [u32; 2] = [10, 30];

/// What somebody takes up next.
///
/// Ranks everybody's latest item among all that they do not have: by popularity, by MF, which knows no order, and by SASRec, which
/// reads the history in order; then clicks on what is recommended, and shows how the list follows. Without arguments on histories
/// that are made up on the spot, so that the best possible ranking is known.
#[derive(Debug, Parser)]
#[command(name = "content", version, max_term_width = 80)]
struct Options {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    field: FieldOptions,
}

fn main() -> ExitCode {
    exit_code(run(&Options::parse()), NAMES)
}

fn run(options: &Options) -> Result<(), Ending> {
    let field = &options.field;
    let device = field.begin()?;
    let data = Data::load(&options.data, false, None, || made_up_paths(Some(field.seed)))?;
    data.describe_train()?;
    let split = &data.split;
    let text = format!(
        "the latest item of each of {} users, among all that they do not have",
        split.test.len()
    );
    say!("{}", wrapped("test", &text))?;
    let user = data.user("--user", field.user.as_deref())?;

    let measures = [format!("HR@{K}"), format!("NDCG@{K}")];
    let mut compared = Comparison::new("the latest, among all", measures);
    compared.add("popularity", figures(&evaluate_popularity(split, Protocol::Full, K)?));
    let mut last = None;
    for (name, model, config) in models(options, split) {
        let mut trainer = Trainer::new(model, device.clone(), config)?;
        pairs::train(field, name, &mut trainer, split)?;
        compared.add(name, figures(&trainer.evaluate(split, Protocol::Full, K)?));
        last = Some(trainer);
    }
    if let Some(truth) = &data.truth {
        let best = ranking::of_cases(split, Protocol::Full, K, truth)?;
        compared.ceiling(figures(&best));
    }
    compared.say()?;
    if let Some(mut trainer) = last {
        evening(split, &mut trainer, user)?;
    }
    Ok(compared.draw("Who finds what comes next, among all items", 2, field.plot.as_deref())?)
}

/// The models that are compared: name, model, and how it is trained.
fn models(options: &Options, split: &Split) -> [(&'static str, Model, TrainConfig); 2] {
    let (users, items) = (split.train.users() as usize, split.train.items() as usize);
    let settings = Settings {
        epochs: EPOCHS[usize::from(options.data.data.is_some())],
        batch_size: 1024,
        learning_rate: 1e-3,
        temperature: 0.2,
    };
    let of_pairs = settings.config(&options.field);
    let in_order = TrainConfig {
        loss: SasRec::loss(),
        batch_size: 128, // histories
        ..of_pairs
    };
    let factors = Mf::new(users, items).factors(64);
    [
        ("MF, which knows no order", factors.into(), of_pairs),
        ("SASRec, in order", SasRec::new(users, items).into(), in_order),
    ]
}

fn figures(report: &RankingReport) -> [Option<f64>; 2] {
    [report.hr, report.ndcg].map(Some)
}

/// Clicks on what comes first, again and again; the list after each click, and what of the history it was read from.
fn evening(split: &Split, trainer: &mut Trainer, user: u32) -> Result<()> {
    let train = &split.train;
    let name = |item| cut(&name_of(train, item), 18);
    pairs::has(train, user, "took up")?;
    for click in 0..=CLICKS {
        let best = trainer.recommend(user, SHOWN)?;
        let Some(&(first, _)) = best.first() else {
            return Err(Error::config(
                "--user",
                "there is nothing left to recommend; take another",
            ));
        };
        let said = if click == 0 { "at first" } else { "and then" };
        let shown = listed(best.iter().map(|&(item, _)| name(item)), TERMINAL - 10);
        say!("{said:<10}{shown}")?;
        let read = trainer.explain(user, first)?.reasons;
        let read = listed(read.iter().take(3).map(|reason| name(reason.item)), TERMINAL - 30);
        say!("          most was read of {read}")?;
        if click < CLICKS {
            trainer.absorb(&[(user, first)])?;
            say!("click     {}", name(first))?;
        }
    }
    Ok(())
}

//! A shop: what a customer buys next, and articles that nobody has bought yet. Popularity, LightGCN of purchases alone and with
//! related articles, and MF that knows articles by what they are related to, side by side.
//!
//! ```text
//! cargo run --release --example shop                        # made-up data whose best ranking is known, some seconds
//! cargo run --release --example shop -- --data train.csv --relations item_meta.csv --related r_complement,r_substitute
//! ```

#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod data;

use std::process::ExitCode;

use clap::Parser;
use pocketrec::{
    Result,
    data::Features,
    device::Device,
    eval::FullRanking,
    models::{LightGcn, Loss, Mf, Softmax},
    train::{Known, TrainConfig, Trainer},
};

use common::{
    ending::{Ending, exit_code},
    field::{
        comparison::Comparison,
        options::{FieldOptions, NAMES},
        pairs::{self, Settings},
    },
    interactions::{data::name_of, ranking},
    output::say,
    related::positives,
    tables::cut,
};
use data::{Data, DataOptions};

/// Places of a list that are looked at.
const K: usize = 20;
/// Recommendations that are shown.
const SHOWN: usize = 8;

/// How all three models are trained.
const MADE_UP: Settings = Settings {
    epochs: 10,
    batch_size: 512,
    learning_rate: 3e-3,
    temperature: 0.4,
};
/// What is best on a held-out part of Amazon's groceries.
const OF_FILES: Settings = Settings {
    epochs: 6,
    batch_size: 2048,
    learning_rate: 1e-3,
    temperature: 0.2,
};

/// What a customer buys next, and articles that nobody has bought yet.
///
/// Trains three models on the same purchases, ranks articles that others have bought and articles that are new, and recommends with
/// reasons. Without arguments on data that is made up on the spot and whose best possible ranking is known.
#[derive(Debug, Parser)]
#[command(name = "shop", version, max_term_width = 80)]
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
    let data = Data::load(&options.data, field.seed)?;
    let user = pairs::user(field, &data.known)?;
    let settings = if data.truth.is_some() { MADE_UP } else { OF_FILES };

    let measures = ["known articles", "new ones alone"];
    let mut compared = Comparison::new("recall of 20 places", measures);
    let (known, new) = (FullRanking::new(K), FullRanking::new(K).cold_alone());
    let popularity = [known.of_popularity(&data.known)?, new.of_popularity(&data.new)?];
    compared.add("popularity", popularity.map(|report| Some(report.all.recall)));
    let mut best = None;
    for (name, mut trainer) in models(&data, &device, (&settings, field))? {
        pairs::train(field, name, &mut trainer, &data.known)?;
        let reports = [
            trainer.full_ranking(&data.known, known)?,
            trainer.full_ranking(&data.new, new)?,
        ];
        compared.add(name, reports.map(|report| Some(report.all.recall)));
        if name == RELATED {
            best = Some(trainer);
        }
    }
    if let Some(truth) = &data.truth {
        let by_truth = |split, ranking| ranking::of_all(split, ranking, |user, item| truth.score(user, item));
        let reports = [by_truth(&data.known, known)?, by_truth(&data.new, new)?];
        compared.ceiling(reports.map(|report| Some(report.all.recall)));
    }
    compared.say()?;
    if let Some(mut trainer) = best {
        recommend(&data, &mut trainer, user)?;
        goes_with(&data, &mut trainer)?;
    }
    Ok(compared.draw(
        "Who finds what a customer buys, recall of 20 places",
        measures.len(),
        field.plot.as_deref(),
    )?)
}

/// The model whose lists are shown.
const RELATED: &str = "LightGCN, related articles too";

/// The models that are compared, by name.
fn models(
    data: &Data,
    device: &Device,
    (settings, field): (&Settings, &FieldOptions),
) -> Result<Vec<(&'static str, Trainer)>> {
    let config = settings.config(field);
    // Pairs of related articles are told from others as purchases are.
    let with_related = TrainConfig {
        loss: Loss::Softmax(Softmax {
            related: true,
            ..settings.softmax()
        }),
        ..config
    };
    let train = &data.known.train;
    let (users, items) = (train.users() as usize, train.items() as usize);
    let graph = LightGcn::new(users, items).layers(1);
    let mut related = Trainer::new(graph.clone(), device.clone(), with_related)?;
    related.set_relations(positives(&data.related, Some(1.0))?)?; // and edges of the graph, like purchases
    let known = Known::of_items(Features::of_triples(&data.related)?).left_out(0.2);
    let factors = Mf::new(users, items).factors(64);
    Ok(vec![
        (
            "LightGCN, purchases alone",
            Trainer::new(graph, device.clone(), config)?,
        ),
        (RELATED, related),
        (
            "MF, articles by what they relate to",
            Trainer::with_known(factors, known, device.clone(), config)?,
        ),
    ])
}

/// The best articles for a customer, with the best way that leads there; which of them are new.
fn recommend(data: &Data, trainer: &mut Trainer, user: u32) -> Result<()> {
    let train = &data.known.train;
    pairs::has(train, user, "bought")?;
    let best = trainer.recommend(user, SHOWN)?;
    pairs::recommended(train, user, &best, "because of", |item| {
        let why = trainer.explain(user, item)?;
        let name = |item| cut(&name_of(train, item), 18);
        let is_new = data.new.cold_items().binary_search(&item).is_ok();
        let mark = if is_new { "new: " } else { "" };
        let reason = match (&why.path, why.reasons.first()) {
            (Some(path), _) => path.describe(&name(path.item), &name(item)),
            (None, Some(reason)) => format!("{}, which others have who have it", name(reason.item)),
            (None, None) => "nothing of what was bought".into(),
        };
        Ok(format!("{mark}{reason}"))
    })
}

/// What stands beside a new article, as nobody's purchase says it.
fn goes_with(data: &Data, trainer: &mut Trainer) -> Result<()> {
    let Some(&item) = data.new.cold_items().first() else {
        return Ok(());
    };
    let name = |item| cut(&name_of(&data.known.train, item), 18);
    let beside = trainer.similar_items(item, 5)?;
    let beside: Vec<String> = beside.iter().map(|&(item, _)| name(item)).collect();
    say!("beside the new article {} stand {}", name(item), beside.join(", "))
}

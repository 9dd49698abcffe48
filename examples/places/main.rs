//! Where to go next: by taste, and by how far it is.
//!
//! ```sh
//! cargo run --release --example places                     # a made-up city, in which it is known how people choose
//! cargo run --release --example places -- --data gowalla   # a folder with train.txt and test.txt, or a file of visits
//! ```
//!
//! Popular places and near ones stand beside models of who was where, and beside a model of clicks that knows the distance too. A
//! file of visits says nothing of distances; there the former alone are compared.

mod city;
#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod near;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use pocketrec::{
    Error, Result,
    classical::{Rp3Beta, Rp3BetaConfig},
    data::{Dataset, Interactions, Split},
    device::Device,
    eval::{FullRanking, FullReport, TopK},
    models::LightGcn,
    train::Trainer,
};

use city::City;
use common::{
    device::is_processor,
    ending::{Ending, exit_code},
    field::{
        comparison::Comparison,
        options::{FieldOptions, NAMES},
        pairs::{self, Settings},
    },
    interactions::{data::name_of, ranking},
    output::say,
    tables::{cut, listed},
};
use near::Near;

/// Places of a list that are looked at, and that are shown.
const K: usize = 20;
const SHOWN: usize = 8;
/// What is held out of a city or a file of visits.
const SHARE: f32 = 0.2;

/// How LightGCN is trained in a small city, where people have few visits.
const OF_CITY: Settings = Settings {
    epochs: 10,
    batch_size: 256,
    learning_rate: 0.01,
    temperature: 0.5,
};
/// On a file: as on Gowalla.
const OF_FILE: Settings = Settings {
    epochs: 10,
    batch_size: 2048,
    learning_rate: 0.001,
    temperature: 0.1,
};

/// Where to go next? By taste, and by how far it is.
#[derive(Debug, Parser)]
#[command(name = "places", version, max_term_width = 80)]
struct Options {
    /// Visits: a folder with train.txt and test.txt (a user and all places a line), or a file with a visit a row
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    field: FieldOptions,
}

fn main() -> ExitCode {
    exit_code(run(&Options::parse()), NAMES)
}

fn run(options: &Options) -> Result<(), Ending> {
    let device = options.field.begin()?;
    match &options.data {
        Some(path) => of_file(options, path, &device),
        None => of_city(options, &device),
    }
}

/// What models reach, by the same measures.
fn comparison() -> Comparison {
    Comparison::new("all places ranked by", [format!("recall@{K}"), format!("NDCG@{K}")])
}

fn add(comparison: &mut Comparison, name: &str, report: &FullReport) {
    comparison.add(name, figures(report));
}

fn figures(report: &FullReport) -> [Option<f64>; 2] {
    [report.all.recall, report.all.ndcg].map(Some)
}

/// Models that know nothing but who was where.
fn add_graph_models(
    options: &FieldOptions,
    comparison: &mut Comparison,
    split: &Split,
    (device, settings): (&Device, &Settings),
) -> Result<Rp3Beta, Ending> {
    let (train, ranking) = (&split.train, FullRanking::new(K));
    let mut trainer = light_gcn(options, train, device, settings)?;
    pairs::train(options, "LightGCN", &mut trainer, split)?;
    // It is counted on the processor, whatever the other is trained on.
    let counted = if is_processor(&trainer.device()) {
        device.clone()
    } else {
        Device::cpu()
    };
    let mut walks = Rp3Beta::fit(train, Rp3BetaConfig::default(), &counted)?;
    add(
        comparison,
        "RP3beta: who was where",
        &walks.full_ranking(split, ranking)?,
    );
    add(
        comparison,
        "LightGCN: who was where",
        &trainer.full_ranking(split, ranking)?,
    );
    Ok(walks)
}

/// One layer and a softmax over the places of a batch.
fn light_gcn(options: &FieldOptions, train: &Interactions, device: &Device, settings: &Settings) -> Result<Trainer> {
    let model = LightGcn::new(train.users() as usize, train.items() as usize).layers(1);
    Trainer::new(model, device.clone(), settings.config(options))
}

/// Everything that can be said where it is known where people live and how they choose.
fn of_city(options: &Options, device: &Device) -> Result<(), Ending> {
    let field = &options.field;
    let city = City::new(field.seed);
    let split = city.visits()?.hold_out(SHARE, field.seed)?;
    let person = pairs::user(field, &split)?;
    describe("a made-up city", &split)?;
    let (ranking, mut comparison) = (FullRanking::new(K), comparison());
    add(&mut comparison, "popularity", &ranking.of_popularity(&split)?);
    let nearest = ranking::of_all(&split, ranking, |person, place| -city.kilometres(person, place))?;
    add(&mut comparison, "the nearest first", &nearest);
    let walks = add_graph_models(field, &mut comparison, &split, (device, &OF_CITY))?;
    let [plain, with_km] = ["FM: who, where, kind", "FM: the same and km"];
    let mut without = Near::train(field, plain, (&city, &split), device, false)?;
    add(&mut comparison, plain, &without.full_ranking(&split, ranking, false)?);
    let mut near = Near::train(field, with_km, (&city, &split), device, true)?;
    add(&mut comparison, with_km, &near.full_ranking(&split, ranking, false)?);
    let of_new = near.full_ranking(&split, ranking, true)?;
    add(&mut comparison, "FM: the same and km, all people new", &of_new);
    let truth = ranking::of_all(&split, ranking, |person, place| city.score(person, place))?;
    comparison.ceiling(figures(&truth));
    comparison.say()?;
    recommend(&city, &split, &mut near, &walks, person)?;
    Ok(comparison.draw("Where to go next, in a made-up city", 2, field.plot.as_deref())?)
}

/// The best places for somebody, by the model that knows the distance. It has no reasons; what goes with a place is told by
/// RP3beta, which is another model and says so.
fn recommend(city: &City, split: &Split, model: &mut Near, walks: &Rp3Beta, person: u32) -> Result<()> {
    let train = &split.train;
    pairs::has(train, person, "was at")?;
    let mut top = TopK::new(SHOWN);
    for (place, score) in (0..).zip(model.scores(person, false)?) {
        if !train.contains(person, place) {
            top.offer(place, score);
        }
    }
    let said = |place: u32| {
        let reasons = walks.explain(person, place)?.reasons;
        let named = reasons
            .iter()
            .take(2)
            .map(|reason| cut(&name_of(train, reason.item), 14));
        let far = city.kilometres(person, place);
        Ok(match reasons.is_empty() {
            true => format!("{far:>4.1} km"),
            false => format!("{far:>4.1} km; who was at {}", listed(named, 30)),
        })
    };
    pairs::recommended(
        train,
        person,
        &top.take_sorted(),
        "from home; who else goes there (RP3beta)",
        said,
    )
}

/// Models of who was where, on a file.
fn of_file(options: &Options, path: &Path, device: &Device) -> Result<(), Ending> {
    let field = &options.field;
    let split = read(path, field.seed)?;
    let person = pairs::user(field, &split)?;
    describe(&path.display().to_string(), &split)?;
    let mut comparison = comparison();
    add(
        &mut comparison,
        "popularity",
        &FullRanking::new(K).of_popularity(&split)?,
    );
    let walks = add_graph_models(field, &mut comparison, &split, (device, &OF_FILE))?;
    comparison.say()?;
    let train = &split.train;
    pairs::has(train, person, "was at")?;
    let best = walks.recommend(person, SHOWN)?;
    pairs::recommended(train, person, &best, "most of it from (RP3beta)", |place| {
        let reasons = walks.explain(person, place)?.reasons;
        Ok(listed(
            reasons
                .iter()
                .take(3)
                .map(|reason| cut(&name_of(train, reason.item), 14)),
            40,
        ))
    })?;
    Ok(comparison.draw("Where to go next", 2, field.plot.as_deref())?)
}

fn read(path: &Path, seed: u64) -> Result<Split> {
    match (path.is_dir(), path.exists()) {
        (true, _) => Dataset::read(path),
        (_, true) => Interactions::read(path)?.hold_out(SHARE, seed),
        _ => {
            let reason = format!("there is no file or folder {}", path.display());
            Err(Error::config("--data", reason))
        }
    }
}

fn describe(name: &str, split: &Split) -> Result<()> {
    let (train, cases) = (&split.train, split.test.len());
    let (users, items, visits) = (train.users(), train.items(), train.len());
    say!("{name}: {users} people, {items} places, {visits} visits to fit on")?;
    say!("{cases} held-out visits are to be found among all places that somebody was not at")
}

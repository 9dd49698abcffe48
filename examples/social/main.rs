//! A social network: whom to follow next. Popularity, friends of friends (RP3beta) and LightGCN side by side; how many different
//! people each brings to the front; and a newcomer who is served at once.
//!
//! ```text
//! cargo run --release --example social                              # made-up people whose best ranking is known, seconds
//! cargo run --release --example social -- --data follows.csv        # follower and followed a row
//! cargo run --release --example social -- --data user_artists.dat --pages
//! ```

#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod people;

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use pocketrec::{
    Result,
    classical::{Rp3Beta, Rp3BetaConfig},
    eval::{FullRanking, FullReport},
    explain::Explanation,
    models::LightGcn,
    train::Trainer,
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
    tables::{cut, listed},
};
use people::{DataOptions, People, is_self};

/// Places of a list that are looked at.
const K: usize = 20;
/// Recommendations that are shown.
const SHOWN: usize = 8;
/// Whom a newcomer follows before anything is recommended.
const FIRST: usize = 3;
/// How LightGCN is trained.
const SETTINGS: Settings = Settings {
    epochs: 20,
    batch_size: 1024,
    learning_rate: 1e-3,
    temperature: 0.4,
};

/// Whom to follow next.
///
/// Ranks everybody whom one does not follow: by popularity, by friends of friends, and by LightGCN; recommends with reasons, and
/// serves somebody who is new. Without arguments on people who are made up on the spot, so that the best possible ranking is known.
#[derive(Debug, Parser)]
#[command(name = "social", version, max_term_width = 80)]
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
    let people = People::load(&options.data, field.seed)?;
    let split = &people.split;
    let user = pairs::user(field, split)?;

    let ranking = FullRanking::new(K);
    let mut compared = Comparison::new("whom one follows", ["recall@20", "NDCG@20", "coverage"]);
    compared.add("popularity", figures(&ranking.of_popularity(split)?));
    let mut friends = Rp3Beta::fit(&split.train, Rp3BetaConfig::default(), &device)?;
    compared.add("friends of friends", figures(&friends.full_ranking(split, ranking)?));
    let model = LightGcn::new(split.train.users() as usize, split.train.items() as usize).layers(3);
    let mut trainer = Trainer::new(model, device, SETTINGS.config(field))?;
    pairs::train(field, "LightGCN", &mut trainer, split)?;
    compared.add("LightGCN", figures(&trainer.full_ranking(split, ranking)?));
    if let Some(truth) = people.truth() {
        compared.ceiling(figures(&ranking::of_all(split, ranking, truth)?));
    }
    compared.say()?;
    pairs::has(&split.train, user, "follows")?;
    let best = trainer.recommend(user, SHOWN)?;
    pairs::recommended(&split.train, user, &best, "as you follow", |item| {
        Ok(reasons(&people, user, &trainer.explain(user, item)?))
    })?;
    serve_newcomer(&people, &mut trainer, user)?;
    Ok(compared.draw("Who finds whom one follows", 2, field.plot.as_deref())?)
}

/// How many of the follows are found, how far in front, and the share of all people who come first for somebody.
fn figures(report: &FullReport) -> [Option<f64>; 3] {
    [report.all.recall, report.all.ndcg, report.coverage()].map(Some)
}

/// The people over whom most of a score comes.
fn reasons(people: &People, user: u32, why: &Explanation) -> String {
    let train = &people.split.train;
    let others = why.reasons.iter().filter(|reason| !is_self(train, user, reason.item));
    let speaking = others.filter(|reason| reason.contribution > 0.0);
    let named: Vec<String> = speaking.map(|reason| cut(&name_of(train, reason.item), 18)).collect();
    match named.is_empty() {
        true => "nobody in particular".into(),
        false => listed(named.into_iter().take(3), 40),
    }
}

/// Somebody new follows the first few of another's: what is recommended from then on, and how long that took.
fn serve_newcomer(people: &People, trainer: &mut Trainer, like: u32) -> Result<()> {
    let train = &people.split.train;
    let followed = train.of_user(like).iter().filter(|&&item| !is_self(train, like, item));
    let first: Vec<u32> = followed.copied().take(FIRST).collect();
    let newcomer = trainer.users() as u32;
    let pairs: Vec<(u32, u32)> = first.iter().map(|&item| (newcomer, item)).collect();
    let start = Instant::now();
    trainer.absorb(&pairs)?;
    let best = trainer.recommend(newcomer, SHOWN)?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let named = |items: &mut dyn Iterator<Item = u32>| listed(items.map(|item| cut(&name_of(train, item), 18)), 70);
    say!("somebody new follows {}", named(&mut first.into_iter()))?;
    say!("and gets, {milliseconds:.1} ms later without training:")?;
    say!("{}", named(&mut best.into_iter().map(|best| best.0)))
}

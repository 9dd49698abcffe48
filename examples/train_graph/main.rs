//! Fits models of who has what, and says how well they rank the whole catalogue: RP3beta, iALS, LightGCN, CFKG, KGCN,
//! popularity.
//!
//! ```text
//! cargo run --release --example train_graph                                   # RP3beta on made-up data, a second
//! cargo run --release --example train_graph -- --model ials --data gowalla   # a folder with train.txt and test.txt
//! cargo run --release --example train_graph -- --model lightgcn --relate 10   # with related items, made up as well
//! cargo run --release --example train_graph -- --model lightgcn --data train.csv --relations item_meta.csv \
//!     --related r_complement,r_substitute
//! cargo run --release --example train_graph -- --model cfkg --data train.csv --relations item_meta.csv \
//!     --related r_complement,r_substitute --attributes i_category
//! cargo run --release --example train_graph -- --model kgcn --data user_artists.dat --triples kg.txt \
//!     --links item_index2entity_id.txt
//! cargo run --release --example train_graph -- --help
//! ```

mod classical;
#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
mod data;
mod fitted;
mod options;
mod related;
mod report;

use std::{process::ExitCode, time::Instant};

use clap::{CommandFactory, FromArgMatches};
use pocketrec::{
    Result,
    classical::{Ials, Rp3Beta},
    data::{Interactions, Knowledge, Relations},
    device::Device,
    models::{Cfkg, Kgcn, LightGcn, Model},
    train::{TrainConfig, Trainer},
};

use common::{
    cost,
    ending::{Ending, exit_code},
    files,
    interactions::training::Training,
    output::say,
    watch::Watch,
};
use data::Data;
use fitted::Fitted;
use options::{ModelName, NAMES, Options};

fn main() -> ExitCode {
    let command = Options::command();
    let matches = command.clone().get_matches();
    let options = Options::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let ran = options.check(&command, &matches).map_err(Ending::from);
    exit_code(ran.and_then(|()| run(&options)), NAMES)
}

fn run(options: &Options) -> Result<(), Ending> {
    if let Some(path) = &options.save {
        files::check_output("--save", path)?;
        files::check_distinct(&[
            ("--data", options.data.data.as_deref()),
            ("--relations", options.related.relations.as_deref()),
            ("--triples", options.kgcn.triples.as_deref()),
            ("--links", options.kgcn.links.as_deref()),
            ("--save", Some(path)),
        ])?;
    }
    let device = options.device.device()?;
    let (rp3beta, ials, trained) = (options.rp3beta.config()?, options.ials.config()?, options.config()?);
    let data = Data::load(&options.data)?;
    let user = data.user(options.user.as_deref())?;
    data.describe()?;
    let relations = data.relations(options)?;
    let knowledge = match options.model {
        ModelName::Kgcn => Some(data.knowledge(&options.kgcn)?),
        _ => None,
    };
    let (train, start) = (&data.split.train, Instant::now());
    let mut model = match options.model {
        ModelName::Popularity => None,
        ModelName::Rp3beta => Some(Fitted::Rp3Beta(Rp3Beta::fit(train, rp3beta, &device)?)),
        ModelName::Ials => Some(Fitted::Ials(Ials::fit(train, ials, &device)?)),
        ModelName::Lightgcn | ModelName::Cfkg | ModelName::Kgcn => {
            let trainer = trainer(options, train, (relations, knowledge), device, trained)?;
            if options.dry_run {
                let cost = trainer.cost(&data.split, cost::PROBE)?;
                return Ok(cost::tell(&cost, trained.epochs, trained.eval_every)?);
            }
            Some(fitted(options, &data, trainer)?)
        }
    };
    if let Some(model) = &model {
        let seconds = start.elapsed().as_secs_f64();
        say!("{} fitted in {seconds:.1} s on {}", model.name(), model.device())?;
    }
    report::rankings(&data, model.as_mut(), options.k)?;
    if let Some(model) = &mut model {
        report::recommendations(&data, model, user, options.why)?;
        if let Some(path) = &options.save {
            model.save(path)?;
            let path = path.display();
            say!(
                "saved to {path}; for its reasons:\ncargo run --release --example recommend -- --model {path} --user KEY --why"
            )?;
        }
    }
    Ok(())
}

/// A trainer of what is trained by epochs, which knows the relations, or what is known of items.
fn trainer(
    options: &Options,
    train: &Interactions,
    (relations, knowledge): (Option<Relations>, Option<Knowledge>),
    device: Device,
    config: TrainConfig,
) -> Result<Trainer> {
    let (users, items) = (train.users() as usize, train.items() as usize);
    let model: Model = match (options.model, &relations, &knowledge) {
        (ModelName::Cfkg, Some(relations), _) => Cfkg::new(users, items).relations(relations).into(),
        (ModelName::Cfkg, None, _) => Cfkg::new(users, items).into(),
        (_, _, Some(knowledge)) => {
            let model = Kgcn::of(users, knowledge);
            model.embedding_dim(options.kgcn.embedding_dim()).into()
        }
        _ => {
            let layers = options.lightgcn.layers(options.related.are_there());
            let model = LightGcn::new(users, items).layers(layers);
            model.storage(options.lightgcn.storage()).into()
        }
    };
    let mut trainer = Trainer::new(model, device, config)?;
    if let Some(relations) = relations {
        trainer.set_relations(relations)?;
    }
    if let Some(knowledge) = knowledge {
        trainer.set_knowledge(knowledge)?;
    }
    Ok(trainer)
}

/// Trains to the end, or until the time is over.
fn fitted(options: &Options, data: &Data, mut trainer: Trainer) -> Result<Fitted, Ending> {
    let mut training = Training::new(Watch::new(options.quiet, options.training.time()?));
    training.watch.begin()?;
    training.fit(&mut trainer, &data.split)?;
    training.watch.end();
    Ok(Fitted::Trainer(Box::new(trainer)))
}

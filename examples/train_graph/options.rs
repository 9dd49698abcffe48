//! The command line.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, Parser, ValueEnum, parser::ValueSource};
use pocketrec::{
    Error, Result,
    models::{Loss, Margin, Softmax},
    plan::Storage,
    train::TrainConfig,
};

use crate::{
    classical::{IALS, IalsOptions, RP3BETA, Rp3BetaOptions},
    common::{
        device::DeviceOptions,
        interactions::{options::DataOptions, settings::TrainingOptions},
        messages::Names,
        reasons,
    },
    related::{RELATED, RelatedOptions},
};

/// Epochs of LightGCN on made-up data, and on others.
const EPOCHS: [u32; 2] = [20, 60];
/// Of LightGCN with related items.
const RELATED_EPOCHS: u32 = 6;
/// Of CFKG.
const CFKG_EPOCHS: u32 = 20;
/// Of KGCN.
const KGCN_EPOCHS: u32 = 20;
/// What suits a softmax over the items of a batch among which related ones are.
const TEMPERATURE: f32 = 0.2;

/// What the library calls a setting, and the option that sets it.
pub const NAMES: Names = &[
    ("alpha", "--alpha"),
    ("beta", "--beta"),
    ("neighbours", "--neighbours"),
    ("factors", "--factors"),
    ("iterations", "--iterations"),
    ("unobserved", "--unobserved"),
    ("l2_exponent", "--l2-exponent"),
    ("steps", "--steps"),
    ("k", "--k"),
    ("epochs", "--epochs"),
    ("batch_size", "--batch"),
    ("negatives", "--negatives"),
    ("learning_rate", "--lr"),
    ("layers", "--layers"),
    ("embedding_dim", "--embedding-dim"),
    ("weight", "--edge-weight"),
    ("temperature", "--temperature"),
    ("margin", "--margin"),
    ("related", "--relate"),
    ("l2.tables", "--l2-tables"),
    ("device", "--device"),
    ("threads", "--threads"),
    ("simd", "--simd"),
];

/// Fits a model of who has what, and says how well it ranks the whole catalogue.
///
/// Without arguments RP3beta on data that is made up on the spot and whose best possible ranking is known.
#[derive(Debug, Parser)]
#[command(name = "train_graph", version, max_term_width = 80, allow_negative_numbers = true)]
pub struct Options {
    /// The model
    #[arg(long, value_enum, default_value_t = ModelName::Rp3beta)]
    pub model: ModelName,
    /// Places of a list that are looked at
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub k: usize,
    /// Recommend to this user [default: the first with a test item]
    #[arg(long, value_name = "KEY")]
    pub user: Option<String>,
    /// Say what each recommendation comes from, and how much
    #[arg(long)]
    pub why: bool,
    /// Save the model to this file (safetensors; replaced at once or not at all)
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// No progress and no line an epoch, just the results
    #[arg(long)]
    pub quiet: bool,
    #[command(flatten)]
    pub data: DataOptions,
    #[command(flatten)]
    pub rp3beta: Rp3BetaOptions,
    #[command(flatten)]
    pub ials: IalsOptions,
    #[command(flatten)]
    pub lightgcn: LightGcnOptions,
    #[command(flatten)]
    pub cfkg: CfkgOptions,
    #[command(flatten)]
    pub related: RelatedOptions,
    #[command(flatten)]
    pub kgcn: KgcnOptions,
    #[command(flatten)]
    pub training: TrainingOptions,
    /// Say what training takes, in time, memory and files, by some seconds of it, and train nothing
    #[arg(long, help_heading = TRAINING, conflicts_with = "save")]
    pub dry_run: bool,
    #[command(flatten)]
    pub device: DeviceOptions,
}

/// Headings of options that belong to one model.
const LIGHTGCN: &str = "LightGCN";
const CFKG: &str = "CFKG";
const KGCN: &str = "KGCN";
const TRAINING: &str = "Training";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModelName {
    /// Walks between items
    Rp3beta,
    /// Alternating least squares
    Ials,
    /// Propagation over the graph of users and items, trained by BPR, or by softmax with related items
    Lightgcn,
    /// Users, items and attributes as points, and relations as steps between them
    Cfkg,
    /// Attention over what a knowledge graph knows of an item
    Kgcn,
    /// The number of an item's users: the baseline
    Popularity,
}

impl ModelName {
    /// The headings of its own options.
    fn own(self) -> &'static [&'static str] {
        match self {
            ModelName::Rp3beta => &[RP3BETA],
            ModelName::Ials => &[IALS],
            ModelName::Lightgcn => &[LIGHTGCN, RELATED, TRAINING],
            ModelName::Cfkg => &[CFKG, RELATED, TRAINING],
            ModelName::Kgcn => &[KGCN, TRAINING],
            ModelName::Popularity => &[],
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = LIGHTGCN)]
pub struct LightGcnOptions {
    /// Layers of propagation [default: 3; 1 with related items]
    #[arg(long, value_name = "N")]
    layers: Option<usize>,
    /// Keep layers in halves: less time with 2 and more, and next to no difference in what is learnt
    #[arg(long)]
    halves: bool,
    /// Weight of an edge between related items beside the 1 of an interaction; 0 makes none [default: 1]
    #[arg(long, value_name = "W")]
    edge_weight: Option<f32>,
    /// What the scores of related items and others are divided by [default: 0.2]
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
}

impl LightGcnOptions {
    pub fn layers(&self, is_related: bool) -> usize {
        self.layers.unwrap_or(if is_related { 1 } else { 3 })
    }

    pub fn storage(&self) -> Storage {
        if self.halves { Storage::F16 } else { Storage::F32 }
    }

    fn loss(&self, is_related: bool, batch_size: usize) -> Loss {
        match is_related {
            true => Loss::Softmax(Softmax {
                temperature: self.temperature.unwrap_or(TEMPERATURE),
                block: u32::try_from(batch_size).unwrap_or(u32::MAX),
                related: true,
                ..Softmax::default()
            }),
            false => Loss::Bpr,
        }
    }

    /// Refuses what says how related items are taken, where there are none.
    fn check(&self, is_related: bool) -> Result<()> {
        let given = [
            ("--edge-weight", self.edge_weight.is_some()),
            ("--temperature", self.temperature.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given && !is_related) {
            Some((option, _)) => {
                let reason = "it says how related items are taken, and there are none; add --relations, or --relate on made-up data";
                Err(Error::config(option, reason))
            }
            None => Ok(()),
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = CFKG)]
pub struct CfkgOptions {
    /// Train by the margin loss with this margin, in place of the logistic one
    #[arg(long, value_name = "M")]
    margin: Option<f32>,
}

impl CfkgOptions {
    fn loss(&self) -> Loss {
        self.margin.map_or(Loss::Bpr, |margin| Loss::Margin(Margin { margin }))
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = KGCN)]
pub struct KgcnOptions {
    /// A knowledge graph: head, relation and tail a row
    #[arg(long, value_name = "FILE", requires = "data")]
    pub triples: Option<PathBuf>,
    /// The entity of each item in --triples, item and entity a row [default: an item's key is its entity's]
    #[arg(long, value_name = "FILE", requires = "triples")]
    pub links: Option<PathBuf>,
    /// Neighbours of an item that are looked at, drawn once [default: 8]
    #[arg(long, value_name = "N")]
    looked_at: Option<usize>,
    /// Width of the embeddings [default: 16]
    #[arg(long, value_name = "N")]
    embedding_dim: Option<usize>,
}

impl KgcnOptions {
    pub fn neighbours(&self) -> usize {
        self.looked_at.unwrap_or(8)
    }

    pub fn embedding_dim(&self) -> usize {
        self.embedding_dim.unwrap_or(16)
    }

    fn check(&self) -> Result<()> {
        match self.neighbours() {
            1..=256 => Ok(()),
            n => Err(Error::config("--looked-at", format!("{n}; give 1 to 256, 8 is usual"))),
        }
    }
}

impl Options {
    /// The settings of what is trained by epochs. Lists of several test items a user are ranked at the end alone.
    pub fn config(&self) -> Result<TrainConfig> {
        let is_related = self.related.are_there();
        let epochs = match (self.model, is_related) {
            (ModelName::Cfkg, _) => CFKG_EPOCHS,
            (ModelName::Kgcn, _) => KGCN_EPOCHS,
            (_, true) => RELATED_EPOCHS,
            (_, false) => EPOCHS[usize::from(self.data.data.is_some())],
        };
        let batch_size = if self.model == ModelName::Kgcn { 256 } else { 2048 };
        let base = TrainConfig {
            epochs,
            batch_size,
            negatives: 1,
            loss: Loss::Bpr,
            eval_every: 0,
            ..TrainConfig::default()
        };
        let config = self.training.config(base)?;
        let loss = match self.model {
            ModelName::Cfkg => self.cfkg.loss(),
            ModelName::Kgcn => Loss::CrossEntropy,
            _ => self.lightgcn.loss(is_related, config.batch_size),
        };
        let config = TrainConfig { loss, ..config };
        config.validate()?;
        Ok(config)
    }

    /// The weight of edges between related items, where these are made.
    pub fn edge_weight(&self) -> Option<f32> {
        let weight = self.lightgcn.edge_weight.unwrap_or(1.0);
        (self.model == ModelName::Lightgcn && weight != 0.0).then_some(weight)
    }

    /// Refuses what wants a model.
    fn check_popularity(&self) -> Result<()> {
        let (reason, is_popularity) = (
            "it is the same for everybody; take another --model",
            self.model == ModelName::Popularity,
        );
        match (is_popularity, self.why, self.save.is_some()) {
            (true, true, _) => reasons::check("popularity", None, reason),
            (true, _, true) => Err(Error::config(
                "--save",
                "popularity is no model that could be saved; leave it out",
            )),
            _ => Ok(()),
        }
    }

    /// Refuses options of other models than the one that is fitted, which would be ignored.
    pub fn check(&self, command: &Command, given: &ArgMatches) -> Result<()> {
        for option in command.get_arguments() {
            let (id, heading) = (option.get_id().as_str(), option.get_help_heading().unwrap_or_default());
            let is_given = given.value_source(id) == Some(ValueSource::CommandLine);
            let of_models = [RP3BETA, IALS, LIGHTGCN, CFKG, RELATED, KGCN, TRAINING].contains(&heading);
            if is_given && of_models && !self.model.own().contains(&heading) {
                let name = option.get_long().unwrap_or(id);
                let model = self.model.to_possible_value();
                let model = model.as_ref().map_or("another", |value| value.get_name());
                let reason = format!("it says nothing of --model {model}; leave it out");
                return Err(Error::config(format!("--{name}"), reason));
            }
        }
        self.lightgcn.check(self.related.are_there())?;
        self.kgcn.check()?;
        if self.model == ModelName::Lightgcn && self.related.has_attributes() {
            let reason = "LightGCN has no place for what is no user and no item; leave it out, or take --model cfkg";
            return Err(Error::config("--attributes", reason));
        }
        if self.k == 0 {
            return Err(Error::config("--k", "0 places hold no item; 20 is usual"));
        }
        self.check_popularity()?;
        let best = ["validate", "patience"]
            .into_iter()
            .find(|&id| given.value_source(id) == Some(ValueSource::CommandLine));
        match best {
            Some(id) => Err(Error::config(
                format!("--{id}"),
                "epochs are not ranked here, so that none can be the best; leave it out",
            )),
            None => Ok(()),
        }
    }
}

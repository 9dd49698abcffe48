//! The options that say which model is trained.

use clap::{Args, ValueEnum};
use pocketrec::{
    Error, Result,
    data::clicks::Layout,
    models::{ClickModel, DeepFm, Dien, Din, Fm, Lr, Unit, WideDeep},
};

/// What is trained.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelOptions {
    /// Which model [default: deepfm]
    #[arg(long, value_enum, value_name = "MODEL", conflicts_with = "resume")]
    pub model: Option<Kind>,
    /// Width of an embedding [default: 16]
    #[arg(long, alias = "factors", value_name = "N", conflicts_with = "resume")]
    pub embedding_dim: Option<usize>,
    /// Widths of the deep part's hidden layers [default: 64,32]
    #[arg(long, value_name = "N,...", value_delimiter = ',', conflicts_with = "resume")]
    pub hidden: Option<Vec<usize>>,
    /// Share of hidden values left out in training [default: 0]
    #[arg(long, value_name = "X", conflicts_with = "resume")]
    pub dropout: Option<f32>,
    /// What follows each hidden layer [default: relu]
    #[arg(long, value_enum, value_name = "UNIT", conflicts_with = "resume")]
    pub unit: Option<UnitKind>,
    /// Widths of the hidden layers of DIN's and DIEN's attention [default: 64]
    #[arg(long, value_name = "N,...", value_delimiter = ',', conflicts_with = "resume")]
    pub attention: Option<Vec<usize>>,
    /// What follows each of DIN's [default: sigmoid]
    #[arg(long, value_enum, value_name = "UNIT", conflicts_with = "resume")]
    pub attention_unit: Option<UnitKind>,
    /// DIN's weights of a history add up to 1
    #[arg(long, conflicts_with = "resume")]
    pub softmax: bool,
}

/// The models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Logistic regression.
    Lr,
    /// Factorisation machine.
    Fm,
    /// Wide & Deep.
    #[value(name = "wide_deep")]
    WideDeep,
    /// DeepFM.
    Deepfm,
    /// DIN; wants a history.
    Din,
    /// DIEN; wants a history.
    Dien,
}

/// What follows a hidden layer.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum UnitKind {
    /// max(x, 0).
    Relu,
    /// Batch normalisation, then max(x, 0).
    BatchNormRelu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// A learnt slope for negative x.
    Prelu,
    /// Dice, as in the paper.
    Dice,
}

impl From<UnitKind> for Unit {
    fn from(kind: UnitKind) -> Unit {
        match kind {
            UnitKind::Relu => Unit::Relu,
            UnitKind::BatchNormRelu => Unit::BatchNormRelu,
            UnitKind::Sigmoid => Unit::Sigmoid,
            UnitKind::Prelu => Unit::Prelu,
            UnitKind::Dice => Unit::Dice,
        }
    }
}

/// The options of models, and which models have them.
const DEEP: &[Kind] = &[Kind::WideDeep, Kind::Deepfm, Kind::Din, Kind::Dien];
const EMBEDDED: &[Kind] = &[Kind::Fm, Kind::WideDeep, Kind::Deepfm, Kind::Din, Kind::Dien];
const ATTENTIVE: &[Kind] = &[Kind::Din, Kind::Dien];
const DIN: &[Kind] = &[Kind::Din];

impl ModelOptions {
    fn kind(&self) -> Kind {
        self.model.unwrap_or(Kind::Deepfm)
    }

    /// Refuses an option that the model does not have.
    pub fn check(&self) -> Result<()> {
        let given = [
            ("--embedding-dim", self.embedding_dim.is_some(), EMBEDDED),
            ("--hidden", self.hidden.is_some(), DEEP),
            ("--dropout", self.dropout.is_some(), DEEP),
            ("--unit", self.unit.is_some(), DEEP),
            ("--attention", self.attention.is_some(), ATTENTIVE),
            ("--attention-unit", self.attention_unit.is_some(), DIN),
            ("--softmax", self.softmax, DIN),
        ];
        let name = |kind: &Kind| {
            kind.to_possible_value()
                .map_or_else(String::new, |value| value.get_name().into())
        };
        for (option, given, models) in given {
            if given && !models.contains(&self.kind()) {
                let have: Vec<String> = models.iter().map(name).collect();
                let reason = format!(
                    "{} has no such setting; {} have it",
                    name(&self.kind()),
                    have.join(", ")
                );
                return Err(Error::config(option, reason));
            }
        }
        Ok(())
    }

    /// The model over these fields.
    pub fn build(&self, layout: &Layout) -> ClickModel {
        let (embedding_dim, dropout) = (self.embedding_dim.unwrap_or(16), self.dropout.unwrap_or(0.0));
        let hidden = self.hidden.clone().unwrap_or_else(|| vec![64, 32]);
        let attention = self.attention.clone().unwrap_or_else(|| vec![64]);
        let unit: Unit = self.unit.unwrap_or(UnitKind::Relu).into();
        macro_rules! deep {
            ($model:expr) => {
                $model
                    .embedding_dim(embedding_dim)
                    .hidden(hidden)
                    .unit(unit)
                    .dropout(dropout)
            };
        }
        match self.kind() {
            Kind::Lr => Lr::new(layout).into(),
            Kind::Fm => Fm::new(layout).embedding_dim(embedding_dim).into(),
            Kind::WideDeep => deep!(WideDeep::new(layout)).into(),
            Kind::Deepfm => deep!(DeepFm::new(layout)).into(),
            Kind::Din => {
                let of_attention = self.attention_unit.unwrap_or(UnitKind::Sigmoid).into();
                let din = deep!(Din::new(layout)).attention(attention, of_attention);
                din.softmax(self.softmax).into()
            }
            Kind::Dien => deep!(Dien::new(layout)).attention(attention).into(),
        }
    }
}

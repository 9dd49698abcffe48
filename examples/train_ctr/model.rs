//! The options that say which model is trained.

use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use pocketrec::{Error, Result, data::clicks::Layout, models::ClickModel};

/// What is trained.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelOptions {
    /// Which model [default: deepfm]
    #[arg(long, value_parser = PossibleValuesParser::new(ClickModel::NAMES), value_name = "MODEL", conflicts_with = "resume")]
    pub model: Option<String>,
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
    /// Any setting of the model, by the name that it has in the library; may be given several times
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "resume")]
    pub set: Vec<String>,
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

/// What is trained where no model is named.
const DEFAULT: &str = "deepfm";

impl ModelOptions {
    fn name(&self) -> &str {
        self.model.as_deref().unwrap_or(DEFAULT)
    }

    /// The options for settings that several models have, as they were given: each with the setting and its value.
    fn given(&self) -> Vec<(&'static str, &'static str, String)> {
        let list = |widths: &[usize]| widths.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let unit = |unit: UnitKind| unit.to_possible_value().map(|value| value.get_name().to_string());
        let given = [
            (
                "--embedding-dim",
                "embedding_dim",
                self.embedding_dim.map(|width| width.to_string()),
            ),
            ("--hidden", "hidden", self.hidden.as_deref().map(list)),
            ("--dropout", "dropout", self.dropout.map(|dropout| dropout.to_string())),
            ("--unit", "unit", self.unit.and_then(unit)),
            ("--attention", "attention", self.attention.as_deref().map(list)),
            ("--attention-unit", "attention_unit", self.attention_unit.and_then(unit)),
            ("--softmax", "softmax", self.softmax.then(|| "true".to_string())),
        ];
        let given = given.into_iter();
        given
            .filter_map(|(option, setting, value)| Some((option, setting, value?)))
            .collect()
    }

    /// Refuses an option that the model does not have.
    pub fn check(&self) -> Result<()> {
        let model = ClickModel::named(self.name(), &Layout::default())?;
        for (option, setting, _) in self.given() {
            if !has(&model, setting) {
                let mut have = Vec::new();
                for &name in ClickModel::NAMES {
                    if has(&ClickModel::named(name, &Layout::default())?, setting) {
                        have.push(name);
                    }
                }
                let reason = format!("{} has no such setting; {} have it", self.name(), have.join(", "));
                return Err(Error::config(option, reason));
            }
        }
        self.build(&Layout::default()).map(drop)
    }

    /// The model over these fields.
    pub fn build(&self, layout: &Layout) -> Result<ClickModel> {
        let mut model = ClickModel::named(self.name(), layout)?;
        let defaults = DEFAULTS.iter().map(|&(setting, value)| (setting, value.to_string()));
        let given = self.given().into_iter().map(|(_, setting, value)| (setting, value));
        for (setting, value) in defaults.chain(given) {
            if has(&model, setting) {
                model = model.with(setting, &value)?;
            }
        }
        for setting in &self.set {
            let Some((name, value)) = setting.split_once('=') else {
                let reason = format!("{setting} is no setting with its value; write it as in dropout=0.2");
                return Err(Error::config("--set", reason));
            };
            model = model.with(name, value).map_err(|error| match error {
                Error::Config { field, reason } => Error::config("--set", format!("{field}: {reason}")),
                other => other,
            })?;
        }
        Ok(model)
    }
}

/// What an example that is done in a minute begins with, in models that have the setting.
const DEFAULTS: [(&str, &str); 6] = [
    ("embedding_dim", "16"),
    ("hidden", "64,32"),
    ("dropout", "0"),
    ("unit", "relu"),
    ("attention", "64"),
    ("attention_unit", "sigmoid"),
];

fn has(model: &ClickModel, setting: &str) -> bool {
    model.settings().iter().any(|there| there == setting)
}

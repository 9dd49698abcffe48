//! What may be tried: settings by name, each with its values.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{
    exact,
    settings::{Settings, Value},
};
use crate::{Error, Result};

/// Settings that a space may have.
const MOST_SETTINGS: usize = 64;
/// Combinations up to which a space without real numbers is gone through as a whole, and no setting is tried twice.
const MOST_LISTED: usize = 100_000;
/// Whole numbers beyond this lose their last digits as the estimator sees them.
const MOST_WHOLE: i64 = 1 << 52;

/// The values of a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// Any number of an interval.
    Uniform {
        /// The least.
        #[serde(with = "exact::number")]
        low: f64,
        /// What is never reached.
        #[serde(with = "exact::number")]
        high: f64,
    },
    /// The same, all orders of magnitude alike: the logarithm is uniform.
    LogUniform {
        /// The least, above 0.
        #[serde(with = "exact::number")]
        low: f64,
        /// What is never reached.
        #[serde(with = "exact::number")]
        high: f64,
    },
    /// Whole numbers, both ends among them.
    Integers {
        /// The least.
        low: i64,
        /// The most.
        high: i64,
    },
    /// One of some values, which have no order.
    Choice(Vec<Value>),
}

/// A setting with its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name, by which a trial is asked for it.
    pub name: String,
    /// What it may be.
    pub domain: Domain,
    /// The choice before it, and the values of that with which it is there; `None` for always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<(String, Vec<Value>)>,
}

impl Parameter {
    /// Whether a trial that has these settings already has this one, too.
    pub fn is_in(&self, settings: &Settings) -> bool {
        match &self.only {
            None => true,
            Some((name, values)) => settings.get(name).is_some_and(|value| values.contains(value)),
        }
    }
}

/// What may be tried.
///
/// ```
/// use pocketrec::tune::Space;
/// let space = Space::new()
///     .choice("model", ["mf", "neumf"])
///     .log_uniform("lr", 1e-4, 1e-2)
///     .integers("negatives", 2, 8)
///     .choice("layers", [2, 3]).only_if("model", ["neumf"]);
/// assert!(space.check().is_ok());
/// let wrong = Space::new().log_uniform("l2", 0.0, 0.1).check();
/// assert_eq!(wrong.unwrap_err().to_string(), "l2: 0 has no logarithm; give a number above 0, or take Space::uniform");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Space {
    parameters: Vec<Parameter>,
}

impl Space {
    /// Without any setting.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number from `low` up to `high`, which is never reached itself.
    pub fn uniform(self, name: impl Into<String>, low: f64, high: f64) -> Self {
        self.with(name, Domain::Uniform { low, high })
    }

    /// Adds a number from `low`, above 0, up to `high`, each order of magnitude as likely as any other: learning rates,
    /// weights of norms.
    pub fn log_uniform(self, name: impl Into<String>, low: f64, high: f64) -> Self {
        self.with(name, Domain::LogUniform { low, high })
    }

    /// Adds a whole number from `low` to `high`, both among them.
    pub fn integers(self, name: impl Into<String>, low: i64, high: i64) -> Self {
        self.with(name, Domain::Integers { low, high })
    }

    /// Adds one of some values: numbers, or words such as the names of models.
    pub fn choice<V: Into<Value>>(self, name: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        self.with(name, Domain::Choice(values.into_iter().map(Into::into).collect()))
    }

    /// Has the setting that was added last in those trials alone where the choice `name`, added before it, is one of
    /// these: settings of one of several models.
    pub fn only_if<V: Into<Value>>(mut self, name: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        if let Some(last) = self.parameters.last_mut() {
            last.only = Some((name.into(), values.into_iter().map(Into::into).collect()));
        }
        self
    }

    fn with(mut self, name: impl Into<String>, domain: Domain) -> Self {
        let (name, only) = (name.into(), None);
        self.parameters.push(Parameter { name, domain, only });
        self
    }

    /// The settings.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Checks the space.
    ///
    /// # Errors
    /// [`Error::Config`] names the setting that has no value, or bounds the wrong way round, and says what would do.
    pub fn check(&self) -> Result<()> {
        if self.parameters.is_empty() || self.parameters.len() > MOST_SETTINGS {
            let reason = format!("{} settings; give 1 to {MOST_SETTINGS}", self.parameters.len());
            return Err(Error::config("space", reason));
        }
        for (at, parameter) in self.parameters.iter().enumerate() {
            let before = &self.parameters[..at];
            let refuse = |reason: String| Err(Error::config(&parameter.name, reason));
            if parameter.name.trim().is_empty() {
                return Err(Error::config("space", format!("setting {} has no name", at + 1)));
            }
            if before.iter().any(|other| other.name == parameter.name) {
                return refuse("the space has it twice; give each setting a name of its own".into());
            }
            if let Some(reason) = parameter.domain.fault() {
                return refuse(reason);
            }
            let Some((name, values)) = &parameter.only else {
                continue;
            };
            let Some(Domain::Choice(of)) = before
                .iter()
                .find(|other| other.name == *name)
                .map(|other| &other.domain)
            else {
                return refuse(format!(
                    "it depends on {name}, which is no choice before it; add that first"
                ));
            };
            if values.is_empty() || !values.iter().all(|value| of.contains(value)) {
                let all: Vec<String> = of.iter().map(Value::to_string).collect();
                return refuse(format!(
                    "it depends on a value that {name} never has; that is one of {}",
                    all.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// All settings there are, where there are no more than 100,000 and none is a real number.
    pub fn all(&self) -> Option<Vec<Settings>> {
        let mut all = vec![Vec::new()];
        for parameter in &self.parameters {
            let values = parameter.domain.values()?;
            let mut longer = Vec::new();
            for settings in all {
                if !parameter.is_in(&Settings::new(settings.clone())) {
                    longer.push(settings);
                    continue;
                }
                for value in &values {
                    let mut with: Vec<(String, Value)> = settings.clone();
                    with.push((parameter.name.clone(), value.clone()));
                    longer.push(with);
                }
                if longer.len() > MOST_LISTED {
                    return None;
                }
            }
            all = longer;
        }
        Some(all.into_iter().map(Settings::new).collect())
    }

    /// Whether these can be settings of a trial.
    pub(super) fn has(&self, settings: &Settings) -> bool {
        let mut known = settings.iter().peekable();
        for parameter in self.parameters.iter().filter(|parameter| parameter.is_in(settings)) {
            match known.next() {
                Some((name, value)) if name == parameter.name && parameter.domain.has(value) => {}
                _ => return false,
            }
        }
        known.peek().is_none()
    }
}

impl Domain {
    fn fault(&self) -> Option<String> {
        match self {
            Domain::Uniform { low, high } | Domain::LogUniform { low, high } => {
                let (low, high) = (*low, *high);
                if !low.is_finite() || !high.is_finite() || !(high - low).is_finite() {
                    return Some(format!("{low} to {high} is no interval; give finite numbers"));
                }
                if matches!(self, Domain::LogUniform { .. }) && low <= 0.0 {
                    return Some(format!(
                        "{low} has no logarithm; give a number above 0, or take Space::uniform"
                    ));
                }
                (low >= high).then(|| format!("{low} is not below {high}; give the smaller number first"))
            }
            Domain::Integers { low, high } if low > high => {
                Some(format!("{low} is not below {high}; give the smaller number first"))
            }
            Domain::Integers { low, high } => (*low < -MOST_WHOLE || *high > MOST_WHOLE)
                .then(|| format!("{low} to {high} goes beyond {MOST_WHOLE}; take Space::uniform")),
            Domain::Choice(values) if values.is_empty() => {
                Some("there is nothing to choose from; give at least a value".into())
            }
            Domain::Choice(values) => {
                let shown: HashSet<String> = values.iter().map(Value::to_string).collect();
                let finite = values
                    .iter()
                    .all(|value| !matches!(value, Value::Number(x) if !x.is_finite()));
                match (finite, shown.len() == values.len()) {
                    (false, _) => Some("a choice is no finite number".into()),
                    (_, false) => Some("two choices look the same; give each once".into()),
                    _ => None,
                }
            }
        }
    }

    /// All values, where they can be listed.
    fn values(&self) -> Option<Vec<Value>> {
        match self {
            Domain::Choice(values) => Some(values.clone()),
            Domain::Integers { low, high } => {
                let count = high.abs_diff(*low).saturating_add(1);
                (count <= MOST_LISTED as u64).then(|| (*low..=*high).map(Value::Whole).collect())
            }
            Domain::Uniform { .. } | Domain::LogUniform { .. } => None,
        }
    }

    fn has(&self, value: &Value) -> bool {
        match (self, value) {
            (Domain::Uniform { low, high } | Domain::LogUniform { low, high }, Value::Number(value)) => {
                (*low..*high).contains(value)
            }
            (Domain::Integers { low, high }, Value::Whole(value)) => (low..=high).contains(&value),
            (Domain::Choice(values), value) => values.contains(value),
            _ => false,
        }
    }
}

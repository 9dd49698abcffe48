//! What a trial is trained with: names and values.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::exact;
use crate::{Error, Result};

/// A value of a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A whole number.
    Whole(i64),
    /// A number. It is kept with all of its bits.
    Number(#[serde(with = "exact::number")] f64),
    /// A word, such as a model's name.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Whole(value) => value.fmt(f),
            Value::Text(text) => f.write_str(text),
            // Five digits tell settings apart, and the shortest of them reads best.
            Value::Number(value) => {
                let short: f64 = format!("{value:.4e}").parse().unwrap_or(*value);
                match short.abs() {
                    0.0 | 1e-4..1e6 => write!(f, "{short}"),
                    _ => write!(f, "{short:e}"),
                }
            }
        }
    }
}

macro_rules! from_whole {
    ($($of:ty)*) => { $(
        impl From<$of> for Value {
            fn from(value: $of) -> Self {
                Value::Whole(i64::from(value))
            }
        }
    )* };
}
from_whole!(i32 i64 u32);

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Number(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

/// The settings of a trial, in the order of the space. `Display` is one line: `lr 0.0012, factors 16`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings {
    values: Vec<(String, Value)>,
}

impl Settings {
    /// Settings by name; of two of the same name the first counts.
    pub fn new<N: Into<String>>(values: impl IntoIterator<Item = (N, Value)>) -> Self {
        Settings {
            values: values.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        }
    }

    /// The value of a setting, where the trial has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// All of them, in the order of the space.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A number, whole or not.
    ///
    /// # Errors
    /// [`Error::Config`] where the trial has no such setting, or it is a word.
    pub fn number(&self, name: &str) -> Result<f64> {
        match self.wanted(name)? {
            Value::Number(value) => Ok(*value),
            Value::Whole(value) => Ok(*value as f64),
            Value::Text(text) => Err(Error::config(name, format!("{text} is a word; take Settings::text"))),
        }
    }

    /// A whole number from 0 up.
    ///
    /// # Errors
    /// [`Error::Config`] where the trial has no such setting, or it is negative, no whole number, or a word.
    pub fn whole(&self, name: &str) -> Result<usize> {
        match self.wanted(name)? {
            Value::Whole(value) => usize::try_from(*value).map_err(|_| {
                let reason = format!("{value} is not from 0 up; give the space other bounds, or take Settings::number");
                Error::config(name, reason)
            }),
            other => {
                let reason =
                    format!("{other} is no whole number; let the space have Space::integers, or whole choices");
                Err(Error::config(name, reason))
            }
        }
    }

    /// A word.
    ///
    /// # Errors
    /// [`Error::Config`] where the trial has no such setting, or it is a number.
    pub fn text(&self, name: &str) -> Result<&str> {
        match self.wanted(name)? {
            Value::Text(text) => Ok(text),
            other => {
                let reason = format!("{other} is a number; take Settings::number, or Settings::whole");
                Err(Error::config(name, reason))
            }
        }
    }

    fn wanted(&self, name: &str) -> Result<&Value> {
        self.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.values.iter().map(|(name, _)| name.as_str()).collect();
            let reason = format!("the trial has no such setting; it has {}", names.join(", "));
            Error::config(name, reason)
        })
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.values.iter().enumerate() {
            write!(f, "{}{name} {value}", if at > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_in_few_digits_and_read_by_its_type() {
        for (value, shown) in [
            (Value::from(0.001_234_567), "0.0012346"),
            (Value::from(1e-3), "0.001"),
            (Value::from(2.5e-7), "2.5e-7"),
            (Value::from(0.0), "0"),
            (Value::from(-3), "-3"),
            (Value::from("neumf"), "neumf"),
        ] {
            assert_eq!(value.to_string(), shown);
        }
        let settings = Settings::new([
            ("lr", 0.5.into()),
            ("factors", 8.into()),
            ("model", "mf".into()),
            ("n", (-1).into()),
        ]);
        assert_eq!(settings.to_string(), "lr 0.5, factors 8, model mf, n -1");
        assert_eq!(
            (settings.number("lr").unwrap(), settings.number("factors").unwrap()),
            (0.5, 8.0)
        );
        assert_eq!(
            (settings.whole("factors").unwrap(), settings.text("model").unwrap()),
            (8, "mf")
        );
        for error in [
            settings.number("model").map(|_| ()),
            settings.whole("lr").map(|_| ()),
            settings.whole("n").map(|_| ()),
            settings.text("lr").map(|_| ()),
            settings.number("rate").map(|_| ()),
        ] {
            assert!(matches!(error, Err(Error::Config { .. })), "{error:?}");
        }
        let missing = settings.number("rate").unwrap_err().to_string();
        assert_eq!(
            missing,
            "rate: the trial has no such setting; it has lr, factors, model, n"
        );
    }
}

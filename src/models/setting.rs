//! Settings of models of clicks by their names: for options of a program, and for tests that go through all models.

use alloc::{format, string::String, vec::Vec};

use serde_json::{Map, Value};

use super::ClickModel;
use crate::{Error, Result};

/// What a model has beside its settings.
const OTHERS: [&str; 2] = ["model", "layout"];

impl ClickModel {
    /// The names of the model's settings, those of its struct's fields.
    ///
    /// ```
    /// use pocketrec::{data::clicks::Layout, models::ClickModel};
    /// let model = ClickModel::named("deepfm", &Layout::default())?;
    /// assert_eq!(model.settings(), ["dropout", "embedding_dim", "hidden", "unit"]);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn settings(&self) -> Vec<String> {
        self.fields().into_iter().map(|(name, _)| name).collect()
    }

    /// Changes a setting, to a value as it is written: a number, `true` or `false`, numbers with commas between them, or the
    /// name of a variant, as `batch_norm_relu` is of a [`Unit`](super::Unit). Whether the model can be built with it is
    /// for [`plan`](ClickModel::plan) to say.
    ///
    /// ```
    /// use pocketrec::{data::clicks::Layout, models::{ClickModel, DeepFm}};
    /// let model = ClickModel::named("deepfm", &Layout::default())?.with("hidden", "64,32")?.with("dropout", "0.2")?;
    /// assert_eq!(model, DeepFm::new(&Layout::default()).hidden([64, 32]).dropout(0.2).into());
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where the model has no such setting, with those that it has, or this is no value of it.
    pub fn with(self, setting: &str, value: &str) -> Result<Self> {
        let mut fields = self.fields();
        let Some(before) = fields.get(setting) else {
            let settings: Vec<String> = fields.into_iter().map(|(name, _)| name).collect();
            let there = match settings.is_empty() {
                true => "it has none".into(),
                false => format!("it has {}", settings.join(", ")),
            };
            let reason = format!("{} has no such setting; {there}", self.name());
            return Err(Error::config(setting, reason));
        };
        let no_value = |error: serde_json::Error| Error::config(setting, format!("{value} is no value of it: {error}"));
        let after = match before {
            Value::String(_) => Value::String(value.replace('-', "_")),
            Value::Array(_) => serde_json::from_str(&format!("[{value}]")).map_err(no_value)?,
            _ => serde_json::from_str(value).map_err(no_value)?,
        };
        fields.insert(setting.into(), after);
        fields.insert("model".into(), self.name().into());
        let mut changed: ClickModel = match serde_json::from_value(with_empty_layout(fields)) {
            Ok(changed) => changed,
            Err(error) => return Err(no_value(error)),
        };
        *changed.layout_mut() = self.layout().clone();
        Ok(changed)
    }

    /// The settings with their values.
    fn fields(&self) -> Map<String, Value> {
        let mut without = self.clone();
        *without.layout_mut() = Default::default();
        match serde_json::to_value(&without) {
            Ok(Value::Object(mut fields)) => {
                OTHERS.iter().for_each(|other| drop(fields.remove(*other)));
                fields
            }
            _ => Map::new(), // a model is an object, and none of its settings is refused
        }
    }
}

/// Fields of a model with the layout that all have: it is put back as it was, however large.
fn with_empty_layout(mut fields: Map<String, Value>) -> Value {
    let layout = serde_json::to_value(crate::data::clicks::Layout::default());
    fields.insert("layout".into(), layout.unwrap_or(Value::Null));
    Value::Object(fields)
}

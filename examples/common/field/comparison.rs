//! Models side by side by the same measures.

use std::path::Path;

use pocketrec::Result;

use super::bars;
use crate::common::{output::say, tables::table};

/// A row: a model, or what no model can pass.
pub struct Row {
    pub name: String,
    /// A number a measure, as far as it has one.
    pub values: Vec<Option<f64>>,
    /// Whether it is what no model can pass, as the truth behind made-up data is.
    pub is_ceiling: bool,
}

/// What models reach: a table, and a picture of it.
pub struct Comparison {
    /// What is compared, for the head of the first column.
    pub title: &'static str,
    pub measures: Vec<String>,
    pub rows: Vec<Row>,
}

impl Comparison {
    pub fn new(title: &'static str, measures: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Comparison {
            title,
            measures: measures.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    pub fn add(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = Option<f64>>) {
        self.rows.push(Row {
            name: name.into(),
            values: values.into_iter().collect(),
            is_ceiling: false,
        });
    }

    /// What ranking by the truth reaches.
    pub fn ceiling(&mut self, values: impl IntoIterator<Item = Option<f64>>) {
        self.add("the truth behind the data: the ceiling", values);
        if let Some(last) = self.rows.last_mut() {
            last.is_ceiling = true;
        }
    }

    /// Prints the table.
    pub fn say(&self) -> Result<()> {
        let header = std::iter::once(self.title.to_owned()).chain(self.measures.iter().cloned());
        let mut table = table(header.collect(), |column| column > 0);
        for row in &self.rows {
            let values = row.values.iter().map(|value| shown(*value));
            table.add_row(std::iter::once(row.name.clone()).chain(values));
        }
        say!("\n{table}")
    }

    /// Draws it, where a file is named; the first `measures` of it alone, which are of one scale.
    pub fn draw(&self, title: &str, measures: usize, path: Option<&Path>) -> Result<()> {
        let Some(path) = path else { return Ok(()) };
        bars::save(self, title, measures, path)?;
        say!("drawn to {}", path.display())
    }
}

/// A number as it stands in the table and beside its bar.
pub fn shown(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.4}"))
}

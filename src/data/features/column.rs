//! A column of features: which of its features a text stands for.

use alloc::{format, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    data::{
        clicks::{Vocabulary, quantile_edges},
        text::{Entries, entries, number},
    },
};

/// What the fields of a column hold, and how they become features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// One value: each different one is a feature.
    Category,
    /// Any number of values, with bars between or as a list in brackets (`Comedy|Drama`, `['a', 'b']`): each different one is
    /// a feature.
    Values,
    /// A number, which becomes the quantile that it is in: so many of about as many rows; equal numbers are in one.
    Quantiles(u32),
    /// Words of a title or a text, in lower case, hashed into so many features: runs of letters and digits.
    Words(u32),
}

/// A column and its vocabulary, of which row 0, for what is not known, is no feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FeatureColumn {
    pub name: String,
    pub kind: FeatureKind,
    pub vocabulary: Vocabulary,
    /// The column's first feature.
    pub first: u32,
}

/// What a field says.
pub(super) enum Said<'a> {
    /// Keys of the vocabulary.
    Keys(Vec<&'a str>),
    Words(String),
    Number(f32),
    Nothing,
}

impl FeatureColumn {
    pub fn new(name: String, kind: FeatureKind) -> Result<Self> {
        let few = |reason: &str| Err(Error::config(name.clone(), reason));
        match kind {
            FeatureKind::Quantiles(0 | 1) => return few("a number in fewer than 2 parts says nothing; 10 are usual"),
            FeatureKind::Quantiles(parts) if parts > 1 << 20 => return few("more than 1048576 quantiles"),
            FeatureKind::Words(0 | u32::MAX) => {
                return few("the number of features for words is out of range; 4096 is usual");
            }
            _ => {}
        }
        Ok(FeatureColumn {
            name,
            kind,
            vocabulary: match kind {
                FeatureKind::Words(buckets) => Vocabulary::Hashed { buckets },
                FeatureKind::Quantiles(_) => Vocabulary::Quantiles { edges: Vec::new() },
                _ => Vocabulary::Keys(Default::default()),
            },
            first: 0,
        })
    }

    /// Number of features.
    pub fn features(&self) -> u32 {
        self.vocabulary.rows() - 1
    }

    /// Reads a field, and changes nothing.
    ///
    /// # Errors
    /// The reason where it is not what the column holds.
    pub fn read<'a>(&self, text: &'a str) -> Result<Said<'a>, String> {
        let text = text.trim();
        match self.kind {
            _ if text.is_empty() => Ok(Said::Nothing),
            FeatureKind::Category => Ok(Said::Keys(alloc::vec![text])),
            FeatureKind::Values => {
                let keys = entries(text, Entries::Values).map_err(|reason| format!("{}: {reason}", self.name))?;
                Ok(Said::Keys(keys))
            }
            FeatureKind::Quantiles(_) => Ok(Said::Number(number(&self.name, text.as_bytes())?)),
            FeatureKind::Words(_) => Ok(Said::Words(text.to_lowercase())),
        }
    }

    /// The features of what a field says, counted from 0 in the column; keys that are new become some. Numbers have none
    /// before the quantiles are known.
    pub fn insert(&mut self, said: &Said<'_>, mut each: impl FnMut(u32)) -> Result<(), String> {
        if let Said::Keys(keys) = said {
            for key in keys {
                each(self.vocabulary.row_or_insert(key)? - 1);
            }
            return Ok(());
        }
        self.look_up(said, each);
        Ok(())
    }

    /// As [`insert`](FeatureColumn::insert), of what is known alone. Gives how many values are not.
    pub fn look_up(&self, said: &Said<'_>, mut each: impl FnMut(u32)) -> usize {
        let mut unknown = 0;
        let mut row = |row: u32| match row.checked_sub(1) {
            Some(feature) => each(feature),
            None => unknown += 1,
        };
        match said {
            Said::Keys(keys) => keys.iter().for_each(|key| row(self.vocabulary.row(key))),
            Said::Words(text) => words(text).for_each(|word| row(self.vocabulary.row(word))),
            Said::Number(number) => row(self.vocabulary.row_of_number(*number)),
            Said::Nothing => {}
        }
        unknown
    }

    /// Finds the quantiles of the column's numbers.
    pub fn fit(&mut self, numbers: &[f32]) {
        if let FeatureKind::Quantiles(parts) = self.kind {
            self.vocabulary = Vocabulary::Quantiles {
                edges: quantile_edges(numbers, parts),
            };
        }
    }

    /// What a feature stands for: `genres:Comedy`, `year:1990..1995`, `title#17`.
    pub fn key(&self, feature: u32) -> String {
        let name = &self.name;
        match &self.vocabulary {
            Vocabulary::Keys(_) => format!("{name}:{}", self.vocabulary.key(feature + 1).unwrap_or_default()),
            Vocabulary::Hashed { .. } => format!("{name}#{feature}"),
            Vocabulary::Quantiles { edges } => {
                let edge = |at: Option<u32>| at.and_then(|at| edges.get(at as usize)).map(|edge| format!("{edge}"));
                let (from, to) = (edge(feature.checked_sub(1)), edge(Some(feature)));
                format!("{name}:{}..{}", from.unwrap_or_default(), to.unwrap_or_default())
            }
        }
    }
}

/// The words of a text: runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|sign: char| !sign.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

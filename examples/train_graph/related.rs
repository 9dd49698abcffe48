//! Related items and what items have in common: where they come from, and what is done with them.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use pocketrec::{
    Result,
    data::{IdMap, PlantedData, RelationFile, Relations, Triples},
};

use crate::{common::related::positives, options::ModelName};

/// The heading of these options.
pub const RELATED: &str = "Relations, of LightGCN and CFKG";
/// The seed of those that are made up.
const SEED: u64 = 1;

#[derive(Debug, Args)]
#[command(next_help_heading = RELATED, group(ArgGroup::new("columns").multiple(true)))]
pub struct RelatedOptions {
    /// A table of items with columns of related items or of attributes; to LightGCN these are edges and positives, of a softmax in
    /// place of BPR, and to CFKG a step each
    #[arg(long, value_name = "FILE", requires = "columns", requires = "data")]
    pub relations: Option<PathBuf>,
    /// The columns of --relations that name other items
    #[arg(
        long,
        value_name = "COLUMN,...",
        value_delimiter = ',',
        requires = "relations",
        group = "columns"
    )]
    related: Vec<String>,
    /// The columns of --relations that say what an item is, such as a category; of CFKG alone
    #[arg(
        long,
        value_name = "COLUMN,...",
        value_delimiter = ',',
        requires = "relations",
        group = "columns"
    )]
    attributes: Vec<String>,
    /// Make up so many related items of each item, on made-up data
    #[arg(long, value_name = "N", conflicts_with_all = ["data", "relations"])]
    relate: Option<u32>,
}

impl RelatedOptions {
    /// Whether there are any.
    pub fn are_there(&self) -> bool {
        self.relations.is_some() || self.relate.is_some()
    }

    /// Whether there are attributes.
    pub fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    /// Reads them for these items, or makes them up.
    pub fn known(&self, item_ids: &IdMap, truth: Option<&PlantedData>) -> Result<Option<Triples>> {
        match (&self.relations, self.relate, truth) {
            (Some(path), ..) => {
                let file = self.related.iter().fold(RelationFile::new(), RelationFile::items);
                let file = self.attributes.iter().fold(file, RelationFile::values);
                file.read(path, item_ids).map(Some)
            }
            (None, Some(count), Some(truth)) => truth.related(count, SEED).map(Some),
            (None, ..) => Ok(None),
        }
    }
}

/// Takes all relations as a model does: as positives, and as edges of a weight where there is one, or attributes.
pub fn used(model: ModelName, known: &Triples, edge_weight: Option<f32>) -> Result<Relations> {
    let mut relations = positives(known, edge_weight)?;
    if model == ModelName::Cfkg {
        let names: Vec<String> = relations.attribute_names().map(String::from).collect();
        for name in names {
            relations = relations.attributes(&name)?;
        }
    }
    Ok(relations)
}

/// What is said of them.
pub fn described(known: &Triples, relations: &Relations) -> String {
    let mut parts = Vec::new();
    let count = relations.positive_pairs().count();
    if count > 0 {
        let names: Vec<&str> = relations.names().collect();
        let edges = relations.weighted_pairs().next().map_or("", |_| " and edges");
        let names = names.join(", ");
        parts.push(format!("{count} pairs of related items ({names}), positives{edges}"));
    }
    let count = relations.attribute_pairs().count();
    if count > 0 {
        let names: Vec<&str> = relations.attribute_names().collect();
        parts.push(format!("{count} attributes of items ({})", names.join(", ")));
    }
    let report = known.report();
    for (what, count) in [
        ("of unknown items", report.unknown),
        ("that come again", report.duplicates),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what} left out"));
        }
    }
    parts.join("; ")
}

//! Related items, as models of users and items take them.

use pocketrec::{
    Result,
    data::{Relations, Triples},
};

/// All relations of two items as positives, and as edges where they have a weight.
pub fn positives(known: &Triples, edge_weight: Option<f32>) -> Result<Relations> {
    let mut relations = Relations::of(known)?;
    let names: Vec<String> = relations.names().map(String::from).collect();
    for name in names {
        relations = relations.positives(&name)?;
        if let Some(weight) = edge_weight {
            relations = relations.edges(&name, weight)?;
        }
    }
    Ok(relations)
}

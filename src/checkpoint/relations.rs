//! Relations between items: what they are called and what is done with them as JSON, their pairs as a tensor.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    checks::check_pairs,
    format::{Input, Output, Values},
    meta::{Exact, is_zero},
    read::{Reader, gathered, json},
};
use crate::data::{IdMap, Relation, Relations};

/// The metadata key, and the tensor of all pairs, those of one relation behind those of the other.
const KEY: &str = "relations";
const PAIRS: &str = "relations/pairs";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// How many of the items they know: the first.
    items: usize,
    relations: Vec<RelationRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelationRecord {
    name: String,
    pairs: usize,
    /// Absent where there are no edges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<Exact>,
    #[serde(default, skip_serializing_if = "is_zero")]
    positives: bool,
}

/// Why they cannot go with tables of so many rows.
pub(super) fn check(relations: &Relations, rows: usize) -> Result<(), String> {
    for relation in &relations.all {
        check_pairs(PAIRS, &relation.pairs, [rows; 2])?;
        check_weight(relation.weight)?;
    }
    Ok(())
}

fn check_weight(weight: f32) -> Result<(), String> {
    match weight >= 0.0 && weight.is_finite() {
        true => Ok(()),
        false => Err(format!(
            "metadata key {KEY}: a weight of {weight}; it is a finite number above 0"
        )),
    }
}

pub(super) fn write<'a>(
    relations: &Relations,
    strings: &mut BTreeMap<String, String>,
    to: &mut Vec<Output<'a>>,
) -> Result<(), serde_json::Error> {
    let record = |relation: &Relation| RelationRecord {
        name: relation.name.clone(),
        pairs: relation.pairs.len(),
        weight: (relation.weight > 0.0).then(|| Exact(relation.weight.into())),
        positives: relation.is_positive,
    };
    let record = Record {
        items: relations.item_ids.len(),
        relations: relations.all.iter().map(record).collect(),
    };
    strings.insert(KEY.into(), serde_json::to_string(&record)?);
    let pairs = relations.all.iter().flat_map(|relation| &relation.pairs);
    let flat: Vec<u32> = pairs.flat_map(|&(head, tail)| [head, tail]).collect();
    to.push(Output {
        name: PAIRS.into(),
        shape: vec![flat.len() / 2, 2],
        values: Values::I32(flat.into()),
    });
    Ok(())
}

/// The relations, where the file has some, between the items of these keys.
pub(super) fn read(input: &Input, reader: &mut Reader<'_>, item_ids: &IdMap) -> Result<Option<Relations>, String> {
    if input.string(KEY).is_err() {
        return Ok(None);
    }
    let record: Record = json(input, KEY)?;
    let rows = item_ids.len();
    if record.items > rows {
        return Err(format!(
            "metadata key {KEY}: {} items, the table has {rows} rows",
            record.items
        ));
    }
    let pairs = reader.pairs(PAIRS, [record.items; 2])?;
    let mut rest = &pairs[..];
    let mut all = Vec::new();
    for RelationRecord {
        name,
        pairs,
        weight,
        positives,
    } in record.relations
    {
        let (own, others) = rest.split_at_checked(pairs).ok_or_else(|| {
            format!(
                "metadata key {KEY}: {pairs} pairs of {name:?}, the tensor {PAIRS} has {} left",
                rest.len()
            )
        })?;
        rest = others;
        let weight = weight.map_or(0.0, |Exact(weight)| weight as f32);
        check_weight(weight)?;
        if let Some((item, _)) = own.iter().find(|(head, tail)| head == tail) {
            return Err(format!("tensor {PAIRS}: item {item} is related to itself"));
        }
        all.push(Relation {
            name,
            weight,
            is_positive: positives,
            pairs: gathered(own.iter().copied())?,
        });
    }
    if !rest.is_empty() {
        return Err(format!("tensor {PAIRS}: {} pairs belong to no relation", rest.len()));
    }
    let mut item_ids = item_ids.clone();
    item_ids.truncate(record.items);
    Ok(Some(Relations { item_ids, all }))
}

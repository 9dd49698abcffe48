//! Relations of items: what they are called and what is done with them as JSON, their pairs and attributes as tensors.

use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    checks::check_pairs,
    format::{Input, Output, Values},
    meta::{Exact, is_zero},
    read::{Reader, gathered, json, keyed_rows},
    sink::Unwritten,
    write::keys,
};
use crate::data::{IdMap, Relation, Relations};

/// The metadata key, and the tensor of all pairs, those of one relation behind those of the other; likewise of items and
/// attributes, which have keys.
const KEY: &str = "relations";
const PAIRS: &str = "relations/pairs";
const ATTRIBUTES: &str = "relations/attributes";
const ATTRIBUTE_KEY: &str = "attributes";
const ATTRIBUTE_IDS: &str = "ids/attribute";

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
    /// Absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    attributes: usize,
    /// Whether these are nodes.
    #[serde(default, skip_serializing_if = "is_zero")]
    nodes: bool,
}

/// Why they cannot go with tables of so many rows.
pub(super) fn check(relations: &Relations, rows: usize) -> Result<(), String> {
    for relation in &relations.all {
        check_pairs(PAIRS, &relation.pairs, [rows; 2])?;
        check_pairs(ATTRIBUTES, &relation.attributes, [rows, relations.attribute_ids.len()])?;
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
) -> Result<(), Unwritten> {
    let record = |relation: &Relation| RelationRecord {
        name: relation.name.clone(),
        pairs: relation.pairs.len(),
        weight: (relation.weight > 0.0).then(|| Exact(relation.weight.into())),
        positives: relation.is_positive,
        attributes: relation.attributes.len(),
        nodes: relation.has_attributes,
    };
    let record = Record {
        items: relations.item_ids.len(),
        relations: relations.all.iter().map(record).collect(),
    };
    strings.insert(KEY.into(), serde_json::to_string(&record)?);
    let mut push = |name: &str, pairs: &mut dyn Iterator<Item = &(u32, u32)>| {
        let flat: Vec<u32> = pairs.flat_map(|&(one, other)| [one, other]).collect();
        to.push(Output {
            name: name.into(),
            shape: vec![flat.len() / 2, 2],
            values: Values::I32(flat.into()),
        });
    };
    let all = || relations.all.iter();
    push(PAIRS, &mut all().flat_map(|relation| &relation.pairs));
    let ids = &relations.attribute_ids;
    if !ids.is_empty() {
        push(ATTRIBUTES, &mut all().flat_map(|relation| &relation.attributes));
        strings.insert(ATTRIBUTE_KEY.into(), keys(ATTRIBUTE_IDS, ids, ids.len(), to));
    }
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
    let (attribute_ids, attributes) = match input.string(ATTRIBUTE_KEY) {
        Err(_) => Default::default(),
        Ok(_) => {
            let count = keyed_rows(input, ATTRIBUTE_KEY)?;
            let ids = reader.keys(ATTRIBUTE_KEY, ATTRIBUTE_IDS, count)?;
            (ids, reader.pairs(ATTRIBUTES, [record.items, count])?)
        }
    };
    let (mut rest, mut rest_of_attributes) = (&pairs[..], &attributes[..]);
    let mut all = Vec::new();
    for RelationRecord {
        name,
        pairs,
        weight,
        positives,
        attributes,
        nodes,
    } in record.relations
    {
        let own = own_of(&mut rest, pairs, &name, PAIRS)?;
        let attributes = own_of(&mut rest_of_attributes, attributes, &name, ATTRIBUTES)?;
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
            has_attributes: nodes,
            attributes: gathered(attributes.iter().copied())?,
        });
    }
    for (tensor, rest) in [(PAIRS, rest), (ATTRIBUTES, rest_of_attributes)] {
        if !rest.is_empty() {
            return Err(format!("tensor {tensor}: {} pairs belong to no relation", rest.len()));
        }
    }
    let mut item_ids = item_ids.clone();
    item_ids.truncate(record.items);
    Ok(Some(Relations {
        item_ids,
        attribute_ids,
        all,
    }))
}

/// The next pairs of a tensor, which are those of a relation.
fn own_of<'a>(rest: &mut &'a [(u32, u32)], count: usize, name: &str, tensor: &str) -> Result<&'a [(u32, u32)], String> {
    let Some((own, others)) = rest.split_at_checked(count) else {
        let left = rest.len();
        return Err(format!(
            "metadata key {KEY}: {count} pairs of {name:?}, the tensor {tensor} has {left} left"
        ));
    };
    *rest = others;
    Ok(own)
}

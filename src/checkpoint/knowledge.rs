//! Neighbours of items in a knowledge graph: the keys of entities and relations as texts, the neighbours as tensors.

use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};

use safetensors::Dtype;

use super::{
    checks::check_pairs,
    format::{Input, Output, Values},
    read::{Reader, keyed_rows},
    write::keys,
};
use crate::{
    data::{Knowledge, MOST_NEIGHBOURS},
    models::{Kgcn, Model},
};

/// The metadata keys, and the tensors of the keys that they count.
const ENTITIES: [&str; 2] = ["entities", "ids/entity"];
const RELATIONS: [&str; 2] = ["entity_relations", "ids/entity_relation"];
/// Where each item's neighbours end, and (entity, relation) of each.
const OFFSETS: &str = "knowledge/offsets";
const NEIGHBOURS: &str = "knowledge/neighbours";

/// Why they cannot go with the model.
pub(super) fn check(knowledge: &Knowledge, model: &Model) -> Result<(), String> {
    let [_, entities, relations] = knowledge.counts();
    check_counts(model, [knowledge.items(), entities, relations])?;
    check_pairs(NEIGHBOURS, &knowledge.neighbours, [entities, relations])?;
    check_offsets(&knowledge.offsets, knowledge.neighbours.len())
}

fn check_counts(model: &Model, counts: [usize; 3]) -> Result<(), String> {
    let Model::Kgcn(Kgcn {
        items,
        entities,
        relations,
        ..
    }) = model
    else {
        return Err(format!(
            "{NEIGHBOURS}: {} does not look at neighbours of items",
            model.name()
        ));
    };
    let sides = [
        (OFFSETS, "items", *items),
        (ENTITIES[0], "entities", *entities),
        (RELATIONS[0], "relations", *relations),
    ];
    for ((name, what, rows), count) in sides.into_iter().zip(counts) {
        if count > rows {
            return Err(format!("{name}: {count} {what}, the table has {rows} rows"));
        }
    }
    match counts[0] > counts[1] {
        true => Err(format!(
            "{OFFSETS}: {} items among {} entities, and each is one",
            counts[0], counts[1]
        )),
        false => Ok(()),
    }
}

fn check_offsets(offsets: &[u64], neighbours: usize) -> Result<(), String> {
    let ends = (offsets.first().copied(), offsets.last().copied());
    if ends != (Some(0), Some(neighbours as u64)) || !offsets.is_sorted() {
        return Err(format!("tensor {OFFSETS} must rise from 0 to {neighbours}"));
    }
    match offsets
        .windows(2)
        .position(|pair| pair[1] - pair[0] > MOST_NEIGHBOURS as u64)
    {
        Some(item) => Err(format!(
            "tensor {OFFSETS}: item {item} has more than {MOST_NEIGHBOURS} neighbours"
        )),
        None => Ok(()),
    }
}

pub(super) fn write(knowledge: &Knowledge, strings: &mut BTreeMap<String, String>, to: &mut Vec<Output>) {
    for ([key, name], ids) in [(ENTITIES, &knowledge.entity_ids), (RELATIONS, &knowledge.relation_ids)] {
        strings.insert(key.into(), keys(name, ids, ids.len(), to));
    }
    to.push(Output {
        name: OFFSETS.into(),
        shape: vec![knowledge.offsets.len()],
        values: Values::I64(knowledge.offsets.clone().into()),
    });
    let ends = knowledge.neighbours.iter();
    let flat: Vec<u32> = ends.flat_map(|&(entity, relation)| [entity, relation]).collect();
    to.push(Output {
        name: NEIGHBOURS.into(),
        shape: vec![flat.len() / 2, 2],
        values: Values::I32(flat.into()),
    });
}

/// The neighbours, where the file has some for a model that looks at them.
pub(super) fn read(input: &Input, reader: &mut Reader<'_>, model: &Model) -> Result<Option<Knowledge>, String> {
    if !matches!(model, Model::Kgcn(_)) || !reader.has(NEIGHBOURS) {
        return Ok(None);
    }
    let offsets = reader.vector(OFFSETS, Dtype::I64)?.len() / 8;
    let [entities, relations] = [keyed_rows(input, ENTITIES[0])?, keyed_rows(input, RELATIONS[0])?];
    check_counts(model, [offsets.saturating_sub(1), entities, relations])?;
    let knowledge = Knowledge {
        entity_ids: reader.keys(ENTITIES[0], ENTITIES[1], entities)?,
        relation_ids: reader.keys(RELATIONS[0], RELATIONS[1], relations)?,
        offsets: reader.long_numbers(OFFSETS)?,
        neighbours: reader.pairs(NEIGHBOURS, [entities, relations])?,
    };
    check_offsets(&knowledge.offsets, knowledge.neighbours.len())?;
    Ok(Some(knowledge))
}

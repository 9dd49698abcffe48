//! Features of users and items: what they are called as JSON and texts, which row has which as tensors.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use super::{
    checks::check_values,
    format::{Input, Output, Values},
    meta::Exact,
    read::{Reader, json},
    sink::Unwritten,
    text::Texts,
    write::texts,
};
use crate::{
    data::{FeatureKind, Features, IdMap, StoredColumn},
    train::{Known, known_left_out},
};

/// The metadata key.
const KEY: &str = "known";
/// By side: the metadata key and the name of the keys of the rows, and the name of their lists of features.
const SIDES: [(&str, &str, &str); 2] = [
    ("users", "ids/user", "known/users"),
    ("items", "ids/item", "known/items"),
];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    left_out: Exact,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    users: Option<SideRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items: Option<SideRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SideRecord {
    /// How many of the rows they know: the first.
    rows: usize,
    columns: Vec<ColumnRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnRecord {
    name: String,
    kind: FeatureKind,
    /// How many of the keys and of the bounds are the column's.
    keys: usize,
    bounds: usize,
}

/// Why they cannot go with tables of so many rows, which have these keys.
pub(super) fn check(known: &Known, rows: [usize; 2], keys: [&IdMap; 2]) -> Result<(), String> {
    known
        .check(rows)
        .map_err(|error| format!("metadata key {KEY}: {error}"))?;
    for (side, keys) in keys.into_iter().enumerate() {
        let Some(features) = known.side(side) else { continue };
        // Only as many rows are stored, and the keys of the tables stand for them.
        if !features.row_ids().iter().eq(keys.iter().take(features.rows())) {
            let what = SIDES[side].0;
            return Err(format!(
                "metadata key {KEY}: the features are of other {what} than the tables"
            ));
        }
    }
    Ok(())
}

pub(super) fn write<'a>(
    known: &'a Known,
    strings: &mut BTreeMap<String, String>,
    to: &mut Vec<Output<'a>>,
) -> Result<(), Unwritten> {
    if cfg!(not(feature = "known")) {
        return Err(known_left_out().into());
    }
    let mut side = |side: usize| known.side(side).map(|features| write_side(features, SIDES[side].2, to));
    let record = Record {
        left_out: Exact(known.left_out.into()),
        users: side(0),
        items: side(1),
    };
    strings.insert(KEY.into(), serde_json::to_string(&record)?);
    Ok(())
}

fn write_side<'a>(features: &'a Features, name: &str, to: &mut Vec<Output<'a>>) -> SideRecord {
    let columns: Vec<StoredColumn> = features.stored_columns().collect();
    let (offsets, ids) = features.lists();
    let ends: Vec<u64> = offsets.iter().map(|&end| end as u64).collect();
    to.push(Output {
        name: format!("{name}.offsets"),
        shape: vec![ends.len()],
        values: Values::I64(ends.into()),
    });
    to.push(Output {
        name: name.into(),
        shape: vec![ids.len()],
        values: Values::I32(ids.into()),
    });
    let keys = columns.iter().flat_map(|column| column.keys.iter());
    texts(&format!("{name}.keys"), Texts::of(keys), to);
    let bounds: Vec<f32> = columns.iter().flat_map(|column| &column.edges).copied().collect();
    to.push(Output {
        name: format!("{name}.bounds"),
        shape: vec![bounds.len()],
        values: Values::F32(bounds.into()),
    });
    let record = |column: StoredColumn| ColumnRecord {
        name: column.name,
        kind: column.kind,
        keys: column.keys.len(),
        bounds: column.edges.len(),
    };
    SideRecord {
        rows: features.rows(),
        columns: columns.into_iter().map(record).collect(),
    }
}

/// What is known of rows of tables of so many, where the file has it.
pub(super) fn read(input: &Input, reader: &mut Reader<'_>, rows: [usize; 2]) -> Result<Option<Known>, String> {
    if input.string(KEY).is_err() {
        return Ok(None);
    }
    if cfg!(not(feature = "known")) {
        return Err(known_left_out().to_string());
    }
    let record: Record = json(input, KEY)?;
    let mut sides = [None, None];
    for (side, own) in [record.users, record.items].into_iter().enumerate() {
        if let Some(own) = own {
            sides[side] = Some(read_side(own, SIDES[side], reader, rows[side])?);
        }
    }
    let known = Known::of_sides(sides, record.left_out.0 as f32);
    known
        .check(rows)
        .map_err(|error| format!("metadata key {KEY}: {error}"))?;
    Ok(Some(known))
}

fn read_side(
    record: SideRecord,
    (key, ids_name, name): (&str, &str, &str),
    reader: &mut Reader<'_>,
    rows: usize,
) -> Result<Features, String> {
    if record.rows > rows {
        let there = record.rows;
        return Err(format!("metadata key {KEY}: {there} {key}, the table has {rows} rows"));
    }
    let mut row_ids = reader.keys(key, ids_name, rows)?;
    row_ids.truncate(record.rows);
    let keys_name = format!("{name}.keys");
    let keys = reader.texts(&keys_name)?;
    let bounds = reader.float_vector(&format!("{name}.bounds"))?;
    check_values(name, &bounds)?;
    let (mut keys, mut bounds) = (&keys[..], &bounds[..]);
    let mut columns: Vec<StoredColumn> = Vec::new();
    for column in record.columns {
        if columns.iter().any(|other| other.name == column.name) {
            return Err(format!("metadata key {KEY}: two columns {:?}", column.name));
        }
        let own = own_of(&mut keys, column.keys, &keys_name)?;
        let ids =
            IdMap::from_keys(own.iter().copied()).map_err(|error| format!("tensor {keys_name}.bytes: {error}"))?;
        if ids.len() != own.len() {
            return Err(format!(
                "tensor {keys_name}.bytes: a key of {:?} is there twice",
                column.name
            ));
        }
        columns.push(StoredColumn {
            edges: own_of(&mut bounds, column.bounds, &format!("{name}.bounds"))?.to_vec(),
            keys: ids,
            name: column.name,
            kind: column.kind,
        });
    }
    if !keys.is_empty() || !bounds.is_empty() {
        let (keys, bounds) = (keys.len(), bounds.len());
        return Err(format!(
            "tensors {name}...: {keys} keys and {bounds} bounds belong to no column"
        ));
    }
    let offsets = reader.long_numbers(&format!("{name}.offsets"))?;
    let offsets = offsets
        .into_iter()
        .map(|end| usize::try_from(end).unwrap_or(usize::MAX));
    let ids = reader.numbers(name)?;
    Features::of_stored(row_ids, columns, offsets.collect(), ids).map_err(|reason| format!("tensor {name}: {reason}"))
}

/// The next entries of a tensor, which are a column's.
fn own_of<'a, T>(rest: &mut &'a [T], count: usize, tensor: &str) -> Result<&'a [T], String> {
    let Some((own, others)) = rest.split_at_checked(count) else {
        let left = rest.len();
        return Err(format!(
            "metadata key {KEY}: {count} entries of the tensor {tensor}, which has {left} left"
        ));
    };
    *rest = others;
    Ok(own)
}

//! From a trainer's contents to tensors and strings.

use alloc::{
    borrow::Cow,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    Contents, VERSION,
    checks::{check_best, check_history, check_squares, check_titles, check_values, parsed, shape_of},
    format::{self, Output, Values},
    knowledge, known,
    meta::ProgressRecord,
    relations,
    sink::{Sink, Unwritten},
    stored::{self, name_of_exact},
    text::Texts,
};
use crate::{
    checks::check_stored,
    data::IdMap,
    models::Model,
    plan::{Plan, State},
    train::{History, TrainConfig, mean_fault},
};

pub(super) fn write(contents: &Contents, to: &mut Sink) -> Result<(), Unwritten> {
    let plan = contents.plan()?;
    let (from, progress) = (contents.config.average_from, contents.progress);
    let has_mean = contents.average_values.is_some();
    let fault = progress.counts("sample").fault(contents.state.step);
    if let Some(reason) = fault.or_else(|| mean_fault(from, progress.epoch, progress.averaged, has_mean)) {
        return Err(reason.into());
    }
    check(contents)?;
    let mut tensors = Vec::new();
    let others = [("best", contents.best_values), ("average", contents.average_values)];
    parameters(&plan, contents.state, &others, &mut tensors)?;
    let mut strings = BTreeMap::new();
    let progress = ProgressRecord::new(contents.progress, contents.state.step, contents.keyed);
    strings.insert("pocketrec".into(), VERSION.into());
    strings.insert("model".into(), serde_json::to_string(contents.model)?);
    strings.insert("train".into(), serde_json::to_string(contents.config)?);
    strings.insert("progress".into(), serde_json::to_string(&progress)?);
    let [users, items] = contents.model.rows();
    strings.insert("users".into(), keys("ids/user", contents.user_ids, users, &mut tensors));
    strings.insert("items".into(), keys("ids/item", contents.item_ids, items, &mut tensors));
    if !contents.titles.is_empty() {
        strings.insert("titles".into(), format!("text {}", contents.titles.len()));
        texts("titles", Texts::of(contents.titles.iter()), &mut tensors);
    }
    history(contents.history, &mut tensors);
    if let Some(relations) = contents.relations {
        relations::write(relations, &mut strings, &mut tensors)?;
    }
    if let Some(knowledge) = contents.knowledge {
        knowledge::write(knowledge, &mut strings, &mut tensors);
    }
    if let Some(known) = contents.known {
        known::write(known, &mut strings, &mut tensors)?;
    }
    check_json::<Model>("model", &strings)?;
    check_json::<TrainConfig>("train", &strings)?;
    check_json::<ProgressRecord>("progress", &strings)?;
    format::write(tensors, strings, to)
}

/// What would not be read again is not written: the reader's checks, before the first byte.
fn check(contents: &Contents) -> Result<(), String> {
    let config = contents.config.validate();
    config.map_err(|error| format!("metadata key train: {error}"))?;
    check_best(contents.best_values.is_some(), "progress", contents.progress)?;
    let rows = contents.model.rows();
    let sides = [("users", contents.user_ids), ("items", contents.item_ids)];
    for ((key, keys), rows) in sides.into_iter().zip(rows) {
        if keys.len() < rows {
            return Err(format!("metadata key {key}: {} keys for {rows} rows", keys.len()));
        }
    }
    check_titles(contents.titles.len(), rows[1])?;
    if let Some(relations) = contents.relations {
        relations::check(relations, rows[1])?;
    }
    if let Some(knowledge) = contents.knowledge {
        knowledge::check(knowledge, contents.model)?;
    }
    if let Some(known) = contents.known {
        known::check(known, rows, [contents.user_ids, contents.item_ids])?;
    }
    check_history(contents.history, rows)
}

/// Whether a metadata string is read back: numbers that JSON does not have are not.
pub(super) fn check_json<T: serde::de::DeserializeOwned>(
    key: &str,
    strings: &BTreeMap<String, String>,
) -> Result<(), String> {
    let json = strings.get(key).map_or("", String::as_str);
    parsed::<T>(key, json).map(|_| ())
}

/// Parameters with their moments, and further sets of values by prefix.
pub(super) fn parameters<'a>(
    plan: &Plan,
    state: &'a State,
    others: &[(&str, Option<&'a [Vec<f32>]>)],
    to: &mut Vec<Output<'a>>,
) -> Result<(), Unwritten> {
    let plan = &plan.clone().with_tables_as(state.row_type());
    let has_moments = state
        .tensors
        .iter()
        .any(|tensor| !tensor.m.is_empty() || !tensor.v.is_empty());
    let unfit = |name: &str| {
        Unwritten::from(format!(
            "parameter {name} has another size in the state than in the model"
        ))
    };
    if state.tensors.len() != plan.params().len() {
        return Err(unfit("(all)"));
    }
    for (index, (param, tensor)) in plan.params().iter().zip(&state.tensors).enumerate() {
        let name = &param.name;
        let exact = tensor.stored.as_ref().map(|stored| stored.exact().len());
        let (name_of_floats, shape) = match exact {
            None => (name.clone(), shape_of(param)),
            Some(rows) => (name_of_exact(name), vec![rows, param.width]),
        };
        check_stored(param, tensor.stored.as_ref()).map_err(|error| error.to_string())?;
        if let Some(stored) = &tensor.stored {
            stored::write(param, stored, to);
        }
        let len = shape.iter().product();
        let mut push = |name: String, values: Cow<'a, [f32]>| {
            if values.len() != len {
                return Err(unfit(&name));
            }
            check_values(&name, &values)?;
            to.push(Output {
                name,
                shape: shape.clone(),
                values: Values::F32(values),
            });
            Ok(())
        };
        if exact != Some(0) {
            push(name_of_floats, Cow::Borrowed(&tensor.value[..]))?;
        }
        if has_moments {
            for (letter, values) in [('m', &tensor.m), ('v', &tensor.v)] {
                // A moment that no step needed yet is zero.
                let values = match values.is_empty() {
                    true => Cow::Owned(vec![0.0; len]),
                    false => Cow::Borrowed(&values[..]),
                };
                let name = format!("adam.{letter}/{name}");
                if letter == 'v' {
                    check_squares(&name, &values)?;
                }
                push(name, values)?;
            }
        }
        for &(prefix, values) in others {
            if let Some(values) = values {
                let values = values.get(index).ok_or_else(|| unfit(name))?;
                push(format!("{prefix}/{name}"), Cow::Borrowed(&values[..]))?;
            }
        }
    }
    Ok(())
}

/// Writes keys that are not the row numbers; those beyond the rows have nothing to name. Gives the metadata string.
pub(super) fn keys(name: &str, keys: &IdMap, rows: usize, to: &mut Vec<Output>) -> String {
    let count = keys.len().min(rows);
    if *keys == IdMap::numbered(keys.len() as u32) {
        return format!("numbered {count}");
    }
    texts(name, Texts::of(keys.iter().take(count)), to);
    format!("text {count}")
}

pub(super) fn texts(name: &str, texts: Texts, to: &mut Vec<Output>) {
    to.push(Output {
        name: format!("{name}.bytes"),
        shape: vec![texts.bytes.len()],
        values: Values::U8(texts.bytes.into()),
    });
    to.push(Output {
        name: format!("{name}.ends"),
        shape: vec![texts.ends.len()],
        values: Values::I64(texts.ends.into()),
    });
}

pub(super) fn history<'a>(history: &'a History, to: &mut Vec<Output<'a>>) {
    to.push(Output {
        name: "history/offsets".into(),
        shape: vec![history.offsets.len()],
        values: Values::I64(Cow::Borrowed(&history.offsets)),
    });
    to.push(Output {
        name: "history/items".into(),
        shape: vec![history.items.len()],
        values: Values::I32(Cow::Borrowed(&history.items)),
    });
    if !history.others.is_empty() {
        to.push(Output {
            name: "history/others".into(),
            shape: vec![history.others.len()],
            values: Values::I32(Cow::Borrowed(&history.others)),
        });
    }
    for (name, pairs) in [
        ("held_out", history.held_out.clone()),
        ("absorbed", history.absorbed_pairs()),
    ] {
        let flat: Vec<u32> = pairs.iter().flat_map(|&(user, item)| [user, item]).collect();
        to.push(Output {
            name: format!("history/{name}"),
            shape: vec![pairs.len(), 2],
            values: Values::I32(flat.into()),
        });
    }
}

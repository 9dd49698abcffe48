//! Recommendations of a classical model, and their reasons.

use std::path::Path;

use pocketrec::{
    Error, Result,
    classical::{Classical, Method},
    data::IdMap,
};

use crate::{
    common::{
        messages::not_known,
        output::{note, say},
        reasons::{self, Explains},
        tables::{TERMINAL, cut, listed},
    },
    csv_file::CsvFile,
    options::Options,
    print_side_by_side, users,
};

pub fn recommend<M: Method>(options: &Options, mut model: Classical<M>) -> Result<()> {
    options.clicks.check_pairs()?;
    let about = format!("{} of {} users and {} items", M::NAME, model.users(), model.items());
    beside(options, &about)?;
    let clicks = options.clicks_to_absorb()?;
    let mut lists = Vec::new();
    if let Some(user) = &options.user {
        match model.user_ids().get(user) {
            Some(id) => {
                let name = if clicks.is_empty() { "best items" } else { "before" };
                lists.push((name, ranked(&model, id, options)?));
            }
            None if clicks.iter().any(|click| click.0 == user.trim()) => say!("user {} is new", cut(user, 40))?,
            None => return Err(Error::config("--user", not_known("user", model.user_ids(), user))),
        }
    }
    if !clicks.is_empty() {
        absorb(options, &mut model, &clicks)?;
    }
    if let Some(user) = &options.user {
        let id = id_of("user", model.user_ids(), user, "--user")?;
        describe(&model, id)?;
        if !clicks.is_empty() {
            lists.push(("now", ranked(&model, id, options)?));
        }
        let keyed = |list: &[(u32, f32)]| {
            list.iter()
                .map(|&(item, score)| (key_of(&model, item), score))
                .collect()
        };
        let all: Vec<_> = lists.iter().map(|(name, list)| (*name, keyed(list))).collect();
        print_side_by_side(&all, "score", |key| model.title(model.item_ids().get(key)?))?;
        if let (true, Some((_, last))) = (options.why, lists.last()) {
            reasons::of_user(&mut model, id, last)?;
        }
    }
    if let Some(input) = &options.input {
        write(&model, options, input)?;
    }
    if let Some(path) = &options.save {
        model.save(path)?;
        beside(options, &format!("saved to {}", path.display()))?;
    }
    Ok(())
}

/// A line that is no CSV.
fn beside(options: &Options, text: &str) -> Result<()> {
    match options.writes_csv() {
        true => {
            note(format_args!("{text}"));
            Ok(())
        }
        false => say!("{text}"),
    }
}

fn absorb<M: Method>(options: &Options, model: &mut Classical<M>, clicks: &[(&str, &str)]) -> Result<()> {
    let report = model.absorb_keys(clicks)?;
    beside(
        options,
        &format!("absorbed {} clicks, {report} of which were not known", clicks.len()),
    )
}

fn id_of(what: &str, ids: &IdMap, key: &str, option: &str) -> Result<u32> {
    ids.get(key)
        .ok_or_else(|| Error::config(option, not_known(what, ids, key)))
}

/// The best of the items asked for, or of all that the user does not have.
fn ranked<M: Method>(model: &Classical<M>, user: u32, options: &Options) -> Result<Vec<(u32, f32)>> {
    let Some(keys) = &options.items else {
        return model.recommend(user, options.k());
    };
    let items = keys.iter().map(|key| id_of("item", model.item_ids(), key, "--items"));
    model.recommend_from(user, &items.collect::<Result<Vec<u32>>>()?, options.k())
}

fn key_of<M>(model: &Classical<M>, item: u32) -> String {
    model.item_ids().key(item).unwrap_or_default().into_owned()
}

fn describe<M: Method>(model: &Classical<M>, user: u32) -> Result<()> {
    let history = model.history();
    let has = history.trained(user).iter().chain(history.absorbed(user));
    let count = has.clone().count();
    let lately = has.rev().map(|&item| model.item(item, 18));
    let key = model.user_ids().key(user).unwrap_or_default();
    let lately = listed(lately.take(5), TERMINAL - 20);
    say!("user {} has {count} items, lately {lately}", cut(&key, 20))
}

/// Writes the best items of each user of a file.
fn write<M: Method>(model: &Classical<M>, options: &Options, input: &Path) -> Result<()> {
    let users = users::of_file(input, options.delimiter, model.user_ids())?;
    let mut out = CsvFile::new(options.output.as_deref());
    out.row(["user", "item", "rank", "score"].into_iter().map(String::from));
    let mut rows = 0;
    for (key, user) in &users {
        for (rank, (item, score)) in (1..).zip(ranked(model, *user, options)?) {
            let rank: u32 = rank;
            let cells = [key.clone(), key_of(model, item), rank.to_string(), score.to_string()];
            out.row(cells.into_iter());
            rows += 1;
        }
    }
    out.finish(&format!("{rows} rows for {} users", users.len()))
}

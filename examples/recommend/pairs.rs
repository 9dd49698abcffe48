//! Recommendations of a model of users and items.

use std::path::Path;

use pocketrec::{
    Error, Result,
    data::IdMap,
    train::{AbsorbConfig, Trainer},
};

use crate::{
    List,
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

pub fn recommend(options: &Options, mut trainer: Trainer) -> Result<()> {
    options.clicks.check_pairs()?;
    if options.why {
        reasons::check(trainer.model().name(), trainer.model().reasons(), reasons::OF_PAIRS)?;
    }
    let about = format!(
        "{} of {} users and {} items, trained for {} epochs",
        trainer.model().name(),
        trainer.users(),
        trainer.items(),
        trainer.progress().epoch
    );
    beside(options, &about)?;
    for text in options.known.take_in(&mut trainer, options.user.as_deref())? {
        beside(options, &text)?;
    }
    let clicks = options.clicks_to_absorb()?;
    let mut lists = Vec::new();
    if let Some(user) = &options.user {
        match trainer.user_ids().get(user) {
            Some(id) => {
                let name = if clicks.is_empty() { "best items" } else { "before" };
                lists.push((name, ranked(&mut trainer, id, options)?));
            }
            None if clicks.iter().any(|click| click.0 == user.trim()) => say!("user {} is new", cut(user, 40))?,
            None => return Err(Error::config("--user", not_known("user", trainer.user_ids(), user))),
        }
    }
    if !clicks.is_empty() {
        absorb(options, &mut trainer, &clicks)?;
    }
    if let Some(user) = &options.user {
        let id = id_of("user", trainer.user_ids(), user, "--user")?;
        describe(&trainer, id)?;
        if !clicks.is_empty() {
            lists.push(("now", ranked(&mut trainer, id, options)?));
        }
        let keyed: Vec<List> = lists
            .iter()
            .map(|(name, list)| (*name, keys_of(&trainer, list)))
            .collect();
        let title = |key: &str| trainer.title(trainer.item_ids().get(key)?);
        print_side_by_side(&keyed, "score", title)?;
        if let (true, Some((_, last))) = (options.why, lists.last()) {
            reasons::of_user(&mut trainer, id, last)?;
        }
    }
    if let Some(input) = &options.input {
        write(&mut trainer, options, input)?;
    }
    if let Some(path) = &options.save {
        trainer.save(path)?;
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

fn absorb(options: &Options, trainer: &mut Trainer, clicks: &[(&str, &str)]) -> Result<()> {
    let report = trainer.absorb_keys(clicks, &AbsorbConfig::default())?;
    let text = format!(
        "absorbed {} clicks ({} known already, {} new users, {} new items) in {} steps: mean score {:.3}, before {:.3}",
        report.pairs, report.known, report.new_users, report.new_items, report.steps, report.after, report.before
    );
    beside(options, &text)
}

fn id_of(what: &str, ids: &IdMap, key: &str, option: &str) -> Result<u32> {
    ids.get(key)
        .ok_or_else(|| Error::config(option, not_known(what, ids, key)))
}

/// The best of the items asked for, or of all that the user does not have.
fn ranked(trainer: &mut Trainer, user: u32, options: &Options) -> Result<Vec<(u32, f32)>> {
    let Some(keys) = &options.items else {
        return trainer.recommend(user, options.k());
    };
    let items = keys.iter().map(|key| id_of("item", trainer.item_ids(), key, "--items"));
    let items = items.collect::<Result<Vec<u32>>>()?;
    trainer.recommend_from(user, &items, options.k())
}

fn key_of(trainer: &Trainer, item: u32) -> String {
    trainer.item_ids().key(item).unwrap_or_default().into_owned()
}

fn keys_of(trainer: &Trainer, list: &[(u32, f32)]) -> Vec<(String, f32)> {
    list.iter()
        .map(|&(item, score)| (key_of(trainer, item), score))
        .collect()
}

fn describe(trainer: &Trainer, user: u32) -> Result<()> {
    let history = trainer.history();
    let has = history.trained(user).iter().chain(history.absorbed(user));
    let lately = has.rev().map(|&item| trainer.item(item, 18)).take(5);
    let count = history.trained(user).len() + history.absorbed(user).len();
    let key = trainer.user_ids().key(user).unwrap_or_default();
    let lately = listed(lately, TERMINAL - 20);
    say!("user {} has {count} items, lately {lately}", cut(&key, 20))
}

/// Writes the best items of each user of a file.
fn write(trainer: &mut Trainer, options: &Options, input: &Path) -> Result<()> {
    let users = users::of_file(input, options.delimiter, trainer.user_ids())?;
    let mut out = CsvFile::new(options.output.as_deref());
    out.row(["user", "item", "rank", "score"].into_iter().map(String::from));
    let mut rows = 0;
    for (key, user) in &users {
        for (rank, (item, score)) in (1..).zip(ranked(trainer, *user, options)?) {
            let rank: u32 = rank;
            let cells = [key.clone(), key_of(trainer, item), rank.to_string(), score.to_string()];
            out.row(cells.into_iter());
            rows += 1;
        }
    }
    out.finish(&format!("{rows} rows for {} users", users.len()))
}

//! Re-ranking by a model of clicks: candidates for a user, in a context, after what the user clicked on.

use pocketrec::{
    Error, Result,
    data::clicks::{Encoder, SequenceField, Vocabulary},
    train::{ClickRow, ClickTrainer},
};

use crate::{
    List,
    common::{
        messages::{not_known, proposal},
        output::say,
        reasons,
        samples::{PROBABILITY, probability, score_name},
        tables::{cut, listed},
    },
    options::Options,
    predict, print_side_by_side,
};

/// Usual names of the columns of users and items.
pub const USERS: &[&str] = &["user", "user_id", "userid", "uid"];
pub const ITEMS: &[&str] = &["item", "item_id", "itemid", "iid"];

/// One request, by the names of columns.
struct Request<'a> {
    user: &'a str,
    user_column: String,
    item_column: String,
    context: Vec<(&'a str, &'a str)>,
    history: &'a [String],
}

pub fn recommend(options: &Options, mut trainer: ClickTrainer) -> Result<()> {
    let Some(encoder) = trainer.encoder() else {
        let reason = "the checkpoint has no encoder, so that keys mean nothing to it; train_ctr saves one";
        return Err(Error::config("--model", reason));
    };
    if options.why {
        reasons::check(trainer.model().name(), trainer.model().reasons(), reasons::OF_CLICKS)?;
    }
    if let Some(input) = &options.input {
        let encoder = encoder.clone();
        return predict::rows(options, &mut trainer, encoder, input);
    }
    let request = Request::new(options, &trainer, encoder)?;
    let candidates = candidates(options, &request, encoder)?;
    say!(
        "{} of {}, trained for {} epochs",
        trainer.model().name(),
        columns(encoder).join(", "),
        trainer.progress().epoch
    )?;
    let clicks = options.clicks_to_absorb()?;
    request.describe(encoder, &clicks)?;

    let mut lists = Vec::new();
    let name = if clicks.is_empty() { "best items" } else { "before" };
    lists.push((name, request.ranked(&mut trainer, &candidates, options.k())?));
    if !clicks.is_empty() {
        request.absorb(&mut trainer, &clicks)?;
        // Items that came with the clicks can be recommended too.
        let candidates = match (&options.items, trainer.encoder()) {
            (None, Some(encoder)) => self::candidates(options, &request, encoder)?,
            _ => candidates,
        };
        lists.push(("now", request.ranked(&mut trainer, &candidates, options.k())?));
    }
    let score = score_name(&trainer);
    if score == PROBABILITY {
        let scores = lists.iter_mut().flat_map(|(_, list)| list.iter_mut());
        scores.for_each(|(_, score)| *score = probability(*score));
    }
    let lists: Vec<List> = lists;
    print_side_by_side(&lists, score, |_| None)?;
    if let (true, Some((_, last))) = (options.why, lists.last()) {
        let rows = request.explained(&mut trainer, last)?;
        let name = |item| trainer.reason_key(item).unwrap_or_else(|| "unknown".into());
        reasons::print(&rows, score, |item, width| cut(&name(item), width))?;
    }
    if let Some(path) = &options.save {
        trainer.save(path)?;
        say!("saved to {}", path.display())?;
    }
    Ok(())
}

/// The columns of the rows that the model's fields come from; label and time are none of them.
fn columns(encoder: &Encoder) -> Vec<&str> {
    let fields = encoder.schema().fields();
    let inputs = encoder.inputs().iter().map(String::as_str);
    inputs
        .filter(|input| fields.iter().any(|field| field.name() == *input))
        .collect()
}

/// A column by its option, or else by its usual names.
pub fn column(encoder: &Encoder, option: &str, given: Option<&String>, usual: &[&str]) -> Result<String> {
    let inputs = columns(encoder);
    let found = match given {
        Some(name) => inputs.iter().find(|input| **input == name),
        None => usual
            .iter()
            .find_map(|name| inputs.iter().find(|input| input.eq_ignore_ascii_case(name))),
    };
    found.map(|column| (*column).to_owned()).ok_or_else(|| {
        let (what, near) = match given {
            Some(name) => (
                format!("the model has no column {name:?}"),
                proposal(name, inputs.iter().map(|&input| input.into())),
            ),
            None => ("no column of the model has a usual name".into(), String::new()),
        };
        let reason = format!("{what}; it has {}{near}", inputs.join(", "));
        Error::config(option, reason)
    })
}

/// The items asked for, or all that the model knows.
fn candidates(options: &Options, request: &Request, encoder: &Encoder) -> Result<Vec<String>> {
    let known = match encoder.vocabulary(&request.item_column) {
        Some(Vocabulary::Keys(keys)) => Some(keys),
        _ => None,
    };
    match (&options.items, known) {
        (Some(items), Some(known)) => match items.iter().find(|key| known.get(key.trim()).is_none()) {
            Some(key) => Err(Error::config("--items", not_known("item", known, key))),
            None => Ok(items.clone()),
        },
        (Some(items), None) => Ok(items.clone()),
        (None, Some(known)) => Ok(known.iter().map(|key| key.into_owned()).collect()),
        (None, None) => {
            let reason = "the model does not store the keys of items, so that they cannot be listed; give them";
            Err(Error::config("--items", reason))
        }
    }
}

impl<'a> Request<'a> {
    fn new(options: &'a Options, trainer: &ClickTrainer, encoder: &Encoder) -> Result<Self> {
        let of_clicks = &options.clicks;
        let user_column = column(encoder, "--user-column", of_clicks.user_column.as_ref(), USERS)?;
        let item_column = column(encoder, "--item-column", of_clicks.item_column.as_ref(), ITEMS)?;
        let mut context = Vec::new();
        for given in &of_clicks.context {
            let Some((name, value)) = given.split_once('=') else {
                return Err(Error::config("--context", format!("{given:?} is not COLUMN=VALUE")));
            };
            let inputs = columns(encoder);
            if !inputs.contains(&name) {
                let near = proposal(name, inputs.iter().map(|&input| input.into()));
                let reason = format!("the model has no column {name:?}; it has {}{near}", inputs.join(", "));
                return Err(Error::config("--context", reason));
            }
            if name == user_column || name == item_column {
                let option = if name == user_column { "--user" } else { "--items" };
                return Err(Error::config("--context", format!("{name} is given by {option}")));
            }
            context.push((name, value));
        }
        let looks_back = |history: &SequenceField| trainer.plan().sequences().contains(&history.name);
        if !of_clicks.history.is_empty() && !encoder.layout().sequences.iter().any(looks_back) {
            let reason = format!("{} looks at no history; leave it out", trainer.model().name());
            return Err(Error::config("--history", reason));
        }
        let request = Request {
            user: options.user.as_deref().unwrap_or_default().trim(),
            user_column,
            item_column,
            context,
            history: &of_clicks.history,
        };
        request.check_history(encoder)?;
        Ok(request)
    }

    fn check_history(&self, encoder: &Encoder) -> Result<()> {
        let Some(Vocabulary::Keys(known)) = encoder.vocabulary(&self.item_column) else {
            return Ok(());
        };
        match self.history.iter().find(|key| known.get(key.trim()).is_none()) {
            Some(key) => Err(Error::config("--history", not_known("item", known, key))),
            None => Ok(()),
        }
    }

    /// Says what the model does not know of the request.
    fn describe(&self, encoder: &Encoder, clicks: &[(&str, &str)]) -> Result<()> {
        if let Some(Vocabulary::Keys(known)) = encoder.vocabulary(&self.user_column)
            && known.get(self.user).is_none()
        {
            let user = cut(self.user, 40);
            match clicks.iter().any(|click| click.0 == self.user) {
                true => say!("user {user} is new")?,
                false => say!(
                    "user {user} is unknown, so that history and context alone count{}",
                    proposal(self.user, known.iter())
                )?,
            }
        }
        let missing = columns(encoder).into_iter().filter(|column| {
            let given = self.context.iter().any(|(name, _)| name == column);
            !given && *column != self.user_column && *column != self.item_column
        });
        let missing = listed(missing.map(String::from), 120);
        match missing.is_empty() {
            true => Ok(()),
            false => say!("not given by --context, and so taken as unknown: {missing}"),
        }
    }

    /// Values of the request's row but for the candidate.
    fn values(&self) -> Vec<(&str, &str)> {
        let user = (self.user_column.as_str(), self.user);
        [user].into_iter().chain(self.context.iter().copied()).collect()
    }

    /// Rows of an item each.
    fn of_items<'k>(&'k self, keys: &'k [String]) -> Vec<[(&'k str, &'k str); 1]> {
        keys.iter()
            .map(|key| [(self.item_column.as_str(), key.trim())])
            .collect()
    }

    fn ranked(&self, trainer: &mut ClickTrainer, candidates: &[String], k: usize) -> Result<Vec<(String, f32)>> {
        let (events, rows) = (self.of_items(self.history), self.of_items(candidates));
        let (events, rows) = (slices(&events), slices(&rows));
        let best = trainer.rank(&self.values(), &events, &rows)?;
        Ok(best
            .into_iter()
            .take(k)
            .map(|(at, score)| (candidates[at].clone(), score))
            .collect())
    }

    /// What was looked at for each of a list.
    fn explained(&self, trainer: &mut ClickTrainer, list: &[(String, f32)]) -> Result<Vec<reasons::Row>> {
        if list.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = list.iter().map(|(key, _)| key.clone()).collect();
        let (events, rows) = (self.of_items(self.history), self.of_items(&keys));
        let found = trainer.explain_request(&self.values(), &slices(&events), &slices(&rows))?;
        let rows = list.iter().zip(found);
        Ok(rows.map(|((key, score), why)| (key.clone(), *score, why)).collect())
    }

    fn absorb(&self, trainer: &mut ClickTrainer, clicks: &[(&str, &str)]) -> Result<()> {
        let events = self.of_items(self.history);
        let events = slices(&events);
        let values: Vec<Vec<(&str, &str)>> = clicks
            .iter()
            .map(|&(user, item)| {
                let own = [(self.user_column.as_str(), user), (self.item_column.as_str(), item)];
                own.into_iter().chain(self.context.iter().copied()).collect()
            })
            .collect();
        let rows: Vec<ClickRow> = values
            .iter()
            .zip(clicks)
            .map(|(values, click)| ClickRow {
                values,
                // What is said of the user asked for is no news of another.
                events: if click.0 == self.user { &events } else { &[] },
                label: 1.0,
            })
            .collect();
        let report = trainer.absorb(&rows)?;
        say!(
            "absorbed {} clicks ({} new keys) in {} steps: mean log loss {:.3}, before {:.3}",
            report.rows,
            report.new_keys,
            report.steps,
            report.after,
            report.before
        )
    }
}

fn slices<'k>(rows: &'k [[(&'k str, &'k str); 1]]) -> Vec<&'k [(&'k str, &'k str)]> {
    rows.iter().map(|row| &row[..]).collect()
}

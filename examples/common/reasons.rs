//! The reasons of recommendations, in the same words in every program: which models have some, and a table of them.

use pocketrec::{
    Error, Result,
    classical::{Classical, Method},
    explain::{Explanation, Kind},
    train::Trainer,
};

use super::{
    output::say,
    tables::{cut, table, titled},
};

/// Reasons that are named.
const NAMED: usize = 5;
/// Columns for the name of an item.
const NAME: usize = 20;
/// Below this a number is printed as zero.
const ZERO: f32 = 5e-4;

/// What gives reasons instead of a model of users and items, or of clicks, that has none.
pub const OF_PAIRS: &str = "its layers mix user and item, so that no item of a history has a part of its own in a score; \
    --model mf and gmf of train_ncf have some, train_next's sasrec, and all models of train_graph";
pub const OF_CLICKS: &str = "no item of a history has a weight of its own in its scores; of the models of clicks din has some, \
    and dien where attention steers it";

/// Refuses `--why` to a model that has no reasons, and says what to take instead.
pub fn check(model: &str, reasons: Option<Kind>, instead: &str) -> Result<()> {
    match reasons {
        Some(_) => Ok(()),
        None => Err(Error::config("--why", format!("{model} has no reasons: {instead}"))),
    }
}

/// What is said where no item of a history has to do with a list.
pub const NOTHING: &str = "nothing of a history speaks for these: there is none, or nothing of it leads to them";

/// A model of users and items that says why.
pub trait Explains {
    fn explain(&mut self, user: u32, item: u32) -> Result<Explanation>;

    /// What an item is called, in so many columns.
    fn item(&self, item: u32, width: usize) -> String;

    /// What a reason is called.
    fn reason(&self, reason: u32, width: usize) -> String {
        self.item(reason, width)
    }
}

impl Explains for Trainer {
    fn explain(&mut self, user: u32, item: u32) -> Result<Explanation> {
        Trainer::explain(self, user, item)
    }

    fn item(&self, item: u32, width: usize) -> String {
        let key = self.item_ids().key(item).unwrap_or_default();
        titled(self.title(item), &key, width)
    }

    /// An item, or what an item is joined with in a knowledge graph, whose first entities are the items.
    fn reason(&self, reason: u32, width: usize) -> String {
        let known = self.knowledge().filter(|known| reason as usize >= known.counts()[0]);
        match known {
            Some(known) => cut(&known.entity_ids().key(reason).unwrap_or_default(), width),
            None => self.item(reason, width),
        }
    }
}

impl<M: Method> Explains for Classical<M> {
    fn explain(&mut self, user: u32, item: u32) -> Result<Explanation> {
        Classical::explain(self, user, item)
    }

    fn item(&self, item: u32, width: usize) -> String {
        let key = self.item_ids().key(item).unwrap_or_default();
        titled(self.title(item), &key, width)
    }
}

/// Prints why a user gets each of a list.
pub fn of_user(model: &mut impl Explains, user: u32, best: &[(u32, f32)]) -> Result<()> {
    let mut rows = Vec::with_capacity(best.len());
    for &(item, score) in best {
        let why = model.explain(user, item)?;
        rows.push((model.item(item, NAME), score, why));
    }
    print(&rows, "score", |reason, width| model.reason(reason, width))
}

/// A recommendation: what the item is called, the score that is shown, and why.
pub type Row = (String, f32, Explanation);

/// Prints what of the history each recommendation comes from, with its part of the score; of models of attention, how much was
/// read of it, or of what is known of the item. `name` says what a reason is called, in so many columns.
pub fn print(rows: &[Row], score: &str, name: impl Fn(u32, usize) -> String) -> Result<()> {
    let Some((_, _, first)) = rows.first() else {
        return Ok(());
    };
    if rows.iter().all(|(_, _, why)| why.reasons.is_empty()) {
        return match first.kind {
            Kind::Neighbours => say!("nothing is known of these beside who has them"),
            _ => say!("{NOTHING}"),
        };
    }
    let heading = match first.kind {
        Kind::Parts => "what it comes from",
        Kind::Weights => "what was looked at (weights, no parts of the score)",
        Kind::Paths => "what leads to it (how well: 0 at best, no parts of the score)",
        Kind::Neighbours => "what of it was looked at (weights, no parts of the score)",
    };
    let header = ["item", score, heading].map(String::from).to_vec();
    let mut table = table(header, |column| column == 1);
    for (item, shown, why) in rows {
        let reasons = why.reasons.iter().take(NAMED);
        let named: Vec<String> = reasons
            .map(|reason| format!("{} {:.3}", name(reason.item, NAME), reason.contribution))
            .collect();
        let mut text = match (named.is_empty(), why.kind) {
            (false, _) => named.join(", "),
            (true, Kind::Paths) => "nothing that is known leads to it".into(),
            (true, Kind::Neighbours) => "nothing is known of it".into(),
            (true, Kind::Parts | Kind::Weights) => "nothing of the history".into(),
        };
        let unnamed = why.reasons.len().saturating_sub(NAMED);
        if unnamed > 0 {
            text += &format!(" and {unnamed} more");
        }
        if why.rest.abs() >= ZERO {
            text += &format!("; besides {:.3}", why.rest);
        }
        if let Some(path) = &why.path {
            let way = path.describe(&name(path.item, NAME), &cut(item, NAME));
            text += &format!("; best path {way} {:.3}", path.contribution);
        }
        table.add_row([cut(item, NAME), format!("{shown:.3}"), text]);
    }
    say!("{table}")
}

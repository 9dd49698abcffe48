//! The reasons of recommendations, as a table.

use pocketrec::{
    Result,
    explain::{Explanation, Kind},
};

use crate::common::{
    output::say,
    tables::{cut, table},
};

/// Reasons that are named.
const NAMED: usize = 5;
/// Columns for the name of an item.
const NAME: usize = 20;
/// Below this a number is printed as zero.
const ZERO: f32 = 5e-4;

/// A recommendation: what the item is called, the score that is shown, and why.
pub type Row = (String, f32, Explanation);

/// Prints what of the history each recommendation comes from, with its part of the score; of models of attention, how much was read
/// of it, or of what is known of the item. `name` says what a reason is called, in so many columns.
pub fn print(rows: &[Row], score: &str, name: impl Fn(u32, usize) -> String) -> Result<()> {
    let Some((_, _, first)) = rows.first() else {
        return Ok(());
    };
    if rows.iter().all(|(_, _, why)| why.reasons.is_empty()) {
        return match first.kind {
            Kind::Neighbours => say!("nothing is known of these beside who has them"),
            _ => say!("nothing of a history speaks for these: there is none, or nothing of it leads to them"),
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
        let mut text = named.join(", ");
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

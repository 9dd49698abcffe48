//! What probabilities are worth: the ad of the highest bid times probability is shown, and pays its bid if it is clicked on.

use pocketrec::{
    Error, Result,
    data::clicks::{Encoder, Past, Samples, Vocabulary},
};

use crate::{
    common::{
        field::{comparison::Comparison, options::FieldOptions},
        messages::not_known,
        output::say,
        samples::probability,
        tables::table,
    },
    data::Data,
    models::{Model, TOO_SURE, base_logit, too_sure},
    world::{Auction, COLUMNS, Impression, World},
};

/// Auctions that are held.
const AUCTIONS: u32 = 4000;
/// Values of a field that are put in the place of a row's own, at most.
const OTHERS: usize = 30;

/// What auctions came to, per 1,000 impressions.
struct Revenue {
    /// By what a model says.
    promised: f64,
    /// By the true probabilities.
    earned: f64,
}

/// Holds auctions by each model, and says what they earn.
pub fn of_auctions(world: &World, data: &Data, models: &mut [Model]) -> Result<()> {
    let auctions: Vec<Auction> = (0..AUCTIONS).map(|number| world.auction(number, None)).collect();
    let rows: Vec<Impression> = auctions
        .iter()
        .flat_map(|auction| auction.rows.iter().copied())
        .collect();
    let samples = encoded(world, &data.encoder, &rows)?;
    let truth: Vec<f32> = rows.iter().map(|row| world.logit(row)).collect();
    let base = base_logit(data);
    let mut named = vec![("the same rate: the highest bid", vec![base; rows.len()])];
    for model in models {
        named.push((model.name, model.trainer.score(&samples)?));
    }
    if let Some((_, best)) = named.last() {
        named.push((TOO_SURE, too_sure(best, base)));
    }
    let most = held(&auctions, &truth, &truth).earned;
    let measures = ["earned", "share", "promised"];
    let mut comparison = Comparison::new("per 1,000 auctions", measures);
    let figures = |revenue: Revenue| [revenue.earned, revenue.earned / most, revenue.promised].map(Some);
    for (name, logits) in &named {
        comparison.add(*name, figures(held(&auctions, logits, &truth)));
    }
    comparison.ceiling(figures(held(&auctions, &truth, &truth)));
    comparison.say()
}

fn held(auctions: &[Auction], logits: &[f32], truth: &[f32]) -> Revenue {
    let (mut promised, mut earned, mut first) = (0.0, 0.0, 0);
    for auction in auctions {
        let worth = |at: usize| auction.bids[at] * probability(logits[first + at]);
        let best = (0..auction.bids.len()).max_by(|&a, &b| worth(a).total_cmp(&worth(b)));
        let best = best.unwrap_or_default();
        promised += f64::from(worth(best));
        earned += f64::from(auction.bids[best] * probability(truth[first + best]));
        first += auction.bids.len();
    }
    let per_thousand = 1000.0 / auctions.len().max(1) as f64;
    Revenue {
        promised: promised * per_thousand,
        earned: earned * per_thousand,
    }
}

fn encoded(world: &World, encoder: &Encoder, rows: &[Impression]) -> Result<Samples> {
    let mut past = Past::default();
    let mut samples = encoder.rows_without_labels(&mut past);
    let inputs = encoder.inputs();
    for row in rows {
        let values = world.values(row);
        let value = |input: usize| {
            let found = values.iter().find(|(name, _)| *name == inputs[input]);
            Ok(found.map_or("", |(_, value)| value.as_str()))
        };
        samples
            .push(value)
            .map_err(|reason| Error::config("auctions", reason))?;
    }
    samples.finish()
}

/// Whose auction is shown: that of the key, or of the user of the first one.
pub fn user(options: &FieldOptions, data: &Data) -> Result<Option<u32>> {
    let Some(key) = &options.user else { return Ok(None) };
    let Some(Vocabulary::Keys(ids)) = data.encoder.vocabulary(COLUMNS[0]) else {
        return Ok(None);
    };
    match (ids.get(key), key.parse()) {
        (Some(_), Ok(user)) => Ok(Some(user)),
        _ => Err(Error::config("--user", not_known("user", ids, key))),
    }
}

/// One auction: who bids what, what is shown, and what of the row the probability hangs on.
pub fn of_user(world: &World, model: &mut Model, user: Option<u32>) -> Result<()> {
    let auction = world.auction(0, user);
    let values: Vec<_> = auction.rows.iter().map(|row| world.values(row)).collect();
    let borrowed: Vec<Vec<(&str, &str)>> = values
        .iter()
        .map(|values| values.iter().map(|(name, value)| (*name, value.as_str())).collect())
        .collect();
    let candidates: Vec<&[(&str, &str)]> = borrowed.iter().map(Vec::as_slice).collect();
    let mut ranked = model.trainer.rank(&[], &[], &candidates)?;
    let worth = |&(at, logit): &(usize, f32)| auction.bids[at] * probability(logit);
    ranked.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
    let heading = ["an auction", "bid", "probability", "bid x probability", "true one"];
    let mut table = table(heading.map(String::from).to_vec(), |column| column > 0);
    for entry in &ranked {
        let (at, logit) = *entry;
        let ad = borrowed[at].iter().find(|(name, _)| *name == "ad");
        let true_one = probability(world.logit(&auction.rows[at]));
        let numbers = [auction.bids[at], probability(logit), worth(entry), true_one];
        let name = format!("ad {}", ad.map_or("", |(_, ad)| ad));
        table.add_row(std::iter::once(name).chain(numbers.map(|number| format!("{number:.4}"))));
    }
    say!("\n{table}")?;
    match ranked.first() {
        Some(&(at, logit)) => hangs_on(model, candidates[at], probability(logit)),
        None => Ok(()),
    }
}

/// DeepFM has no reasons. What can be said is how another value of a field would change what it predicts.
fn hangs_on(model: &mut Model, row: &[(&str, &str)], own: f32) -> Result<()> {
    let mut lines = Vec::new();
    for &(name, value) in row {
        let Some(Vocabulary::Keys(ids)) = model.trainer.encoder().and_then(|encoder| encoder.vocabulary(name)) else {
            continue;
        };
        let others: Vec<String> = ids.iter().take(OTHERS).map(|key| key.into_owned()).collect();
        let others: Vec<[(&str, &str); 1]> = others.iter().map(|other| [(name, other.as_str())]).collect();
        let candidates: Vec<&[(&str, &str)]> = others.iter().map(|other| &other[..]).collect();
        let ranked = model.trainer.rank(row, &[], &candidates)?;
        let mean = ranked.iter().map(|&(_, logit)| probability(logit)).sum::<f32>() / ranked.len().max(1) as f32;
        lines.push(((own / mean).ln().abs(), format!("{name} {value}"), mean));
    }
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    say!(
        "{} has no reasons. With other values than these it says, on the mean,",
        model.name
    )?;
    for (_, value, mean) in lines.iter().take(3) {
        say!("  {value:<16} {mean:.4} in place of {own:.4}")?;
    }
    Ok(())
}

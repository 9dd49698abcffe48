//! The day after: new ads come, and their first clicks are absorbed.

use pocketrec::{
    Result,
    eval::ClickReport,
    train::{ClickAbsorbConfig, ClickRow},
};

use crate::{
    common::{field::comparison::Comparison, output::say},
    data::Data,
    log::{self, LOGGED},
    models::Model,
    world::{Impression, NEW_ADS, World},
};

/// Impressions of new ads that are learnt from, and those behind them.
const LEARNT: u32 = 1500;
const LATER: u32 = 6000;

/// Absorbs the first impressions of new ads, and says how right probabilities are before and afterwards: on later impressions of
/// the same ads, and on the test part, of which nothing may be forgotten.
pub fn absorbed(world: &World, data: &Data, test: &[Impression], model: &mut Model) -> Result<()> {
    let shown = |row: u32| (row, world.shown_new(row));
    let later: Vec<(u32, Impression)> = (LOGGED + LEARNT..LOGGED + LEARNT + LATER).map(shown).collect();
    let truth = |rows: &mut dyn Iterator<Item = &Impression>| rows.map(|row| world.logit(row)).collect::<Vec<f32>>();
    let mut parts = [log::encoded(world, &data.encoder, &later)?, data.test.clone()];
    let true_logits = [truth(&mut later.iter().map(|(_, row)| row)), truth(&mut test.iter())];
    let loss = |parts: &[_; 2], model: &mut Model| -> Result<[f64; 2]> {
        let [new, old] = parts;
        Ok([
            model.trainer.evaluate(new)?.log_loss,
            model.trainer.evaluate(old)?.log_loss,
        ])
    };
    let before = loss(&parts, model)?;
    absorb(world, model)?;
    // The new ads have rows of their own now.
    if let Some(encoder) = model.trainer.encoder().cloned() {
        parts[0] = log::encoded(world, &encoder, &later)?;
    }
    let after = loss(&parts, model)?;
    let mut comparison = Comparison::new("log loss", ["before", "after", "the truth's"]);
    for (at, name) in ["later impressions of the new ads", "the test part, of ads known before"]
        .iter()
        .enumerate()
    {
        let best = ClickReport::of(&true_logits[at], parts[at].labels(), &[])?.log_loss;
        comparison.add(*name, [before[at], after[at], best].map(Some));
    }
    comparison.say()
}

fn absorb(world: &World, model: &mut Model) -> Result<()> {
    let rows: Vec<(u32, Impression)> = (LOGGED..LOGGED + LEARNT)
        .map(|row| (row, world.shown_new(row)))
        .collect();
    let values: Vec<_> = rows.iter().map(|(_, shown)| world.values(shown)).collect();
    let borrowed: Vec<Vec<(&str, &str)>> = values
        .iter()
        .map(|values| values.iter().map(|(name, value)| (*name, value.as_str())).collect())
        .collect();
    let rows: Vec<ClickRow> = rows
        .iter()
        .zip(&borrowed)
        .map(|(&(row, ref shown), values)| ClickRow {
            values,
            events: &[],
            label: f32::from(u8::from(world.is_clicked(row, shown))),
        })
        .collect();
    // Clicks are rare: a few rows say hardly anything of an ad, so all are learnt from together.
    let config = ClickAbsorbConfig {
        group: rows.len(),
        ..ClickAbsorbConfig::default()
    };
    let report = model.trainer.absorb_with(&rows, &config)?;
    say!(
        "\n{NEW_ADS} new ads: {} of their impressions absorbed in {} steps, {} new keys",
        report.rows,
        report.steps,
        report.new_keys
    )
}

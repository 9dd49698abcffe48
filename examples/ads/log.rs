//! The made-up log of impressions and clicks, encoded for models.

use pocketrec::{
    Error, Result,
    data::clicks::{Encoder, Field, Past, Samples, Schema, Training},
};

use crate::{
    data::Data,
    world::{COLUMNS, Impression, SEEN, World},
};

/// Rows to train on, to choose the epoch by, and to test on.
const ROWS: [u32; 3] = [200_000, 20_000, 20_000];
/// Rows of all parts; those of new ads come behind.
pub const LOGGED: u32 = ROWS[0] + ROWS[1] + ROWS[2];
/// What says whether there was a click.
const LABEL: &str = "click";

/// Every column but the label is a field; the ad's category is one beside the ad, so that a new ad is not quite unknown. Rows are
/// grouped by no user: those who see a new ad are known well enough, and where it is absorbed the ad is what is to be learnt.
fn schema() -> Schema {
    let keys = COLUMNS.iter().filter(|&&column| column != SEEN);
    let schema = keys.fold(Schema::new(), |schema, &column| schema.field(Field::key(column)));
    schema.field(Field::number(SEEN).log()).label(LABEL)
}

/// Draws the log, and encodes it.
pub fn draw(world: &World) -> Result<(Data, Vec<Impression>)> {
    let mut training = Training::new(schema(), Vec::new())?;
    let inputs: Vec<String> = training.inputs().into_iter().map(String::from).collect();
    for row in 0..ROWS[0] {
        let values = labelled(world, row, &world.shown(row));
        training
            .push(|input| value_of(&inputs, &values, input))
            .map_err(refused)?;
    }
    let (encoder, train, _) = training.fit()?;
    let [dev, test] = [ROWS[0]..ROWS[0] + ROWS[1], ROWS[0] + ROWS[1]..LOGGED];
    let shown = |rows: std::ops::Range<u32>| rows.map(|row| (row, world.shown(row))).collect::<Vec<_>>();
    let (dev, test) = (shown(dev), shown(test));
    let data = Data {
        dev: encoded(world, &encoder, &dev)?,
        test: encoded(world, &encoder, &test)?,
        train,
        encoder,
    };
    Ok((data, test.into_iter().map(|(_, shown)| shown).collect()))
}

/// Encodes impressions, each with the number of its row, by which its click is drawn.
pub fn encoded(world: &World, encoder: &Encoder, rows: &[(u32, Impression)]) -> Result<Samples> {
    let mut past = Past::default();
    let mut samples = encoder.rows(&mut past, false);
    for (row, shown) in rows {
        let values = labelled(world, *row, shown);
        samples
            .push(|input| value_of(encoder.inputs(), &values, input))
            .map_err(refused)?;
    }
    samples.finish()
}

fn labelled(world: &World, row: u32, shown: &Impression) -> Vec<(&'static str, String)> {
    let label = u8::from(world.is_clicked(row, shown)).to_string();
    world.values(shown).into_iter().chain([(LABEL, label)]).collect()
}

fn value_of<'v>(inputs: &[String], values: &'v [(&str, String)], input: usize) -> Result<&'v str, String> {
    let found = values.iter().find(|(name, _)| *name == inputs[input]);
    Ok(found.map_or("", |(_, value)| value))
}

fn refused(reason: String) -> Error {
    Error::config("made-up rows", reason)
}

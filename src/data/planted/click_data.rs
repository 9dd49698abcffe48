//! Makes up clicks: the rows of all users round by round, encoded part by part.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{
    PlantedClicks, PlantedLogit,
    walk::{Walker, World},
};
use crate::{
    Result,
    data::clicks::{Encoder, Field, Past, Rows, Samples, Schema, SideTable, Training},
};

/// A part of made-up clicks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first 80 % of the time.
    Train,
    /// The next 10 %.
    Dev,
    /// The last 10 %.
    Test,
}

/// What [`PlantedClicks::generate`] made, and the truth behind it.
#[derive(Clone, Debug)]
pub struct PlantedClickData {
    /// The training rows, in order of time.
    pub train: Samples,
    /// The dev rows.
    pub dev: Samples,
    /// The test rows.
    pub test: Samples,
    /// Fitted to the training rows.
    pub encoder: Encoder,
    /// What users did in all rows.
    pub past: Past,
    truth: [Vec<PlantedLogit>; 3],
}

impl PlantedClickData {
    /// The planted logits of a part's rows.
    pub fn truth(&self, part: Part) -> &[PlantedLogit] {
        &self.truth[part as usize]
    }

    /// The rows of a part.
    pub fn samples(&self, part: Part) -> &Samples {
        match part {
            Part::Train => &self.train,
            Part::Dev => &self.dev,
            Part::Test => &self.test,
        }
    }
}

impl PlantedClicks {
    /// Makes the data; the same options give the same data anywhere.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where a number is too small, not finite or absurdly large.
    pub fn generate(&self) -> Result<PlantedClickData> {
        self.check()?;
        let world = World::new(self);
        let mut walkers = world.walkers();
        let rounds = u64::from(self.rows_per_user);
        let ends = [rounds * 8 / 10, rounds * 9 / 10, rounds];
        let mut truth: [Vec<PlantedLogit>; 3] = Default::default();

        let mut training = Training::new(self.schema(), alloc::vec![self.side_table(&world)?])?;
        let inputs: Vec<String> = training.inputs().into_iter().map(String::from).collect();
        for round in 0..ends[0] {
            let mut push = |row: &[&str]| training.push_row(row);
            self.round(&world, &mut walkers, round, &inputs, &mut truth[0], &mut push)?;
        }
        let (encoder, train, mut past) = training.fit()?;
        let mut later = |part: usize| {
            let mut rows: Rows = encoder.rows(&mut past, false);
            for round in ends[part - 1]..ends[part] {
                let mut push = |row: &[&str]| rows.push_row(row);
                self.round(&world, &mut walkers, round, &inputs, &mut truth[part], &mut push)?;
            }
            rows.finish()
        };
        let (dev, test) = (later(1)?, later(2)?);
        Ok(PlantedClickData {
            train,
            dev,
            test,
            encoder,
            past,
            truth,
        })
    }

    /// One row of every user.
    fn round(
        &self,
        world: &World,
        walkers: &mut [Walker],
        round: u64,
        inputs: &[String],
        truth: &mut Vec<PlantedLogit>,
        push: &mut dyn FnMut(&[&str]) -> Result<()>,
    ) -> Result<()> {
        for (user, walker) in walkers.iter_mut().enumerate() {
            let shown = world.step(walker, round);
            let value = |name: &String| match name.as_str() {
                "user" => user.to_string(),
                "item" => shown.item.to_string(),
                "hour" => shown.hour.to_string(),
                "time" => round.to_string(),
                _ => u8::from(shown.click).to_string(),
            };
            let values: Vec<String> = inputs.iter().map(value).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            push(&values)?;
            truth.push(shown.truth);
        }
        Ok(())
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .field(Field::key("user"))
            .field(Field::key("item"))
            .field(Field::key("category").from_table("items"))
            .field(Field::key("hour"))
            .join("items", "item")
            .history("history", ["item", "category"], self.history)
            .label("click")
            .group("user")
            .time("time")
    }

    fn side_table(&self, world: &World) -> Result<SideTable> {
        let mut items = SideTable::new("items", ["category"]);
        for item in 0..self.items {
            items.push(&item.to_string(), &[&world.category(item).to_string()])?;
        }
        Ok(items)
    }
}

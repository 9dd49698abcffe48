//! Made-up clicks with planted interests that drift, whose best possible AUC is known.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::walk::{FACTORS, Walker, World};
use crate::{
    Error, Result,
    data::clicks::{Encoder, Field, Past, Rows, Samples, Schema, SideTable, Training},
};

/// Rows that a generator may make; more is refused as a slip.
const MOST_ROWS: u64 = 1 << 28;
/// Clicks that a history may hold: it is looked through at every row.
const LONGEST_HISTORY: u32 = 1000;

/// Made-up clicks with a reason for each kind of model.
///
/// Items lie in categories, and every user has a few categories of interest, one of which is the present one. From row
/// to row the user stays with it or moves on to another; an interest that is left is likely to be replaced by a new
/// category, so that what a user liked in training says little about the end. The logit of a click is the sum of
///
/// - **general**: inner product of the user's and the item's vector, the item's appeal, and the category's hour of the
///   day. A factorisation machine can learn all of it from ids.
/// - **relevance**: whether the candidate's category is among the user's last `history` clicks. It takes a history that
///   is looked at with the candidate in mind, as DIN does; ids say little about it because interests drift.
/// - **recent**: whether the candidate's category is the present interest. The clicks of a history lie in several
///   categories, and only their order tells which is the present one: DIEN's reason.
///
/// Candidates come in equal parts from the present interest, from categories of the history (so that old interests make
/// hard negatives) and from all items. The rows of all users go on side by side: the first 80 % of the time are for
/// training, 10 % for dev and 10 % for test.
///
/// ```
/// use pocketrec::data::clicks::{Part, PlantedClicks};
/// let data = PlantedClicks { users: 100, rows_per_user: 40, ..PlantedClicks::default() }.generate()?;
/// assert_eq!((data.train.len(), data.dev.len(), data.test.len()), (3200, 400, 400));
/// assert!(data.truth(Part::Test)[0].logit().is_finite());
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PlantedClicks {
    /// Number of users.
    pub users: u32,
    /// Number of items.
    pub items: u32,
    /// Number of categories.
    pub categories: u32,
    /// Rows of every user: candidates shown.
    pub rows_per_user: u32,
    /// Categories that a user is interested in at a time.
    pub interests: u32,
    /// Probability of staying with the present interest from one row to the next.
    pub stay: f32,
    /// Probability that an interest is replaced by another category when it is left.
    pub renew: f32,
    /// The most clicks that histories hold.
    pub history: u32,
    /// Standard deviation of the inner product of user and item.
    pub taste: f32,
    /// What a category of the history adds to the logit.
    pub relevance: f32,
    /// What the present interest adds to the logit.
    pub recent: f32,
    /// The logit of all else.
    pub bias: f32,
    /// Seed of everything.
    pub seed: u64,
}

/// 2,000 users, 200 items, 400,000 rows.
impl Default for PlantedClicks {
    fn default() -> Self {
        PlantedClicks {
            users: 2000,
            items: 200,
            categories: 20,
            rows_per_user: 200,
            interests: 3,
            stay: 0.97,
            renew: 0.9,
            history: 10,
            taste: 0.4,
            relevance: 2.5,
            recent: 2.5,
            bias: -3.5,
            seed: 42,
        }
    }
}

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

/// The logit of a click, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlantedLogit {
    /// What ids and the hour decide.
    pub general: f32,
    /// What a category of the history adds.
    pub relevance: f32,
    /// What the present interest adds.
    pub recent: f32,
}

impl PlantedLogit {
    /// The logit with which the click was drawn: no model ranks better than by this.
    pub fn logit(&self) -> f32 {
        self.general + self.relevance + self.recent
    }
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
    /// [`Error::Config`] where a number is too small, not finite or absurdly large.
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

    fn check(&self) -> Result<()> {
        let whole = [
            ("users", self.users, 1),
            ("categories", self.categories, 1),
            ("items", self.items, self.categories),
            ("rows_per_user", self.rows_per_user, 10),
            ("interests", self.interests, 1),
            ("history", self.history, 1),
        ];
        if let Some((field, value, least)) = whole.into_iter().find(|&(_, value, least)| value < least) {
            let reason = format!("{value} is too small; give {least} or more");
            return Err(Error::config(field, reason));
        }
        if self.interests > self.categories {
            let reason = format!("{} of {} categories; give at most all", self.interests, self.categories);
            return Err(Error::config("interests", reason));
        }
        if self.history > LONGEST_HISTORY {
            let reason = format!("{} clicks; give at most {LONGEST_HISTORY}", self.history);
            return Err(Error::config("history", reason));
        }
        let chances = [("stay", self.stay), ("renew", self.renew)];
        if let Some((field, value)) = chances.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return Err(Error::config(
                field,
                format!("{value} is no probability, which is in 0..=1"),
            ));
        }
        let logits = [
            ("taste", self.taste),
            ("relevance", self.relevance),
            ("recent", self.recent),
            ("bias", self.bias),
        ];
        if let Some((field, value)) = logits.into_iter().find(|(_, value)| !(-50.0..=50.0).contains(value)) {
            return Err(Error::config(field, format!("{value} is not in -50..=50")));
        }
        let rows = u64::from(self.users) * u64::from(self.rows_per_user);
        let rows = rows.max(u64::from(self.items) * FACTORS as u64);
        let rows = rows.max(u64::from(self.users) * u64::from(self.interests));
        if rows > MOST_ROWS {
            return Err(Error::config(
                "users",
                "so many users, items or rows are too many to make up; take fewer",
            ));
        }
        Ok(())
    }
}

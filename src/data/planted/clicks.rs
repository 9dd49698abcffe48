//! Made-up clicks with planted interests that drift, whose best possible AUC is known.

use alloc::format;

use crate::{Error, Result};

/// Length of the planted vectors of users and items.
pub(super) const FACTORS: usize = 8;
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

impl PlantedClicks {
    /// Refuses options that are out of range.
    pub(super) fn check(&self) -> Result<()> {
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

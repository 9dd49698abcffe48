//! The table of cases: small plans that exercise every operation, and batches for them.
//!
//! **A new operation is a row in [`ops`](self::ops); models of clicks come from the library's own list.** All tests of `tests/cases` go over the whole table: the
//! specification is held against finite differences, every instruction set and any number of threads against the
//! specification, and runs against each other bit by bit. That each operation has a row is itself a test.
//!
//! Widths and numbers of rows are such that no vector and no tile divides them. Tables are small, so that batches pick
//! rows more than once.

#[cfg(feature = "std")]
pub mod click_models;
pub mod features;
pub mod models;
pub mod ops;
pub mod recurrent;

use pocketrec::{data::Batch, plan::Plan};

/// A plan, and how its batches are made.
pub struct Case {
    /// For messages: what is special about the case.
    pub name: String,
    pub plan: Plan,
    /// Steps of a history at most.
    pub longest: u32,
    /// By how much rounding errors may exceed what is allowed elsewhere. Behind a normalisation alone the gradient of a
    /// table's row is a small difference of large sums, over all samples that pick it; so is that of a bias that an item and
    /// its negative share, of a step's score in a recurrent layer, or of an item that a query of a softmax pulls at and all
    /// others push. In whole models errors add up. Halves have 11 binary digits, and a sum in the middle of two goes to either.
    pub slack: f64,
    /// Whether values are rounded, so that a small difference of one makes none, or a large one, behind it.
    pub rounds: bool,
}

impl Case {
    fn new(name: impl ToString, plan: Plan) -> Self {
        let name = name.to_string();
        let rounds = name.contains("halves");
        let differences = [
            "batch_norm: ",
            "layer_norm: ",
            "AUGRU",
            "model ",
            "softmax_cross_entropy: ",
            "sampled_softmax: ",
        ];
        let slack = match differences.iter().any(|op| name.starts_with(op)) {
            _ if rounds => 100.0,
            true => 4.0,
            false => 1.0,
        };
        Case {
            rounds,
            slack,
            name,
            plan,
            longest: 6,
        }
    }

    /// A number that is the row's own, wherever in the table it stands: it picks the settings that the row is run with.
    pub fn turn(&self) -> usize {
        self.name
            .bytes()
            .fold(0, |turn, byte| (31 * turn + usize::from(byte)) % 1009)
    }

    /// A sorted batch; see [`batch_of_steps`](super::batch_of_steps).
    pub fn batch(&self, samples: usize, seed: u64) -> Batch {
        super::batch_of_steps(&self.plan, samples, self.longest, seed)
    }
}

/// One row for each operation at least.
pub fn op_cases() -> Vec<Case> {
    let rows = ops::rows().into_iter();
    rows.map(|(name, plan)| Case::new(name, plan)).collect()
}

/// One row for each model of clicks.
#[cfg(feature = "std")]
pub fn click_cases() -> Vec<Case> {
    let rows = click_models::click_plans().into_iter();
    rows.map(|(name, plan)| Case::new(name, plan)).collect()
}

/// Models of features of users and items.
pub fn featured_cases([users, items]: [usize; 2]) -> Vec<Case> {
    let rows = models::featured_models(users, items).into_iter();
    rows.map(|(name, plan)| Case::new(name, plan)).collect()
}

/// All rows: operations alone, operations together, and models. `[users, items]` are the rows of the
/// models' tables, and `hidden` the widths of recurrent layers.
pub fn cases([users, items]: [usize; 2], hidden: [usize; 2]) -> Vec<Case> {
    let together = features::feature_plans().into_iter();
    let together = together.chain(recurrent::recurrent_plans(hidden));
    let together = together.chain(models::odd_models(users, items));
    let together = together.chain(models::sequence_models(items));
    let together = together.chain(models::points(users, items));
    let mut cases = op_cases();
    cases.extend(together.map(|(name, plan)| Case::new(name, plan)));
    #[cfg(feature = "std")]
    cases.extend(click_cases());
    let known = models::knowledge_models(users, items).into_iter();
    cases.extend(known.map(|(name, plan)| Case::new(name, plan)));
    cases.extend(featured_cases([users, items]));
    cases
}

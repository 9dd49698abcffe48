//! Candidates that a user did not choose, to learn a ranking from rows that are all choices.

use alloc::{format, vec::Vec};

use super::{Dependent, Encoder, Samples, UNKNOWN};
use crate::{
    Error, Result,
    data::{
        Interactions, Positives,
        interactions::{nothing_to_draw, user_of_everything},
    },
    rng::Rng,
};

/// One row to train on: a row of the samples, as it is or with another candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pick {
    /// The row, whose context and history count.
    pub row: u32,
    /// The row of the [catalogue](Encoder::catalogue) whose candidate takes the place of the row's own.
    pub other: Option<u32>,
}

impl Pick {
    /// A row as it is.
    pub fn own(row: usize) -> Self {
        Pick {
            row: row as u32,
            other: None,
        }
    }
}

/// Draws for every row a number of candidates that the row's user has in none of the rows, uniformly; they count as not
/// chosen (He et al., *Neural Collaborative Filtering*, WWW 2017, section 3.1, as its models of users and items do).
#[derive(Clone, Debug)]
pub(crate) struct CandidateSampler {
    catalogue: Samples,
    dependent: Dependent,
    /// By user, the rows of the catalogue but for the unknown one before them.
    positives: Positives,
    users: Vec<u32>,
    negatives: u32,
}

impl CandidateSampler {
    /// For the rows of `train`, `negatives` each.
    ///
    /// # Errors
    /// [`Error::Config`] where the schema names no column of candidates or no users, a row is no choice, a user chose
    /// everything, or there would be more than 2^32 - 2 rows.
    pub fn new(encoder: &Encoder, train: &Samples, negatives: u32) -> Result<Self> {
        let refused = |reason: &str| Error::config("negatives", reason);
        let (column, field) = encoder.candidate().ok_or_else(|| {
            refused("the schema does not say what to draw; name the candidates' column by Schema::negatives")
        })?;
        if train.groups().is_empty() {
            return Err(refused(
                "the schema groups rows by no user; name the user's column by Schema::group",
            ));
        }
        if let Some(row) = train.labels().iter().position(|&label| label != 1.0) {
            let label = train.labels()[row];
            let reason = format!("row {row} has the label {label}; they are drawn only where every row is a choice, 1");
            return Err(refused(&reason));
        }
        if train.len() as u128 * (1 + u128::from(negatives)) >= u128::from(u32::MAX) {
            return Err(refused("an epoch would have more than 4294967294 rows; draw fewer"));
        }
        let catalogue = encoder.catalogue(field)?;
        let ids = encoder.layout().id(field).map_or(&[][..], |at| train.ids(at));
        Ok(CandidateSampler {
            positives: chosen(train, train.groups(), ids, catalogue.len() as u32 - 1)?,
            dependent: encoder.dependent(column),
            catalogue,
            users: train.groups().to_vec(),
            negatives,
        })
    }

    /// Rows of an epoch.
    pub fn rows(&self) -> u32 {
        self.users.len() as u32 * (1 + self.negatives)
    }

    /// Row `draw` of an epoch in its first order: each row of the samples, and behind it its negatives.
    pub fn pick(&self, rng: Rng, draw: u32) -> Pick {
        let row = draw / (1 + self.negatives);
        let other = match draw % (1 + self.negatives) {
            0 => None,
            _ => Some(1 + self.positives.draw_missing(rng, draw, self.users[row as usize])),
        };
        Pick { row, other }
    }

    /// Every candidate; see [`Encoder::catalogue`].
    pub fn catalogue(&self) -> &Samples {
        &self.catalogue
    }

    /// Which fields the candidate decides.
    pub fn dependent(&self) -> &Dependent {
        &self.dependent
    }
}

/// What users chose among `items` items, which are the known ids less 1.
fn chosen(train: &Samples, users: &[u32], ids: &[u32], items: u32) -> Result<Positives> {
    let known = users.iter().zip(ids).filter(|&(_, &id)| id != UNKNOWN);
    let (users, items_of): (Vec<u32>, Vec<u32>) = known.map(|(&user, &id)| (user, id - 1)).unzip();
    let count = users.iter().max().map_or(0, |&user| user + 1);
    let interactions = Interactions::from_columns((count, items), &users, &items_of, &[])?;
    if let Some(user) = user_of_everything(&interactions) {
        return Err(nothing_to_draw(&train.user(user).unwrap_or_default(), items));
    }
    Ok(Positives::new(&interactions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::clicks::{Field, Schema, Training};
    use alloc::{format, vec};

    #[test]
    fn negatives_follow_the_rule_of_pairs() {
        let schema = Schema::new()
            .field(Field::key("item").min_count(2))
            .group("user")
            .negatives("negatives", "item", ',');
        let mut training = Training::new(schema, vec![]).unwrap();
        // Item 9 is too rare to be known: it is nobody's, and never drawn.
        let rows = [(0, 1), (1, 2), (0, 3), (1, 1), (0, 9), (1, 3), (0, 1), (2, 2)];
        for (user, item) in rows {
            training.push_row(&[&format!("{item}"), &format!("{user}")]).unwrap();
        }
        let (encoder, train, _) = training.fit().unwrap();
        let sampler = CandidateSampler::new(&encoder, &train, 2);
        // User 1 has all three known items.
        let refused = alloc::string::ToString::to_string(&sampler.unwrap_err());
        assert!(refused.contains("user \"1\" has every one of the 3 items"), "{refused}");

        let (users, ids) = (train.groups(), train.ids(0));
        let keep: Vec<usize> = (0..train.len()).filter(|&row| users[row] != 1).collect();
        let (users, ids): (Vec<u32>, Vec<u32>) = keep.iter().map(|&row| (users[row], ids[row])).unzip();
        let positives = chosen(&train, &users, &ids, 3).unwrap();
        let rng = Rng::new(5);
        for (user, own) in [(0, &[0, 2][..]), (2, &[1][..])] {
            for draw in 0..50 {
                let drawn = positives.draw_missing(rng, draw, user);
                let tries = (0..16u64).flat_map(|a| rng.at(u64::from(draw) | a << 32));
                let want = tries
                    .map(|bits| crate::rng::scale(bits, 3))
                    .find(|item| !own.contains(item));
                assert_eq!(Some(drawn), want);
            }
        }
    }

    #[test]
    fn an_epoch_has_every_row_and_its_negatives() {
        let schema = Schema::new()
            .field(Field::key("item"))
            .group("user")
            .negatives("negatives", "item", ',');
        let mut training = Training::new(schema, vec![]).unwrap();
        for row in 0..30 {
            let (user, item) = (row % 5, row % 11);
            training.push_row(&[&format!("{item}"), &format!("{user}")]).unwrap();
        }
        let (encoder, train, _) = training.fit().unwrap();
        let sampler = CandidateSampler::new(&encoder, &train, 3).unwrap();
        assert_eq!(sampler.rows(), 30 * 4);
        for draw in 0..sampler.rows() {
            let pick = sampler.pick(Rng::new(1), draw);
            assert_eq!((pick.row, pick.other.is_none()), (draw / 4, draw % 4 == 0));
            let Some(other) = pick.other else { continue };
            let user = train.groups()[pick.row as usize];
            let mut rows = train.groups().iter().zip(train.ids(0));
            assert!(other > 0 && !rows.any(|(&of, &item)| of == user && item == other));
        }
    }
}

//! Made-up data with planted tastes, whose best possible ranking is known.

use alloc::{format, vec::Vec};

use crate::{
    Error, Result,
    data::Interactions,
    rng::{
        Rng,
        streams::{Planted as Stream, SCALE_OF_RANKS},
    },
};

/// Users' and items' factors are planted around this many tastes for each factor.
const TASTES_PER_FACTOR: u32 = 2;
/// How far users and items spread around their taste, relative to the spread of the tastes.
const SPREAD: f32 = 0.35;
/// Cells of a table that a generator may fill; more is refused as a slip.
const MOST_CELLS: u64 = 1 << 28;

/// Made-up interactions with planted tastes.
///
/// Users and items lie in a space of few factors, in clusters. A user takes items without replacement with
/// probabilities proportional to popularity x exp(affinity): popularity falls as a power of an item's rank (Zipf), and
/// affinity is the scaled inner product of the two vectors. How many items a user takes is log-normal. The order in
/// time of what a user took is random, so that the last one is as predictable as any other.
///
/// ```
/// use pocketrec::data::Planted;
/// let planted = Planted { users: 200, items: 100, interactions_per_user: 12, ..Planted::default() }.generate()?;
/// assert_eq!((planted.interactions.users(), planted.interactions.items()), (200, 100));
/// assert!(planted.score(0, 7).is_finite());
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Planted {
    /// Number of users.
    pub users: u32,
    /// Number of items.
    pub items: u32,
    /// Length of the planted vectors.
    pub factors: u32,
    /// Interactions of a user on average.
    pub interactions_per_user: u32,
    /// Standard deviation of affinities: 0 leaves popularity alone, 3 makes tastes rule.
    pub strength: f32,
    /// Popularity falls as rank^-zipf: 0 makes all items equally popular.
    pub zipf: f32,
    /// Standard deviation of the logarithm of a user's number of interactions.
    pub activity: f32,
    /// Seed of everything.
    pub seed: u64,
}

/// 2,000 users, 1,000 items, about 80,000 interactions.
impl Default for Planted {
    fn default() -> Self {
        Planted {
            users: 2000,
            items: 1000,
            factors: 8,
            interactions_per_user: 40,
            strength: 2.8,
            zipf: 1.1,
            activity: 0.5,
            seed: 42,
        }
    }
}

/// What [`Planted::generate`] made, and the truth behind it.
#[derive(Clone, Debug)]
pub struct PlantedData {
    /// The interactions; times are 1, 2, ... for each user.
    pub interactions: Interactions,
    factors: usize,
    users: Vec<f32>,
    items: Vec<f32>,
    log_popularity: Vec<f32>,
}

impl PlantedData {
    /// How much the user likes the item, apart from the item's popularity; 0 where either is not there.
    pub fn affinity(&self, user: u32, item: u32) -> f32 {
        dot(self.factors, &self.users, user, &self.items, item)
    }

    /// The logarithm of popularity x exp(affinity): ranking by it is the best that any model can do.
    pub fn score(&self, user: u32, item: u32) -> f32 {
        self.log_popularity.get(item as usize).copied().unwrap_or(0.0) + self.affinity(user, item)
    }

    /// The inner product of two items' vectors; 0 where either is not there.
    pub(super) fn product_of_items(&self, item: u32, other: u32) -> f32 {
        dot(self.factors, &self.items, item, &self.items, other)
    }
}

fn dot(factors: usize, users: &[f32], user: u32, items: &[f32], item: u32) -> f32 {
    let row = |table: &[f32], index: u32| {
        let start = (index as usize).saturating_mul(factors);
        start..start.saturating_add(factors).min(table.len().max(start))
    };
    let user = users.get(row(users, user)).unwrap_or_default();
    let item = items.get(row(items, item)).unwrap_or_default();
    user.iter().zip(item).map(|(a, b)| a * b).sum()
}

impl Planted {
    /// Makes the data; the same options give the same data anywhere.
    ///
    /// # Errors
    /// [`Error::Config`] where a number is 0, not finite or absurdly large, or users would take more than half of the
    /// items on average.
    pub fn generate(&self) -> Result<PlantedData> {
        self.check()?;
        let items = self.vectors(Stream::Items, self.items);
        let mut users = self.vectors(Stream::Users, self.users);
        self.scale(&mut users, &items);
        let (factors, log_popularity) = (self.factors as usize, self.log_popularity());
        let mut triples = Vec::new();
        let mut keyed: Vec<(f32, u32)> = Vec::with_capacity(self.items as usize);
        for user in 0..self.users {
            let count = self.count(user);
            let rng = self.stream(Stream::Choice).stream(user);
            // The `count` largest of score + Gumbel noise are a draw without replacement (Yellott, 1977).
            keyed.clear();
            keyed.extend((0..self.items).map(|item| {
                let score = log_popularity[item as usize] + dot(factors, &users, user, &items, item);
                (score + gumbel(rng, item), item)
            }));
            let largest_first = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            keyed.select_nth_unstable_by(count - 1, largest_first);
            // The order that is left depends on the algorithm: sort by item, then shuffle.
            let taken = &mut keyed[..count];
            taken.sort_unstable_by_key(|&(_, item)| item);
            let order = self.stream(Stream::Order).stream(user);
            for k in (1..count).rev() {
                taken.swap(k, order.below(k as u64, k as u32 + 1) as usize);
            }
            triples.extend(taken.iter().zip(1..).map(|(&(_, item), time)| (user, item, time)));
        }
        let column = |pick: fn(&(u32, u32, i64)) -> u32| triples.iter().map(pick).collect::<Vec<u32>>();
        let times: Vec<i64> = triples.iter().map(|row| row.2).collect();
        let counts = (self.users, self.items);
        Ok(PlantedData {
            interactions: Interactions::from_columns(counts, &column(|row| row.0), &column(|row| row.1), &times)?,
            factors,
            users,
            items,
            log_popularity,
        })
    }

    fn check(&self) -> Result<()> {
        let whole = [
            ("users", self.users, 1),
            ("items", self.items, 4),
            ("factors", self.factors, 1),
            ("interactions_per_user", self.interactions_per_user, 1),
        ];
        if let Some((field, value, least)) = whole.into_iter().find(|&(_, value, least)| value < least) {
            return Err(Error::config(
                field,
                format!("{value} is too small; give {least} or more"),
            ));
        }
        let real = [
            ("strength", self.strength),
            ("zipf", self.zipf),
            ("activity", self.activity),
        ];
        if let Some((field, value)) = real.into_iter().find(|(_, value)| !(0.0..=100.0).contains(value)) {
            return Err(Error::config(field, format!("{value} is not in 0..=100")));
        }
        if self.interactions_per_user > self.items / 2 {
            let reason = format!(
                "{} of {} items leaves too little to rank",
                self.interactions_per_user, self.items
            );
            return Err(Error::config(
                "interactions_per_user",
                reason + "; give at most half of the items",
            ));
        }
        for (field, rows) in [("users", self.users), ("items", self.items), ("factors", self.factors)] {
            let cells = u64::from(rows) * u64::from(self.factors.max(self.interactions_per_user));
            if cells > MOST_CELLS {
                return Err(Error::config(
                    field,
                    format!("{rows} is too many to make up; take fewer"),
                ));
            }
        }
        Ok(())
    }

    fn stream(&self, stream: Stream) -> Rng {
        Rng::new(self.seed).stream(stream as u32)
    }

    /// Vectors around tastes, `factors` numbers each.
    fn vectors(&self, stream: Stream, rows: u32) -> Vec<f32> {
        let (tastes, rng) = (self.stream(Stream::Tastes), self.stream(stream));
        let mut vectors = Vec::with_capacity(rows as usize * self.factors as usize);
        for row in 0..rows {
            let rng = rng.stream(row);
            let taste = tastes.stream(rng.below(0, self.factors * TASTES_PER_FACTOR));
            for factor in 0..u64::from(self.factors) {
                vectors.push(taste.normal(factor) + SPREAD * rng.normal(factor + 1));
            }
        }
        vectors
    }

    /// Scales users so that affinities have the standard deviation `strength`, by a sample of them.
    fn scale(&self, users: &mut [f32], items: &[f32]) {
        let rng = self.stream(Stream::Ranks).stream(SCALE_OF_RANKS);
        let samples = 2000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for k in 0..samples {
            let [a, b] = rng.at(k);
            let (user, item) = (crate::rng::scale(a, self.users), crate::rng::scale(b, self.items));
            let affinity = f64::from(dot(self.factors as usize, users, user, items, item));
            sum += affinity;
            squares += affinity * affinity;
        }
        let mean = sum / samples as f64;
        let deviation = libm::sqrt((squares / samples as f64 - mean * mean).max(1e-12)) as f32;
        for value in users {
            *value *= self.strength / deviation;
        }
    }

    /// Zipf's law over a random ranking of the items.
    fn log_popularity(&self) -> Vec<f32> {
        let ranks = crate::rng::Permutation::new(self.items, self.stream(Stream::Ranks));
        (0..self.items)
            .map(|item| -self.zipf * libm::logf(ranks.at(item) as f32 + 1.0))
            .collect()
    }

    /// How many items a user takes: two to half of them.
    fn count(&self, user: u32) -> usize {
        let mean_one =
            self.activity * self.stream(Stream::Activity).normal(user.into()) - self.activity * self.activity / 2.0;
        let count = libm::roundf(self.interactions_per_user as f32 * libm::expf(mean_one));
        (count as usize).clamp(2, self.items as usize / 2)
    }
}

/// Standard Gumbel noise.
pub(super) fn gumbel(rng: Rng, index: u32) -> f32 {
    let uniform = (rng.at(index.into())[0] as f32 + 0.5) / 4_294_967_296.0;
    -libm::logf(-libm::logf(uniform.min(1.0 - f32::EPSILON)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// The share of test items that come among the first ten of their candidates.
    fn hit_rate(data: &Interactions, score: impl Fn(u32, u32) -> f32) -> f64 {
        let split = data.leave_one_out().unwrap();
        let hits = split.test.iter().enumerate().filter(|(at, case)| {
            let own = score(case.user, case.item);
            split
                .negatives(*at)
                .iter()
                .filter(|&&item| score(case.user, item) >= own)
                .count()
                < 10
        });
        hits.count() as f64 / split.test.len() as f64
    }

    #[test]
    fn planted_scores_beat_popularity_by_far() {
        let planted = Planted::default().generate().unwrap();
        let data = &planted.interactions;
        assert!((60_000..100_000).contains(&data.len()), "{}", data.len());
        let popularity = data.popularity();
        let popular = hit_rate(data, |_, item| popularity[item as usize] as f32);
        let oracle = hit_rate(data, |user, item| planted.score(user, item));
        assert!((0.4..0.5).contains(&popular), "popularity {popular}, oracle {oracle}");
        assert!((0.8..0.95).contains(&oracle), "popularity {popular}, oracle {oracle}");
    }

    #[test]
    fn popularity_and_activity_are_skewed() {
        let data = Planted::default().generate().unwrap().interactions;
        let mut popularity = data.popularity();
        popularity.sort_unstable_by(|a, b| b.cmp(a));
        let top: u32 = popularity[..100].iter().sum();
        assert!(
            top as usize * 4 > data.len(),
            "the top tenth has {top} of {}",
            data.len()
        );
        let mut counts: Vec<usize> = (0..data.users()).map(|user| data.of_user(user).len()).collect();
        counts.sort_unstable();
        assert!(counts[1800] > 3 * counts[200], "{} {}", counts[1800], counts[200]);
        assert!(counts[0] >= 2);
    }

    #[test]
    fn a_seed_makes_one_data_set() {
        let small = |seed| {
            let options = Planted {
                users: 50,
                items: 40,
                interactions_per_user: 6,
                seed,
                ..Planted::default()
            };
            options.generate().unwrap().interactions.iter().collect::<Vec<_>>()
        };
        assert_eq!(small(1), small(1));
        assert_ne!(small(1), small(2));
    }

    #[test]
    fn options_out_of_range_are_named() {
        let base = Planted {
            users: 10,
            items: 10,
            interactions_per_user: 2,
            ..Planted::default()
        };
        type Edit = fn(&mut Planted);
        let edits: [(&str, Edit); 9] = [
            ("users", |options| options.users = 0),
            ("users", |options| options.users = u32::MAX),
            ("items", |options| options.items = 3),
            ("items", |options| options.items = u32::MAX),
            ("factors", |options| options.factors = 0),
            ("users", |options| options.factors = u32::MAX),
            ("interactions_per_user", |options| options.interactions_per_user = 6),
            ("strength", |options| options.strength = f32::NAN),
            ("zipf", |options| options.zipf = -1.0),
        ];
        for (field, edit) in edits {
            let mut options = base.clone();
            edit(&mut options);
            let error = options.generate().unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
        let planted = base.generate().unwrap();
        assert_eq!(planted.affinity(u32::MAX, 0), 0.0);
        assert!(planted.score(0, u32::MAX) == 0.0);
    }
}

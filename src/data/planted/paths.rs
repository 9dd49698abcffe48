//! Made-up histories in which each item leads to the next, and whose best possible ranking is known.

use alloc::{format, vec::Vec};

use crate::{
    Error, Result,
    data::Interactions,
    rng::{Rng, streams::PlantedPaths as Stream},
};

/// Items that one leads to at most.
const MOST_SUCCESSORS: u32 = 256;
/// Interactions that are made up at most; more is refused as a slip.
const MOST: u64 = 1 << 26;

/// Made-up histories: users follow paths from item to item.
///
/// Each item leads to [`successors`](field@PlantedPaths::successors) others, the first of them most often, each further one half as
/// often as the one before. A user begins anywhere; with the probability `follow` the next item is one that the last leads to,
/// and else any; items that the user has come no more. So who knows the order of what a user has had knows what comes next,
/// and who does not knows nearly nothing: popularity is even.
///
/// ```
/// use pocketrec::data::PlantedPaths;
/// let paths = PlantedPaths { users: 50, items: 40, length: 6, ..PlantedPaths::default() }.generate()?;
/// let history = paths.interactions.of_user(0);
/// assert_eq!(history.len(), 6);
/// // Over all items that are left, the probabilities of the next add up to 1.
/// let sum: f64 = (0..40).map(|item| paths.probability(history, item)).sum();
/// assert!((sum - 1.0).abs() < 1e-12);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PlantedPaths {
    /// Number of users.
    pub users: u32,
    /// Number of items.
    pub items: u32,
    /// Items of a user.
    pub length: u32,
    /// Items that one leads to.
    pub successors: u32,
    /// How likely a user follows one of them.
    pub follow: f32,
    /// Seed of everything.
    pub seed: u64,
}

/// 3,000 users who have 20 of 500 items each.
impl Default for PlantedPaths {
    fn default() -> Self {
        PlantedPaths {
            users: 3000,
            items: 500,
            length: 20,
            successors: 6,
            follow: 0.8,
            seed: 42,
        }
    }
}

/// What [`PlantedPaths::generate`] made, and the truth behind it.
#[derive(Clone, Debug)]
pub struct PlantedPathData {
    /// The interactions; times are 1, 2, ... for each user.
    pub interactions: Interactions,
    options: PlantedPaths,
    /// `[items, successors]`.
    successors: Vec<u32>,
}

impl PlantedPathData {
    /// How likely an item comes next for somebody with this history, earliest first: ranking by it is the best that any model
    /// can do. 0 of what the history has.
    pub fn probability(&self, history: &[u32], item: u32) -> f64 {
        let (items, follow) = (self.options.items, f64::from(self.options.follow));
        if item >= items || history.contains(&item) {
            return 0.0;
        }
        let left = 1.0 / (f64::from(items) - distinct(history) as f64);
        let Some(&last) = history.last() else {
            return left;
        };
        let weight = |place: usize| libm::exp2(-(place as f64));
        let ways = || self.of(last).iter().enumerate().filter(|(_, to)| !history.contains(to));
        let total: f64 = ways().map(|(place, _)| weight(place)).sum();
        if total == 0.0 {
            return left; // nowhere to follow
        }
        let way = ways()
            .find(|&(_, &to)| to == item)
            .map_or(0.0, |(place, _)| weight(place));
        follow * way / total + (1.0 - follow) * left
    }

    /// What an item leads to; nothing where it is not there.
    fn of(&self, item: u32) -> &[u32] {
        let (first, count) = (
            item as usize * self.options.successors as usize,
            self.options.successors as usize,
        );
        self.successors.get(first..first + count).unwrap_or_default()
    }

    /// The item of rank `share` (in 0..1) among those that may come next, in the order of items.
    fn draw(&self, history: &[u32], share: f64) -> u32 {
        let (mut sum, mut last) = (0.0, 0);
        for item in 0..self.options.items {
            let probability = self.probability(history, item);
            if probability > 0.0 {
                (sum, last) = (sum + probability, item);
                if sum > share {
                    break;
                }
            }
        }
        last
    }
}

/// Items without repetitions, of which a history of the data has none.
fn distinct(history: &[u32]) -> usize {
    let first = |&(at, item): &(usize, &u32)| !history[..at].contains(item);
    history.iter().enumerate().filter(first).count()
}

impl PlantedPaths {
    /// Makes the data; the same options give the same data anywhere.
    ///
    /// # Errors
    /// [`Error::Config`] where a number is 0 or absurdly large, users would have more than half of the items, an item lead to
    /// more than there are, or a probability is none.
    pub fn generate(&self) -> Result<PlantedPathData> {
        self.check()?;
        let mut data = PlantedPathData {
            interactions: Interactions::from_pairs(&[(0, 0)])?,
            options: self.clone(),
            successors: self.successors(),
        };
        let (mut users, mut items, mut times) = (Vec::new(), Vec::new(), Vec::new());
        let mut history = Vec::new();
        for user in 0..self.users {
            let rng = self.stream(Stream::Users).stream(user);
            history.clear();
            for time in 0..self.length {
                history.push(data.draw(&history, f64::from(rng.uniform(time.into()))));
                users.push(user);
                times.push(i64::from(time) + 1);
            }
            items.extend_from_slice(&history);
        }
        data.interactions = Interactions::from_columns((self.users, self.items), &users, &items, &times)?;
        Ok(data)
    }

    fn check(&self) -> Result<()> {
        for (field, value, least) in [
            ("users", self.users, 1),
            ("items", self.items, 4),
            ("length", self.length, 2),
        ] {
            if value < least {
                return Err(Error::config(
                    field,
                    format!("{value} is too small; give {least} or more"),
                ));
            }
        }
        if self.length > self.items / 2 {
            let reason = format!("{} of {} items: give at most half of them", self.length, self.items);
            return Err(Error::config("length", reason));
        }
        let most = MOST_SUCCESSORS.min(self.items - 1);
        if self.successors == 0 || self.successors > most {
            let reason = format!("{}: give 1 to {most}", self.successors);
            return Err(Error::config("successors", reason));
        }
        if !(0.0..=1.0).contains(&self.follow) {
            return Err(Error::config("follow", format!("{} is not in 0..=1", self.follow)));
        }
        let most = u64::from(self.users) * u64::from(self.length);
        if most > MOST || most * u64::from(self.items) > MOST << 12 {
            let reason = format!("{} is too many to make up; take fewer", self.users);
            return Err(Error::config("users", reason));
        }
        Ok(())
    }

    fn stream(&self, stream: Stream) -> Rng {
        Rng::new(self.seed).stream(stream as u32)
    }

    /// What each item leads to: others, none of them twice.
    fn successors(&self) -> Vec<u32> {
        let rng = self.stream(Stream::Successors);
        let mut all = Vec::with_capacity(self.items as usize * self.successors as usize);
        for item in 0..self.items {
            let (rng, first) = (rng.stream(item), all.len());
            let mut draws = 0..;
            while all.len() < first + self.successors as usize {
                let to = rng.below(draws.next().unwrap_or(0), self.items);
                if to != item && !all[first..].contains(&to) {
                    all.push(to);
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn small() -> PlantedPathData {
        let options = PlantedPaths {
            users: 2000,
            items: 10,
            length: 3,
            successors: 2,
            follow: 0.75,
            ..PlantedPaths::default()
        };
        options.generate().unwrap()
    }

    /// By hand: of two ways the first has twice the weight of the second; a way that was gone before is none.
    #[test]
    fn probabilities_are_those_of_the_rule() {
        let data = small();
        let [a, b] = data.of(3).try_into().unwrap();
        let close = |x: f64, y: f64| assert!((x - y).abs() < 1e-12, "{x} {y}");
        let any = 0.25 / 9.0; // of nine items that are left
        close(data.probability(&[3], a), 0.75 * 2.0 / 3.0 + any);
        close(data.probability(&[3], b), 0.75 / 3.0 + any);
        let other = (0..10).find(|item| ![3, a, b].contains(item)).unwrap();
        close(data.probability(&[3], other), any);
        close(data.probability(&[a, 3], b), 0.75 + 0.25 / 8.0);
        close(data.probability(&[a, b, 3], other), 1.0 / 7.0);
        close(data.probability(&[], 3), 0.1);
        assert_eq!((data.probability(&[3], 3), data.probability(&[3], 99)), (0.0, 0.0));
    }

    #[test]
    fn users_follow_as_often_as_is_asked_for() {
        let data = small();
        let (mut followed, mut steps) = (0, 0);
        for user in 0..2000 {
            let history = data.interactions.of_user(user);
            assert_eq!(history.len(), 3); // no repetition, or it would be shorter
            followed += usize::from(data.of(history[0]).contains(&history[1]));
            steps += 1;
        }
        // 0.75, and of the rest two of nine by chance: 0.8056, with a deviation of 0.009.
        let share = f64::from(followed as u32) / f64::from(steps);
        assert!((0.775..0.835).contains(&share), "{share}");
    }

    #[test]
    fn options_out_of_range_are_named() {
        type Edit = fn(&mut PlantedPaths);
        let edits: [(&str, Edit); 7] = [
            ("users", |options| options.users = 0),
            ("users", |options| options.users = u32::MAX),
            ("items", |options| options.items = 3),
            ("length", |options| options.length = 251),
            ("successors", |options| options.successors = 0),
            ("successors", |options| options.successors = 500),
            ("follow", |options| options.follow = f32::NAN),
        ];
        for (field, edit) in edits {
            let mut options = PlantedPaths::default();
            edit(&mut options);
            let error = options.generate().unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }
}

//! Who follows whom: read from a file, or made up.

use std::path::PathBuf;

use clap::Args;
use pocketrec::{
    Result,
    data::{Delimited, IdMap, Interactions, Split},
    rng::Rng,
};

use crate::common::{field::made_up::drawn, output::say, tables::wrapped};

/// Follows that are to be found.
const HELD_OUT: f32 = 0.2;
/// Of people who are made up: how many, in how many circles, with how long vectors, and whom each follows on average.
const PEOPLE: u32 = 1500;
const CIRCLES: u32 = 30;
const FACTORS: u64 = 8;
const FOLLOWS: f32 = 25.0;
/// Standard deviation of the logarithm of how many people somebody follows.
const ACTIVITY: f32 = 0.5;
/// How much more likely one of the same direction is followed than one at a right angle, as a logarithm.
const HOMOPHILY: f32 = 6.0;
/// How far people of a circle lie apart, beside how far the circles do.
const SPREAD: f32 = 0.5;
/// Who is followed falls as rank^-FAME.
const FAME: f32 = 0.7;

#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub struct DataOptions {
    /// Who follows whom: a file with a follower and who is followed a row [default: made-up people]
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Who is followed are no people but pages, artists, channels: the same key on both sides is not the same one
    #[arg(long, requires = "data")]
    pages: bool,
}

/// Follows that are trained on and follows that are to be found. People also follow themselves, first of all: so nobody is
/// told to, and in a graph the two sides of a person are one step apart.
pub struct People {
    pub split: Split,
    /// The logarithm of how likely one follows the other, in data that is made up: `[people, people]`.
    truth: Option<Vec<f32>>,
}

impl People {
    /// Reads the file, or makes people up.
    pub fn load(options: &DataOptions, seed: u64) -> Result<Self> {
        let (follows, truth, name) = match &options.data {
            Some(path) => {
                let read = Interactions::read_with(path, &Delimited::default())?;
                let follows = if options.pages { read } else { with_themselves(&read)? };
                (follows, None, path.display().to_string())
            }
            None => {
                let (follows, truth) = made_up(seed)?;
                (follows, Some(truth), "made up, in circles".into())
            }
        };
        let split = follows.hold_out(HELD_OUT, seed)?;
        let text = format!(
            "{name}: {} follow, {} are followed, {} follows to train on",
            split.train.users(),
            split.train.items(),
            split
                .train
                .iter()
                .filter(|&(user, item)| !is_self(&split.train, user, item))
                .count()
        );
        say!("{}", wrapped("data", &text))?;
        let text = format!(
            "{} follows are to be found among all whom one does not follow",
            split.test.len()
        );
        say!("{}", wrapped("test", &text))?;
        Ok(People { split, truth })
    }

    /// How likely one follows the other, where it is known: ranking by it is the best that any model can do.
    pub fn truth(&self) -> Option<impl Fn(u32, u32) -> f32 + '_> {
        let people = self.split.train.items() as usize;
        let truth = self.truth.as_ref()?;
        Some(move |user: u32, item: u32| truth[user as usize * people + item as usize])
    }
}

/// Whether it is somebody who follows themselves.
pub fn is_self(data: &Interactions, user: u32, item: u32) -> bool {
    let [user, item] = [data.user_ids().key(user), data.item_ids().key(item)];
    user.is_some() && user == item
}

/// The follows of a file, and everybody in it on both sides, following themselves before all others.
fn with_themselves(read: &Interactions) -> Result<Interactions> {
    let key = |ids: &IdMap, id| ids.key(id).unwrap_or_default().into_owned();
    let mut rows: Vec<(String, String, i64)> = Vec::with_capacity(read.len());
    for user in 0..read.users() {
        let (own, times) = (key(read.user_ids(), user), read.times_of(user));
        rows.push((own.clone(), own.clone(), times.iter().copied().min().unwrap_or(0)));
        for (at, &item) in read.of_user(user).iter().enumerate() {
            let item = key(read.item_ids(), item);
            if item != own {
                rows.push((own.clone(), item, times.get(at).copied().unwrap_or(0)));
            }
        }
    }
    for item in 0..read.items() {
        let own = key(read.item_ids(), item);
        if read.user_ids().get(&own).is_none() {
            rows.push((own.clone(), own, 0));
        }
    }
    Interactions::from_keys(rows.iter().map(|(user, item, time)| (&user[..], &item[..], *time)))
}

/// People in circles of interest, each of whom follows others without replacement with probabilities proportional to
/// fame x exp(6 x cosine of the two). Gives the follows and the logarithms of these products.
fn made_up(seed: u64) -> Result<(Interactions, Vec<f32>)> {
    let [vectors, fame, numbers, draws] = [1, 2, 3, 4].map(|stream| Rng::new(seed).stream(stream));
    let people: Vec<Vec<f32>> = (0..PEOPLE).map(|person| vector(vectors, person)).collect();
    let mut by_fame: Vec<u32> = (0..PEOPLE).collect();
    by_fame.sort_by(|&a, &b| fame.uniform(a.into()).total_cmp(&fame.uniform(b.into())));
    let mut famous = vec![0.0; PEOPLE as usize];
    for (rank, &person) in (1..).zip(&by_fame) {
        famous[person as usize] = -FAME * (rank as f32).ln();
    }
    let mut scores = Vec::with_capacity(people.len() * people.len());
    let (mut followers, mut followed) = (Vec::new(), Vec::new());
    for (user, own) in (0..).zip(&people) {
        let cosine = |other: &[f32]| own.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
        let of_user = people
            .iter()
            .zip(&famous)
            .map(|(other, fame)| HOMOPHILY * cosine(other) + fame);
        scores.extend(of_user);
        let count = FOLLOWS * (ACTIVITY * numbers.normal(user.into()) - 0.5 * ACTIVITY * ACTIVITY).exp();
        let count = (count.round() as usize).clamp(2, PEOPLE as usize / 4);
        let row = (0..).zip(scores[scores.len() - people.len()..].iter().copied());
        let others = drawn(row.filter(|&(item, _)| item != user), draws.stream(user));
        for item in std::iter::once(user).chain(others.into_iter().take(count)) {
            followers.push(user);
            followed.push(item);
        }
    }
    let follows = Interactions::from_columns((PEOPLE, PEOPLE), &followers, &followed, &[])?;
    Ok((follows, scores))
}

/// Where somebody stands, of length 1: near their circle.
fn vector(rng: Rng, person: u32) -> Vec<f32> {
    let circle = rng.below(person.into(), CIRCLES);
    let (own, circle) = (rng.stream(person), rng.stream(PEOPLE + circle));
    let raw: Vec<f32> = (0..FACTORS)
        .map(|at| circle.normal(at) + SPREAD * own.normal(at))
        .collect();
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    raw.into_iter().map(|x| x / length.max(1e-6)).collect()
}

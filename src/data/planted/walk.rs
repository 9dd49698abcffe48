//! Users who walk from interest to interest and click on the way.

use alloc::{collections::VecDeque, vec::Vec};

use super::clicks::{FACTORS, PlantedClicks, PlantedLogit};
use crate::rng::{Permutation, Rng, scale, streams::PlantedClicks as Stream};

/// What is drawn for one row of one user, by its place among the row's numbers.
#[repr(u64)]
enum Draw {
    Move = 0,
    To,
    Renew,
    NewCategory,
    Source,
    Event,
    Item,
    Hour,
    Click,
    Count,
}

/// A user on the way through time.
pub(super) struct Walker {
    rng: Rng,
    vector: [f32; FACTORS],
    /// Categories; the present one is at `present`.
    interests: Vec<u32>,
    present: usize,
    /// Categories of the last clicks.
    clicked: VecDeque<u32>,
}

/// A candidate that was shown.
pub(super) struct Shown {
    pub item: u32,
    pub hour: u32,
    pub click: bool,
    pub truth: PlantedLogit,
}

impl Walker {
    fn uniform(&self, round: u64, draw: Draw) -> f32 {
        self.rng.uniform(round * Draw::Count as u64 + draw as u64)
    }

    fn below(&self, round: u64, draw: Draw, n: u32) -> u32 {
        self.rng.below(round * Draw::Count as u64 + draw as u64, n)
    }
}

pub(super) struct World<'a> {
    options: &'a PlantedClicks,
    items: Vec<[f32; FACTORS]>,
    /// Hour of the day at which a category does best.
    peaks: Vec<u32>,
}

impl World<'_> {
    pub fn new(options: &PlantedClicks) -> World<'_> {
        let categories = stream(options, Stream::Categories);
        World {
            options,
            items: vectors(stream(options, Stream::Items), options.items),
            peaks: (0..options.categories.into())
                .map(|at| categories.below(at, 24))
                .collect(),
        }
    }

    /// Items are dealt out to categories in turn.
    pub fn category(&self, item: u32) -> u32 {
        item % self.options.categories
    }

    /// The item of a category that 32 random bits pick.
    fn item_of(&self, category: u32, bits: u32) -> u32 {
        let PlantedClicks { items, categories, .. } = *self.options;
        let size = (items - category).div_ceil(categories);
        category + categories * scale(bits, size)
    }

    pub fn walkers(&self) -> Vec<Walker> {
        let options = self.options;
        let (start, walk) = (stream(options, Stream::Start), stream(options, Stream::Walk));
        let vectors = vectors(stream(options, Stream::Users), options.users);
        let walker = |(user, vector): (u32, [f32; FACTORS])| {
            // The first entries of a random permutation: all different.
            let deal = Permutation::new(options.categories, start.stream(user));
            Walker {
                rng: walk.stream(user),
                vector,
                interests: (0..options.interests).map(|at| deal.at(at)).collect(),
                present: 0,
                clicked: VecDeque::new(),
            }
        };
        (0..options.users).zip(vectors).map(walker).collect()
    }

    pub fn step(&self, walker: &mut Walker, round: u64) -> Shown {
        self.drift(walker, round);
        let item = self.candidate(walker, round);
        let category = self.category(item);
        let hour = walker.below(round, Draw::Hour, 24);
        let truth = PlantedLogit {
            general: self.general(walker, item, hour),
            relevance: match walker.clicked.contains(&category) {
                true => self.options.relevance,
                false => 0.0,
            },
            recent: match walker.interests[walker.present] == category {
                true => self.options.recent,
                false => 0.0,
            },
        };
        let click = walker.uniform(round, Draw::Click) < 1.0 / (1.0 + libm::expf(-truth.logit()));
        if click {
            walker.clicked.push_back(category);
            if walker.clicked.len() > self.options.history as usize {
                walker.clicked.pop_front();
            }
        }
        Shown {
            item,
            hour,
            click,
            truth,
        }
    }

    /// Stays, or moves on to another interest and perhaps gives the old one up.
    fn drift(&self, walker: &mut Walker, round: u64) {
        let others = self.options.interests - 1;
        if others == 0 || walker.uniform(round, Draw::Move) < self.options.stay {
            return;
        }
        let left = walker.present;
        let step = 1 + walker.below(round, Draw::To, others);
        walker.present = (left + step as usize) % walker.interests.len();
        if walker.uniform(round, Draw::Renew) < self.options.renew {
            let category = walker.below(round, Draw::NewCategory, self.options.categories);
            if !walker.interests.contains(&category) {
                walker.interests[left] = category;
            }
        }
    }

    fn candidate(&self, walker: &Walker, round: u64) -> u32 {
        let bits = walker.rng.at(round * Draw::Count as u64 + Draw::Item as u64)[0];
        let events = walker.clicked.len() as u32;
        match walker.below(round, Draw::Source, 3) {
            0 => self.item_of(walker.interests[walker.present], bits),
            1 if events > 0 => {
                let event = walker.below(round, Draw::Event, events);
                self.item_of(walker.clicked[event as usize], bits)
            }
            _ => scale(bits, self.options.items),
        }
    }

    fn general(&self, walker: &Walker, item: u32, hour: u32) -> f32 {
        let options = self.options;
        let vector = &self.items[item as usize];
        let dot: f32 = walker.vector.iter().zip(vector).map(|(a, b)| a * b).sum();
        let appeal = 0.4 * stream(options, Stream::Items).normal(u64::from(item) + 1);
        let off = hour as f32 - self.peaks[self.category(item) as usize] as f32;
        let time_of_day = 0.4 * libm::cosf(off * core::f32::consts::TAU / 24.0);
        options.bias + options.taste * dot / libm::sqrtf(FACTORS as f32) + appeal + time_of_day
    }
}

fn stream(options: &PlantedClicks, stream: Stream) -> Rng {
    Rng::new(options.seed).stream(stream as u32)
}

/// Standard normal vectors.
fn vectors(rng: Rng, rows: u32) -> Vec<[f32; FACTORS]> {
    let vector = |row: u32| {
        let rng = rng.stream(row);
        core::array::from_fn(|factor| rng.normal(factor as u64))
    };
    (0..rows).map(vector).collect()
}

//! What is to be compared, measured in turn: on a shared machine the clock can fall by a third between one bench and the
//! next, but hardly within a few thousandths of a second.

use std::time::{Duration, Instant};

use super::{median, sized};

/// Rounds of everybody in turn.
const ROUNDS: usize = 31;
/// The least that a turn takes where all is done by one thread, in the nearest caches.
pub const SHORT: Duration = Duration::from_millis(2);

/// Seconds a call of each of `N` in each round.
pub struct Turns<const N: usize> {
    rounds: Vec<[f64; N]>,
}

/// Measures `bodies` in turn; each is called three times before, and then as often as a turn lasts. Half as many calls more
/// lead in, uncounted: they wake threads, and find caches that hold what the others left.
pub fn in_turn<const N: usize>(turn: Duration, mut bodies: [&mut dyn FnMut(); N]) -> Turns<N> {
    let calls = bodies.each_mut().map(|body| {
        let once = (0..3).map(|_| seconds(body, 1)).fold(f64::INFINITY, f64::min);
        (turn.as_secs_f64() / once).ceil().max(1.0) as usize
    });
    let mut round = || {
        let mut calls = calls.iter();
        bodies.each_mut().map(|body| {
            let calls = calls.next().copied().unwrap_or(1);
            seconds(body, calls.div_ceil(2));
            seconds(body, calls)
        })
    };
    let rounds = (0..sized(ROUNDS, 1)).map(|_| round()).collect();
    Turns { rounds }
}

fn seconds(body: &mut &mut dyn FnMut(), calls: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        body();
    }
    start.elapsed().as_secs_f64() / calls as f64
}

impl<const N: usize> Turns<N> {
    /// Seconds a call of one of them, the median of its turns.
    pub fn seconds(&self, of: usize) -> f64 {
        self.median(|round| round[of])
    }

    /// The time of one of them over that of another in the same round, the median over the rounds.
    pub fn ratio(&self, of: usize, to: usize) -> f64 {
        self.median(|round| round[of] / round[to])
    }

    fn median(&self, value: impl Fn(&[f64; N]) -> f64) -> f64 {
        let values: Vec<f64> = self.rounds.iter().map(value).collect();
        median(&values).unwrap_or(f64::NAN)
    }
}

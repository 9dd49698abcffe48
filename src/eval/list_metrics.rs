//! Metrics of one user's list, of whose items any number are relevant. Ties count by their expectation, as in
//! [`Rank`](super::Rank).

use super::Best;

/// Metrics of a list of `k` places, of one user or as means over users. An item is relevant where it is one of the user's
/// test items, `T`; places count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ListMetrics {
    /// Users that these are means of.
    pub users: u64,
    /// Relevant items in the list, over `|T|`: as LightGCN is evaluated (He et al., SIGIR 2020), however many places there
    /// are.
    pub recall: f64,
    /// Sum of `1 / log2(place + 1)` of the relevant items in the list, over what the best list has, whose first
    /// `min(k, |T|)` places are relevant.
    pub ndcg: f64,
    /// Relevant items in the list, over `k`.
    pub precision: f64,
    /// 1 where a relevant item is in the list, else 0.
    pub hit_rate: f64,
    /// `1 / place` of the first relevant item in the list, 0 where there is none.
    pub mrr: f64,
    /// Sum of the precision at the place of each relevant item in the list, over `min(k, |T|)`: average precision.
    pub map: f64,
}

impl ListMetrics {
    /// The metrics of one user with `relevant` test items, which `is_relevant` tells. `best` is in descending order of
    /// score and longer than `k` only to hold every item that ties with the last of them.
    pub(super) fn of_list(best: &Best, k: usize, relevant: usize, is_relevant: impl Fn(u32) -> bool) -> Self {
        let mut sums = Sums::new(k);
        for ties in best.chunk_by(|one, other| one.1 == other.1) {
            if sums.begin >= k {
                break;
            }
            let hits = ties.iter().filter(|entry| is_relevant(entry.0)).count();
            sums.add_ties(ties.len(), hits);
        }
        let ideal: f64 = (0..relevant.min(k)).map(gain).sum();
        ListMetrics {
            users: 1,
            recall: sums.hits / relevant as f64,
            ndcg: sums.gain / ideal,
            precision: sums.hits / k as f64,
            hit_rate: 1.0 - sums.no_hit,
            mrr: sums.reciprocal,
            map: sums.precision / relevant.min(k) as f64,
        }
    }

    /// Adds a user's to what are sums until [`mean`](ListMetrics::mean).
    pub(super) fn add(&mut self, user: &ListMetrics) {
        self.users += user.users;
        for (sum, value) in self.values_mut().into_iter().zip(user.values()) {
            *sum += value;
        }
    }

    /// Makes means of the sums.
    pub(super) fn mean(mut self) -> Self {
        let users = self.users.max(1) as f64;
        self.values_mut().into_iter().for_each(|sum| *sum /= users);
        self
    }

    pub(super) fn values(&self) -> [f64; 6] {
        [
            self.recall,
            self.ndcg,
            self.precision,
            self.hit_rate,
            self.mrr,
            self.map,
        ]
    }

    fn values_mut(&mut self) -> [&mut f64; 6] {
        [
            &mut self.recall,
            &mut self.ndcg,
            &mut self.precision,
            &mut self.hit_rate,
            &mut self.mrr,
            &mut self.map,
        ]
    }
}

/// What an item in a place, counted from 0, adds to DCG.
fn gain(place: usize) -> f64 {
    1.0 / libm::log2((place + 2) as f64)
}

/// Expected sums over the places so far, all orders of ties being equally probable.
struct Sums {
    k: usize,
    /// Places of the groups so far, and relevant items in them.
    begin: usize,
    before: usize,
    hits: f64,
    gain: f64,
    precision: f64,
    /// Expected `1 / place` of the first relevant item, and the probability that there is none within `k`.
    reciprocal: f64,
    no_hit: f64,
}

impl Sums {
    fn new(k: usize) -> Self {
        Sums {
            k,
            begin: 0,
            before: 0,
            hits: 0.0,
            gain: 0.0,
            precision: 0.0,
            reciprocal: 0.0,
            no_hit: 1.0,
        }
    }

    /// Adds `ties` items of the same score, of which `hits` are relevant.
    fn add_ties(&mut self, ties: usize, hits: usize) {
        let places = ties.min(self.k - self.begin);
        if hits > 0 {
            let share = hits as f64 / ties as f64;
            for j in 0..places {
                let place = (self.begin + j + 1) as f64;
                // Where one of them is here, the others are spread evenly over the other places of their score.
                let above = match ties {
                    1 => 0.0,
                    _ => (hits - 1) as f64 * j as f64 / (ties - 1) as f64,
                };
                self.hits += share;
                self.gain += share * gain(self.begin + j);
                self.precision += share * (self.before as f64 + above + 1.0) / place;
                // None in the places so far, and then one of `hits` among the `ties - j` that are left.
                let first = self.no_hit * (hits as f64 / (ties - j) as f64).min(1.0);
                self.reciprocal += first / place;
                self.no_hit -= first;
            }
        }
        self.begin += ties;
        self.before += hits;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::rng::Rng;

    /// The metrics of a list by their definitions.
    fn plain(list: &[bool], k: usize, relevant: usize) -> [f64; 6] {
        let hits: Vec<usize> = (0..k.min(list.len())).filter(|&place| list[place]).collect();
        let precision_at = |place: usize| list[..=place].iter().filter(|&&hit| hit).count() as f64 / (place + 1) as f64;
        let dcg = |places: &[usize]| places.iter().map(|&p| 1.0 / ((p + 2) as f64).log2()).sum::<f64>();
        let most = relevant.min(k);
        let best: Vec<usize> = (0..most).collect();
        [
            hits.len() as f64 / relevant as f64,
            dcg(&hits) / dcg(&best),
            hits.len() as f64 / k as f64,
            f64::from(u8::from(!hits.is_empty())),
            hits.first().map_or(0.0, |&p| 1.0 / (p + 1) as f64),
            hits.iter().map(|&p| precision_at(p)).sum::<f64>() / most as f64,
        ]
    }

    /// Every order of the items, as often as there are orders of `left`.
    fn orders(list: &mut Vec<(u32, f32)>, at: usize, each: &mut impl FnMut(&[(u32, f32)])) {
        if at == list.len() {
            return each(list);
        }
        for other in at..list.len() {
            if list[other].1 == list[at].1 {
                list.swap(at, other);
                orders(list, at + 1, each);
                list.swap(at, other);
            }
        }
    }

    #[test]
    fn ties_count_by_the_mean_over_all_their_orders() {
        for case in 0..300u64 {
            let rng = Rng::new(case);
            let len = 1 + rng.below(0, 7);
            let mut list: Vec<(u32, f32)> = (0..len).map(|i| (i, rng.below(1 + u64::from(i), 3) as f32)).collect();
            list.sort_by(|a, b| b.1.total_cmp(&a.1));
            let is_relevant = |item: u32| rng.below(100 + u64::from(item), 3) == 0;
            // Some of the test items may be further down than the list goes.
            let relevant = list.iter().filter(|entry| is_relevant(entry.0)).count() + rng.below(200, 3) as usize;
            if relevant == 0 {
                continue;
            }
            for k in 1..=8 {
                let (mut sums, mut count) = ([0.0; 6], 0.0);
                orders(&mut list.clone(), 0, &mut |order| {
                    let hits: Vec<bool> = order.iter().map(|entry| is_relevant(entry.0)).collect();
                    for (sum, value) in sums.iter_mut().zip(plain(&hits, k, relevant)) {
                        *sum += value;
                    }
                    count += 1.0;
                });
                let got = ListMetrics::of_list(&list, k, relevant, is_relevant).values();
                for (got, sum) in got.iter().zip(sums) {
                    assert!(
                        (got - sum / count).abs() < 1e-12,
                        "{case} {k}: {got} not {}",
                        sum / count
                    );
                }
            }
        }
    }
}

//! Made-up relations between items, by the same tastes that users take items by.

use alloc::{format, vec::Vec};

use super::PlantedData;
use crate::{
    Error, Result,
    data::{IdMap, Triples, graph::TripleCollector},
    rng::{Rng, streams::Planted as Stream},
};

/// How much more likely an item of the same direction is than one at a right angle, as a logarithm: related items are of one
/// taste or of neighbouring ones, mostly.
const SHARPNESS: f32 = 8.0;
/// Pairs of items that are looked at, at most; more is refused as a slip.
const MOST_PAIRS: u64 = 1 << 28;

impl PlantedData {
    /// Relates each item to `count` others, drawn without replacement with probabilities proportional to exp(8 x cosine) of the
    /// planted vectors, popularity aside: triples of the one relation `related`, aligned with the interactions. The truth by
    /// which users take items is as it was, and what is known of an item that nobody has is whose kind it is.
    ///
    /// ```
    /// use pocketrec::data::{Planted, Relations};
    /// let planted = Planted { users: 60, items: 50, interactions_per_user: 8, ..Planted::default() }.generate()?;
    /// let known = planted.related(3, 1)?;
    /// assert_eq!((known.items(), known.len()), (50, 150));
    /// assert_eq!(Relations::of(&known)?.positives("related")?.positive_pairs().count(), 150);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where `count` is 0 or there are not as many other items, or there are too many items to look at all pairs.
    pub fn related(&self, count: u32, seed: u64) -> Result<Triples> {
        let items = self.interactions.items();
        if count == 0 || count >= items {
            let reason = format!("{count} related items of each of {items}; give 1 to {}", items - 1);
            return Err(Error::config("related", reason));
        }
        if u64::from(items) * u64::from(items) > MOST_PAIRS {
            let reason = format!("{items} items are too many to relate each to others; take fewer");
            return Err(Error::config("items", reason));
        }
        let item_ids = self.interactions.item_ids().clone();
        let mut triples = TripleCollector::of_keys(item_ids, IdMap::from_keys(["related"])?);
        let rng = Rng::new(seed).stream(Stream::Related as u32);
        let mut keyed: Vec<(f32, u32)> = Vec::with_capacity(items as usize);
        for head in 0..items {
            let rng = rng.stream(head);
            keyed.clear();
            let others = (0..items).filter(|&tail| tail != head);
            // The largest of score + Gumbel noise are a draw without replacement (Yellott, 1977).
            keyed.extend(others.map(|tail| {
                (
                    SHARPNESS * self.alikeness(head, tail) + super::interactions::gumbel(rng, tail),
                    tail,
                )
            }));
            keyed.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            for &(_, tail) in &keyed[..count as usize] {
                triples.push(head, 0, tail);
            }
        }
        triples.report.rows = u64::from(items);
        triples.finish(items)
    }

    /// The cosine of two items' planted vectors: 1 of the same direction; 0 where either is not there.
    pub fn alikeness(&self, item: u32, other: u32) -> f32 {
        let squares = self.product_of_items(item, item) * self.product_of_items(other, other);
        match squares > 0.0 {
            true => self.product_of_items(item, other) / libm::sqrtf(squares),
            false => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use crate::data::Planted;

    /// The mean alikeness of related items is far above that of all, and each head has as many tails, none of them itself.
    #[test]
    fn related_items_are_alike() {
        let options = Planted {
            users: 50,
            items: 120,
            interactions_per_user: 10,
            ..Planted::default()
        };
        let data = options.generate().unwrap();
        let known = data.related(5, 3).unwrap();
        let mean = |pairs: &[(u32, u32)]| {
            let sum: f64 = pairs.iter().map(|&(a, b)| f64::from(data.alikeness(a, b))).sum();
            sum / pairs.len() as f64
        };
        let related: Vec<(u32, u32)> = known.of_relation(0).collect();
        let all: Vec<(u32, u32)> = (0..120).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
        assert!(mean(&related) > mean(&all) + 0.5, "{} {}", mean(&related), mean(&all));
        for head in 0..120 {
            let tails: Vec<u32> = related
                .iter()
                .filter(|pair| pair.0 == head)
                .map(|pair| pair.1)
                .collect();
            assert!(tails.len() == 5 && !tails.contains(&head));
        }
        assert_eq!(
            known.iter().collect::<Vec<_>>(),
            data.related(5, 3).unwrap().iter().collect::<Vec<_>>()
        );
        assert!((data.alikeness(4, 4) - 1.0).abs() < 1e-6);
        assert!(data.related(0, 1).is_err() && data.related(120, 1).is_err());
    }
}

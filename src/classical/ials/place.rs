//! Items that training gave no vector, placed by their features.

use alloc::{format, vec::Vec};
use core::mem;

use super::{Factors, Ials};
use crate::{
    Error, Result,
    classical::{
        Classical, PlacedItems,
        method::{Method, Prepare},
        records::Records,
        ridge::{Ridge, check_ridge},
    },
    cpu::Workers,
    data::Features,
    memory,
};

impl Ials {
    /// Places the items that nobody had in training by what is known of them, so that they are recommended, scored and explained as
    /// all others: a ridge regression from features to the vectors of the items that somebody had says what theirs would be.
    ///
    /// `features` has the items of this model in their order, and behind them any number of new ones, which the catalogue grows by;
    /// [`absorb`](Classical::absorb) takes clicks on them from then on. `ridge` weighs the squares of the coefficients against those of what the
    /// features do not explain: the more of it, the nearer do items come to the mean of all vectors, and a feature that few
    /// have says less. From 10 to 100 the ranking of new items is about as good on MovieLens-1M, and 3 is best on Last.FM, with thrice as
    /// many features as items.
    ///
    /// - Recommendations of other items keep their scores, to the bit: placed items are no part of the systems that users' vectors are
    ///   solved by, but where a user has them. [`placed`](Ials::placed) says which they are.
    /// - An item without features gets nothing: if it is new, it is there and its score is 0, until it is trained on.
    /// - Each call places all of them anew, by vectors from training alone.
    /// - [`train`](Ials::train) forgets what was placed: an item that somebody has by then is trained on, beginning from its place, and
    ///   one that nobody has becomes zero, as it would have been. So place again after it, where there are such. Files have the places.
    ///
    /// ```
    /// use pocketrec::{classical::{Ials, IalsConfig}, data::{FeatureKind, FeatureTable, IdMap, Interactions}, device::Device};
    /// let data = Interactions::from_keys([("ann", "tea", 1), ("ann", "mate", 2), ("bob", "mate", 3), ("eve", "rice", 4), ("eve", "oats", 5)])?;
    /// let config = IalsConfig { factors: 4, ..IalsConfig::default() };
    /// let mut model = Ials::fit(&data, config, &Device::cpu())?;
    /// // What there is, in the order of the model, and what comes tomorrow.
    /// let items = IdMap::from_keys(["tea", "mate", "rice", "oats", "cocoa", "millet"])?;
    /// let mut table = FeatureTable::new(&items).column("kind", FeatureKind::Category)?;
    /// for (item, kind) in [("tea", "drink"), ("mate", "drink"), ("rice", "grain"), ("oats", "grain"), ("cocoa", "drink"), ("millet", "grain")] {
    ///     table.push(item, &[kind])?;
    /// }
    /// let placed = model.place_items(&table.finish()?, 0.1)?;
    /// assert_eq!((placed.fitted, placed.placed, placed.new), (4, 2, 2));
    /// let scores = model.score(&[(0, 4), (0, 5)])?; // ann drinks
    /// assert!(scores[0] > 2.0 * scores[1].abs());
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// Gantner et al., *Learning Attribute-to-Feature Mappings for Cold-Start Recommendations*, ICDM 2010, map attributes to the factors of
    /// a model that is there, too.
    ///
    /// # Errors
    /// [`Error::Config`] where the features are not of the model's items, the model is not trained, or `ridge` is out of range or
    /// too small for a solution; [`Error::Memory`]. Nothing has changed then.
    pub fn place_items(&mut self, features: &Features, ridge: f32) -> Result<PlacedItems> {
        let Classical {
            method,
            records,
            workers,
        } = self;
        check_ridge(ridge)?;
        check_rows(features, records)?;
        let (items, report) = method.with_places(workers, features, ridge)?;
        method.set_items(workers, items)?;
        records.grow_items(features.row_ids());
        Ok(report)
    }

    /// The items whose vectors come of [`place_items`](Ials::place_items), in ascending order.
    pub fn placed(&self) -> &[u32] {
        &self.method.placed
    }
}

/// Vectors of all items, and which of them are placed.
struct Items {
    vectors: Vec<f32>,
    placed: Vec<u32>,
}

impl Factors {
    /// All vectors as they are once the items without one are placed.
    fn with_places(&self, workers: &mut Workers, features: &Features, ridge: f32) -> Result<(Items, PlacedItems)> {
        let factors = self.config.factors;
        let (mut known, mut wanted, mut without_features) = (Vec::new(), Vec::new(), 0);
        for row in 0..features.rows() as u32 {
            match self.trained_vector(row) {
                Some(vector) => known.push((row, &vector[..factors])),
                None if features.of(row).is_empty() => without_features += 1,
                None => wanted.push(row),
            }
        }
        if self.iterations == 0 || known.is_empty() {
            let reason = "no item has a vector from training that others could be placed by; train the model first";
            return Err(Error::config("features", reason));
        }
        let known = &known[..];
        let predicted = Ridge { features, known, ridge }.predict(workers, &wanted, factors)?;
        let rows = features.rows();
        let mut vectors = memory::zeroed(rows * self.width, || format!("vectors of {rows} items"))?;
        vectors[..self.items.len()].copy_from_slice(&self.items);
        for (&row, vector) in wanted.iter().zip(predicted.vectors.chunks_exact(factors)) {
            vectors[row as usize * self.width..][..factors].copy_from_slice(vector);
        }
        let report = PlacedItems {
            fitted: known.len(),
            placed: wanted.len(),
            new: wanted.iter().filter(|&&row| row as usize >= self.items()).count(),
            without_features,
            explained: predicted.explained,
        };
        // Those that were placed before and have no features now keep their place.
        let mut placed = wanted;
        placed.extend(&self.placed);
        placed.sort_unstable();
        placed.dedup();
        Ok((Items { vectors, placed }, report))
    }

    /// The vector that training gave to an item: none where nobody had it.
    fn trained_vector(&self, item: u32) -> Option<&[f32]> {
        let is_there = (item as usize) < self.items() && self.placed.binary_search(&item).is_err();
        let vector = is_there.then(|| self.item(item))?;
        vector.iter().any(|&x| x != 0.0).then_some(vector)
    }

    /// Serves by these from now on; by the old ones where there is no memory for it.
    fn set_items(&mut self, workers: &mut Workers, items: Items) -> Result<()> {
        let before = Items {
            vectors: mem::replace(&mut self.items, items.vectors),
            placed: mem::replace(&mut self.placed, items.placed),
        };
        let prepared = self.prepare(workers);
        if prepared.is_err() {
            (self.items, self.placed) = (before.vectors, before.placed);
        }
        prepared
    }

    /// Takes the places of items that nobody has away, before all are trained on.
    pub(super) fn forget_places(&mut self, has_users: impl Fn(usize) -> bool) {
        for item in mem::take(&mut self.placed) {
            let item = item as usize;
            if !has_users(item) {
                self.items[item * self.width..][..self.width].fill(0.0);
            }
        }
        self.trained_items = self.items();
    }
}

/// Refuses features of other items, or of fewer.
fn check_rows(features: &Features, records: &Records) -> Result<()> {
    features.check_rows(&records.item_ids, "items of the model")?;
    let (rows, items) = (features.rows(), records.items());
    if rows < items {
        let reason = format!(
            "they end after {rows} of the {items} items of the model; read them with its keys (item_ids), and new ones behind"
        );
        return Err(Error::config("features", reason));
    }
    Ok(())
}

//! iALS: matrix factorisation by alternating least squares.

mod config;
mod factors;
mod place;
mod train;

pub use config::{IalsConfig, Solver};
pub use factors::Factors;

use alloc::vec::Vec;

use super::{
    face::{Classical, check_data},
    method::Prepare,
    records::Records,
};
use crate::{Result, data::Interactions, device::Device};

/// iALS: vectors whose products are 1 for what was observed and small for everything else, found without sampling.
///
/// With `S` the observed (user, item), it minimises
///
/// ```text
/// sum over S of (1 - x_u . y_i)^2 + unobserved * sum over all u, i of (x_u . y_i)^2
///     + l2 * (sum over u of (|I_u| + unobserved * items)^l2_exponent |x_u|^2
///           + sum over i of (|U_i| + unobserved * users)^l2_exponent |y_i|^2)
/// ```
///
/// Items given, the best vector of each user is the solution of a linear system as wide as a vector, and the other way round; an
/// iteration solves for all users, then for all items. What a system shares with all others is computed once, so that the cost
/// is that of the observed pairs although all pairs count.
///
/// Hu, Koren, Volinsky: *Collaborative Filtering for Implicit Feedback Datasets*, ICDM 2008; in the form of Rendle, Krichene, Zhang,
/// Koren: *Revisiting the Performance of iALS on Item Recommendation Benchmarks*, RecSys 2022, whose `l2_exponent` makes the
/// difference.
///
/// A user's vector follows from the history alone ([`fold_in`](Classical::fold_in)), exactly; recommendations go by it, for those
/// who were trained on as for those who were not. So the score is a sum over the history ([`explain`](Classical::explain), section 5
/// of Hu et al.): with `A` the system's matrix, `x . y_j = sum over i of y_i . A^-1 y_j`.
///
/// Memory: `4 x factors` bytes a user and twice that an item, with `factors` rounded up to 16, and the interactions from both
/// sides while it is trained.
pub type Ials = Classical<Factors>;

impl Ials {
    /// Trains on interactions for as many iterations as the settings say, on all threads of `device`.
    ///
    /// ```
    /// use pocketrec::{classical::{Ials, IalsConfig}, data::Interactions, device::Device};
    /// let data = Interactions::from_pairs(&[(0, 0), (0, 1), (1, 1), (1, 2), (2, 0), (2, 2), (3, 3), (3, 4)])?;
    /// let config = IalsConfig { factors: 4, ..IalsConfig::default() };
    /// let model = Ials::fit(&data, config, &Device::cpu())?;
    /// assert_eq!(model.recommend(0, 1)?[0].0, 2);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where a setting is out of range, there are no interactions, or `l2` is so small that there is
    /// no solution in `f32`; [`Error::Device`](crate::Error::Device) where the device is not the processor;
    /// [`Error::Memory`](crate::Error::Memory).
    pub fn fit(data: &Interactions, config: IalsConfig, device: &Device) -> Result<Self> {
        let mut model = Self::new(data, config, device)?;
        model.train(config.iterations)?;
        Ok(model)
    }

    /// A model before training, which [`train`](Classical::train) goes on with.
    ///
    /// # Errors
    /// Those of [`fit`](Classical::fit).
    pub fn new(data: &Interactions, config: IalsConfig, device: &Device) -> Result<Self> {
        config.validate()?;
        check_data(data)?;
        let records = Records::of(data);
        let factors = Factors::initial(config, records.users(), records.items())?;
        Classical::with(factors, records, device)
    }

    /// Trains for some more iterations, on all that is known by now: what it was fitted on and what was absorbed. Two calls give the same
    /// bits as one with as many iterations. Items that were [placed](Ials::place_items) and that nobody has become zero.
    ///
    /// # Errors
    /// Those of [`fit`](Classical::fit); the vectors are those of the last good iteration then.
    pub fn train(&mut self, iterations: u32) -> Result<()> {
        if iterations == 0 {
            return Ok(());
        }
        let Classical {
            method,
            records,
            workers,
        } = self;
        let trained = train::run(method, records, workers, iterations);
        self.method.prepare(&mut self.workers)?;
        trained
    }

    /// The settings.
    pub fn config(&self) -> &IalsConfig {
        &self.method.config
    }

    /// Iterations so far.
    pub fn iterations(&self) -> u32 {
        self.method.iterations
    }

    /// The vector of somebody with these items, `factors` wide: one solution, and no training.
    ///
    /// # Errors
    /// [`Error::Id`](crate::Error::Id) where one of the items is not there.
    pub fn fold_in(&self, history: &[u32]) -> Result<Vec<f32>> {
        let history = self.records.sorted(history)?;
        let mut vector = self.method.vector_of(&history);
        vector.truncate(self.config().factors);
        Ok(vector)
    }

    /// The vector of an item, `factors` wide.
    ///
    /// # Errors
    /// [`Error::Id`](crate::Error::Id) where there is no such item.
    pub fn item_vector(&self, item: u32) -> Result<&[f32]> {
        self.records.check_items(&[item])?;
        Ok(&self.method.item(item)[..self.config().factors])
    }
}

//! RP3beta: where three steps of a random walk lead from what a user has.

mod config;
mod walk;

pub use config::Rp3BetaConfig;

use alloc::{vec, vec::Vec};

use super::{
    face::{Classical, check_data},
    method::{Method, Prepare},
    records::Records,
};
use crate::{
    Result,
    data::Interactions,
    device::Device,
    eval::TopK,
    explain::{Explanation, Reason},
};

/// RP3beta: an item-item model that is counted, not trained.
///
/// A walk begins at an item `i` of the user's history, steps to one of the users who have it, and from there to one of that user's
/// items `j`. How likely that is, each step's probability raised to `alpha`, over the popularity of where it ends:
///
/// ```text
/// w_ij = sum over users v who have both of (1 / |U_i|)^alpha (1 / |I_v|)^alpha / |U_j|^beta
/// score(u, j) = sum over i in I_u of w_ij
/// ```
///
/// with `U_i` the users of an item and `I_v` the items of a user. Of each item the [`neighbours`](Rp3BetaConfig::neighbours) with the
/// largest weights are kept; an item is no neighbour of itself.
///
/// Paudel, Christoffel, Newell, Bernstein: *Updatable, Accurate, Diverse, and Scalable Recommendations for Interactive
/// Applications*, ACM TiiS 7(1), 2017; Christoffel, Paudel, Newell, Bernstein: *Blockbusters and Wallflowers*, RecSys 2015. The
/// form of the weights, all users of a history alike, is that of Ferrari Dacrema et al., *Are We Really Making Much Progress?*,
/// RecSys 2019.
///
/// The score of an item is a sum over the history, so that [`explain`](Classical::explain) has nothing to estimate.
///
/// Memory: 8 bytes a neighbour that is kept, so `8 items x neighbours` at most, twice that while fitting; beside it 8 bytes an item
/// for each thread, and the interactions from both sides. Never items x items. Time: the sum over users of their items squared.
pub type Rp3Beta = Classical<Walks>;

/// The weights of RP3beta, the largest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Walks {
    pub(crate) config: Rp3BetaConfig,
    /// The neighbours of item `i` are `offsets[i]..offsets[i + 1]`.
    pub(crate) offsets: Vec<u64>,
    pub(crate) neighbours: Vec<u32>,
    pub(crate) weights: Vec<f32>,
}

impl Rp3Beta {
    /// Counts the walks of interactions, on all threads of `device`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where a setting is out of range or there are no interactions,
    /// [`Error::Device`](crate::Error::Device) where the device is not the processor, and [`Error::Memory`](crate::Error::Memory).
    pub fn fit(data: &Interactions, config: Rp3BetaConfig, device: &Device) -> Result<Self> {
        config.validate()?;
        check_data(data)?;
        let mut model = Classical::with(Walks::empty(config), Records::of(data), device)?;
        model.method = walk::count(data, config, &mut model.workers)?;
        Ok(model)
    }

    /// The settings.
    pub fn config(&self) -> &Rp3BetaConfig {
        &self.method.config
    }
}

impl Walks {
    fn empty(config: Rp3BetaConfig) -> Self {
        Walks {
            config,
            offsets: vec![0],
            neighbours: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// The neighbours of an item with their weights, the largest first; of equal ones the lower item is first.
    ///
    /// # Panics
    /// Where there is no such item.
    pub fn of(&self, item: u32) -> impl Iterator<Item = (u32, f32)> + '_ {
        let range = self.offsets[item as usize] as usize..self.offsets[item as usize + 1] as usize;
        let neighbours = self.neighbours[range.clone()].iter().copied();
        neighbours.zip(self.weights[range].iter().copied())
    }

    /// The weight between two items; 0 where it was not kept.
    fn between(&self, from: u32, to: u32) -> Option<f32> {
        self.of(from).find(|pair| pair.0 == to).map(|pair| pair.1)
    }
}

impl Prepare for Walks {}

impl Method for Walks {
    const NAME: &'static str = "rp3beta";

    fn items(&self) -> usize {
        self.offsets.len() - 1
    }

    fn score_all(&self, histories: &[&[u32]], scores: &mut [f32], work: &mut Vec<f64>) {
        for (history, scores) in histories.iter().zip(scores.chunks_exact_mut(self.items())) {
            work.clear();
            work.resize(self.items(), 0.0);
            for &item in *history {
                for (neighbour, weight) in self.of(item) {
                    work[neighbour as usize] += f64::from(weight);
                }
            }
            scores
                .iter_mut()
                .zip(&*work)
                .for_each(|(score, &sum)| *score = sum as f32);
        }
    }

    fn score(&self, history: &[u32], items: &[u32]) -> Vec<f32> {
        let weights = |to: u32| history.iter().filter_map(move |&from| self.between(from, to));
        let score = |&to: &u32| weights(to).map(f64::from).sum::<f64>() as f32;
        items.iter().map(score).collect()
    }

    fn explain(&self, history: &[u32], item: u32) -> Explanation {
        let reason = |&from: &u32| {
            let contribution = self.between(from, item)?;
            Some(Reason {
                item: from,
                contribution,
            })
        };
        let score = self.score(history, &[item])[0];
        Explanation::new(score, history.iter().filter_map(reason).collect(), 0.0)
    }

    fn similar(&self, item: u32, top: &mut TopK) {
        self.of(item)
            .for_each(|(neighbour, weight)| top.offer(neighbour, weight));
    }
}

//! Reasons: which items of a user's history a recommendation comes from, and how much.
//!
//! There are three [kinds](Kind), and an [`Explanation`] says which it has. [Parts](Kind::Parts) are what items give to a score: they and a
//! rest add up to it. [Weights](Kind::Weights) are how much a model of attention has read of each item: they say where it has looked,
//! not what it has made of it, and add up to no score. [Neighbours](Kind::Neighbours) are such weights, of what the recommended item
//! is joined with in a knowledge graph instead of the history.
//!
//! | Model | Kind | How |
//! |---|---|---|
//! | [`Rp3Beta`](crate::classical::Rp3Beta), [`Ials`](crate::classical::Ials) | parts | exactly; there is no rest |
//! | [`LightGcn`](crate::models::LightGcn) | parts | exactly: what comes over each edge; the rest is the user's own row |
//! | [`Mf`](crate::models::Mf), [`Gmf`](crate::models::Gmf) | parts | the user's vector is written by those of the history; what is left is the rest |
//! | [`SasRec`](crate::models::SasRec) | weights | attention of all blocks and heads, rolled out from the last step |
//! | [`Kgcn`](crate::models::Kgcn) | neighbours | attention of the user to the relations of the item's neighbours |
//! | [`Din`](crate::models::Din) | weights | the attention unit's, of each event with the candidate |
//! | [`Dien`](crate::models::Dien) | weights | the scores that steer its second recurrent layer |
//!
//! [`Model::reasons`](crate::models::Model::reasons) and [`ClickModel::reasons`](crate::models::ClickModel::reasons) say it of a model.
//! The calls are [`Trainer::explain`](crate::train::Trainer::explain), [`ClickTrainer::explain`](crate::train::ClickTrainer::explain) and
//! [`Classical::explain`](crate::classical::Classical::explain).

use alloc::vec::Vec;

/// What the reasons of an [`Explanation`] are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Parts of the score: with the rest they add up to it, but for rounding.
    #[default]
    Parts,
    /// How much was read of each item: weights of attention, which add up to no score. A large one says that an item was looked at,
    /// not that it speaks for the recommendation.
    Weights,
    /// How much was read of each thing that the recommended item is joined with in a knowledge graph: weights, which add up to 1. A
    /// reason's `item` is then an entity of [`Knowledge`](crate::data::Knowledge), of which the first are the items.
    Neighbours,
}

/// Why a user is given an item: the items that the user has, each with its part of the score, or how much of it was read.
///
/// Where `kind` is [`Kind::Parts`], `reasons` and `rest` add up to `score`, but for rounding ([`sum`](Explanation::sum)). Where there
/// is no `rest`, the reasons are all that there is to a score; a `rest` is what the score has beside the history, as a bias, or what
/// an embedding has learnt that the history does not tell.
///
/// ```
/// use pocketrec::explain::{Explanation, Kind, Reason};
/// let reasons = vec![Reason { item: 4, contribution: 0.25 }, Reason { item: 9, contribution: 0.5 }];
/// let why = Explanation::new(0.75, reasons, 0.0);
/// assert_eq!((why.kind, why.reasons[0].item), (Kind::Parts, 9));
/// assert_eq!(why.sum(), 0.75);
///
/// // A step of a history each; item 4 comes twice.
/// let read = Explanation::weights(2.5, [(4, 0.25), (9, 0.375), (4, 0.375)]);
/// assert_eq!((read.kind, read.reasons[0]), (Kind::Weights, Reason { item: 4, contribution: 0.625 }));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// What the model scores the item with.
    pub score: f32,
    /// What the reasons are.
    pub kind: Kind,
    /// Items of the history, the largest contribution first; of equal ones the lower item is first.
    pub reasons: Vec<Reason>,
    /// What is left of the score; 0 of weights.
    pub rest: f32,
}

/// An item of the history, and what it has to do with a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// The item that the user has. Of a model of clicks, its row in its vocabulary; of [neighbours](Kind::Neighbours), an entity.
    pub item: u32,
    /// Of [parts](Kind::Parts), its part of the score, below zero where it speaks against the recommendation. Of
    /// [weights](Kind::Weights) and [neighbours](Kind::Neighbours), how much of it was read.
    pub contribution: f32,
}

impl Explanation {
    /// Parts of a score. Puts them in order.
    pub fn new(score: f32, mut reasons: Vec<Reason>, rest: f32) -> Self {
        let best_first = |a: &Reason, b: &Reason| b.contribution.total_cmp(&a.contribution).then(a.item.cmp(&b.item));
        reasons.sort_unstable_by(best_first);
        Explanation {
            score,
            kind: Kind::Parts,
            reasons,
            rest,
        }
    }

    /// The weights of a history's steps, each with its item; those of an item that comes more than once are added up.
    pub fn weights(score: f32, steps: impl IntoIterator<Item = (u32, f32)>) -> Self {
        let mut steps: Vec<(u32, f32)> = steps.into_iter().collect();
        steps.sort_by_key(|step| step.0);
        let of_item = |steps: &[(u32, f32)]| Reason {
            item: steps[0].0,
            contribution: steps.iter().map(|step| f64::from(step.1)).sum::<f64>() as f32,
        };
        let reasons = steps.chunk_by(|a, b| a.0 == b.0).map(of_item).collect();
        Explanation {
            kind: Kind::Weights,
            ..Explanation::new(score, reasons, 0.0)
        }
    }

    /// The weights of an item's neighbours, each with its entity; those of one that is reached by several relations are added up.
    pub fn neighbours(score: f32, neighbours: impl IntoIterator<Item = (u32, f32)>) -> Self {
        Explanation {
            kind: Kind::Neighbours,
            ..Explanation::weights(score, neighbours)
        }
    }

    /// What reasons and rest add up to: of [parts](Kind::Parts) the score, but for rounding. Weights add up to what they add up to (1
    /// where they are a softmax), which is no score.
    pub fn sum(&self) -> f64 {
        let given = self.reasons.iter().map(|reason| f64::from(reason.contribution));
        given.sum::<f64>() + f64::from(self.rest)
    }
}

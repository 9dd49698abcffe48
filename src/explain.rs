//! Reasons: which items of a user's history a recommendation comes from, and how much.
//!
//! There are three [kinds](Kind), and an [`Explanation`] says which it has. [Parts](Kind::Parts) are what items give to a score: they and a
//! rest add up to it. [Weights](Kind::Weights) are how much a model of attention has read of each item: they say where it has looked,
//! not what it has made of it, and add up to no score. [Neighbours](Kind::Neighbours) are such weights, of what the recommended item
//! is joined with in a knowledge graph instead of the history. [Paths](Kind::Paths) are how well relations lead from an item to the
//! recommendation.
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
//! | [`Cfkg`](crate::models::Cfkg) | paths | the steps from the user to an item of the history, and on along a relation |
//!
//! Where [relations](crate::train::Trainer::set_relations) were trained with, an explanation has a [`Path`] besides: the best way from
//! an item of the history along a relation to the recommendation, as far as one is known. Its number is, for a user `u`, an item
//! `h` of the history, the item `i` and the relation `r` between them,
//!
//! | Model | Number of a path |
//! |---|---|
//! | [`LightGcn`](crate::models::LightGcn) with relations as edges | a part of the score, exactly: that which user and item both get from `h`, over the user's edge to it and over the relation's. With `sent_h` of [`ops::propagate`](crate::ops::propagate) it is `w_uh w_hi (sent_h . sent_h)`; where two relations join `h` and `i`, each has its share of `w_hi` |
//! | [`Mf`](crate::models::Mf), [`LightGcn`](crate::models::LightGcn) with relations as positives alone | the part of the score that `h` gives, over whatever way: the relation is why the two are near one another |
//! | [`Cfkg`](crate::models::Cfkg) | the score of each step, added up: `-|u - h|^2 - |h + r - i|^2` with the vectors of all four; backwards, where `i` is related to `h`, `-|u - h|^2 - |i + r - h|^2`; through an attribute `a` that both have, `-|u - h|^2 - |a + r - h|^2 - |a + r - i|^2` |
//!
//! What they mean, and what they do not, is in `guide::reasons`, with an example of each model.
//!
//! [`Model::reasons`](crate::models::Model::reasons) and [`ClickModel::reasons`](crate::models::ClickModel::reasons) say it of a model.
//! The calls are [`Trainer::explain`](crate::train::Trainer::explain), [`ClickTrainer::explain`](crate::train::ClickTrainer::explain) and
//! [`Classical::explain`](crate::classical::Classical::explain).

use alloc::{string::String, vec::Vec};

/// What the reasons of an [`Explanation`] are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Parts of the score: with the rest they add up to it, but for rounding.
    #[default]
    Parts,
    /// How much was read of each item: weights of attention, which add up to no score. A large one says that an item was looked at,
    /// not that it speaks for the recommendation.
    Weights,
    /// How well paths lead from items to the recommendation, which add up to no score: 0 at best, the less the further.
    Paths,
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
    /// What is left of the score; 0 of weights and paths.
    pub rest: f32,
    /// The best way from the history along a relation, where one leads to the item and speaks for it.
    pub path: Option<Path>,
}

/// A way from a user over an item of the history and along a relation to another item.
///
/// ```
/// use pocketrec::explain::{Path, Way};
/// let path = Path { item: 4, relation: "also bought".into(), way: Way::Forward, contribution: 0.5 };
/// assert_eq!(path.describe("tea", "mate"), "tea -> also bought -> mate");
/// let path = Path { way: Way::Through("drink".into()), relation: "kind".into(), ..path };
/// assert_eq!(path.describe("tea", "mate"), "tea -> kind: drink <- mate");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The item of the history that it goes over.
    pub item: u32,
    /// The name of the relation.
    pub relation: String,
    /// How the relation is gone along.
    pub way: Way,
    /// What it is worth; [`explain`](crate::explain) says what that is of each model.
    pub contribution: f32,
}

/// How a [`Path`] goes along a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the item of the history, the head, to the other.
    Forward,
    /// Against its direction: the item of the history is the tail.
    Backward,
    /// Over an attribute that both have: its key.
    Through(String),
}

impl Path {
    /// The path in a line, with names for the item of the history and the other.
    pub fn describe(&self, from: &str, to: &str) -> String {
        let relation = &self.relation;
        match &self.way {
            Way::Forward => alloc::format!("{from} -> {relation} -> {to}"),
            Way::Backward => alloc::format!("{from} <- {relation} <- {to}"),
            // Values of columns have the name of theirs before them already.
            Way::Through(key) => {
                let value = key.strip_prefix(relation.as_str());
                let value = value.and_then(|value| value.strip_prefix(':')).unwrap_or(key);
                alloc::format!("{from} -> {relation}: {value} <- {to}")
            }
        }
    }
}

/// An item of the history, and what it has to do with a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// The item that the user has. Of a model of clicks, its row in its vocabulary; of [neighbours](Kind::Neighbours), an entity.
    pub item: u32,
    /// Of [parts](Kind::Parts), its part of the score, below zero where it speaks against the recommendation. Of
    /// [weights](Kind::Weights) and [neighbours](Kind::Neighbours), how much of it was read. Of [paths](Kind::Paths), the number of
    /// the best from it.
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
            path: None,
        }
    }

    /// The items from which paths lead, each with the number of its best, and the best of all.
    pub(crate) fn paths(score: f32, items: impl IntoIterator<Item = (u32, f32)>, path: Option<Path>) -> Self {
        let reason = |(item, contribution)| Reason { item, contribution };
        Explanation {
            kind: Kind::Paths,
            path,
            ..Explanation::new(score, items.into_iter().map(reason).collect(), 0.0)
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

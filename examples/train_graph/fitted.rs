//! A model that was fitted, whichever it is: what all of them are asked here.

use std::path::Path;

use pocketrec::{
    Result,
    classical::{Ials, Rp3Beta},
    data::Split,
    eval::{FullRanking, FullReport},
    explain::Explanation,
    train::Trainer,
};

use crate::common::reasons::Explains;

pub enum Fitted {
    Rp3Beta(Rp3Beta),
    Ials(Ials),
    Trainer(Box<Trainer>),
}

/// Evaluates an expression that all of them have.
macro_rules! each {
    ($fitted:expr, $model:ident => $value:expr) => {
        match $fitted {
            Fitted::Rp3Beta($model) => $value,
            Fitted::Ials($model) => $value,
            Fitted::Trainer($model) => $value,
        }
    };
}

impl Fitted {
    pub fn name(&self) -> &'static str {
        match self {
            Fitted::Rp3Beta(_) => "rp3beta",
            Fitted::Ials(_) => "ials",
            Fitted::Trainer(trainer) => trainer.model().name(),
        }
    }

    pub fn device(&self) -> String {
        each!(self, model => model.device())
    }

    pub fn full_ranking(&mut self, split: &Split, ranking: FullRanking) -> Result<FullReport> {
        each!(self, model => model.full_ranking(split, ranking))
    }

    pub fn recommend(&mut self, user: u32, k: usize) -> Result<Vec<(u32, f32)>> {
        each!(self, model => model.recommend(user, k))
    }

    pub fn save(&mut self, path: &Path) -> Result<()> {
        each!(self, model => model.save(path))
    }
}

impl Explains for Fitted {
    fn explain(&mut self, user: u32, item: u32) -> Result<Explanation> {
        each!(self, model => model.explain(user, item))
    }

    fn item(&self, item: u32, width: usize) -> String {
        each!(self, model => model.item(item, width))
    }

    fn reason(&self, reason: u32, width: usize) -> String {
        each!(self, model => model.reason(reason, width))
    }
}

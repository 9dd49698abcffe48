//! The parts of the executor beside its core.

use alloc::vec::Vec;

use super::CpuExecutor;
use crate::{
    checks::check_scored,
    data::Batch,
    executor::{Activations, Pending, ScoreCatalogue, catalogue_items, exposed},
};

/// Where the logit falls into a user's and an item's part.
impl ScoreCatalogue for CpuExecutor {
    fn score_catalogue<'a>(&'a mut self, users: &'a [u32], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            self.ready()?;
            let items = catalogue_items(&self.plan, users, out)?;
            self.check_graph()?;
            self.guarded(|executor| executor.score_items(users, items, out));
            Ok(())
        })
    }
}

impl Activations for CpuExecutor {
    fn score_with<'a>(&'a mut self, batch: &'a Batch, name: &'a str, out: &'a mut [f32]) -> Pending<'a, Vec<f32>> {
        Pending::now(|| {
            self.ready()?;
            check_scored(&self.plan, batch, out.len())?;
            self.check_graph()?;
            let view = exposed(&self.plan, name)?;
            self.check_room(batch)?;
            Ok(self.guarded(|executor| executor.score_beside(batch, view, out)))
        })
    }
}

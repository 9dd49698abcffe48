//! The dispatches of a plan, made for buffers of a size.

use crate::gpu::{
    ops::updates::Updates,
    program::{dispatch::Dispatch, room::Draw},
    sampling::maker::Maker,
    search::catalogue::Search,
};

/// A plan's dispatches.
pub(crate) struct Program {
    pub forward: Vec<Dispatch>,
    /// Forward without what only training does; nothing where that is the same.
    pub score: Option<Vec<Dispatch>>,
    pub backward: Vec<Dispatch>,
    pub updates: Vec<(Updates, Vec<Dispatch>)>,
    pub transpose: Vec<Dispatch>,
    /// What look-ups read of tables that are propagated: the rows that a batch picks, or all.
    pub propagate_picked: Vec<Dispatch>,
    pub propagate_all: Vec<Dispatch>,
    /// Makes batches on the device; there once one was asked for.
    pub maker: Option<Maker>,
    /// Searches the catalogue; there once it was asked to.
    pub search: Option<Search>,
}

impl Program {
    /// Forward as it is scored.
    pub fn scoring(&self) -> &[Dispatch] {
        self.score.as_ref().unwrap_or(&self.forward)
    }
}

/// Where the samples of a step come from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// `inputs` has them.
    Host,
    /// They are made on the device; `inputs` has the header.
    Device(Draw),
}

//! What is derived from a plan's forward list.

use alloc::{format, vec, vec::Vec};

use super::PlanBuilder;
use crate::{
    ops::Role,
    plan::{Accumulate, Backward, ParamKind, Stage, View},
};

impl PlanBuilder {
    /// Which stages the logit depends on, by the buffers that they write.
    pub(super) fn derive_scored(&self, logit: View) -> Vec<bool> {
        let mut needed = vec![false; self.buffers.len()];
        needed[logit.buffer] = true;
        let mut scored = vec![false; self.stages.len()];
        for (scored, stage) in scored.iter_mut().zip(&self.stages).rev() {
            *scored = stage.output().is_some_and(|output| needed[output.buffer]);
            if *scored {
                stage.inputs().iter().for_each(|input| needed[input.buffer] = true);
            }
        }
        scored
    }

    /// Which stages a loss depends on, by the columns that they write. The others make scores that the loss does not compare,
    /// and are left out of training.
    pub(super) fn derive_trained(&self) -> Vec<bool> {
        let mut needed: Vec<Vec<bool>> = self.buffers.iter().map(|&width| vec![false; width]).collect();
        let mut trained = vec![false; self.stages.len()];
        for (trained, stage) in trained.iter_mut().zip(&self.stages).rev() {
            let output = stage.output();
            *trained = output.is_none_or(|view| needed[view.buffer][view.range()].contains(&true));
            if *trained {
                stage
                    .inputs()
                    .iter()
                    .for_each(|view| needed[view.buffer][view.range()].fill(true));
            }
        }
        trained
    }

    /// Every parameter has a part in a loss: what scores alone read would stay as it began.
    pub(super) fn check_learnt(&mut self, trained: &[bool]) {
        let mut is_learnt = vec![false; self.params.len()];
        let mut fault = None;
        for (stage, &trained) in self.stages.iter().zip(trained) {
            match (trained, stage, stage.role()) {
                (true, ..) => stage.params().into_iter().for_each(|param| is_learnt[param] = true),
                // The gradient of a table's row is that of all its look-ups.
                (false, _, Role::LookUp { table, column }) => {
                    let (table, column) = (&self.params[table].name, &self.columns[column].name);
                    fault.get_or_insert(format!(
                        "scores depend on {table} by {column} and no loss does: it would never learn"
                    ));
                }
                (false, Stage::BatchNorm(norm), _) => {
                    let name = &self.params[norm.mean].name;
                    fault.get_or_insert(format!("scores depend on {name} and no loss does: it would never move"));
                }
                (false, ..) => {}
            }
        }
        let is_open = |index: &usize| self.params[*index].kind == ParamKind::Dense && !is_learnt[*index];
        if let Some(index) = (0..self.params.len()).find(is_open) {
            let name = &self.params[index].name;
            fault.get_or_insert(format!(
                "scores depend on {name} and no loss does: it would never learn"
            ));
        }
        if let Some(fault) = fault {
            self.fail(fault);
        }
    }

    /// Rows of the tables of each vocabulary; 0 where it has none.
    pub(super) fn vocabulary_rows(&self) -> Vec<usize> {
        let first = |vocabulary| self.first_tables.get(&vocabulary);
        let rows = |vocabulary| first(vocabulary).map_or(0, |&table| self.params[table].rows);
        (0..self.vocabularies.all.len()).map(rows).collect()
    }

    /// The look-ups of each parameter, in forward order.
    pub(super) fn gathers_of_params(&self) -> Vec<Vec<(usize, View)>> {
        let mut gathers = vec![Vec::new(); self.params.len()];
        for stage in &self.stages {
            if let (Role::LookUp { table, column }, Some(output)) = (stage.role(), stage.output()) {
                gathers[table].push((column, output));
            }
        }
        gathers
    }

    /// The stages from last to first; who delivers a gradient first overwrites, who comes later adds. What hands no gradient
    /// on, because none reaches its output, is left out.
    pub(super) fn derive_backward(&mut self) -> Vec<Backward> {
        let mut delivered: Vec<Vec<bool>> = self.buffers.iter().map(|&width| vec![false; width]).collect();
        let mut backward = Vec::with_capacity(self.stages.len());
        let mut reached = vec![false; self.params.len()];
        for (index, stage) in core::mem::take(&mut self.stages).into_iter().enumerate().rev() {
            let reached_by = |view| {
                self.columns_of(&delivered, view)
                    .is_some_and(|columns| columns.contains(&true))
            };
            if !stage.output().is_none_or(reached_by) {
                self.stages.push(stage);
                continue;
            }
            let mut accumulate = vec![Accumulate::Overwrite; stage.inputs().len()];
            for (accumulate, &view) in accumulate.iter_mut().zip(stage.inputs()) {
                let Some(columns) = delivered.get_mut(view.buffer).and_then(|b| b.get_mut(view.range())) else {
                    continue; // check_forward has reported it
                };
                match columns.iter().filter(|&&d| d).count() {
                    0 => *accumulate = Accumulate::Overwrite,
                    n if n == view.width => *accumulate = Accumulate::Add,
                    _ => self.fail(format!("{view:?} is read by stages whose columns overlap only in part")),
                }
                columns.fill(true);
            }
            let mut params = Accumulate::Overwrite;
            for param in stage.params() {
                if core::mem::replace(&mut reached[param], true) {
                    params = Accumulate::Add;
                }
            }
            backward.push(Backward {
                stage: index,
                accumulate,
                params,
            });
            self.stages.push(stage);
        }
        self.stages.reverse();
        backward
    }
}

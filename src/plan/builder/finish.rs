//! The checks of a whole plan.

use alloc::{format, vec, vec::Vec};

use super::{MAX_GATHERS, MAX_SEQUENCES, MAX_WEIGHTS, MAX_WIDTH, PlanBuilder};
use crate::{
    Result,
    ops::{Role, Spaces},
    plan::{Column, Param, Plan, Space, Stage, View},
};

impl PlanBuilder {
    /// Ends the plan with its loss: [`SigmoidCrossEntropy`](crate::ops::SigmoidCrossEntropy) of a logit against the label,
    /// [`Bpr`](crate::ops::Bpr), which compares the logits of an item and of a negative, or another
    /// [loss](crate::ops::Role::Loss).
    ///
    /// # Errors
    /// [`Error::Plan`](crate::Error::Plan) where views overlap, are empty, are read before they are written, or are
    /// never used; where a stage reads the buffer that it writes; where a buffer is filled by look-ups and numeric
    /// features and by other stages too; where rows of different spaces are mixed; where no table reads an id column;
    /// where scores depend on a parameter that no loss depends on; where sizes or initial values are out of range.
    pub fn finish(mut self, loss: impl Into<Stage>) -> Result<Plan> {
        let loss = loss.into();
        let of_loss = self.check_loss(&loss);
        let logit = self.scored.unwrap_or(of_loss);
        if logit.width != 1 {
            self.fail(format!("samples are scored by {} columns: it must be 1", logit.width));
        }
        self.stages.push(loss);
        self.check_params();
        self.check_propagation();
        self.refuse()?; // the checks below take memory for every column of every buffer
        self.check_forward(logit);
        let backward = self.derive_backward();
        self.refuse()?;
        let (scored, trained) = (self.derive_scored(logit), self.derive_trained());
        self.check_learnt(&trained);
        let scored_columns = self.scored_columns(&scored);
        self.refuse()?;
        let propagation = self
            .stages
            .iter()
            .position(|stage| matches!(stage.role(), Role::Tables { .. }));
        let (vocabulary_rows, gathers) = (self.vocabulary_rows(), self.gathers_of_params());
        Ok(Plan {
            given: self.columns.len(),
            columns: self.columns,
            vocabulary_rows,
            gathers,
            vocabularies: self.vocabularies.all,
            sequences: self.sequences.all,
            numerics: self.numerics,
            params: self.params,
            buffers: self.buffers,
            spaces: self.spaces,
            stages: self.stages,
            backward,
            scored,
            trained,
            scored_columns,
            logit,
            exposed: self.exposed,
            propagation,
            featured: self.featured,
        })
    }

    /// Every logit of the loss is one column, and it is a loss; gives what is scored.
    fn check_loss(&mut self, loss: &Stage) -> View {
        if let Some(fault) = loss.fault() {
            self.fail(fault);
        }
        for (column, view) in loss.id_columns() {
            if self
                .columns
                .get(column)
                .is_none_or(|column| column.space != self.space_of(view))
            {
                let name = loss.name();
                self.fail(format!(
                    "{name} reads id column {column} beside {view:?}: there is none of that number with an id a row"
                ));
            }
        }
        let inputs = loss.inputs();
        let twice = (1..inputs.len()).find(|&k| inputs[..k].contains(&inputs[k]));
        if let Some(view) = twice.map(|k| inputs[k]) {
            self.fail(format!("{} compares {view:?} with itself", loss.name()));
        }
        match loss.role() {
            Role::Loss { scored } => {
                if scored.width != 1 {
                    self.fail(format!("the logit is {} columns wide: it must be 1", scored.width));
                }
                scored
            }
            _ => {
                self.fail(format!("{} is no loss: end the plan with one", loss.name()));
                loss.output().unwrap_or(View {
                    buffer: 0,
                    start: 0,
                    width: 1,
                })
            }
        }
    }

    /// The id columns that what is scored depends on. Those that training alone reads, such as negatives, come behind them:
    /// scores are asked for by the first columns.
    fn scored_columns(&mut self, scored: &[bool]) -> usize {
        let mut read = vec![false; self.columns.len()];
        for (stage, _) in self.stages.iter().zip(scored).filter(|(_, scored)| **scored) {
            if let Role::LookUp { column, .. } = stage.role() {
                read[column] = true;
            }
        }
        let is_long = |(column, read): (&Column, &bool)| *read && column.space != Space::Samples;
        if self.numerics > 0 || self.columns.iter().zip(&read).any(is_long) {
            return self.columns.len(); // scored by whole batches
        }
        let count = read.iter().take_while(|read| **read).count();
        if let Some(late) = (count..read.len()).find(|&column| read[column]) {
            if !self.sequences.all.is_empty() {
                return self.columns.len(); // scored by whole batches
            }
            let (early, late) = (self.columns[count].name.clone(), self.columns[late].name.clone());
            self.fail(format!(
                "the id column {early}, which training alone reads, comes before {late}, which scores depend on: make it later"
            ));
        }
        count
    }

    /// Every id column picks from a table, every sequence has a column, and the parameters fit in an address space.
    fn check_params(&mut self) {
        let mut is_read = vec![false; self.columns.len()];
        // Ids with features are read by columns that are filled in beside them.
        self.featured.iter().for_each(|featured| is_read[featured.of] = true);
        let mut gathers = vec![0usize; self.params.len()];
        for stage in &self.stages {
            if let Role::LookUp { table, column } = stage.role() {
                is_read[column] = true;
                gathers[table] += 1;
            }
        }
        if let Some(index) = is_read.iter().position(|&is_read| !is_read) {
            let column = &self.columns[index].name;
            self.fail(format!("no table reads the id column {column}"));
        }
        let there = self.sequences.all.len();
        if there > MAX_SEQUENCES {
            self.fail(format!("{there} sequences; give {MAX_SEQUENCES} at most"));
        }
        if let Some(index) = gathers.iter().position(|&gathers| gathers > MAX_GATHERS) {
            let name = &self.params[index].name;
            self.fail(format!("{name} is looked up by more than {MAX_GATHERS} id columns"));
        }
        let mut has_column = vec![false; there];
        for column in &self.columns {
            if let Space::Steps(sequence) = column.space
                && let Some(has_column) = has_column.get_mut(sequence)
            {
                *has_column = true;
            }
        }
        if let Some(index) = has_column.iter().position(|&has_column| !has_column) {
            let sequence = &self.sequences.all[index];
            self.fail(format!("no id column lies along the sequence {sequence}"));
        }
        if self.numerics > MAX_WIDTH {
            let numerics = self.numerics;
            self.fail(format!("{numerics} numeric features; give {MAX_WIDTH} at most"));
        }
        let mut total = 0usize;
        for index in 0..self.params.len() {
            total = total.saturating_add(self.params[index].len());
            if total > MAX_WEIGHTS {
                let Param { name, rows, width, .. } = &self.params[index];
                self.fail(format!("{name}, {rows} x {width}, does not fit in memory"));
            }
        }
    }

    /// Every column is written once, before it is read, and is read at least once; in use, the logit is.
    fn check_forward(&mut self, logit: View) {
        let mut written: Vec<Vec<bool>> = self.buffers.iter().map(|&width| vec![false; width]).collect();
        let mut read = written.clone();
        let mut gathered = vec![None; self.buffers.len()];
        for stage in core::mem::take(&mut self.stages) {
            self.check_spaces(&stage);
            for &view in stage.inputs() {
                match (self.columns_of(&written, view), self.columns_of(&read, view)) {
                    _ if view.width == 0 => self.fail(format!("{} reads {view:?}, which is empty", stage.name())),
                    (Some(before), Some(_)) if before.iter().all(|&w| w) => {
                        read[view.buffer][view.range()].fill(true);
                    }
                    _ => self.fail(format!("{} reads {view:?}, which is not all written", stage.name())),
                }
            }
            if let Some(view) = stage.output() {
                match self.columns_of(&written, view) {
                    Some(before) if !before.iter().any(|&w| w) => {
                        written[view.buffer][view.range()].fill(true);
                        self.check_buffer(&stage, view, &mut gathered);
                    }
                    _ => self.fail(format!(
                        "{} writes {view:?}, which is written already or not there",
                        stage.name()
                    )),
                }
            }
            self.stages.push(stage);
        }
        match (self.columns_of(&written, logit), self.space_of(logit)) {
            (Some([true]), Space::Samples) => read[logit.buffer][logit.range()].fill(true),
            (_, space) => self.fail(format!(
                "samples are scored by {logit:?}, which is not written with a row a sample (its rows: {space:?})"
            )),
        }
        for (name, view) in core::mem::take(&mut self.exposed) {
            match self.columns_of(&written, view) {
                Some(_) if self.space_of(view) == Space::Nodes => {
                    self.fail(format!(
                        "{name} is {view:?}, which has a row a node: expose what is looked up in it"
                    ));
                }
                Some(columns) if columns.iter().all(|&w| w) => {}
                _ => self.fail(format!("{name} is {view:?}, which is not all written")),
            }
            self.exposed.push((name, view));
        }
        for (buffer, columns) in read.iter().enumerate() {
            if let Some(column) = columns.iter().position(|&r| !r) {
                self.fail(format!("column {column} of buffer {buffer} is never read"));
            }
        }
    }

    /// What a stage reads and writes has the rows that it asks for.
    fn check_spaces(&mut self, stage: &Stage) {
        let name = stage.name();
        let views = stage.inputs().iter().copied().chain(stage.output());
        let asked = stage.spaces(&|view| self.space_of(view));
        if !matches!(stage.role(), Role::Tables { .. } | Role::LookUp { .. })
            && let Some(view) = views.clone().find(|&view| self.space_of(view) == Space::Nodes)
        {
            self.fail(format!(
                "{name} works on samples and steps; {view:?} has a row a node: look it up first"
            ));
        }
        let space = match asked {
            Spaces::One(space) => space,
            Spaces::OfColumn(column) => self.columns[column].space,
            Spaces::LookUp { column } => return self.check_look_up(stage, self.columns[column].space),
            Spaces::OfFirstInput => {
                let first = stage.inputs().first();
                first.map_or(Space::Samples, |&view| self.space_of(view))
            }
            Spaces::Against { rows, list } => {
                let space = rows.first().map_or(Space::Samples, |&view| self.space_of(view));
                if self.space_of(list) == space || space == Space::Nodes {
                    self.fail(format!(
                        "{name} wants a list with rows of its own in {list:?}, not of {space:?}"
                    ));
                }
                self.check_steps(name, &[list]);
                return self.check_rows(name, space, &rows);
            }
            Spaces::OneSequence => return self.check_steps(name, &views.collect::<Vec<_>>()),
            Spaces::Between { samples, steps } => {
                let space = self.space_of(samples);
                if space != Space::Samples {
                    self.fail(format!(
                        "{name} wants one row a sample in {samples:?}, not of {space:?}"
                    ));
                }
                return self.check_steps(name, &steps);
            }
        };
        self.check_rows(name, space, &views.collect::<Vec<_>>());
    }

    /// All have a row for each of a space.
    fn check_rows(&mut self, name: &str, space: Space, views: &[View]) {
        for &view in views {
            let other = self.space_of(view);
            if other != space {
                self.fail(format!(
                    "{name} mixes rows: {view:?} has one for each of {other:?}, not of {space:?}"
                ));
            }
        }
    }

    /// Nodes are read, and what is written has a row an id.
    fn check_look_up(&mut self, stage: &Stage, ids: Space) {
        let name = stage.name();
        let sides = stage.inputs().iter().map(|&view| (view, Space::Nodes));
        for (view, space) in sides.chain(stage.output().map(|view| (view, ids))) {
            let other = self.space_of(view);
            if other != space {
                self.fail(format!(
                    "{name}: {view:?} has a row for each of {other:?}, not of {space:?}"
                ));
            }
        }
    }

    /// All lie along one sequence.
    fn check_steps(&mut self, name: &str, views: &[View]) {
        for &view in views {
            let (space, first) = (self.space_of(view), self.space_of(views[0]));
            if !matches!(space, Space::Steps(_)) || space != first {
                self.fail(format!(
                    "{name} wants the steps of one sequence in {view:?}, not of {space:?}"
                ));
            }
        }
    }

    /// Executors write a stage's output while its inputs are read, and keep the gradients of gathered buffers apart from
    /// others.
    fn check_buffer(&mut self, stage: &Stage, output: View, gathered: &mut [Option<bool>]) {
        let (name, buffer) = (stage.name(), output.buffer);
        if stage.inputs().iter().any(|input| input.buffer == buffer) {
            self.fail(format!(
                "{name} reads and writes buffer {buffer}; give its output another"
            ));
        }
        let gathers = match stage.role() {
            Role::LookUp { .. } => true,
            // A sum beside look-ups has its gradient where theirs are: it may hand it on to what is not looked up itself.
            Role::Layer if matches!(stage, Stage::Add(_)) => {
                let is_gathered = |view: &View| gathered[view.buffer] == Some(true);
                match stage.inputs().iter().any(is_gathered) {
                    true => false,
                    false => return,
                }
            }
            Role::Tables { .. } | Role::Layer | Role::Loss { .. } | Role::AuxiliaryLoss { .. } => false,
            Role::BesideLookUps => return,
        };
        if *gathered[buffer].get_or_insert(gathers) != gathers {
            self.fail(format!(
                "{name} fills buffer {buffer} together with stages of another kind: look-ups, numeric features and \
                 pooled sequences apart from the rest"
            ));
        }
    }

    pub(super) fn columns_of<'a>(&self, flags: &'a [Vec<bool>], view: View) -> Option<&'a [bool]> {
        flags.get(view.buffer)?.get(view.range())
    }
}

//! A model as a flat list of stages over named parameters and activations.
//!
//! A model builds its [`Plan`] once with a [`PlanBuilder`]; executors run it. Models never mention a device, and
//! executors never mention a model: both know only [`Stage`], a closed enum, so that a stage which one executor
//! lacks is a compile error. The backward pass is derived from the forward list.
//!
//! ```
//! use pocketrec::{ops::SigmoidCrossEntropy, plan::{Activation, Init, PlanBuilder}};
//! let mut plan = PlanBuilder::new();
//! let user = plan.query("user");
//! let item = plan.candidate("item");
//! let x = plan.buffer(8);
//! let init = Init::Normal { std: 0.01 };
//! plan.gather("user.weight", user, 50, init, x.columns(0, 4));
//! plan.gather("item.weight", item, 40, init, x.columns(4, 4)); // a concat is a column range
//! let h = plan.linear("mlp.0", x, 4, Activation::Relu);
//! let logit = plan.linear("logit", h, 1, Activation::Identity);
//! let plan = plan.finish(SigmoidCrossEntropy { logit })?;
//! assert_eq!(plan.params().len(), 6);
//! # Ok::<(), pocketrec::Error>(())
//! ```

mod builder;
mod column;
mod layout;
mod need;
mod param;
mod stage;
mod state;
mod stored;

pub use crate::{
    ops::{Activation, Stage, gru::Kind as GruKind},
    optimizer::{AdamConfig, L2, Optimizer},
    view::{Accumulate, Space, Storage, View},
};
pub use builder::PlanBuilder;
pub(crate) use builder::{MAX_GATHERS, MAX_SEQUENCES, MAX_WEIGHTS};
pub(crate) use column::Featured;
pub use column::{Column, Pair, Part};
pub use layout::{Layout, padded};
pub use param::{Init, Param, ParamKind};
pub use stage::Backward;
pub use state::{State, Tensor};
pub(crate) use stored::{Kept, float};
pub use stored::{RowType, StoredRows};

use alloc::{format, string::String, vec::Vec};
use core::{fmt, ops::Range};

use crate::ops::{Names, Propagate};

/// A model, ready to be run by an executor.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    columns: Vec<Column>,
    vocabularies: Vec<String>,
    /// Rows of the tables of each vocabulary.
    vocabulary_rows: Vec<usize>,
    sequences: Vec<String>,
    numerics: usize,
    params: Vec<Param>,
    /// The look-ups of each parameter that is a table.
    gathers: Vec<Vec<(usize, View)>>,
    buffers: Vec<usize>,
    spaces: Vec<Space>,
    stages: Vec<Stage>,
    backward: Vec<Backward>,
    /// Which stages the logit depends on.
    scored: Vec<bool>,
    /// Which stages a loss depends on.
    trained: Vec<bool>,
    /// The first so many id columns are what it depends on.
    scored_columns: usize,
    /// The first so many id columns are a caller's to fill: all, but where an executor fills others in by itself.
    given: usize,
    logit: View,
    exposed: Vec<(String, View)>,
    /// The stage that propagates, if there is one.
    propagation: Option<usize>,
    /// The columns of features, where ids have some.
    featured: Vec<Featured>,
}

impl Plan {
    /// The id columns, in the order of a batch's.
    pub fn columns(&self) -> &[Column] {
        &self.columns[..self.given]
    }

    /// The id columns that scores depend on. Behind them are those that training alone reads, such as
    /// [negatives](Plan::negatives).
    pub fn scored_columns(&self) -> &[Column] {
        &self.columns[..self.scored_columns.min(self.given)]
    }

    /// The id columns of negatives, which the loss compares each sample's candidate with; none where samples have labels
    /// instead.
    pub fn negatives(&self) -> Range<usize> {
        let is_negative = |column: &Column| column.part == Part::Negative;
        let first = self.columns.iter().position(is_negative);
        let count = self.columns.iter().filter(|column| is_negative(column)).count();
        first.map_or(0..0, |first| first..first + count)
    }

    /// Where query and candidate are, if a score depends on one id of each and on nothing else: then a query's candidates,
    /// the rows of the candidate's tables, can be ranked.
    pub fn pair(&self) -> Option<Pair> {
        let only = |part: Part| {
            let mut places = (0..self.given).filter(|&column| self.columns[column].part == part);
            places.next().filter(|_| places.next().is_none())
        };
        let (query, candidate) = (only(Part::Query)?, only(Part::Candidate)?);
        let vocabularies = [query, candidate].map(|column| self.columns[column].vocabulary);
        let alone = self.scored_columns().len() == 2 && self.scores_ids();
        (alone && query.max(candidate) < 2 && vocabularies[0] != vocabularies[1]).then_some(Pair { query, candidate })
    }

    /// Whether some samples have others than the query's ids ask for the candidate, by [columns](PlanBuilder::head) that training
    /// alone reads: related items, or what items have in common.
    pub fn has_heads(&self) -> bool {
        let is_head =
            |column: &Column| column.part == Part::Feature && column.weighted && column.space == Space::Samples;
        self.pair().is_some() && self.columns[self.scored_columns..].iter().any(is_head)
    }

    /// Whether scores depend on a sample's ids alone, so that columns of them can be scored: on no numeric features, and on no
    /// sequence that is more than training's.
    pub fn scores_ids(&self) -> bool {
        let is_long = |column: &Column| column.space != Space::Samples;
        self.numerics == 0 && !self.scored_columns().iter().any(is_long)
    }

    /// Rows of the tables that a column picks from.
    pub fn rows_of(&self, column: usize) -> usize {
        self.columns
            .get(column)
            .map_or(0, |column| self.rows(column.vocabulary))
    }

    /// Names of the vocabularies: a column begins one of its own name unless it shares another's.
    pub fn vocabularies(&self) -> &[String] {
        &self.vocabularies
    }

    /// Names of the sequences, in the order of a batch's.
    pub fn sequences(&self) -> &[String] {
        match self.given < self.columns.len() {
            true => &[],
            false => &self.sequences,
        }
    }

    /// Number of numeric features of a sample.
    pub fn numerics(&self) -> usize {
        self.numerics
    }

    /// The parameters, in the order in which the stages use them.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// Index of the parameter called `name`.
    pub fn param(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|param| param.name == name)
    }

    /// Width of each activation buffer.
    pub fn buffers(&self) -> &[usize] {
        &self.buffers
    }

    /// What the rows of an activation buffer are.
    pub fn space(&self, buffer: usize) -> Space {
        self.spaces[buffer]
    }

    /// The gathers that read a table, as (id column, output), in forward order: more than one where columns share it.
    pub fn gathers(&self, table: usize) -> impl Iterator<Item = (usize, View)> {
        self.gathers.get(table).into_iter().flatten().copied()
    }

    /// The forward stages in order; the last is the loss.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The backward stages in order, the loss first.
    pub fn backward(&self) -> &[Backward] {
        &self.backward
    }

    /// Whether the logit depends on a stage. What it does not depend on, such as an auxiliary loss and what that is
    /// made of, is for training alone.
    pub fn is_scored(&self, stage: usize) -> bool {
        self.scored[stage]
    }

    /// Whether a loss depends on a stage. What none depends on makes scores alone: where a loss compares something else than
    /// what is scored, such as cosines instead of a dot product, training leaves it out.
    pub fn is_trained(&self, stage: usize) -> bool {
        self.trained[stage]
    }

    /// Whether the loss wants the [probabilities](crate::data::Batch::log_q_mut) by which a batch's candidates were drawn.
    pub fn wants_log_q(&self) -> bool {
        self.stages.iter().any(Stage::reads_log_q)
    }

    /// Where the logit is, one column wide: what a sample is scored with.
    pub fn logit(&self) -> View {
        self.logit
    }

    /// The activation that is called `name`, to be asked for with scores (see
    /// [`score_with`](crate::executor::score_with)): `attention` of DIN and DIEN.
    pub fn exposed(&self, name: &str) -> Option<View> {
        let mut views = self.exposed.iter();
        views.find(|(exposed, _)| exposed == name).map(|(_, view)| *view)
    }

    /// The name that a view is [exposed](Plan::exposed) by.
    pub(crate) fn exposed_as(&self, view: View) -> Option<&str> {
        let mut views = self.exposed.iter();
        views.find(|(_, exposed)| *exposed == view).map(|(name, _)| &**name)
    }

    /// The stage that lets the rows of whole tables reach one another, if there is one: an executor needs a
    /// [graph](crate::executor::set_graph) then.
    pub fn propagation(&self) -> Option<&Propagate> {
        match &self.stages[self.propagation?] {
            Stage::Propagate(propagate) => Some(propagate),
            _ => None,
        }
    }

    /// Rows of the two tables that are propagated, which are the nodes of its graph; zeros where there are none.
    pub fn nodes(&self) -> [usize; 2] {
        let rows = |propagate: &Propagate| propagate.tables.map(|table| self.params[table].rows);
        self.propagation().map_or([0; 2], rows)
    }

    /// Rows of the tables of a vocabulary, which are all of one length; 0 where there is no such vocabulary.
    pub fn rows(&self, vocabulary: usize) -> usize {
        self.vocabulary_rows.get(vocabulary).copied().unwrap_or(0)
    }

    /// The same plan with the tables of `vocabulary` at `rows` rows, for ids that came after training began.
    ///
    /// `rows` is not checked: it is for the caller to see that it is at least 1, at most `u32::MAX` and small enough
    /// for the memory, as [`Executor::grow`](crate::executor::Executor::grow) does.
    pub fn with_rows(mut self, vocabulary: usize, rows: usize) -> Self {
        self.set_rows(vocabulary, rows);
        self
    }

    /// All id columns, those that an executor fills in by itself among them.
    pub(crate) fn all_columns(&self) -> &[Column] {
        &self.columns
    }

    /// Number of all sequences, likewise.
    pub(crate) fn all_sequences(&self) -> usize {
        self.sequences.len()
    }

    /// The columns of features, where ids have some ([`with_features`](Plan::with_features)).
    pub(crate) fn featured(&self) -> &[Featured] {
        &self.featured
    }

    /// The same plan as callers of an executor see it that fills features in by itself: by the columns of the plan without them.
    pub(crate) fn seen_without_features(mut self, plain: &Plan) -> Self {
        let given = plain.columns.len();
        self.columns[..given].clone_from_slice(&plain.columns);
        self.scored_columns = plain.scored_columns;
        self.filled_in(given)
    }

    /// The same plan as callers of an executor see it that fills all id columns but the first `given` in by itself, and the
    /// sequences that they lie along.
    pub(crate) fn filled_in(mut self, given: usize) -> Self {
        self.given = given.min(self.columns.len());
        self
    }

    /// [`with_rows`](Plan::with_rows) in place.
    pub(crate) fn set_rows(&mut self, vocabulary: usize, rows: usize) {
        for param in &mut self.params {
            if param.kind == (ParamKind::Table { vocabulary }) {
                param.rows = rows;
                self.vocabulary_rows[vocabulary] = rows;
            }
        }
    }

    /// The same plan with the rows of all tables kept as `row_type`: an executor's [`State`] has them so, reads them directly
    /// where it scores, and keeps rows that steps change in `f32` beside them ([`StoredRows`]). A step gives the same bits as
    /// on tables of floats that began from what was kept, without moments; but that an L2 term of every row
    /// ([`L2::per_row`]) moves none but rows that were changed before.
    pub fn with_tables_as(mut self, row_type: RowType) -> Self {
        for param in self.params.iter_mut().filter(|param| param.is_table()) {
            param.row_type = row_type;
        }
        self
    }

    /// What the rows of tables are kept as.
    pub fn row_type(&self) -> RowType {
        let table = self.params.iter().find(|param| param.is_table());
        table.map_or(RowType::F32, |table| table.row_type)
    }

    /// Floats in all parameters.
    pub fn weights(&self) -> usize {
        self.params.iter().map(Param::len).fold(0, usize::saturating_add)
    }

    /// Multiply-adds of one sample's forward pass, counting one step of each sequence; training takes three times as
    /// many.
    pub fn multiply_adds(&self) -> usize {
        self.batch_multiply_adds(1, &[1; MAX_SEQUENCES])
    }

    /// Multiply-adds of the forward pass over `samples` samples that have `steps[q]` steps of sequence `q` in all;
    /// training takes three times as many.
    ///
    /// # Panics
    /// Where the plan has more sequences than there are numbers of steps.
    pub fn batch_multiply_adds(&self, samples: usize, steps: &[usize]) -> usize {
        let rows = |view: View| match self.space(view.buffer) {
            Space::Samples => samples,
            Space::Steps(sequence) => steps[sequence],
            Space::Nodes => self.nodes().into_iter().fold(0, usize::saturating_add),
        };
        let of_stage = |stage: &Stage| stage.multiply_adds(&rows);
        self.stages.iter().map(of_stage).fold(0, usize::saturating_add)
    }
}

impl Names for Plan {
    fn name(&self, param: usize) -> String {
        self.params[param].name.clone()
    }

    fn param(&self, param: usize) -> String {
        let Param { name, rows, width, .. } = &self.params[param];
        format!("{name}[{rows}, {width}]")
    }

    fn column(&self, column: usize) -> String {
        self.columns[column].name.clone()
    }
}

/// One stage a line, with the shapes that it reads and writes.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stage in &self.stages {
            stage.describe(self, f)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

//! Puts a plan together and derives its backward pass.

mod derive;
mod featured;
mod features;
mod finish;
mod graphs;
mod layers;
mod sequences;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use hashbrown::{HashMap, HashSet};

use super::{Column, Featured, Init, Param, ParamKind, Part, RowType, Space, Stage, View};
use crate::{Error, Result};

/// Columns of a buffer at most: products of two widths stay far from overflow.
const MAX_WIDTH: usize = 1 << 20;
/// Floats of all parameters at most: more, in whole cache lines, have no address.
pub(crate) const MAX_WEIGHTS: usize = isize::MAX as usize / 64 * (64 / size_of::<f32>());
/// Sequences of a plan, and look-ups in one table, at most: executors keep lists of them on the stack.
pub(crate) const MAX_SEQUENCES: usize = 7;
pub(crate) const MAX_GATHERS: usize = 8;

/// Names in the order in which they came, each found at once: a plan is built in time proportional to its stages.
#[derive(Clone, Debug, Default)]
struct Names {
    all: Vec<String>,
    places: HashMap<String, usize>,
}

impl Names {
    fn get(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Where `name` stands, at the end if it was not there.
    fn position_or_push(&mut self, name: &str) -> usize {
        self.get(name).unwrap_or_else(|| {
            self.all.push(name.to_string());
            self.places.insert(name.to_string(), self.all.len() - 1);
            self.all.len() - 1
        })
    }
}

/// Builds a [`Plan`](super::Plan): add stages in forward order, then [`finish`](PlanBuilder::finish).
///
/// Mistakes (a width that does not fit, a column never written) are collected and reported by `finish`.
#[derive(Clone, Debug, Default)]
pub struct PlanBuilder {
    columns: Vec<Column>,
    /// The columns' places by their names; likewise of parameters and exposed activations.
    column_places: HashMap<String, usize>,
    vocabularies: Names,
    /// The first table of each vocabulary.
    first_tables: HashMap<usize, usize>,
    sequences: Names,
    numerics: usize,
    params: Vec<Param>,
    param_places: HashMap<String, usize>,
    /// Which columns read which tables, as (table, column).
    gathers: HashSet<(usize, usize)>,
    buffers: Vec<usize>,
    spaces: Vec<Space>,
    stages: Vec<Stage>,
    exposed: Vec<(String, View)>,
    exposed_names: HashSet<String>,
    /// What samples are scored by, where it is not what the loss says.
    scored: Option<View>,
    /// Whether parameters that are there already are meant by their names.
    shares: bool,
    fault: Option<String>,
    /// The columns of ids that have features.
    featured: Vec<Featured>,
}

impl PlanBuilder {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// The id column called `name`, one id a sample, made on first use with a vocabulary of the same name.
    pub fn column(&mut self, name: &str) -> usize {
        self.column_in(name, name, Space::Samples)
    }

    /// The id column called `name`, made on first use: one id a row of `space`, out of a vocabulary that it may share
    /// with other columns.
    pub fn column_in(&mut self, name: &str, vocabulary: &str, space: Space) -> usize {
        self.id_column(name, vocabulary, space, false, Part::Feature)
    }

    /// The id column of whom candidates are ranked for, the user, with a vocabulary of the same name.
    pub fn query(&mut self, name: &str) -> usize {
        self.id_column(name, name, Space::Samples, false, Part::Query)
    }

    /// The same, whose ids have [weights](Column::weighted): 0 where the query of a sample is another's
    /// ([`head`](PlanBuilder::head)), 1 else. Where ids alone are scored, all count once.
    pub fn weighted_query(&mut self, name: &str) -> usize {
        self.id_column(name, name, Space::Samples, true, Part::Query)
    }

    /// The id column of what stands for the query in some samples, a related item for a user, of a vocabulary that it shares: its
    /// ids have weights, 1 in these samples and 0 in others. Training alone reads it. Added up, what is looked up by both is the
    /// one or the other.
    ///
    /// ```
    /// use pocketrec::{ops::{Similarity, SoftmaxCrossEntropy}, plan::{Init, PlanBuilder}};
    /// let mut plan = PlanBuilder::new();
    /// let (user, item, head) = (plan.weighted_query("user"), plan.candidate("item"), plan.head("head", "item"));
    /// let init = Init::Normal { std: 0.1 };
    /// let [p, q, h] = [(); 3].map(|()| plan.buffer(8));
    /// plan.gather("user.weight", user, 50, init, p);
    /// plan.gather("item.weight", item, 40, init, q);
    /// plan.gather("item.weight", head, 40, init, h);
    /// let query = plan.add(p, h); // a user or an item
    /// let terms = plan.buffer(8);
    /// plan.product(p, q, terms);
    /// let scored = plan.plain_sum(&[terms]);
    /// let plan = plan.finish(SoftmaxCrossEntropy {
    ///     vectors: [query, q],
    ///     scored,
    ///     column: Some(item),
    ///     similarity: Similarity::Cosine,
    ///     temperature: 0.1,
    ///     log_sum: 1.0,
    ///     block: 256,
    ///     corrects: false,
    /// })?;
    /// assert!(plan.pair().is_some()); // items are ranked for users
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn head(&mut self, name: &str, vocabulary: &str) -> usize {
        self.id_column(name, vocabulary, Space::Samples, true, Part::Feature)
    }

    /// The id column of what is ranked, the item, with a vocabulary of the same name.
    pub fn candidate(&mut self, name: &str) -> usize {
        self.id_column(name, name, Space::Samples, false, Part::Candidate)
    }

    /// The id column of what the loss compares each sample's candidate with: ids of the vocabulary of the candidate's.
    pub fn negative(&mut self, name: &str, candidate: &str) -> usize {
        self.id_column(name, candidate, Space::Samples, false, Part::Negative)
    }

    /// The id column of a list that all samples of a batch share, of a vocabulary that it shares: candidates that
    /// [`SampledSoftmax`](crate::ops::SampledSoftmax) holds each sample's own against. It lies along a sequence of the same
    /// name, [all of whose steps](crate::data::Batch::set_list) are the list.
    pub fn list(&mut self, name: &str, vocabulary: &str) -> usize {
        let list = self.sequence(name);
        self.column_in(name, vocabulary, list)
    }

    /// What an id column has an id for each of; samples where there is no such column.
    pub fn space_of_column(&self, column: usize) -> Space {
        self.columns.get(column).map_or(Space::Samples, |column| column.space)
    }

    fn id_column(&mut self, name: &str, vocabulary: &str, space: Space, weighted: bool, part: Part) -> usize {
        if space == Space::Nodes {
            self.fail(format!(
                "the id column {name} lies along nodes, of which a batch has no rows"
            ));
        }
        let vocabulary = self.vocabularies.position_or_push(vocabulary);
        let there = self.column_places.get(name).copied();
        let index = there.unwrap_or_else(|| {
            self.columns.push(Column {
                name: name.to_string(),
                vocabulary,
                space,
                weighted,
                part,
            });
            self.column_places.insert(name.to_string(), self.columns.len() - 1);
            self.columns.len() - 1
        });
        let column = &self.columns[index];
        if (column.vocabulary, column.space, column.weighted, column.part) != (vocabulary, space, weighted, part) {
            self.fail(format!("two different id columns are called {name}"));
        }
        index
    }

    /// The id column called `name` along a sequence, as [`column_in`](PlanBuilder::column_in) makes it, whose ids have
    /// weights: what is looked up by it is multiplied by them.
    pub fn weighted_column(&mut self, name: &str, vocabulary: &str, sequence: &str) -> usize {
        let space = self.sequence(sequence);
        self.id_column(name, vocabulary, space, true, Part::Feature)
    }

    /// Adds stages that share parameters: what `add` calls by the name of a parameter that is there already is that
    /// parameter, and its gradients add up. So the same network can score two candidates of a sample.
    ///
    /// ```
    /// use pocketrec::{ops::Bpr, plan::{Activation, Init, PlanBuilder}};
    /// let mut plan = PlanBuilder::new();
    /// let (item, negative) = (plan.candidate("item"), plan.negative("negative", "item"));
    /// let mut logit = |plan: &mut PlanBuilder, column| {
    ///     let x = plan.buffer(4);
    ///     plan.gather("item.weight", column, 50, Init::Normal { std: 0.01 }, x);
    ///     plan.linear("logit", x, 1, Activation::Identity)
    /// };
    /// let of_item = logit(&mut plan, item);
    /// let of_negative = plan.shared(|plan| logit(plan, negative));
    /// let plan = plan.finish(Bpr { logits: [of_item, of_negative] })?;
    /// assert_eq!(plan.params().len(), 3); // the table, a weight and a bias
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn shared<T>(&mut self, add: impl FnOnce(&mut Self) -> T) -> T {
        let before = core::mem::replace(&mut self.shares, true);
        let added = add(self);
        self.shares = before;
        added
    }

    /// The sequence called `name`, made on first use: each sample has a number of steps of its own, 0 or more.
    pub fn sequence(&mut self, name: &str) -> Space {
        Space::Steps(self.sequences.position_or_push(name))
    }

    /// A new activation buffer of `width` columns, one row a sample.
    pub fn buffer(&mut self, width: usize) -> View {
        self.buffer_in(Space::Samples, width)
    }

    /// A new activation buffer of `width` columns, one row for each of `space`.
    pub fn buffer_in(&mut self, space: Space, width: usize) -> View {
        self.spaces.push(space);
        match width {
            0 => self.fail(format!("buffer {} has no columns", self.buffers.len())),
            1..=MAX_WIDTH => {}
            _ => self.fail(format!(
                "buffer {} has {width} columns; give {MAX_WIDTH} at most",
                self.buffers.len()
            )),
        }
        self.buffers.push(width);
        View {
            buffer: self.buffers.len() - 1,
            start: 0,
            width,
        }
    }

    /// Gives an activation a name by which it can be asked for with scores; see
    /// [`Plan::exposed`](super::Plan::exposed).
    pub fn expose(&mut self, name: &str, view: View) {
        if !self.exposed_names.insert(name.to_string()) {
            self.fail(format!("two activations are called {name}"));
        }
        self.exposed.push((name.to_string(), view));
    }

    /// Has samples scored by a column of its own, in place of the logit of the candidate that the loss reads: where training
    /// compares for more than a query ([`head`](PlanBuilder::head)), and scores are for queries alone.
    ///
    /// ```
    /// use pocketrec::{ops::Bpr, plan::{Init, PlanBuilder}};
    /// let mut plan = PlanBuilder::new();
    /// let (user, item) = (plan.weighted_query("user"), plan.candidate("item"));
    /// let (negative, head) = (plan.negative("negative", "item"), plan.head("head", "item"));
    /// let [p, q, n, h] = [(); 4].map(|()| plan.buffer(8));
    /// plan.gather("user.weight", user, 50, Init::Normal { std: 0.1 }, p);
    /// for (column, view) in [(item, q), (negative, n), (head, h)] {
    ///     plan.gather("item.weight", column, 40, Init::Normal { std: 0.1 }, view);
    /// }
    /// let query = plan.add(p, h); // a user or an item
    /// let logits = [q, n].map(|view| plan.distance(query, view));
    /// let of_user = plan.distance(p, q);
    /// plan.score_by(of_user);
    /// let plan = plan.finish(Bpr { logits })?;
    /// assert_eq!((plan.logit(), plan.scored_columns().len()), (of_user, 2));
    /// assert!(plan.has_heads());
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn score_by(&mut self, view: View) {
        if self.scored.replace(view).is_some() {
            self.fail("samples are scored by two columns: say it once".into());
        }
    }

    /// What the rows of a view are; samples where there is no such buffer, which `finish` reports.
    fn space_of(&self, view: View) -> Space {
        self.spaces.get(view.buffer).copied().unwrap_or(Space::Samples)
    }

    fn param(&mut self, name: &str, [rows, width]: [usize; 2], kind: ParamKind, init: Init) -> usize {
        if rows == 0 || width == 0 {
            self.fail(format!("{name} is empty: {rows} x {width}"));
        }
        if rows > u32::MAX as usize {
            self.fail(format!("{name} has {rows} rows; ids are 32-bit numbers"));
        }
        if let Init::Normal { std: spread } | Init::Uniform { limit: spread } = init
            && !(spread >= 0.0 && spread.is_finite())
        {
            self.fail(format!("{name} begins as {init:?}: give a finite number, not below 0"));
        }
        if let Init::Constant { value } = init
            && !value.is_finite()
        {
            self.fail(format!("{name} begins as {value}: give a finite number"));
        }
        if let Some(&there) = self.param_places.get(name) {
            let Param {
                rows: r,
                width: w,
                kind: k,
                ..
            } = self.params[there];
            if self.shares && (r, w, k) == (rows, width, kind) {
                return there;
            }
            let fault = match self.shares {
                true => format!("{name} is {r} x {w} already and cannot be shared as {rows} x {width}"),
                false => format!("two parameters are called {name}"),
            };
            self.fail(fault);
        }
        self.param_places.insert(name.to_string(), self.params.len());
        self.params.push(Param {
            name: name.to_string(),
            rows,
            width,
            is_vector: false,
            kind,
            init,
            row_type: RowType::F32,
        });
        self.params.len() - 1
    }

    fn bias(&mut self, name: &str, width: usize) -> usize {
        self.vector(name, width, Init::Zeros)
    }

    fn vector(&mut self, name: &str, width: usize, init: Init) -> usize {
        let index = self.param(name, [1, width], ParamKind::Dense, init);
        self.params[index].is_vector = true;
        index
    }

    /// Keeps the first fault, which is the one the others follow from.
    fn fail(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    fn refuse(&mut self) -> Result<()> {
        self.fault.take().map_or(Ok(()), |fault| Err(Error::Plan(fault)))
    }
}

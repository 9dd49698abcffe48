//! Tables whose rows reach one another along the edges of a graph.

use alloc::format;

use super::PlanBuilder;
use crate::{
    ops::{self, Propagate, Propagated, Role},
    plan::{Init, ParamKind, Space, Stage, Storage, View},
};

/// Layers of a propagation at most: executors keep the rows of each.
const MAX_LAYERS: usize = 16;

impl PlanBuilder {
    /// Two tables of `width` columns whose rows reach one another over `layers` edges of a graph
    /// ([`ops::propagate`](crate::ops::propagate)), in a new buffer that has a row for each of both. A table is its name, the
    /// vocabulary whose ids it has rows of, its number of rows and how it begins. [`gather_propagated`](PlanBuilder::gather_propagated)
    /// looks ids up in it.
    ///
    /// Training keeps layers as `storage` says, the first of them beside the tables, which stay as they are.
    ///
    /// A plan propagates at most once, and does not look the tables up as they are besides. Every row of such a table moves
    /// at every step, by [`LazyAdam`](crate::plan::Optimizer::LazyAdam) too: all of them have a part in a batch.
    ///
    /// ```
    /// use pocketrec::{ops::SigmoidCrossEntropy, plan::{Init, PlanBuilder, Storage}};
    /// let mut plan = PlanBuilder::new();
    /// let (user, item) = (plan.query("user"), plan.candidate("item"));
    /// let init = Init::Normal { std: 0.1 };
    /// let tables = [("user.weight", "user", 50, init), ("item.weight", "item", 40, init)];
    /// let nodes = plan.propagate(tables, 8, 3, Storage::F32);
    /// let (p, q, terms) = (plan.buffer(8), plan.buffer(8), plan.buffer(8));
    /// plan.gather_propagated(nodes, user, p);
    /// plan.gather_propagated(nodes, item, q);
    /// plan.product(p, q, terms);
    /// let logit = plan.plain_sum(&[terms]);
    /// let plan = plan.finish(SigmoidCrossEntropy { logit })?;
    /// assert_eq!(plan.propagation().map(|propagate| propagate.layers), Some(3));
    /// assert_eq!(plan.nodes(), [50, 40]);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn propagate(
        &mut self,
        tables: [(&str, &str, usize, Init); 2],
        width: usize,
        layers: usize,
        storage: Storage,
    ) -> View {
        if layers == 0 || layers > MAX_LAYERS {
            self.fail(format!("propagation over {layers} layers; give 1 to {MAX_LAYERS}"));
        }
        let [(first, vocabulary, ..), (second, other, ..)] = tables;
        if vocabulary == other {
            self.fail(format!(
                "{first} and {second} are both of {vocabulary}: propagation joins two vocabularies"
            ));
        }
        let tables = tables.map(|(name, vocabulary, rows, init)| {
            let vocabulary = self.vocabularies.position_or_push(vocabulary);
            self.table(name, vocabulary, [rows, width], init)
        });
        let output = self.buffer_in(Space::Nodes, width);
        self.stages.push(Stage::Propagate(Propagate {
            tables,
            layers,
            storage,
            output,
        }));
        output
    }

    /// Looks the ids of `column` up in what [`propagate`](PlanBuilder::propagate) gave, by the table of the column's
    /// vocabulary.
    pub fn gather_propagated(&mut self, nodes: View, column: usize, output: View) {
        let Some(vocabulary) = self.columns.get(column).map(|column| column.vocabulary) else {
            return self.fail(format!("gather_propagated: there is no id column {column}"));
        };
        let of_nodes = |stage: &Stage| match stage {
            Stage::Propagate(propagate) if propagate.output == nodes => Some(*propagate),
            _ => None,
        };
        let Some(propagate) = self.stages.iter().find_map(of_nodes) else {
            return self.fail(format!(
                "gather_propagated: {nodes:?} is not what PlanBuilder::propagate gave"
            ));
        };
        let of_column = |&table: &usize| self.params[table].kind == ParamKind::Table { vocabulary };
        let Some(side) = propagate.tables.iter().position(of_column) else {
            let name = &self.columns[column].name;
            return self.fail(format!(
                "gather_propagated: the id column {name} is of neither table's vocabulary"
            ));
        };
        if nodes.width != output.width {
            let (from, to) = (nodes.width, output.width);
            self.fail(format!(
                "gather_propagated of {from} columns into {to}: they must be as many"
            ));
        }
        self.stages.push(Stage::Gather(ops::Gather {
            table: propagate.tables[side],
            column,
            propagated: Some(Propagated { view: nodes, side }),
            output,
        }));
    }

    /// A plan propagates once, and its tables are read in no other way.
    pub(super) fn check_propagation(&mut self) {
        let mut tables = None;
        for stage in &self.stages {
            if let Role::Tables { tables: found } = stage.role()
                && tables.replace(found).is_some()
            {
                return self.fail("two propagations: a plan may have one".into());
            }
        }
        let tables = tables.unwrap_or([usize::MAX; 2]);
        let reads_plainly = |stage: &&Stage| match stage {
            Stage::Gather(gather) => gather.propagated.is_none() && tables.contains(&gather.table),
            _ => false,
        };
        if let Some(Stage::Gather(gather)) = self.stages.iter().find(reads_plainly) {
            let name = self.params[gather.table].name.clone();
            self.fail(format!(
                "{name} is propagated and looked up as it is besides: give each a table of its own"
            ));
        }
    }
}

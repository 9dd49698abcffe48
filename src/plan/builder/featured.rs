//! Rows that are made of features: what is looked up of an id is its own row and those of its features.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use hashbrown::HashMap;

use super::{Names, PlanBuilder};
use crate::{
    Result, ops,
    plan::{Column, Featured, Init, Part, Plan, Space, Stage},
};

impl Plan {
    /// The same plan, where what is looked up of an id of vocabulary `v` is the sum of its own row and of the rows of its features, of which
    /// there are `features[v]` different ones; nothing changes of a vocabulary that has none.
    ///
    /// ```text
    /// output[s] = table[ids[s]] + sum over the features f of ids[s] of table.features[f]
    /// ```
    ///
    /// Each table has one of features beside it, called `table.features`, and each column of ids two sequences: one of a single step, the
    /// id itself, or of none where it is left out, and one of its features. Executors take such batches as those of any plan, and move the
    /// rows of the ids and features that a batch has. The table of ids begins at zero, so that an id that was never trained on is
    /// what its features make of it; that of features begins as the table did.
    ///
    /// No operation of its own does this: look-ups, a sum over steps and an addition are there on every device, and their rows are
    /// updated as sparsely as ids are. A product of a sparse matrix with whole tables, as propagation has, would go over all rows
    /// at every step, where a batch needs those of some hundred ids.
    ///
    /// # Errors
    /// [`Error::Plan`](crate::Error::Plan) where ids with features lie along a sequence or a list, or their tables are propagated.
    pub fn with_features(self, features: &[usize]) -> Result<Plan> {
        let mut stages = self.stages.clone();
        let Some(loss) = stages.pop() else {
            return Ok(self);
        };
        let logit = self.logit;
        let mut plan = PlanBuilder::of(self);
        for stage in stages {
            match stage {
                Stage::Gather(gather) => plan.gather_featured(gather, features),
                stage => plan.stages.push(stage),
            }
        }
        plan.scored = Some(logit);
        plan.finish(loss)
    }
}

impl PlanBuilder {
    /// A builder with all of a plan but its stages.
    fn of(plan: Plan) -> Self {
        fn places<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<String, usize> {
            names
                .enumerate()
                .map(|(place, name)| (name.to_string(), place))
                .collect()
        }
        let names = |all: Vec<String>| Names {
            places: places(all.iter().map(|name| &**name)),
            all,
        };
        let mut builder = PlanBuilder {
            column_places: places(plan.columns.iter().map(|column| &*column.name)),
            param_places: places(plan.params.iter().map(|param| &*param.name)),
            exposed_names: plan.exposed.iter().map(|(name, _)| name.clone()).collect(),
            columns: plan.columns,
            vocabularies: names(plan.vocabularies),
            sequences: names(plan.sequences),
            numerics: plan.numerics,
            params: plan.params,
            buffers: plan.buffers,
            spaces: plan.spaces,
            exposed: plan.exposed,
            ..PlanBuilder::default()
        };
        for (table, gathers) in plan.gathers.iter().enumerate() {
            for (column, _) in gathers {
                builder.gathers.insert((table, *column));
                let vocabulary = builder.columns[*column].vocabulary;
                builder.first_tables.entry(vocabulary).or_insert(table);
            }
        }
        builder
    }

    /// Adds a look-up, with the features of its ids where they have some.
    fn gather_featured(&mut self, gather: ops::Gather, features: &[usize]) {
        let Column {
            name,
            vocabulary,
            space,
            weighted,
            ..
        } = self.columns[gather.column].clone();
        let count = features.get(vocabulary).copied().unwrap_or(0);
        if count == 0 {
            return self.stages.push(Stage::Gather(gather));
        }
        if space != Space::Samples || gather.propagated.is_some() {
            return self.fail(format!(
                "{name} is looked up along a sequence or a list, or in propagated tables: its ids can have no features"
            ));
        }
        let table = &mut self.params[gather.table];
        let (of_features, init) = (format!("{}.features", table.name), table.init);
        table.init = Init::Zeros;
        let vocabularies = ["", ".features"].map(|of| format!("{}{of}", self.vocabularies.all[vocabulary]));
        let [own, features] = [format!("{name}.own"), format!("{name}.features")];
        let filled = [(own, &vocabularies[0]), (features, &vocabularies[1])].map(|(name, vocabulary)| {
            let space = self.sequence(&name);
            (self.id_column(&name, vocabulary, space, weighted, Part::Feature), space)
        });
        let width = gather.output.width;
        let steps = filled.map(|(_, space)| self.buffer_in(space, width));
        self.gathers.insert((gather.table, filled[0].0));
        self.stages.push(Stage::Gather(ops::Gather {
            column: filled[0].0,
            output: steps[0],
            ..gather
        }));
        // A table that another column reads already is shared.
        self.shared(|plan| plan.gather(&of_features, filled[1].0, count, init, steps[1]));
        let inputs = steps.map(|steps| {
            let pooled = self.buffer(width);
            self.pool(steps, pooled, false);
            pooled
        });
        self.stages.push(Stage::Add(ops::Add {
            inputs,
            output: gather.output,
        }));
        if !self.featured.iter().any(|there| there.of == gather.column) {
            self.featured.push(Featured {
                of: gather.column,
                own: filled[0].0,
                features: filled[1].0,
                is_weighted: weighted,
            });
        }
    }
}

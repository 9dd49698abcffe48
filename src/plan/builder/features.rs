//! Looked-up rows and numeric features, and how they are combined.

use alloc::format;

use super::PlanBuilder;
use crate::{
    ops,
    plan::{Column, Init, Param, ParamKind, Space, Stage, View},
};

impl PlanBuilder {
    /// Looks the ids of `column` up in the table `name` of `rows` rows, as wide as `output`. All tables of a
    /// vocabulary have the same number of rows. The table is new, or one that another column of the same vocabulary
    /// reads already.
    pub fn gather(&mut self, name: &str, column: usize, rows: usize, init: Init, output: View) {
        let Some(Column { vocabulary, .. }) = self.columns.get(column) else {
            return self.fail(format!("{name}: there is no id column {column}"));
        };
        let vocabulary = *vocabulary;
        let kind = ParamKind::Table { vocabulary };
        let shape = [rows, output.width];
        let shared = self.shared_table(name, column, shape, kind);
        let table = shared.unwrap_or_else(|| self.table(name, vocabulary, shape, init));
        self.gathers.insert((table, column));
        self.stages.push(Stage::Gather(ops::Gather {
            table,
            column,
            propagated: None,
            output,
        }));
    }

    /// A table of a vocabulary, whose tables are all of one length.
    pub(super) fn table(&mut self, name: &str, vocabulary: usize, [rows, width]: [usize; 2], init: Init) -> usize {
        let table = self.param(name, [rows, width], ParamKind::Table { vocabulary }, init);
        let first = *self.first_tables.entry(vocabulary).or_insert(table);
        let Param {
            name: other,
            rows: there,
            ..
        } = &self.params[first];
        if *there != rows {
            let fault = format!(
                "{name} has {rows} rows and {other} has {there}: tables of one vocabulary must be of one length"
            );
            self.fail(fault);
        }
        table
    }

    /// The table called `name`, where it is of this shape and `column` does not read it yet.
    fn shared_table(&self, name: &str, column: usize, shape: [usize; 2], kind: ParamKind) -> Option<usize> {
        let index = *self.param_places.get(name)?;
        let param = &self.params[index];
        let fits = param.kind == kind && [param.rows, param.width] == shape;
        (fits && (self.shares || !self.gathers.contains(&(index, column)))).then_some(index)
    }

    /// The numeric features of a sample from number `first` on, as many as `output` is wide.
    pub fn numeric(&mut self, first: usize, output: View) {
        self.numerics = self.numerics.max(first.saturating_add(output.width));
        self.stages.push(Stage::Numeric(ops::Numeric { first, output }));
    }

    /// The elementwise product of two views into a third, all of one width.
    pub fn product(&mut self, left: View, right: View, output: View) {
        if left.width != output.width || right.width != output.width {
            let (l, r, o) = (left.width, right.width, output.width);
            self.fail(format!("product of widths {l} and {r} into {o}: they must be the same"));
        }
        self.stages.push(Stage::Product(ops::Product {
            inputs: [left, right],
            output,
        }));
    }

    /// The rows of `input` at length 1, in a new buffer: the dot product of two such rows is a cosine.
    pub fn normalise(&mut self, input: View) -> View {
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::Normalise(ops::Normalise { input, output }));
        output
    }

    /// The sum of all columns of all `inputs` plus a learnt scalar `name`, in a new buffer of one column.
    pub fn sum(&mut self, name: &str, inputs: &[View]) -> View {
        let bias = self.bias(name, 1);
        self.sum_of(inputs, Some(bias))
    }

    /// The sum of all columns of all `inputs`, in a new buffer of one column.
    pub fn plain_sum(&mut self, inputs: &[View]) -> View {
        self.sum_of(inputs, None)
    }

    fn sum_of(&mut self, inputs: &[View], bias: Option<usize>) -> View {
        if inputs.is_empty() {
            self.fail("a sum of nothing".into());
        }
        let output = self.buffer(1);
        let inputs = inputs.to_vec();
        self.stages.push(Stage::Sum(ops::Sum { inputs, bias, output }));
        output
    }

    /// The second order of a factorisation machine (Rendle, ICDM 2010) over the rows of a sample's steps, each a vector,
    /// in a new buffer of one column.
    pub fn fm_steps(&mut self, input: View) -> View {
        let output = self.buffer(1);
        let factors = input.width;
        self.stages.push(Stage::Fm(ops::Fm { input, factors, output }));
        output
    }

    /// The second order of a factorisation machine (Rendle, ICDM 2010) over vectors of `factors` columns that lie side
    /// by side in `input`, in a new buffer of one column.
    pub fn fm(&mut self, input: View, factors: usize) -> View {
        if factors == 0 || !input.width.is_multiple_of(factors) {
            let width = input.width;
            self.fail(format!(
                "fm of {width} columns in vectors of {factors}: give whole vectors"
            ));
        }
        if self.space_of(input) != Space::Samples && factors != input.width {
            let width = input.width;
            self.fail(format!("fm of {width} columns along steps in vectors of {factors}"));
        }
        let output = self.buffer(1);
        self.stages.push(Stage::Fm(ops::Fm { input, factors, output }));
        output
    }
}

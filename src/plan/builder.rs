//! Puts a plan together and derives its backward pass.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{Activation, Backward, Flow, Init, Param, ParamKind, Plan, Stage, View};
use crate::{Error, Result};

/// Columns of a buffer at most: products of two widths stay far from overflow.
const MAX_WIDTH: usize = 1 << 20;
/// Floats of all parameters at most: more have no address.
const MAX_WEIGHTS: usize = isize::MAX as usize / size_of::<f32>();

/// Builds a [`Plan`]: add stages in forward order, then [`finish`](PlanBuilder::finish).
///
/// Mistakes (a width that does not fit, a column never written) are collected and reported by `finish`.
#[derive(Clone, Debug, Default)]
pub struct PlanBuilder {
    columns: Vec<String>,
    params: Vec<Param>,
    buffers: Vec<usize>,
    stages: Vec<Stage>,
    fault: Option<String>,
}

impl PlanBuilder {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// The id column called `name`, made on first use.
    pub fn column(&mut self, name: &str) -> usize {
        if let Some(index) = self.columns.iter().position(|column| column == name) {
            return index;
        }
        self.columns.push(name.to_string());
        self.columns.len() - 1
    }

    /// A new activation buffer of `width` columns, one row a sample.
    pub fn buffer(&mut self, width: usize) -> View {
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

    /// Looks the ids of `column` up in a new table `name` of `rows` rows, as wide as `output`. All tables of a column
    /// have the same number of rows.
    pub fn gather(&mut self, name: &str, column: usize, rows: usize, init: Init, output: View) {
        if column >= self.columns.len() {
            self.fail(format!("{name}: there is no id column {column}"));
        }
        let kind = ParamKind::Table { column };
        let table = self.param(name, [rows, output.width], kind, init);
        if let Some(other) = self
            .params
            .iter()
            .find(|other| other.kind == kind && other.rows != rows)
        {
            let (other, there) = (&other.name, other.rows);
            self.fail(format!(
                "{name} has {rows} rows and {other} has {there}: tables of one id column must be of one length"
            ));
        }
        self.stages.push(Stage::Gather { table, column, output });
    }

    /// A linear layer `name` into a new buffer of `outputs` columns.
    pub fn linear(&mut self, name: &str, input: View, outputs: usize, activation: Activation) -> View {
        let output = self.buffer(outputs);
        self.linear_into(name, input, output, activation);
        output
    }

    /// A linear layer `name` into `output`. Its weight is drawn by Glorot's rule, or by LeCun's where it has one
    /// output (as in the reference code of He et al.); its bias begins at zero.
    pub fn linear_into(&mut self, name: &str, input: View, output: View, activation: Activation) {
        let init = match output.width {
            1 => Init::lecun(input.width),
            outputs => Init::glorot(input.width, outputs),
        };
        let shape = [output.width, input.width];
        let weight = self.param(&format!("{name}.weight"), shape, ParamKind::Dense, init);
        let bias = self.bias(&format!("{name}.bias"), output.width);
        self.stages.push(Stage::Linear {
            weight,
            bias,
            input,
            output,
            activation,
        });
    }

    /// The elementwise product of two views into a third, all of one width.
    pub fn product(&mut self, left: View, right: View, output: View) {
        if left.width != output.width || right.width != output.width {
            let (l, r, o) = (left.width, right.width, output.width);
            self.fail(format!("product of widths {l} and {r} into {o}: they must be the same"));
        }
        self.stages.push(Stage::Product {
            inputs: [left, right],
            output,
        });
    }

    /// The sum of all columns of all `inputs` plus a learnt scalar `name`, in a new buffer of one column.
    pub fn sum(&mut self, name: &str, inputs: &[View]) -> View {
        if inputs.is_empty() {
            self.fail(format!("{name}: a sum of nothing"));
        }
        let output = self.buffer(1);
        let bias = self.bias(name, 1);
        let inputs = inputs.to_vec();
        self.stages.push(Stage::Sum { inputs, bias, output });
        output
    }

    /// Ends the plan with the mean sigmoid cross-entropy of `logit`.
    ///
    /// # Errors
    /// [`Error::Plan`] where views overlap, are empty, are read before they are written, or are never used; where a
    /// stage reads the buffer that it writes; where a buffer is filled by gathers and by other stages; where no table
    /// reads an id column; where sizes or initial values are out of range.
    pub fn finish(mut self, logit: View) -> Result<Plan> {
        if logit.width != 1 {
            self.fail(format!("the logit is {} columns wide: it must be 1", logit.width));
        }
        self.stages.push(Stage::SigmoidCrossEntropy { logit });
        self.check_params();
        self.refuse()?; // the checks below take memory for every column of every buffer
        self.check_forward();
        let backward = self.derive_backward();
        self.refuse()?;
        Ok(Plan {
            columns: self.columns,
            params: self.params,
            buffers: self.buffers,
            stages: self.stages,
            backward,
            logit,
        })
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
        if self.params.iter().any(|param| param.name == name) {
            self.fail(format!("two parameters are called {name}"));
        }
        self.params.push(Param {
            name: name.to_string(),
            rows,
            width,
            is_vector: false,
            kind,
            init,
        });
        self.params.len() - 1
    }

    fn bias(&mut self, name: &str, width: usize) -> usize {
        let index = self.param(name, [1, width], ParamKind::Dense, Init::Zeros);
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

    /// Every id column picks from a table, and the parameters fit in an address space.
    fn check_params(&mut self) {
        for index in 0..self.columns.len() {
            let kind = ParamKind::Table { column: index };
            if !self.params.iter().any(|param| param.kind == kind) {
                let column = &self.columns[index];
                self.fail(format!("no table reads the id column {column}"));
            }
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

    /// Every column is written once, before it is read, and is read at least once.
    fn check_forward(&mut self) {
        let mut written: Vec<Vec<bool>> = self.buffers.iter().map(|&width| vec![false; width]).collect();
        let mut read = written.clone();
        let mut gathered = vec![None; self.buffers.len()];
        for stage in core::mem::take(&mut self.stages) {
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
        for (buffer, columns) in read.iter().enumerate() {
            if let Some(column) = columns.iter().position(|&r| !r) {
                self.fail(format!("column {column} of buffer {buffer} is never read"));
            }
        }
    }

    /// Executors lend a stage its output buffer, and keep the gradients of gathered buffers apart from others.
    fn check_buffer(&mut self, stage: &Stage, output: View, gathered: &mut [Option<bool>]) {
        let (name, buffer) = (stage.name(), output.buffer);
        if stage.inputs().iter().any(|input| input.buffer == buffer) {
            self.fail(format!(
                "{name} reads and writes buffer {buffer}; give its output another"
            ));
        }
        let gathers = matches!(stage, Stage::Gather { .. });
        if *gathered[buffer].get_or_insert(gathers) != gathers {
            self.fail(format!(
                "{name} fills buffer {buffer} together with stages of another kind: gathers apart from the rest"
            ));
        }
    }

    fn columns_of<'a>(&self, flags: &'a [Vec<bool>], view: View) -> Option<&'a [bool]> {
        flags.get(view.buffer)?.get(view.range())
    }

    /// The stages from last to first; who delivers a gradient first overwrites, who comes later adds.
    fn derive_backward(&mut self) -> Vec<Backward> {
        let mut delivered: Vec<Vec<bool>> = self.buffers.iter().map(|&width| vec![false; width]).collect();
        let mut backward = Vec::with_capacity(self.stages.len());
        for (index, stage) in core::mem::take(&mut self.stages).into_iter().enumerate().rev() {
            let mut flow = vec![Flow::Write; stage.inputs().len()];
            for (flow, &view) in flow.iter_mut().zip(stage.inputs()) {
                let Some(columns) = delivered.get_mut(view.buffer).and_then(|b| b.get_mut(view.range())) else {
                    continue; // check_forward has reported it
                };
                match columns.iter().filter(|&&d| d).count() {
                    0 => *flow = Flow::Write,
                    n if n == view.width => *flow = Flow::Add,
                    _ => self.fail(format!("{view:?} is read by stages whose columns overlap only in part")),
                }
                columns.fill(true);
            }
            backward.push(Backward { stage: index, flow });
            self.stages.push(stage);
        }
        self.stages.reverse();
        backward
    }
}

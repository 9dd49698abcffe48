//! Puts a plan together and derives its backward pass.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{Activation, Backward, Column, Flow, GruKind, Init, Param, ParamKind, Plan, Space, Stage, View};
use crate::{Error, Result};

/// Columns of a buffer at most: products of two widths stay far from overflow.
const MAX_WIDTH: usize = 1 << 20;
/// Floats of all parameters at most: more, in whole cache lines, have no address.
pub(crate) const MAX_WEIGHTS: usize = isize::MAX as usize / 64 * (64 / size_of::<f32>());
/// Sequences of a plan, and look-ups in one table, at most: executors keep lists of them on the stack.
pub(crate) const MAX_SEQUENCES: usize = 7;
pub(crate) const MAX_GATHERS: usize = 8;

/// Where `name` stands in `names`, at the end if it was not there.
fn position_or_push(names: &mut Vec<String>, name: &str) -> usize {
    let there = names.iter().position(|other| other == name);
    there.unwrap_or_else(|| {
        names.push(name.to_string());
        names.len() - 1
    })
}

/// Builds a [`Plan`]: add stages in forward order, then [`finish`](PlanBuilder::finish).
///
/// Mistakes (a width that does not fit, a column never written) are collected and reported by `finish`.
#[derive(Clone, Debug, Default)]
pub struct PlanBuilder {
    columns: Vec<Column>,
    vocabularies: Vec<String>,
    sequences: Vec<String>,
    numerics: usize,
    params: Vec<Param>,
    buffers: Vec<usize>,
    spaces: Vec<Space>,
    stages: Vec<Stage>,
    exposed: Vec<(String, View)>,
    fault: Option<String>,
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
        let vocabulary = position_or_push(&mut self.vocabularies, vocabulary);
        let there = self.columns.iter().position(|column| column.name == name);
        let index = there.unwrap_or_else(|| {
            self.columns.push(Column {
                name: name.to_string(),
                vocabulary,
                space,
            });
            self.columns.len() - 1
        });
        let column = &self.columns[index];
        if (column.vocabulary, column.space) != (vocabulary, space) {
            self.fail(format!("two different id columns are called {name}"));
        }
        index
    }

    /// The sequence called `name`, made on first use: each sample has a number of steps of its own, 0 or more.
    pub fn sequence(&mut self, name: &str) -> Space {
        Space::Steps(position_or_push(&mut self.sequences, name))
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

    /// Looks the ids of `column` up in the table `name` of `rows` rows, as wide as `output`. All tables of a
    /// vocabulary have the same number of rows. The table is new, or one that another column of the same vocabulary
    /// reads already.
    pub fn gather(&mut self, name: &str, column: usize, rows: usize, init: Init, output: View) {
        let Some(Column { vocabulary, .. }) = self.columns.get(column) else {
            return self.fail(format!("{name}: there is no id column {column}"));
        };
        let kind = ParamKind::Table {
            vocabulary: *vocabulary,
        };
        if let Some(table) = self.shared_table(name, column, [rows, output.width], kind) {
            return self.stages.push(Stage::Gather { table, column, output });
        }
        let table = self.param(name, [rows, output.width], kind, init);
        if let Some(other) = self
            .params
            .iter()
            .find(|other| other.kind == kind && other.rows != rows)
        {
            let (other, there) = (&other.name, other.rows);
            self.fail(format!(
                "{name} has {rows} rows and {other} has {there}: tables of one vocabulary must be of one length"
            ));
        }
        self.stages.push(Stage::Gather { table, column, output });
    }

    /// The table called `name`, where it is of this shape and `column` does not read it yet.
    fn shared_table(&self, name: &str, column: usize, shape: [usize; 2], kind: ParamKind) -> Option<usize> {
        let index = self.params.iter().position(|param| param.name == name)?;
        let param = &self.params[index];
        let reads =
            |stage: &Stage| matches!(stage, Stage::Gather { table, column: c, .. } if (*table, *c) == (index, column));
        let fits = param.kind == kind && [param.rows, param.width] == shape;
        (fits && !self.stages.iter().any(reads)).then_some(index)
    }

    /// The numeric features of a sample from number `first` on, as many as `output` is wide.
    pub fn numeric(&mut self, first: usize, output: View) {
        self.numerics = self.numerics.max(first.saturating_add(output.width));
        self.stages.push(Stage::Numeric { first, output });
    }

    /// A linear layer `name` into a new buffer of `outputs` columns.
    pub fn linear(&mut self, name: &str, input: View, outputs: usize, activation: Activation) -> View {
        let output = self.buffer_in(self.space_of(input), outputs);
        self.linear_into(name, input, output, activation);
        output
    }

    /// A linear layer `name` into `output`. Its weight is drawn by Glorot's rule, or by LeCun's where it has one
    /// output (as in the reference code of He et al.); its bias begins at zero.
    pub fn linear_into(&mut self, name: &str, input: View, output: View, activation: Activation) {
        self.linear_with(
            &format!("{name}.weight"),
            &format!("{name}.bias"),
            input,
            output,
            activation,
        );
    }

    /// [`linear_into`](PlanBuilder::linear_into) with names for both parameters.
    pub fn linear_with(&mut self, weight: &str, bias: &str, input: View, output: View, activation: Activation) {
        let weight = self.linear_weight(weight, input.width, output.width);
        let bias = Some(self.bias(bias, output.width));
        self.stages.push(Stage::Linear {
            weight,
            bias,
            input,
            output,
            activation,
        });
    }

    /// A linear layer `name` without a bias into a new buffer of `outputs` columns, drawn as by
    /// [`linear_into`](PlanBuilder::linear_into).
    pub fn linear_without_bias(&mut self, name: &str, input: View, outputs: usize, activation: Activation) -> View {
        let output = self.buffer_in(self.space_of(input), outputs);
        let weight = self.linear_weight(&format!("{name}.weight"), input.width, outputs);
        self.stages.push(Stage::Linear {
            weight,
            bias: None,
            input,
            output,
            activation,
        });
        output
    }

    /// The linear layer `name`, which is there already, applied to another input: its gradients add up.
    pub fn linear_again(&mut self, name: &str, input: View) -> View {
        let before = self.stages.iter().find_map(|stage| match *stage {
            Stage::Linear {
                weight,
                bias,
                input: first,
                activation,
                ..
            } if first.width == input.width && self.params[weight].name.strip_suffix(".weight") == Some(name) => {
                Some((weight, bias, activation))
            }
            _ => None,
        });
        let Some((weight, bias, activation)) = before else {
            self.fail(format!("there is no linear layer {name} of {} inputs yet", input.width));
            return input;
        };
        let output = self.buffer_in(self.space_of(input), self.params[weight].rows);
        self.stages.push(Stage::Linear {
            weight,
            bias,
            input,
            output,
            activation,
        });
        output
    }

    fn linear_weight(&mut self, name: &str, inputs: usize, outputs: usize) -> usize {
        let init = match outputs {
            1 => Init::lecun(inputs),
            _ => Init::glorot(inputs, outputs),
        };
        self.param(name, [outputs, inputs], ParamKind::Dense, init)
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
        self.stages.push(Stage::Sum { inputs, bias, output });
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
        let output = self.buffer(1);
        self.stages.push(Stage::Fm { input, factors, output });
        output
    }

    /// The sum, or mean, of each sample's steps into `output`, which has one row a sample and is as wide; zeros where
    /// there are none. It may lie beside looked-up columns.
    pub fn pool(&mut self, input: View, output: View, mean: bool) {
        if input.width != output.width {
            let (i, o) = (input.width, output.width);
            self.fail(format!("pool of {i} columns into {o}: they must be as many"));
        }
        self.stages.push(Stage::Pool { input, output, mean });
    }

    /// A recurrent layer `name` of `hidden` units over the steps of each sample: all its states, in a new buffer. Every
    /// kind but [`GruKind::Gru`] takes `scores`, one for each step.
    ///
    /// Its parameters are `torch.nn.GRU`'s, `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`; the weights are drawn as
    /// there, the biases begin at zero.
    pub fn gru(&mut self, name: &str, kind: GruKind, input: View, scores: Option<View>, hidden: usize) -> View {
        let output = self.buffer_in(self.space_of(input), hidden);
        if scores.is_some() == (kind == GruKind::Gru) {
            self.fail(format!("{name}: Gru takes no scores, every other kind does"));
        }
        if scores.is_some_and(|scores| scores.width != 1) {
            self.fail(format!("{name}: its scores are more or less than one column"));
        }
        let (rows, init) = (hidden.saturating_mul(3), Init::recurrent(hidden));
        let input_weight = self.param(
            &format!("{name}.weight_ih"),
            [rows, input.width],
            ParamKind::Dense,
            init,
        );
        let hidden_weight = self.param(&format!("{name}.weight_hh"), [rows, hidden], ParamKind::Dense, init);
        let biases = ["ih", "hh"].map(|part| self.bias(&format!("{name}.bias_{part}"), rows));
        self.stages.push(Stage::Gru {
            kind,
            params: [input_weight, hidden_weight, biases[0], biases[1]],
            inputs: [input].into_iter().chain(scores).collect(),
            output,
        });
        output
    }

    /// The last step of each sample into `output`, which has one row a sample and is as wide; zeros where there are no
    /// steps. It may lie beside looked-up columns.
    pub fn last(&mut self, input: View, output: View) {
        if input.width != output.width {
            let (i, o) = (input.width, output.width);
            self.fail(format!("last of {i} columns into {o}: they must be as many"));
        }
        self.stages.push(Stage::Last { input, output });
    }

    /// Each step's row of `states` beside the next step's row of `items`, in a new buffer; zeros at a sample's last
    /// step.
    pub fn next(&mut self, states: View, items: View) -> View {
        let output = self.buffer_in(self.space_of(states), states.width.saturating_add(items.width));
        let inputs = [states, items];
        self.stages.push(Stage::Next { inputs, output });
        output
    }

    /// Adds `weight` times DIEN's auxiliary loss to what training descends: at every step but a sample's last, the
    /// logit `clicked` should be high and `negative` low.
    pub fn auxiliary(&mut self, clicked: View, negative: View, weight: f32) {
        if clicked.width != 1 || negative.width != 1 {
            let (c, n) = (clicked.width, negative.width);
            self.fail(format!(
                "the logits of the auxiliary loss are {c} and {n} columns wide: they must be 1"
            ));
        }
        if !(weight >= 0.0 && weight.is_finite()) {
            self.fail(format!(
                "an auxiliary loss of weight {weight}: give a finite number, not below 0"
            ));
        }
        let logits = [clicked, negative];
        self.stages.push(Stage::Auxiliary { logits, weight });
    }

    /// Leaves out values with probability `rate` in training, in a new buffer; `input` itself where the rate is 0.
    pub fn dropout(&mut self, input: View, rate: f32) -> View {
        if !(0.0..1.0).contains(&rate) {
            self.fail(format!("a dropout rate of {rate}: give a number in 0..1"));
        }
        if rate == 0.0 {
            return input;
        }
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::Dropout { input, output, rate });
        output
    }

    /// A PReLU with the slopes `name.alpha`, one for each column, in a new buffer (He et al., ICCV 2015). The slopes
    /// begin at 0.25.
    pub fn prelu(&mut self, name: &str, input: View) -> View {
        let alpha = self.vector(&format!("{name}.alpha"), input.width, Init::Constant { value: 0.25 });
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::Prelu { alpha, input, output });
        output
    }

    /// Batch normalisation without an affine part, in a new buffer; its running statistics are `name.mean` and
    /// `name.variance`, which begin at 0 and 1 (Ioffe and Szegedy, ICML 2015).
    pub fn batch_norm(&mut self, name: &str, input: View, momentum: f32, epsilon: f32) -> View {
        if !((0.0..=1.0).contains(&momentum) && epsilon > 0.0 && epsilon.is_finite()) {
            self.fail(format!(
                "{name}: a momentum of {momentum} and an epsilon of {epsilon}: give a number in 0..=1 and a positive one"
            ));
        }
        let ones = Init::Constant { value: 1.0 };
        let mean = self.vector(&format!("{name}.mean"), input.width, Init::Zeros);
        let variance = self.vector(&format!("{name}.variance"), input.width, ones);
        for statistic in [mean, variance] {
            self.params[statistic].kind = ParamKind::Statistic;
        }
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::BatchNorm {
            mean,
            variance,
            input,
            output,
            momentum,
            epsilon,
        });
        output
    }

    /// A scale `name.weight` and a shift `name.bias` for each column, with `max(x, 0)` behind them where `relu` says so, in
    /// a new buffer: the affine part of [`batch_norm`](PlanBuilder::batch_norm). They begin at 1 and 0.
    pub fn affine(&mut self, name: &str, input: View, relu: bool) -> View {
        let ones = Init::Constant { value: 1.0 };
        let weight = self.vector(&format!("{name}.weight"), input.width, ones);
        let bias = self.vector(&format!("{name}.bias"), input.width, Init::Zeros);
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::Affine {
            weight,
            bias,
            input,
            output,
            relu,
        });
        output
    }

    /// Dice with the slopes `name.alpha`, which begin at 0, in a new buffer (Zhou et al., KDD 2018, equation 3), over
    /// [`batch_norm`](PlanBuilder::batch_norm) of the same name.
    pub fn dice(&mut self, name: &str, input: View) -> View {
        const MOMENTUM: f32 = 0.1;
        const EPSILON: f32 = 1e-8;
        let normal = self.batch_norm(name, input, MOMENTUM, EPSILON);
        let alpha = self.vector(&format!("{name}.alpha"), input.width, Init::Zeros);
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::Dice {
            alpha,
            inputs: [input, normal],
            output,
        });
        output
    }

    /// The first layer `name` of DIN's attention: a linear layer over `[q, k, q - k, q * k]` with the query `q` of a
    /// sample and the key `k` of each of its steps, in a new buffer of `outputs` columns along the steps (Zhou et al.,
    /// KDD 2018, figure 2).
    pub fn attention_unit(
        &mut self,
        name: &str,
        query: View,
        key: View,
        outputs: usize,
        activation: Activation,
    ) -> View {
        if query.width != key.width {
            let (q, k) = (query.width, key.width);
            self.fail(format!(
                "{name}: a query of {q} columns for keys of {k}: they must be as many"
            ));
        }
        let output = self.buffer_in(self.space_of(key), outputs);
        let weight = self.linear_weight(&format!("{name}.weight"), key.width.saturating_mul(4), outputs);
        let bias = self.bias(&format!("{name}.bias"), outputs);
        self.stages.push(Stage::AttentionUnit {
            weight,
            bias,
            inputs: [query, key],
            output,
            activation,
        });
        output
    }

    /// The softmax of one column over the steps of each sample, in a new buffer.
    pub fn softmax(&mut self, input: View) -> View {
        if input.width != 1 {
            self.fail(format!("softmax of {} columns: give one", input.width));
        }
        let output = self.buffer_in(self.space_of(input), 1);
        self.stages.push(Stage::Softmax { input, output });
        output
    }

    /// The sum of each sample's steps of `values`, each times its weight, into `output`, which has one row a sample
    /// and may lie beside looked-up columns; zeros where there are no steps.
    pub fn attention(&mut self, weights: View, values: View, output: View) {
        if weights.width != 1 || values.width != output.width {
            let (w, v, o) = (weights.width, values.width, output.width);
            self.fail(format!(
                "attention by {w} columns of weights over {v} of values into {o}: give one, and two that are as many"
            ));
        }
        self.stages.push(Stage::Attention {
            inputs: [weights, values],
            output,
        });
    }

    /// Gives an activation a name by which it can be asked for with scores; see
    /// [`Plan::exposed`].
    pub fn expose(&mut self, name: &str, view: View) {
        if self.exposed.iter().any(|(other, _)| other == name) {
            self.fail(format!("two activations are called {name}"));
        }
        self.exposed.push((name.to_string(), view));
    }

    /// What the rows of a view are; samples where there is no such buffer, which `finish` reports.
    fn space_of(&self, view: View) -> Space {
        self.spaces.get(view.buffer).copied().unwrap_or(Space::Samples)
    }

    /// Ends the plan with the mean sigmoid cross-entropy of `logit`.
    ///
    /// # Errors
    /// [`Error::Plan`] where views overlap, are empty, are read before they are written, or are never used; where a
    /// stage reads the buffer that it writes; where a buffer is filled by look-ups and numeric features
    /// and by other stages too; where rows of different spaces are mixed; where no table
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
        let scored = self.derive_scored(logit);
        Ok(Plan {
            columns: self.columns,
            vocabularies: self.vocabularies,
            sequences: self.sequences,
            numerics: self.numerics,
            params: self.params,
            buffers: self.buffers,
            spaces: self.spaces,
            stages: self.stages,
            backward,
            scored,
            logit,
            exposed: self.exposed,
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
        if let Init::Constant { value } = init
            && !value.is_finite()
        {
            self.fail(format!("{name} begins as {value}: give a finite number"));
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

    /// Every id column picks from a table, every sequence has a column, and the parameters fit in an address space.
    fn check_params(&mut self) {
        for index in 0..self.columns.len() {
            let reads = |stage: &Stage| matches!(stage, Stage::Gather { column, .. } if *column == index);
            if !self.stages.iter().any(reads) {
                let column = &self.columns[index].name;
                self.fail(format!("no table reads the id column {column}"));
            }
        }
        if self.sequences.len() > MAX_SEQUENCES {
            let there = self.sequences.len();
            self.fail(format!("{there} sequences; give {MAX_SEQUENCES} at most"));
        }
        for index in 0..self.params.len() {
            let reads = |stage: &&Stage| matches!(stage, Stage::Gather { table, .. } if *table == index);
            if self.stages.iter().filter(reads).count() > MAX_GATHERS {
                let name = &self.params[index].name;
                self.fail(format!("{name} is looked up by more than {MAX_GATHERS} id columns"));
            }
        }
        for index in 0..self.sequences.len() {
            if !self.columns.iter().any(|column| column.space == Space::Steps(index)) {
                let sequence = &self.sequences[index];
                self.fail(format!("no id column lies along the sequence {sequence}"));
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
        for (name, view) in core::mem::take(&mut self.exposed) {
            match self.columns_of(&written, view) {
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

    /// What a stage reads and writes has the same rows; the loss is that of samples.
    fn check_spaces(&mut self, stage: &Stage) {
        // Stages between samples and their steps: (what has a row a sample, what has one a step).
        let name = stage.name();
        let (samples, steps) = match *stage {
            Stage::Pool { input, output, .. } | Stage::Last { input, output } => (output, vec![input]),
            Stage::Attention { inputs, output } => (output, inputs.to_vec()),
            Stage::AttentionUnit {
                inputs: [query, key],
                output,
                ..
            } => (query, vec![key, output]),
            Stage::Softmax { input, output } => return self.check_steps(name, &[input, output]),
            Stage::Gru { ref inputs, output, .. } => {
                inputs
                    .iter()
                    .for_each(|&input| self.check_steps(name, &[output, input]));
                return;
            }
            Stage::Next { inputs, output } => return self.check_steps(name, &[inputs[0], inputs[1], output]),
            Stage::Auxiliary { logits, .. } => return self.check_steps(name, &logits),
            _ => return self.check_one_space(stage),
        };
        if self.space_of(samples) != Space::Samples {
            let space = self.space_of(samples);
            self.fail(format!(
                "{name} wants one row a sample in {samples:?}, not of {space:?}"
            ));
        }
        self.check_steps(name, &steps);
    }

    /// All lie along one sequence.
    fn check_steps(&mut self, name: &str, views: &[View]) {
        for &view in views {
            let (space, first) = (self.space_of(view), self.space_of(views[0]));
            if space == Space::Samples || space != first {
                self.fail(format!(
                    "{name} wants the steps of one sequence in {view:?}, not of {space:?}"
                ));
            }
        }
    }

    fn check_one_space(&mut self, stage: &Stage) {
        let space = match *stage {
            Stage::Gather { column, .. } => self.columns[column].space,
            Stage::Numeric { .. } | Stage::SigmoidCrossEntropy { .. } => Space::Samples,
            _ => stage
                .inputs()
                .first()
                .map_or(Space::Samples, |&view| self.space_of(view)),
        };
        for view in stage.inputs().iter().copied().chain(stage.output()) {
            let other = self.space_of(view);
            if other != space {
                let name = stage.name();
                self.fail(format!(
                    "{name} mixes rows: {view:?} has one for each of {other:?}, not of {space:?}"
                ));
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
        // Numeric features have no gradient, and what brings steps together reads rows of another
        // space, whose gradients lie elsewhere.
        if matches!(
            stage,
            Stage::Numeric { .. } | Stage::Pool { .. } | Stage::Attention { .. } | Stage::Last { .. }
        ) {
            return;
        }
        let gathers = matches!(stage, Stage::Gather { .. });
        if *gathered[buffer].get_or_insert(gathers) != gathers {
            self.fail(format!(
                "{name} fills buffer {buffer} together with stages of another kind: look-ups, numeric features and \
                 pooled sequences apart from the rest"
            ));
        }
    }

    fn columns_of<'a>(&self, flags: &'a [Vec<bool>], view: View) -> Option<&'a [bool]> {
        flags.get(view.buffer)?.get(view.range())
    }

    /// Which stages the logit depends on, by the buffers that they write.
    fn derive_scored(&self, logit: View) -> Vec<bool> {
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

    /// The stages from last to first; who delivers a gradient first overwrites, who comes later adds.
    fn derive_backward(&mut self) -> Vec<Backward> {
        let mut delivered: Vec<Vec<bool>> = self.buffers.iter().map(|&width| vec![false; width]).collect();
        let mut backward = Vec::with_capacity(self.stages.len());
        let mut reached = vec![false; self.params.len()];
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
            let mut params = Flow::Write;
            for param in stage.params() {
                if core::mem::replace(&mut reached[param], true) {
                    params = Flow::Add;
                }
            }
            backward.push(Backward {
                stage: index,
                flow,
                params,
            });
            self.stages.push(stage);
        }
        self.stages.reverse();
        backward
    }
}

//! Runs a whole plan with the specification's functions and nothing else.

mod activations;
mod executor;

use alloc::{string::ToString, vec, vec::Vec};

use activations::Activations;

use super::{
    adam, affine, attention, auxiliary,
    batch_norm::{self, Statistics},
    dice, dropout, fm, gather, gru, l2, last, linear, next, pool, prelu, product, row_update, sgd,
    sigmoid_cross_entropy, softmax, sum,
};
use crate::{
    Error, Result,
    data::Batch,
    executor::LossSum,
    plan::{AdamConfig, L2, Optimizer, ParamKind, Plan, Space, Stage, State, View},
};

/// One parameter and its moments.
#[derive(Clone, Debug, Default)]
struct Tensor {
    value: Vec<f64>,
    /// Empty until an optimiser needs it, as `v`.
    m: Vec<f64>,
    v: Vec<f64>,
}

/// A plan with its parameters in `f64`, run by the specification: the oracle that executors are compared with.
///
/// It is also an [`Executor`](crate::executor::Executor), a slow one, so that whatever runs on an executor can be
/// tried on the specification too. It holds whole batches at a time and allocates as it goes.
///
/// ```
/// use pocketrec::{data::Batch, models::Gmf, ops::Reference};
/// use pocketrec::plan::{L2, Optimizer, State};
///
/// let plan = Gmf::new(5, 4).factors(2).plan()?;
/// let mut reference = Reference::new(&plan, &State::initial(&plan, 1, false))?;
/// let batch = Batch::from_columns(&[&[0, 4, 0], &[1, 3, 2]], &[1.0, 0.0, 0.0])?;
/// let before = reference.loss(&batch)?;
/// let gradients = reference.gradients(&batch, L2::default())?;
/// assert_eq!(gradients.len(), plan.params().len());
/// for _ in 0..10 {
///     reference.step(&batch, &Optimizer::Sgd { learning_rate: 0.5 }, L2::default())?;
/// }
/// assert!(reference.loss(&batch)? < before);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reference {
    plan: Plan,
    tensors: Vec<Tensor>,
    steps: u64,
    loss: LossSum,
    auxiliary: LossSum,
}

impl Reference {
    /// Begins from `state`, converted to `f64`.
    ///
    /// # Errors
    /// [`Error::Length`] where a tensor of the state does not fit the plan.
    pub fn new(plan: &Plan, state: &State) -> Result<Self> {
        check_state(plan, state)?;
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect();
        let tensor = |tensor: &crate::plan::Tensor| Tensor {
            value: wide(&tensor.value),
            m: wide(&tensor.m),
            v: wide(&tensor.v),
        };
        Ok(Reference {
            plan: plan.clone(),
            tensors: state.tensors.iter().map(tensor).collect(),
            steps: state.step,
            loss: LossSum::default(),
            auxiliary: LossSum::default(),
        })
    }

    /// The plan that is run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Steps taken, by any optimiser.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Parameter `param`, `rows x width`; empty where the plan has no such parameter.
    pub fn value(&self, param: usize) -> &[f64] {
        self.tensors.get(param).map_or(&[], |tensor| &tensor.value)
    }

    /// Parameter `param`, to be changed.
    pub fn value_mut(&mut self, param: usize) -> &mut [f64] {
        self.tensors.get_mut(param).map_or(&mut [], |tensor| &mut tensor.value)
    }

    /// Adam's first and second moment of parameter `param`; empty where no optimiser needed them yet.
    pub fn moments(&self, param: usize) -> (&[f64], &[f64]) {
        self.tensors.get(param).map_or((&[], &[]), |t| (&t.m, &t.v))
    }

    /// The logits of any number of samples, whose ids are `columns[..][s]`.
    ///
    /// # Errors
    /// [`Error::Length`] where the columns are not those of the plan or differ in length, [`Error::Id`] where an id
    /// lies outside its table.
    pub fn forward(&self, columns: &[&[u32]]) -> Result<Vec<f64>> {
        self.forward_batch(&batch_of(columns)?)
    }

    /// The logits of a batch, which need be neither sorted nor labelled.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn forward_batch(&self, batch: &Batch) -> Result<Vec<f64>> {
        Ok(self.run_forward(batch, false)?.read(self.plan.logit()))
    }

    /// All activations in training, one matrix `[rows, width]` a buffer of the plan: to see where an executor strays.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn activations(&self, batch: &Batch) -> Result<Vec<Vec<f64>>> {
        Ok(self.run_forward(batch, true)?.into_buffers())
    }

    /// The mean sigmoid cross-entropy of a batch in training, which need not be sorted; zero of an empty one.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn loss(&self, batch: &Batch) -> Result<f64> {
        let logits = self.run_forward(batch, true)?.read(self.plan.logit());
        Ok(sigmoid_cross_entropy::loss(&logits, &labels(batch)))
    }

    /// The auxiliary loss of a batch, without its weight; zero of a plan that has none, the sum where it has several.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn auxiliary_loss(&self, batch: &Batch) -> Result<f64> {
        Ok(self.auxiliary_losses(batch)?.iter().map(|(loss, _)| loss).sum())
    }

    /// Each auxiliary loss with its weight.
    fn auxiliary_losses(&self, batch: &Batch) -> Result<Vec<(f64, f64)>> {
        let a = self.run_forward(batch, true)?;
        let of_stage = |stage: &Stage| match *stage {
            Stage::Auxiliary { logits, weight } => {
                let [clicked, negative] = logits.map(|view| a.read(view));
                let loss = auxiliary::step_loss(&clicked, &negative, a.offsets(logits[0]));
                Some((loss, weight.into()))
            }
            _ => None,
        };
        Ok(self.plan.stages().iter().filter_map(of_stage).collect())
    }

    /// What a step descends: [`loss`](Reference::loss) plus the auxiliary losses by their weights plus the L2 terms, as
    /// [`L2`] words them.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn objective(&self, batch: &Batch, l2: L2) -> Result<f64> {
        let auxiliary = self.auxiliary_losses(batch)?;
        let mut objective = self.loss(batch)? + auxiliary.iter().map(|(loss, weight)| weight * loss).sum::<f64>();
        for (index, (param, tensor)) in self.plan.params().iter().zip(&self.tensors).enumerate() {
            match param.kind {
                ParamKind::Table { .. } => {
                    for (row, share) in self.shares(batch, index) {
                        let row = &tensor.value[row * param.width..][..param.width];
                        objective += l2::penalty(row, l2.tables.into(), share);
                    }
                }
                ParamKind::Statistic => {}
                ParamKind::Dense => objective += l2::penalty(&tensor.value, l2.dense.into(), 1.0),
            }
        }
        Ok(objective)
    }

    /// The gradient of [`objective`](Reference::objective), one matrix `rows x width` a parameter. Table rows that
    /// no sample picks have gradient zero.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn gradients(&self, batch: &Batch, l2: L2) -> Result<Vec<Vec<f64>>> {
        let activations = self.run_forward(batch, true)?;
        let mut gradients = self.run_backward(batch, &activations);
        let params = self.plan.params().iter().zip(&self.tensors);
        for (index, ((param, tensor), gradient)) in params.zip(&mut gradients).enumerate() {
            match param.kind {
                ParamKind::Table { .. } => {
                    for (row, share) in self.shares(batch, index) {
                        let range = row * param.width..(row + 1) * param.width;
                        let (gradient, row) = (&mut gradient[range.clone()], &tensor.value[range]);
                        l2::add_gradient(gradient, row, l2.tables.into(), share);
                    }
                }
                ParamKind::Statistic => {}
                ParamKind::Dense => l2::add_gradient(gradient, &tensor.value, l2.dense.into(), 1.0),
            }
        }
        Ok(gradients)
    }

    /// One training step: [`gradients`](Reference::gradients), then the optimiser. An empty batch is no step.
    /// Nothing changes on an error.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward), and [`Error::Config`] where the optimiser's settings are out of range.
    pub fn step(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2) -> Result<()> {
        let (loss, auxiliary) = (self.loss(batch)?, self.auxiliary_loss(batch)?);
        let gradients = self.gradients(batch, l2)?;
        optimizer.validate()?;
        if batch.is_empty() {
            return Ok(());
        }
        let statistics = batch_statistics(&self.plan, &self.run_forward(batch, true)?);
        self.loss.sum += loss * batch.len() as f64;
        self.loss.samples += batch.len() as u64;
        self.auxiliary.sum += auxiliary * batch.len() as f64;
        self.auxiliary.samples += batch.len() as u64;
        self.steps = self.steps.saturating_add(1);
        self.follow(&statistics);
        let params = self.plan.params().iter().zip(&mut self.tensors);
        for (index, ((param, tensor), gradient)) in params.zip(&gradients).enumerate() {
            match optimizer {
                _ if param.kind == ParamKind::Statistic => {
                    if optimizer.has_moments() {
                        tensor.m.resize(param.len(), 0.0);
                        tensor.v.resize(param.len(), 0.0);
                    }
                }
                Optimizer::Sgd { learning_rate } => {
                    sgd::update(&mut tensor.value, gradient, (*learning_rate).into());
                }
                Optimizer::Adam(config) => {
                    tensor.adam(0..param.len(), gradient, self.steps, config);
                }
                Optimizer::LazyAdam(config) => match param.kind {
                    ParamKind::Table { .. } => {
                        for &row in row_update::counts(&picks(&self.plan, batch, index)).keys() {
                            let first = row as usize * param.width;
                            tensor.adam(first..first + param.width, gradient, self.steps, config);
                        }
                    }
                    ParamKind::Dense | ParamKind::Statistic => {
                        tensor.adam(0..param.len(), gradient, self.steps, config)
                    }
                },
            }
        }
        Ok(())
    }

    /// The stages in order.
    fn run_forward<'a>(&self, batch: &'a Batch, training: bool) -> Result<Activations<'a>> {
        check_batch(&self.plan, batch)?;
        let mut a = Activations::new(&self.plan, batch);
        for (index, stage) in self.plan.stages().iter().enumerate() {
            let rows = stage.output().map_or(0, |view| a.rows(view));
            match stage {
                Stage::Gather { table, column, output } => {
                    let (table, ids) = (self.value(*table), &batch.column(*column).ids);
                    a.write(*output, &gather::forward(table, output.width, ids));
                }
                Stage::Numeric { first, output } => {
                    let features = batch.numeric().chunks(self.plan.numerics());
                    let values = features.flat_map(|row| row[*first..first + output.width].iter().copied());
                    a.write(*output, &values.map(f64::from).collect::<Vec<_>>());
                }
                Stage::Linear {
                    weight,
                    bias,
                    input,
                    output,
                    activation,
                } => {
                    let (x, weight, bias) = (a.read(*input), self.value(*weight), self.bias(*bias, output.width));
                    a.write(*output, &linear::forward(&x, weight, &bias, rows, *activation));
                }
                Stage::Product {
                    inputs: [left, right],
                    output,
                } => {
                    let product = product::forward(&a.read(*left), &a.read(*right));
                    a.write(*output, &product);
                }
                Stage::Sum { inputs, bias, output } => {
                    let inputs: Vec<Vec<f64>> = inputs.iter().map(|&view| a.read(view)).collect();
                    let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
                    a.write(
                        *output,
                        &sum::forward(&inputs, bias.map_or(0.0, |bias| self.value(bias)[0]), rows),
                    );
                }
                Stage::Fm { input, factors, output } => {
                    a.write(*output, &fm::forward(&a.read(*input), *factors, rows));
                }
                Stage::Pool { input, output, mean } => {
                    let offsets = a.offsets(*input);
                    a.write(*output, &pool::forward(&a.read(*input), offsets, input.width, *mean));
                }
                Stage::Dropout { input, output, rate } => {
                    let x = a.read(*input);
                    let rng = batch.noise().stream(index as u32);
                    let y = if training {
                        dropout::forward(&x, rng, 0, *rate)
                    } else {
                        x
                    };
                    a.write(*output, &y);
                }
                Stage::Prelu { alpha, input, output } => {
                    a.write(*output, &prelu::forward(&a.read(*input), self.value(*alpha)));
                }
                Stage::Affine {
                    weight,
                    bias,
                    input,
                    output,
                    relu,
                } => {
                    let (weight, bias) = (self.value(*weight), self.value(*bias));
                    a.write(*output, &affine::forward(&a.read(*input), weight, bias, *relu));
                }
                Stage::AttentionUnit {
                    weight,
                    bias,
                    inputs,
                    output,
                    activation,
                } => {
                    let x = unit_input(&a, *inputs);
                    let (weight, bias) = (self.value(*weight), self.value(*bias));
                    a.write(*output, &linear::forward(&x, weight, bias, rows, *activation));
                }
                Stage::Softmax { input, output } => {
                    a.write(*output, &softmax::forward(&a.read(*input), a.offsets(*input)));
                }
                Stage::Attention {
                    inputs: [weights, values],
                    output,
                } => {
                    let (offsets, width) = (a.offsets(*values), values.width);
                    let pooled = attention::forward(&a.read(*weights), &a.read(*values), offsets, width);
                    a.write(*output, &pooled);
                }
                Stage::BatchNorm {
                    mean,
                    variance,
                    input,
                    output,
                    epsilon,
                    ..
                } => {
                    let x = a.read(*input);
                    let statistics = if training {
                        Statistics::of(&x, input.width)
                    } else {
                        Statistics {
                            mean: self.value(*mean).to_vec(),
                            variance: self.value(*variance).to_vec(),
                        }
                    };
                    a.write(*output, &batch_norm::normalise(&x, &statistics, (*epsilon).into()));
                }
                Stage::Dice {
                    alpha,
                    inputs: [input, normal],
                    output,
                } => {
                    let (x, n, alpha) = (a.read(*input), a.read(*normal), self.value(*alpha));
                    a.write(*output, &dice::gate(&x, &n, alpha));
                }
                Stage::Gru {
                    kind,
                    params,
                    inputs,
                    output,
                } => {
                    let (input, scores) = self.gru_inputs(&a, inputs);
                    let parameters = self.gru_parameters(*params);
                    let states = gru::forward(*kind, &input, &scores, a.offsets(*output), &parameters);
                    a.write(*output, &states);
                }
                Stage::Last { input, output } => {
                    a.write(*output, &last::forward(&a.read(*input), a.offsets(*input), input.width));
                }
                Stage::Next { inputs, output } => {
                    let [states, items] = inputs.map(|view| a.read(view));
                    let widths = inputs.map(|view| view.width);
                    a.write(*output, &next::forward(&states, &items, a.offsets(*output), widths));
                }
                Stage::Auxiliary { .. } => {}           // a loss
                Stage::SigmoidCrossEntropy { .. } => {} // the logit is what forward is for
            }
        }
        Ok(a)
    }

    /// The backward stages in order, without the L2 terms.
    fn run_backward(&self, batch: &Batch, a: &Activations<'_>) -> Vec<Vec<f64>> {
        let mut gradients: Vec<Vec<f64>> = self.plan.params().iter().map(|p| vec![0.0; p.len()]).collect();
        // The gradients of activations, in the same buffers and views.
        let mut d = Activations::new(&self.plan, batch);
        for backward in self.plan.backward() {
            let (flow, stage) = (&backward.flow, &self.plan.stages()[backward.stage]);
            let rows = stage.output().map_or(0, |view| a.rows(view));
            match stage {
                Stage::SigmoidCrossEntropy { logit } => {
                    let gradient = sigmoid_cross_entropy::gradient(&a.read(*logit), &labels(batch));
                    d.deliver(*logit, flow[0], &gradient);
                }
                Stage::Sum { inputs, bias, output } => {
                    let delta = d.read(*output);
                    if let Some(bias) = *bias {
                        add(&mut gradients[bias], &[sum::bias_gradient(&delta)]);
                    }
                    for (&input, &flow) in inputs.iter().zip(flow) {
                        d.deliver(input, flow, &sum::input_gradient(&delta, input.width));
                    }
                }
                Stage::Product { inputs, output } => {
                    let [left, right] = inputs.map(|view| a.read(view));
                    let deltas = product::backward(&left, &right, &d.read(*output));
                    for ((&input, &flow), delta) in inputs.iter().zip(flow).zip(&deltas) {
                        d.deliver(input, flow, delta);
                    }
                }
                Stage::Linear {
                    weight,
                    bias,
                    input,
                    output,
                    activation,
                } => {
                    let (x, y, delta) = (a.read(*input), a.read(*output), d.read(*output));
                    let of_layer = linear::backward(&x, self.value(*weight), &y, &delta, rows, *activation);
                    d.deliver(*input, flow[0], &of_layer.input);
                    // Without rows, as along sequences that are all empty, the gradients stay zero.
                    if rows > 0 {
                        add(&mut gradients[*weight], &of_layer.weight);
                        if let Some(bias) = bias {
                            add(&mut gradients[*bias], &of_layer.bias);
                        }
                    }
                }
                Stage::Gather { table, column, output } => {
                    let table_rows = self.plan.params()[*table].rows;
                    let ids = &batch.column(*column).ids;
                    let of_column = gather::backward(ids, &d.read(*output), output.width, table_rows);
                    add(&mut gradients[*table], &of_column);
                }
                Stage::Numeric { .. } => {}
                Stage::Fm { input, factors, output } => {
                    let gradient = fm::backward(&a.read(*input), &d.read(*output), *factors);
                    d.deliver(*input, flow[0], &gradient);
                }
                Stage::Pool { input, output, mean } => {
                    let gradient = pool::backward(&d.read(*output), a.offsets(*input), input.width, *mean);
                    d.deliver(*input, flow[0], &gradient);
                }
                Stage::Dropout { input, output, rate } => {
                    let rng = batch.noise().stream(backward.stage as u32);
                    let gradient = dropout::forward(&d.read(*output), rng, 0, *rate);
                    d.deliver(*input, flow[0], &gradient);
                }
                Stage::Prelu { alpha, input, output } => {
                    let found = prelu::backward(&a.read(*input), self.value(*alpha), &d.read(*output));
                    add(&mut gradients[*alpha], &found.alpha);
                    d.deliver(*input, flow[0], &found.input);
                }
                Stage::Affine {
                    weight,
                    bias,
                    input,
                    output,
                    relu,
                } => {
                    let (x, y, delta) = (a.read(*input), a.read(*output), d.read(*output));
                    let found = affine::backward(&x, self.value(*weight), &y, &delta, *relu);
                    add(&mut gradients[*weight], &found.weight);
                    add(&mut gradients[*bias], &found.bias);
                    d.deliver(*input, flow[0], &found.input);
                }
                Stage::AttentionUnit {
                    weight,
                    bias,
                    inputs,
                    output,
                    activation,
                } => {
                    let (x, y, delta) = (unit_input(a, *inputs), a.read(*output), d.read(*output));
                    let of_layer = linear::backward(&x, self.value(*weight), &y, &delta, rows, *activation);
                    let [query, key] = *inputs;
                    let (q, k, offsets) = (a.read(query), a.read(key), a.offsets(key));
                    let [dq, dk] = attention::unit_input_backward(&q, &k, offsets, &of_layer.input, key.width);
                    d.deliver(query, flow[0], &dq);
                    d.deliver(key, flow[1], &dk);
                    if rows > 0 {
                        add(&mut gradients[*weight], &of_layer.weight);
                        add(&mut gradients[*bias], &of_layer.bias);
                    }
                }
                Stage::Softmax { input, output } => {
                    let gradient = softmax::backward(&a.read(*output), &d.read(*output), a.offsets(*input));
                    d.deliver(*input, flow[0], &gradient);
                }
                Stage::Attention {
                    inputs: [weights, values],
                    output,
                } => {
                    let (w, v, delta) = (a.read(*weights), a.read(*values), d.read(*output));
                    let offsets = a.offsets(*values);
                    let found = attention::backward(&w, &v, offsets, &delta, attention::Normalisation::None);
                    d.deliver(*weights, flow[0], &found.score);
                    d.deliver(*values, flow[1], &found.value);
                }
                Stage::BatchNorm {
                    input, output, epsilon, ..
                } => {
                    let x = a.read(*input);
                    let (statistics, delta) = (Statistics::of(&x, input.width), d.read(*output));
                    let gradient = batch_norm::normalise_backward(&x, &statistics, &delta, (*epsilon).into());
                    d.deliver(*input, flow[0], &gradient);
                }
                Stage::Dice {
                    alpha,
                    inputs: [input, normal],
                    output,
                } => {
                    let (x, n, delta) = (a.read(*input), a.read(*normal), d.read(*output));
                    let found = dice::gate_backward(&x, &n, self.value(*alpha), &delta);
                    add(&mut gradients[*alpha], &found.alpha);
                    d.deliver(*input, flow[0], &found.input);
                    d.deliver(*normal, flow[1], &found.normal);
                }
                Stage::Gru {
                    kind,
                    params,
                    inputs,
                    output,
                } => {
                    let ((input, scores), offsets) = (self.gru_inputs(a, inputs), a.offsets(*output));
                    let (states, delta) = (a.read(*output), d.read(*output));
                    let parameters = self.gru_parameters(*params);
                    let found = gru::backward(*kind, &input, &scores, offsets, &parameters, &states, &delta);
                    let of_inputs = [&found.input, &found.scores];
                    for ((&view, &flow), gradient) in inputs.iter().zip(flow).zip(of_inputs) {
                        d.deliver(view, flow, gradient);
                    }
                    for (param, gradient) in params.iter().zip(found.parameters.tensors()) {
                        add(&mut gradients[*param], gradient);
                    }
                }
                Stage::Last { input, output } => {
                    let gradient = last::backward(&d.read(*output), a.offsets(*input), input.width);
                    d.deliver(*input, flow[0], &gradient);
                }
                Stage::Next { inputs, output } => {
                    let widths = inputs.map(|view| view.width);
                    let of_inputs = next::backward(&d.read(*output), a.offsets(*output), widths);
                    for ((&input, &flow), gradient) in inputs.iter().zip(flow).zip(&of_inputs) {
                        d.deliver(input, flow, gradient);
                    }
                }
                Stage::Auxiliary { logits, weight } => {
                    let [clicked, negative] = logits.map(|view| a.read(view));
                    let of_logits = auxiliary::step_gradient(&clicked, &negative, a.offsets(logits[0]));
                    for ((&logit, &flow), gradient) in logits.iter().zip(flow).zip(of_logits) {
                        let gradient: Vec<f64> = gradient.iter().map(|d| f64::from(*weight) * d).collect();
                        d.deliver(logit, flow, &gradient);
                    }
                }
            }
        }
        gradients
    }
}

/// The statistics of every stage that normalises over the batch, with the stage's index and the rows they are of.
fn batch_statistics(plan: &Plan, a: &Activations<'_>) -> Vec<(usize, Statistics, usize)> {
    let of_stage = |(index, stage): (usize, &Stage)| match stage {
        Stage::BatchNorm { input, .. } => Some((index, Statistics::of(&a.read(*input), input.width), a.rows(*input))),
        _ => None,
    };
    plan.stages().iter().enumerate().filter_map(of_stage).collect()
}

/// `[q, k, q - k, q * k]` of every step.
fn unit_input(a: &Activations<'_>, [query, key]: [View; 2]) -> Vec<f64> {
    attention::unit_input(&a.read(query), &a.read(key), a.offsets(key), key.width)
}

impl Reference {
    /// Moves running statistics towards a batch's: for each stage that has some, its index, the batch's and its rows.
    fn follow(&mut self, batch: &[(usize, Statistics, usize)]) {
        for (index, of_batch, rows) in batch {
            if let Stage::BatchNorm {
                mean,
                variance,
                momentum,
                ..
            } = self.plan.stages()[*index]
            {
                let mut running = Statistics {
                    mean: self.value(mean).to_vec(),
                    variance: self.value(variance).to_vec(),
                };
                running.follow(of_batch, *rows, momentum.into());
                self.tensors[mean].value = running.mean;
                self.tensors[variance].value = running.variance;
            }
        }
    }

    /// A linear layer's bias, zero where it has none.
    fn bias(&self, bias: Option<usize>, outputs: usize) -> Vec<f64> {
        bias.map_or_else(|| vec![0.0; outputs], |bias| self.value(bias).to_vec())
    }

    /// Input and scores of a recurrent layer.
    fn gru_inputs(&self, a: &Activations<'_>, inputs: &[View]) -> (Vec<f64>, Vec<f64>) {
        let scores = inputs.get(1).map(|&view| a.read(view));
        (a.read(inputs[0]), scores.unwrap_or_default())
    }

    fn gru_parameters(&self, params: [usize; 4]) -> gru::Parameters {
        let [input_weight, hidden_weight, input_bias, hidden_bias] = params.map(|param| self.value(param).to_vec());
        gru::Parameters {
            input_weight,
            hidden_weight,
            input_bias,
            hidden_bias,
        }
    }

    /// The rows of a table that a batch picks, each with the picks a sample.
    fn shares(&self, batch: &Batch, table: usize) -> impl Iterator<Item = (usize, f64)> + use<> {
        let counts = row_update::counts(&picks(&self.plan, batch, table));
        let samples = batch.len() as f64;
        counts
            .into_iter()
            .map(move |(row, n)| (row as usize, n as f64 / samples))
    }
}

impl Tensor {
    /// Adam on a range of the values; moments begin at zero.
    fn adam(&mut self, range: core::ops::Range<usize>, gradient: &[f64], step: u64, config: &AdamConfig) {
        self.m.resize(self.value.len(), 0.0);
        self.v.resize(self.value.len(), 0.0);
        let (m, v) = (&mut self.m[range.clone()], &mut self.v[range.clone()]);
        adam::update(&mut self.value[range.clone()], m, v, &gradient[range], step, config);
    }
}

fn add(sum: &mut [f64], terms: &[f64]) {
    for (sum, x) in sum.iter_mut().zip(terms) {
        *sum += x;
    }
}

/// Unlabelled samples of id columns alone.
fn batch_of(columns: &[&[u32]]) -> Result<Batch> {
    let samples = columns.first().map_or(0, |ids| ids.len());
    Batch::from_columns(columns, &vec![0.0; samples])
}

/// The ids by which a batch picks rows of a table, by all columns that read it.
fn picks(plan: &Plan, batch: &Batch, table: usize) -> Vec<u32> {
    let ids = |(column, _)| batch.column(column).ids.iter().copied();
    plan.gathers(table).flat_map(ids).collect()
}

fn labels(batch: &Batch) -> Vec<f64> {
    batch.labels().iter().copied().map(f64::from).collect()
}

fn check_length(what: &str, expected: usize, got: usize) -> Result<()> {
    match got == expected {
        true => Ok(()),
        false => Err(Error::Length {
            what: what.to_string(),
            expected,
            got,
        }),
    }
}

/// Checks that a batch has the plan's columns, sequences and features, all of whose ids are good.
fn check_batch(plan: &Plan, batch: &Batch) -> Result<()> {
    check_length("id columns of the plan", plan.columns().len(), batch.columns().len())?;
    check_length("sequences of the plan", plan.sequences().len(), batch.sequences())?;
    for sequence in 0..batch.sequences() {
        let offsets = batch.offsets(sequence);
        check_length("offsets of a sequence", batch.len() + 1, offsets.len())?;
        if offsets[0] != 0 || !offsets.is_sorted() {
            return Err(Error::config("sequence", "its offsets do not ascend from 0"));
        }
    }
    let features = batch.len() * plan.numerics();
    check_length("numeric features of all samples", features, batch.numeric().len())?;
    for (column, of_batch) in plan.columns().iter().zip(batch.columns()) {
        let expected = match column.space {
            Space::Samples => batch.len(),
            Space::Steps(sequence) => batch.offsets(sequence)[batch.len()] as usize,
        };
        check_length(&column.name, expected, of_batch.ids.len())?;
        let rows = plan.rows(column.vocabulary);
        if let Some(&id) = of_batch.ids.iter().find(|&&id| id as usize >= rows) {
            return Err(Error::Id {
                column: column.name.clone(),
                id: id.into(),
                rows: rows as u64,
            });
        }
    }
    Ok(())
}

fn check_state(plan: &Plan, state: &State) -> Result<()> {
    check_length("tensors of the state", plan.params().len(), state.tensors.len())?;
    for (param, tensor) in plan.params().iter().zip(&state.tensors) {
        check_length(&param.name, param.len(), tensor.value.len())?;
        for moment in [&tensor.m, &tensor.v] {
            if !moment.is_empty() {
                check_length(&param.name, param.len(), moment.len())?;
            }
        }
    }
    Ok(())
}

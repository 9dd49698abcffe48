//! Runs a whole plan with the specification's functions and nothing else.

mod activations;
mod executor;

use alloc::{string::ToString, vec, vec::Vec};

use activations::Activations;

use super::{adam, gather, l2, linear, product, row_update, sgd, sigmoid_cross_entropy, sum};
use crate::{
    Error, Result,
    data::Batch,
    executor::LossSum,
    plan::{AdamConfig, L2, Optimizer, ParamKind, Plan, Stage, State},
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
        Ok(self.run_forward(columns)?.read(self.plan.logit()))
    }

    /// All activations, one matrix `[samples, width]` a buffer of the plan: to see where an executor strays.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn activations(&self, columns: &[&[u32]]) -> Result<Vec<Vec<f64>>> {
        Ok(self.run_forward(columns)?.into_buffers())
    }

    /// The mean sigmoid cross-entropy of a batch, which need not be sorted; zero of an empty one.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn loss(&self, batch: &Batch) -> Result<f64> {
        let logits = self.forward(&id_columns(batch))?;
        check_labels(batch, &id_columns(batch))?;
        Ok(sigmoid_cross_entropy::loss(&logits, &labels(batch)))
    }

    /// What a step descends: [`loss`](Reference::loss) plus the L2 terms, as [`L2`] words them.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn objective(&self, batch: &Batch, l2: L2) -> Result<f64> {
        let mut objective = self.loss(batch)?;
        for (param, tensor) in self.plan.params().iter().zip(&self.tensors) {
            match param.kind {
                ParamKind::Table { column } => {
                    for (row, share) in shares(batch, column) {
                        let row = &tensor.value[row * param.width..][..param.width];
                        objective += l2::penalty(row, l2.tables.into(), share);
                    }
                }
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
        let columns = id_columns(batch);
        check_labels(batch, &columns)?;
        let activations = self.run_forward(&columns)?;
        let mut gradients = self.run_backward(batch, &activations);
        for ((param, tensor), gradient) in self.plan.params().iter().zip(&self.tensors).zip(&mut gradients) {
            match param.kind {
                ParamKind::Table { column } => {
                    for (row, share) in shares(batch, column) {
                        let range = row * param.width..(row + 1) * param.width;
                        let (gradient, row) = (&mut gradient[range.clone()], &tensor.value[range]);
                        l2::add_gradient(gradient, row, l2.tables.into(), share);
                    }
                }
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
        let loss = self.loss(batch)?;
        let gradients = self.gradients(batch, l2)?;
        optimizer.validate()?;
        if batch.is_empty() {
            return Ok(());
        }
        self.loss.sum += loss * batch.len() as f64;
        self.loss.samples += batch.len() as u64;
        self.steps = self.steps.saturating_add(1);
        for ((param, tensor), gradient) in self.plan.params().iter().zip(&mut self.tensors).zip(&gradients) {
            match optimizer {
                Optimizer::Sgd { learning_rate } => {
                    sgd::update(&mut tensor.value, gradient, (*learning_rate).into());
                }
                Optimizer::Adam(config) => {
                    tensor.adam(0..param.len(), gradient, self.steps, config);
                }
                Optimizer::LazyAdam(config) => match param.kind {
                    ParamKind::Table { column } => {
                        for &row in row_update::counts(&batch.column(column).ids).keys() {
                            let first = row as usize * param.width;
                            tensor.adam(first..first + param.width, gradient, self.steps, config);
                        }
                    }
                    ParamKind::Dense => tensor.adam(0..param.len(), gradient, self.steps, config),
                },
            }
        }
        Ok(())
    }

    /// The stages in order.
    fn run_forward(&self, columns: &[&[u32]]) -> Result<Activations> {
        let rows = check_ids(&self.plan, columns)?;
        let mut a = Activations::new(&self.plan, rows);
        for stage in self.plan.stages() {
            match stage {
                Stage::Gather { table, column, output } => {
                    let table = self.value(*table);
                    a.write(*output, &gather::forward(table, output.width, columns[*column]));
                }
                Stage::Linear {
                    weight,
                    bias,
                    input,
                    output,
                    activation,
                } => {
                    let (x, weight, bias) = (a.read(*input), self.value(*weight), self.value(*bias));
                    a.write(*output, &linear::forward(&x, weight, bias, rows, *activation));
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
                    a.write(*output, &sum::forward(&inputs, self.value(*bias)[0], rows));
                }
                Stage::SigmoidCrossEntropy { .. } => {} // the logit is what forward is for
            }
        }
        Ok(a)
    }

    /// The backward stages in order, without the L2 terms.
    fn run_backward(&self, batch: &Batch, a: &Activations) -> Vec<Vec<f64>> {
        let rows = batch.len();
        let mut gradients: Vec<Vec<f64>> = self.plan.params().iter().map(|p| vec![0.0; p.len()]).collect();
        // The gradients of activations, in the same buffers and views.
        let mut d = Activations::new(&self.plan, rows);
        for backward in self.plan.backward() {
            let flow = &backward.flow;
            match &self.plan.stages()[backward.stage] {
                Stage::SigmoidCrossEntropy { logit } => {
                    let gradient = sigmoid_cross_entropy::gradient(&a.read(*logit), &labels(batch));
                    d.deliver(*logit, flow[0], &gradient);
                }
                Stage::Sum { inputs, bias, output } => {
                    let delta = d.read(*output);
                    gradients[*bias] = vec![sum::bias_gradient(&delta)];
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
                    gradients[*weight] = of_layer.weight;
                    gradients[*bias] = of_layer.bias;
                }
                Stage::Gather { table, column, output } => {
                    let table_rows = self.plan.params()[*table].rows;
                    let ids = &batch.column(*column).ids;
                    gradients[*table] = gather::backward(ids, &d.read(*output), output.width, table_rows);
                }
            }
        }
        gradients
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

fn id_columns(batch: &Batch) -> Vec<&[u32]> {
    batch.columns().iter().map(|column| column.ids.as_slice()).collect()
}

fn labels(batch: &Batch) -> Vec<f64> {
    batch.labels().iter().copied().map(f64::from).collect()
}

/// The rows that a batch picks by `column`, each with the share of samples that pick it.
fn shares(batch: &Batch, column: usize) -> impl Iterator<Item = (usize, f64)> {
    let counts = row_update::counts(&batch.column(column).ids);
    let samples = batch.len() as f64;
    counts
        .into_iter()
        .map(move |(row, n)| (row as usize, n as f64 / samples))
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

/// The number of samples in `columns`, all of whose ids are good.
fn check_ids(plan: &Plan, columns: &[&[u32]]) -> Result<usize> {
    check_length("id columns of the plan", plan.columns().len(), columns.len())?;
    let samples = columns.first().map_or(0, |ids| ids.len());
    for (index, (name, ids)) in plan.columns().iter().zip(columns).enumerate() {
        check_length(name, samples, ids.len())?;
        let rows = plan.rows(index);
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= rows) {
            return Err(Error::Id {
                column: name.clone(),
                id: id.into(),
                rows: rows as u64,
            });
        }
    }
    Ok(samples)
}

fn check_labels(batch: &Batch, columns: &[&[u32]]) -> Result<()> {
    let samples = columns.first().map_or(0, |ids| ids.len());
    check_length("labels, which go with the ids", samples, batch.len())
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

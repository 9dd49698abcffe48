//! Runs a whole plan with the specification's functions and nothing else.

mod activations;
mod executor;
mod run;
mod step;

use alloc::{vec, vec::Vec};

use activations::Activations;

use crate::{
    Error, Result,
    checks::{check_ids, check_state},
    data::{Batch, Graph},
    executor::LossSum,
    ops::{Role, l2, row_update},
    plan::{L2, Param, ParamKind, Plan, State, StoredRows},
    shared::Arc,
};

/// One parameter and its moments.
#[derive(Clone, Debug, Default)]
struct Tensor {
    value: Vec<f64>,
    /// Empty until an optimiser needs it, as `v`.
    m: Vec<f64>,
    v: Vec<f64>,
    /// The rows as a state kept them, where it kept them as halves or bytes.
    stored: Option<StoredRows>,
}

/// A plan with its parameters in `f64`, run by the specification: the oracle that executors are compared with.
///
/// It is also an [`Executor`](crate::executor::Executor), a slow one, so that whatever runs on an executor can be
/// tried on the specification too. It holds whole batches at a time and allocates as it goes.
///
/// ```
/// use pocketrec::{data::Batch, models::Gmf, reference::Reference};
/// use pocketrec::plan::{L2, Optimizer, State};
///
/// let plan = Gmf::new(5, 4).factors(2).plan()?;
/// let mut reference = Reference::new(&plan, &State::initial(&plan, 1, false)?)?;
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
    /// What tables are propagated along.
    graph: Option<Arc<Graph>>,
}

impl Reference {
    /// Begins from `state`, converted to `f64`.
    ///
    /// # Errors
    /// [`Error::Length`] where a tensor of the state does not fit the plan.
    pub fn new(plan: &Plan, state: &State) -> Result<Self> {
        check_state(plan, state)?;
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect();
        let tensor = |(param, tensor): (&Param, &crate::plan::Tensor)| {
            let widened = tensor.widened(&param.name)?;
            let floats = widened.as_ref().unwrap_or(tensor);
            Ok::<_, Error>(Tensor {
                value: wide(&floats.value),
                m: wide(&floats.m),
                v: wide(&floats.v),
                stored: tensor.stored.clone(),
            })
        };
        let tensors = plan.params().iter().zip(&state.tensors).map(tensor);
        Ok(Reference {
            plan: plan.clone(),
            tensors: tensors.collect::<Result<_>>()?,
            steps: state.step,
            loss: LossSum::default(),
            auxiliary: LossSum::default(),
            graph: None,
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

    /// The logits of any number of samples, whose ids are `columns[..][s]` of the plan's
    /// [scored columns](Plan::scored_columns).
    ///
    /// # Errors
    /// [`Error::Length`] where the columns are not those of the plan or differ in length,
    /// [`Error::Id`] where an id lies outside its table.
    pub fn forward(&self, columns: &[&[u32]]) -> Result<Vec<f64>> {
        self.forward_batch(&batch_of(&self.plan, columns)?)
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

    /// The mean loss of a batch in training, which need not be sorted; zero of an empty one. Samples count
    /// as [`Batch::weights_mut`] words it.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn loss(&self, batch: &Batch) -> Result<f64> {
        Ok(self.loss_of(&self.run_forward(batch, true)?))
    }

    fn loss_of(&self, a: &Activations<'_>) -> f64 {
        let stages = self.plan.stages().iter().enumerate();
        let losses = stages.filter(|(_, stage)| matches!(stage.role(), Role::Loss { .. }));
        losses.map(|(index, _)| self.loss_at(a, index)).sum()
    }

    /// The auxiliary loss of a batch, without its weight; zero of a plan that has none, the sum where it has several.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn auxiliary_loss(&self, batch: &Batch) -> Result<f64> {
        let losses = self.auxiliary_losses(&self.run_forward(batch, true)?);
        Ok(losses.iter().map(|(loss, _)| loss).sum())
    }

    /// Each auxiliary loss with its weight.
    fn auxiliary_losses(&self, a: &Activations<'_>) -> Vec<(f64, f64)> {
        let stages = self.plan.stages().iter().enumerate();
        let losses = stages.filter_map(|(index, stage)| match stage.role() {
            Role::AuxiliaryLoss { weight } => Some((self.loss_at(a, index), weight.into())),
            _ => None,
        });
        losses.collect()
    }

    /// What a step descends: [`loss`](Reference::loss) plus the auxiliary losses by their weights plus the L2 terms, as
    /// [`L2`] words them.
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn objective(&self, batch: &Batch, l2: L2) -> Result<f64> {
        let a = self.run_forward(batch, true)?;
        let auxiliary = self.auxiliary_losses(&a);
        let mut objective = self.loss_of(&a) + auxiliary.iter().map(|(loss, weight)| weight * loss).sum::<f64>();
        for (index, (param, tensor)) in self.plan.params().iter().zip(&self.tensors).enumerate() {
            match param.kind {
                ParamKind::Table { .. } => {
                    for (row, share) in self.shares(batch, index) {
                        let row = &tensor.value[row * param.width..][..param.width];
                        objective += l2::penalty(row, l2.tables.into(), share);
                    }
                    objective += l2::penalty(&tensor.value, l2.per_row.into(), 1.0);
                }
                ParamKind::Statistic => {}
                ParamKind::Dense => objective += l2::penalty(&tensor.value, l2.dense.into(), 1.0),
            }
        }
        Ok(objective)
    }

    /// The gradient of [`objective`](Reference::objective), one matrix `rows x width` a parameter. Table rows that
    /// no sample picks have gradient zero but for [`L2::per_row`].
    ///
    /// # Errors
    /// As [`forward`](Reference::forward).
    pub fn gradients(&self, batch: &Batch, l2: L2) -> Result<Vec<Vec<f64>>> {
        Ok(self.gradients_of(&self.run_forward(batch, true)?, l2))
    }

    fn gradients_of(&self, a: &Activations<'_>, l2: L2) -> Vec<Vec<f64>> {
        let mut gradients = self.run_backward(a);
        let params = self.plan.params().iter().zip(&self.tensors);
        for (index, ((param, tensor), gradient)) in params.zip(&mut gradients).enumerate() {
            match param.kind {
                ParamKind::Table { .. } => {
                    for (row, share) in self.shares(a.batch(), index) {
                        let range = row * param.width..(row + 1) * param.width;
                        let (gradient, row) = (&mut gradient[range.clone()], &tensor.value[range]);
                        l2::add_gradient(gradient, row, l2.tables.into(), share);
                    }
                    l2::add_gradient(gradient, &tensor.value, l2.per_row.into(), 1.0);
                }
                ParamKind::Statistic => {}
                ParamKind::Dense => l2::add_gradient(gradient, &tensor.value, l2.dense.into(), 1.0),
            }
        }
        gradients
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

/// Unlabelled samples of id columns alone; any id where scores do not depend on it.
fn batch_of(plan: &Plan, columns: &[&[u32]]) -> Result<Batch> {
    let samples = columns.first().map_or(0, |ids| ids.len());
    check_ids(plan, columns, samples)?;
    let (any, mut all) = (vec![0; samples], columns.to_vec());
    all.resize(plan.columns().len(), &any);
    let mut batch = Batch::from_columns(&all, &vec![0.0; samples])?;
    for (index, column) in plan.columns().iter().enumerate() {
        if column.weighted {
            batch.ids_and_weights_mut(index).1.resize(samples, 1.0);
        }
    }
    Ok(batch)
}

/// The ids by which a batch picks rows of a table, by all columns that read it.
fn picks(plan: &Plan, batch: &Batch, table: usize) -> Vec<u32> {
    let ids = |(column, _)| batch.column(column).ids.iter().copied();
    plan.gathers(table).flat_map(ids).collect()
}

//! What training has made so far: parameters, moments and the step count.

use alloc::vec::Vec;

use super::{Init, Param, Plan, RowType, StoredRows};
use crate::{
    Result,
    checks::check_state,
    memory,
    rng::{Rng, streams},
};

/// One parameter with its optimiser's moments, each `rows x width`, row-major. Of a table whose rows are
/// [kept](Tensor::stored) as something shorter they have the exact rows alone, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// The parameter.
    pub value: Vec<f32>,
    /// Adam's first moment; empty under SGD.
    pub m: Vec<f32>,
    /// Adam's second moment; empty under SGD.
    pub v: Vec<f32>,
    /// The rows that are kept as halves or bytes, where the plan says so.
    pub stored: Option<StoredRows>,
}

/// What training has made so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Steps taken by any optimiser; Adam's bias correction counts them.
    ///
    /// Moments that come later, after steps of SGD or with a new row, begin at zero under the count as it stands. That
    /// does no harm: uncorrected, a first step is `(1 - beta1) / sqrt(1 - beta2)` learning rates long (3.2 by
    /// default), and none is ever longer.
    pub step: u64,
    /// One a parameter, in the plan's order.
    pub tensors: Vec<Tensor>,
}

impl State {
    /// The state before the first step. Each value is a function of the seed, its parameter and its index.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) with the sizes, before anything is allocated, where the parameters are more
    /// than there is memory for.
    ///
    /// ```
    /// use pocketrec::{Error, models::NeuMf, plan::State};
    /// let plan = NeuMf::new(2_000_000_000, 100).plan()?;
    /// let refused = State::initial(&plan, 1, true);
    /// assert!(matches!(refused, Err(Error::Memory { bytes: 900_000_000_000.., .. })));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn initial(plan: &Plan, seed: u64, moments: bool) -> Result<Self> {
        plan.need("the parameters", moments, 1).check()?;
        let rng = Rng::new(seed).stream(streams::INIT);
        let tensor = |(index, param): (usize, &Param)| {
            let rng = rng.stream(index as u32);
            let zeros = |len| memory::zeroed(len, || param.name.clone());
            let mut value = zeros(param.len())?;
            fill(&mut value, 0, param.init, rng);
            let moments = if moments { param.len() } else { 0 };
            Ok(Tensor {
                value,
                m: zeros(moments)?,
                v: zeros(moments)?,
                stored: None,
            })
        };
        let tensors = plan.params().iter().enumerate().map(tensor);
        Ok(State {
            step: 0,
            tensors: tensors.collect::<Result<_>>()?,
        })
    }
}

impl State {
    /// What the rows of tables are kept as.
    pub fn row_type(&self) -> RowType {
        let stored = self.tensors.iter().find_map(|tensor| tensor.stored.as_ref());
        stored.map_or(RowType::F32, StoredRows::kind)
    }

    /// A copy with the rows of all tables kept as `row_type`, without moments. What is in `f32` is rounded; as
    /// [`RowType::F32`], what was kept as something shorter becomes floats.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where the state does not fit the plan; [`Error::Config`](crate::Error::Config)
    /// with table and row where a float has no place in `row_type`; [`Error::Memory`](crate::Error::Memory).
    ///
    /// ```
    /// use pocketrec::{models::Gmf, plan::{RowType, State}};
    /// let plan = Gmf::new(30, 20).plan()?;
    /// let trained = State::initial(&plan, 1, true)?;
    /// let small = trained.with_tables_as(&plan, RowType::I8)?;
    /// assert_eq!(small.row_type(), RowType::I8);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    pub fn with_tables_as(&self, plan: &Plan, row_type: RowType) -> Result<State> {
        check_state(&plan.clone().with_tables_as(self.row_type()), self)?;
        let tensor = |(param, tensor): (&Param, &Tensor)| {
            let kind = if param.is_table() { row_type } else { RowType::F32 };
            tensor.kept_as(&param.name, param.width, kind)
        };
        Ok(State {
            step: self.step,
            tensors: plan
                .params()
                .iter()
                .zip(&self.tensors)
                .map(tensor)
                .collect::<Result<_>>()?,
        })
    }
}

/// Draws initial values; `first` is the index of `values[0]` within its parameter.
fn fill(values: &mut [f32], first: u64, init: Init, rng: Rng) {
    for (index, value) in (first..).zip(values) {
        // The low half of an index may not be all ones: spread indices over 31 bits and the high half.
        let address = (index & 0x7fff_ffff) | (index >> 31) << 32;
        *value = match init {
            Init::Zeros => 0.0,
            Init::Constant { value } => value,
            Init::Normal { std } => std * rng.normal(address),
            Init::Uniform { limit } => limit * (2.0 * rng.uniform(address) - 1.0),
        };
    }
}

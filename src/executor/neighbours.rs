//! An executor whose plan sees neighbours of items, for callers who have users and items: it fills the rest in.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{Activations, Executor, KeepRows, LossSum, Neighbours, Pending, score_with};
use crate::{
    Error, Result,
    checks::{check_batch, check_scored},
    data::{Batch, Knowledge, neighbour_columns as columns},
    plan::{L2, Optimizer, Plan, State},
    shared::Arc,
};

/// Samples whose neighbours are filled in at a time to be scored.
const TOGETHER: usize = 1024;

/// The executor of a plan of [`Kgcn`](crate::models::Kgcn), which takes what that of any model of users and items takes.
pub(crate) struct WithNeighbours {
    inner: Box<dyn Executor>,
    /// The inner one's, with the columns of users and items alone.
    plan: Plan,
    knowledge: Option<Arc<Knowledge>>,
    /// The last batch with its neighbours, whose memory is kept.
    batch: Batch,
}

impl WithNeighbours {
    /// In front of the executor of a plan of KGCN.
    pub fn new(inner: Box<dyn Executor>) -> Self {
        let plan = inner.plan().clone().filled_in(columns::GIVEN);
        WithNeighbours {
            inner,
            plan,
            knowledge: None,
            batch: Batch::default(),
        }
    }

    /// Fills the batch in, which has passed `check`.
    fn expand(&mut self, pairs: &Batch, check: impl Fn(&Plan) -> Result<()>) -> Result<()> {
        check(&self.plan)?;
        known(self.knowledge.as_ref())?.expand(pairs, &mut self.batch)
    }
}

fn known(knowledge: Option<&Arc<Knowledge>>) -> Result<&Knowledge> {
    knowledge.map(Arc::as_ref).ok_or_else(|| {
        let reason = "the model sees neighbours of items, and nothing is known of any: hand it some (Knowledge::sample, \
                      Trainer::set_knowledge)";
        Error::config("knowledge", reason)
    })
}

impl Executor for WithNeighbours {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn device(&self) -> String {
        self.inner.device()
    }

    fn step(
        &mut self,
        batch: &Batch,
        optimizer: &Optimizer,
        l2: L2,
        prefetch: &mut (dyn FnMut() + Send),
    ) -> Pending<'_, ()> {
        if let Err(error) = self.expand(batch, |plan| check_batch(plan, batch)) {
            return Pending::ready(Err(error));
        }
        self.inner.step(&self.batch, optimizer, l2, prefetch)
    }

    fn poll(&mut self) -> Result<bool> {
        self.inner.poll()
    }

    fn take_loss(&mut self) -> Pending<'_, LossSum> {
        self.inner.take_loss()
    }

    fn take_auxiliary(&mut self) -> Pending<'_, LossSum> {
        self.inner.take_auxiliary()
    }

    fn score<'a>(&'a mut self, columns: &'a [&'a [u32]], out: &'a mut [f32]) -> Pending<'a, ()> {
        let WithNeighbours {
            inner,
            knowledge,
            batch,
            ..
        } = self;
        let [users, items] = match pairs_of(columns, out.len()) {
            Ok(pairs) => pairs,
            Err(error) => return Pending::ready(Err(error)),
        };
        let knowledge = match known(knowledge.as_ref()) {
            Ok(knowledge) => knowledge,
            Err(error) => return Pending::ready(Err(error)),
        };
        if out.len() <= TOGETHER {
            knowledge.fill([users, items], batch);
            return inner.score_batch(batch, out);
        }
        Pending::start(async move {
            let pairs = users.chunks(TOGETHER).zip(items.chunks(TOGETHER));
            for ((users, items), out) in pairs.zip(out.chunks_mut(TOGETHER)) {
                knowledge.fill([users, items], batch);
                inner.score_batch(batch, out).await?;
            }
            Ok(())
        })
    }

    fn score_batch<'a>(&'a mut self, batch: &'a Batch, out: &'a mut [f32]) -> Pending<'a, ()> {
        match self.expand(batch, |plan| check_scored(plan, batch, out.len())) {
            Ok(()) => self.inner.score_batch(&self.batch, out),
            Err(error) => Pending::ready(Err(error)),
        }
    }

    fn state(&mut self) -> Pending<'_, State> {
        self.inner.state()
    }

    fn set_state<'a>(&'a mut self, state: &'a State) -> Pending<'a, ()> {
        self.inner.set_state(state)
    }

    fn read_rows<'a>(&'a mut self, param: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        self.inner.read_rows(param, first, out)
    }

    fn write_rows<'a>(&'a mut self, param: usize, first: usize, values: &'a [f32]) -> Pending<'a, ()> {
        self.inner.write_rows(param, first, values)
    }

    fn grow(&mut self, vocabulary: usize, rows: usize) -> Pending<'_, ()> {
        Pending::start(async move {
            self.inner.grow(vocabulary, rows).await?;
            self.plan.set_rows(vocabulary, rows);
            Ok(())
        })
    }

    fn keeping(&mut self) -> Option<&mut dyn KeepRows> {
        self.inner.keeping()
    }

    fn neighbours(&mut self) -> Option<&mut dyn Neighbours> {
        Some(self)
    }

    fn activations(&mut self) -> Option<&mut dyn Activations> {
        match self.inner.activations().is_some() {
            true => Some(self),
            false => None,
        }
    }
}

/// The ids of users and of items, one of each a score.
fn pairs_of<'a>(columns: &[&'a [u32]], scores: usize) -> Result<[&'a [u32]; 2]> {
    let unfit = |what: &str, expected, got| Error::Length {
        what: what.into(),
        expected,
        got,
    };
    let &[users, items] = columns else {
        return Err(unfit("id columns, of users and of items", 2, columns.len()));
    };
    match columns.iter().find(|column| column.len() != scores) {
        None => Ok([users, items]),
        Some(column) => Err(unfit("ids of a column, one a score", scores, column.len())),
    }
}

impl Neighbours for WithNeighbours {
    fn set_knowledge(&mut self, knowledge: Arc<Knowledge>) {
        self.knowledge = Some(knowledge);
    }
}

impl Activations for WithNeighbours {
    fn score_with<'a>(&'a mut self, batch: &'a Batch, name: &'a str, out: &'a mut [f32]) -> Pending<'a, Vec<f32>> {
        match self.expand(batch, |plan| check_scored(plan, batch, out.len())) {
            Ok(()) => score_with(&mut *self.inner, &self.batch, name, out),
            Err(error) => Pending::ready(Err(error)),
        }
    }
}

//! What a click costs after training, counted: floats read and written, samples trained on and scored. It is the same in
//! large tables as in small ones, and after many clicks as at first.

use std::sync::{Arc, Mutex};

use pocketrec::{
    Result,
    cpu::{CpuExecutor, Isa},
    data::Batch,
    executor::{Executor, LossSum, Pending},
    models::{Gmf, Model, NeuMf},
    plan::{L2, Optimizer, Plan, State},
    train::{AbsorbConfig, TrainConfig, Trainer},
};

use crate::planted::{ITEMS, USERS, config, split};

/// What an executor was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Work {
    /// Floats of rows that were read or written.
    floats: usize,
    trained: usize,
    scored: usize,
    /// Copies of everything.
    states: usize,
}

/// The processor's, with a count.
struct Counting {
    inner: CpuExecutor,
    work: Arc<Mutex<Work>>,
}

impl Counting {
    fn note(&self, note: impl FnOnce(&mut Work)) {
        note(&mut self.work.lock().unwrap());
    }
}

impl Executor for Counting {
    fn plan(&self) -> &Plan {
        self.inner.plan()
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
        self.note(|work| work.trained += batch.len());
        self.inner.step(batch, optimizer, l2, prefetch)
    }

    fn poll(&mut self) -> Result<bool> {
        self.inner.poll()
    }
    fn take_loss(&mut self) -> Pending<'_, LossSum> {
        self.inner.take_loss()
    }

    fn score<'a>(&'a mut self, columns: &'a [&'a [u32]], out: &'a mut [f32]) -> Pending<'a, ()> {
        self.note(|work| work.scored += out.len());
        self.inner.score(columns, out)
    }

    fn score_batch<'a>(&'a mut self, batch: &'a Batch, out: &'a mut [f32]) -> Pending<'a, ()> {
        self.note(|work| work.scored += out.len());
        self.inner.score_batch(batch, out)
    }

    fn state(&mut self) -> Pending<'_, State> {
        self.note(|work| work.states += 1);
        self.inner.state()
    }

    fn set_state<'a>(&'a mut self, state: &'a State) -> Pending<'a, ()> {
        self.note(|work| work.states += 1);
        self.inner.set_state(state)
    }

    fn read_rows<'a>(&'a mut self, param: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        self.note(|work| work.floats += out.len());
        self.inner.read_rows(param, first, out)
    }

    fn write_rows<'a>(&'a mut self, param: usize, first: usize, values: &'a [f32]) -> Pending<'a, ()> {
        self.note(|work| work.floats += values.len());
        self.inner.write_rows(param, first, values)
    }

    fn grow(&mut self, vocabulary: usize, rows: usize) -> Pending<'_, ()> {
        self.inner.grow(vocabulary, rows)
    }
}

/// A trainer with tables so many times as long as the data needs, ready for clicks.
fn trainer(model: fn(usize, usize) -> Model, times: usize) -> (Trainer, Arc<Mutex<Work>>) {
    let model = model(times * USERS as usize, times * ITEMS as usize);
    let (plan, work) = (model.plan().unwrap(), Arc::<Mutex<Work>>::default());
    let state = State::initial(&plan, 1, true).unwrap();
    let counting = Counting {
        inner: CpuExecutor::new(plan, state, Isa::available()[0], 1).unwrap(),
        work: work.clone(),
    };
    let config = TrainConfig { epochs: 1, ..config() };
    let mut trainer = Trainer::with_executor(model, Box::new(counting), config).unwrap();
    trainer.fit(&split(), |_| ()).unwrap();
    trainer.absorb(&[(1, 1)]).unwrap(); // makes ready
    (trainer, work)
}

/// What clicks cost, one by one; the largest of each.
fn largest(trainer: &mut Trainer, work: &Mutex<Work>, clicks: impl Iterator<Item = (u32, u32)>) -> Work {
    let mut largest = Work::default();
    for click in clicks {
        *work.lock().unwrap() = Work::default();
        trainer.absorb(&[click]).unwrap();
        let one = *work.lock().unwrap();
        largest = Work {
            floats: largest.floats.max(one.floats),
            trained: largest.trained.max(one.trained),
            scored: largest.scored.max(one.scored),
            states: largest.states.max(one.states),
        };
    }
    largest
}

fn models() -> [fn(usize, usize) -> Model; 2] {
    [
        |users, items| Gmf::new(users, items).into(),
        |users, items| NeuMf::new(users, items).factors(4).into(),
    ]
}

#[test]
fn a_click_costs_the_same_after_many_and_in_large_tables() {
    let absorb = AbsorbConfig::default();
    let samples = (1 + absorb.replay as usize) * (1 + absorb.negatives as usize);
    for model in models() {
        let (mut small, work) = trainer(model, 1);
        let plan = small.plan();
        let of = |table: bool| plan.params().iter().filter(move |param| param.is_table() == table);
        let row: usize = of(true).map(|param| param.width).sum();
        let dense: usize = of(false).map(|param| param.len()).sum();
        let clicks = |from: u32| (from..from + 60).map(|i| (7, i * 13 % ITEMS));
        let first = largest(&mut small, &work, clicks(0));
        // Written down at `Trainer::absorb`: rows of a batch's samples are saved, held back in every step, and all that is
        // dense is written back after it.
        let steps = absorb.steps as usize;
        let most = Work {
            floats: steps * (4 * samples * row + dense) + steps * samples * row + dense,
            trained: steps * samples,
            scored: samples + 2,
            states: 0,
        };
        for user in 0..USERS {
            small
                .absorb(&(0..10).map(|i| (user, (user + i * 7) % ITEMS)).collect::<Vec<_>>())
                .unwrap();
        }
        let everything: Vec<(u32, u32)> = (0..ITEMS).map(|item| (7, item)).collect();
        small.absorb(&everything[..everything.len() / 2]).unwrap();
        let (mut large, of_large) = trainer(model, 20);
        for (what, later) in [
            ("at first", first),
            ("after many", largest(&mut small, &work, clicks(60))),
            ("in large tables", largest(&mut large, &of_large, clicks(0))),
        ] {
            println!("{what}: {later:?}");
            let within = later.floats <= most.floats && later.trained <= most.trained && later.scored <= most.scored;
            assert!(within && later.states == 0, "{what}: {later:?}, {most:?} at most");
        }
    }
}

/// Each takes the mean of up to 4,096 rows and of 64 neighbours, and no copy of a table.
#[test]
fn a_new_id_costs_the_same_after_many_and_in_large_tables() {
    for model in models() {
        let (mut large, work) = trainer(model, 60);
        let row: usize = large
            .plan()
            .params()
            .iter()
            .filter(|p| p.is_table())
            .map(|p| p.width)
            .sum();
        let (users, items) = (large.users() as u32, large.items() as u32);
        let old = largest(&mut large, &work, (0..20).map(|i| (3, i)));
        let most = Work {
            floats: old.floats * 2 + (4096 + 1 + 64 + 1) * row,
            ..old
        };
        for from in [0, 200] {
            for (what, clicks) in [
                ("user", (from..from + 20).map(|i| (users + i, i)).collect::<Vec<_>>()),
                ("item", (from..from + 20).map(|i| (i % USERS, items + i)).collect()),
            ] {
                let later = largest(&mut large, &work, clicks.into_iter());
                println!("{what} from {from}: {later:?}");
                assert!(
                    later.floats <= most.floats && later.states == 0,
                    "{what}: {later:?}, {most:?} at most"
                );
            }
            // Many more between.
            let more: Vec<(u32, u32)> = (20..200)
                .flat_map(|i| [(users + i, i % ITEMS), (i % USERS, items + i)])
                .collect();
            large.absorb(&more).unwrap();
        }
    }
}

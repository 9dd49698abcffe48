//! Reads the golden vectors (`tests/golden/README.md`), and puts executors through them.

use std::collections::HashMap;

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::{
        Batch,
        clicks::{IdField, Layout, SequenceField, Table},
    },
    executor::Executor,
    plan::{AdamConfig, L2, Optimizer, ParamKind, Plan, State},
    reference::Reference,
};
use safetensors::{Dtype, SafeTensors};

use super::{close, close64, gradients};

/// The fields of models without histories, in the order of their ids.
const FIELDS: [&str; 5] = ["user", "item", "genre", "hour", "period"];

/// Makes an executor for a plan that begins from a state.
pub type Make<'a> = &'a dyn Fn(Plan, State) -> Box<dyn Executor>;

/// Runs a check on the specification. As on the others, it is given a tolerance relative to each tensor's largest
/// magnitude.
pub fn on_reference(check: impl Fn(Make<'_>, f64)) {
    check(&|plan, state| Box::new(Reference::new(&plan, &state).unwrap()), 1e-6);
}

/// Runs a check on every instruction set, on one thread and on two.
pub fn on_every_cpu(check: impl Fn(Make<'_>, f64)) {
    let threads = if cfg!(feature = "parallel") { &[1, 2][..] } else { &[1] };
    for isa in Isa::available() {
        for &threads in threads {
            let make =
                |plan, state| -> Box<dyn Executor> { Box::new(CpuExecutor::new(plan, state, isa, threads).unwrap()) };
            check(&make, 1e-5);
        }
    }
}

/// Runs a check on the GPU, where there is one, with the checks of shaders' accesses on and off.
#[cfg(feature = "gpu")]
pub fn on_every_gpu(check: impl Fn(Make<'_>, f64)) {
    for gpu in super::gpu::open_both().into_iter().flatten() {
        let make = |plan, state: State| -> Box<dyn Executor> {
            Box::new(pocketrec::gpu::GpuExecutor::new(&gpu, plan, &state).unwrap())
        };
        check(&make, 1e-5);
    }
}

/// A file, and what its metadata say.
pub struct Golden {
    pub tensors: SafeTensors<'static>,
    metadata: HashMap<String, String>,
}

impl Golden {
    pub fn read(file: &'static [u8]) -> Self {
        let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
        Golden {
            tensors: SafeTensors::deserialize(file).unwrap(),
            metadata: metadata.metadata().clone().unwrap(),
        }
    }

    pub fn setting<T: serde::de::DeserializeOwned>(&self, key: &str) -> T {
        serde_json::from_str(&self.metadata[key]).unwrap()
    }

    pub fn adam(&self) -> AdamConfig {
        let [beta1, beta2]: [f32; 2] = self.setting("betas");
        AdamConfig {
            learning_rate: self.setting("lr"),
            beta1,
            beta2,
            epsilon: self.setting("eps"),
        }
    }

    /// The parameters before the first step, with moments of zero.
    pub fn initial(&self, plan: &Plan) -> State {
        self.initial_of(plan, "init")
    }

    /// The same of a file with several models, from what lies under `at`.
    pub fn initial_of(&self, plan: &Plan, at: &str) -> State {
        let mut state = State::initial(plan, 0, true).unwrap();
        for (param, tensor) in plan.params().iter().zip(&mut state.tensors) {
            if param.kind == ParamKind::Statistic {
                continue; // begins with mean 0 and variance 1
            }
            tensor.value = self.floats(&format!("{at}/{}", param.name));
            assert_eq!(tensor.value.len(), param.len(), "{}", param.name);
        }
        state
    }

    fn bytes<const N: usize>(&self, name: &str, dtype: Dtype) -> impl Iterator<Item = [u8; N]> {
        let tensor = self
            .tensors
            .tensor(name)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(tensor.dtype(), dtype, "{name}");
        tensor.data().as_chunks().0.iter().copied()
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.bytes(name, Dtype::F32).map(f32::from_le_bytes).collect()
    }

    pub fn wide(&self, name: &str) -> Vec<f64> {
        super::wide(&self.floats(name))
    }

    pub fn ids(&self, name: &str) -> Vec<u32> {
        self.bytes(name, Dtype::I32).map(u32::from_le_bytes).collect()
    }

    /// All float tensors whose names begin with `prefix`, by the rest of their names.
    pub fn under(&self, prefix: &str) -> HashMap<String, Vec<f64>> {
        let floats = self.tensors.iter().filter(|(_, tensor)| tensor.dtype() == Dtype::F32);
        let rest = floats.filter_map(|(name, _)| Some((name, name.strip_prefix(prefix)?)));
        rest.map(|(name, rest)| (rest.to_string(), self.wide(name))).collect()
    }

    /// The two optimisers under the names that files have for them.
    pub fn optimizers(&self) -> [(&'static str, Optimizer); 2] {
        let adam = self.adam();
        [("dense", Optimizer::Adam(adam)), ("lazy", Optimizer::LazyAdam(adam))]
    }

    /// The fields of five keys and the numbers, each with a vocabulary of its own: DeepFM's.
    pub fn fields(&self) -> Layout {
        let rows: HashMap<String, u32> = self.setting("fields");
        let field = |(vocabulary, name): (usize, &&str)| IdField::new(*name, vocabulary);
        let table = |name: &&str| Table {
            name: (*name).into(),
            rows: rows[*name],
        };
        Layout {
            ids: FIELDS.iter().enumerate().map(field).collect(),
            numbers: (0..self.setting("numeric"))
                .map(|i: usize| format!("number {i}"))
                .collect(),
            vocabularies: FIELDS.iter().map(table).collect(),
            ..Layout::default()
        }
    }

    /// The batch of a step of a plan over [`fields`](Golden::fields).
    pub fn fields_batch(&self, step: usize) -> Batch {
        let mut batch = Batch::default();
        batch.reset(FIELDS.len(), 0);
        for (at, id) in self.ids(&format!("step{step}/ids")).into_iter().enumerate() {
            batch.ids_mut(at % FIELDS.len()).push(id);
        }
        *batch.numeric_mut() = self.floats(&format!("step{step}/numeric"));
        *batch.labels_mut() = self.floats(&format!("step{step}/label"));
        batch.sort();
        batch
    }

    /// The fields of a user, an item and its category, and of the items and categories before: DIN's and DIEN's.
    pub fn behaviour(&self) -> Layout {
        let tables: HashMap<String, u32> = self.setting("tables");
        let names = ["user", "item", "category"];
        let field = |(vocabulary, name): (usize, &str)| IdField::new(name, vocabulary);
        let table = |name: &str| Table {
            name: name.into(),
            rows: tables[name],
        };
        Layout {
            ids: names.into_iter().enumerate().map(field).collect(),
            sequences: vec![SequenceField {
                name: "history".into(),
                length: 7,
                fields: vec![1, 2],
            }],
            vocabularies: names.map(table).into(),
            ..Layout::default()
        }
    }

    /// The batch of a step of a plan over [`behaviour`](Golden::behaviour).
    pub fn behaviour_batch(&self, plan: &Plan, step: usize) -> Batch {
        let at = |name: &str| format!("step{step}/{name}");
        let mut batch = Batch::default();
        batch.reset(plan.columns().len(), 1);
        for pair in self.ids(&at("offsets")).windows(2) {
            batch.end_sequence(0, (pair[1] - pair[0]) as usize);
        }
        for (index, column) in plan.columns().iter().enumerate() {
            *batch.ids_mut(index) = self.ids(&at(&column.name));
        }
        *batch.labels_mut() = self.floats(&at("label"));
        batch.sort();
        batch
    }

    /// Checks that the file begins with the plan's parameters and no others; running statistics begin at 0 and 1.
    pub fn check_parameters(&self, plan: &Plan) {
        let trained = plan.params().iter().filter(|param| param.kind != ParamKind::Statistic);
        let mut count = 0;
        for param in trained {
            let tensor = self.tensors.tensor(&format!("init/{}", param.name)).unwrap();
            let shape = if param.is_vector {
                vec![param.width]
            } else {
                vec![param.rows, param.width]
            };
            assert_eq!(tensor.shape(), shape, "{}", param.name);
            count += 1;
        }
        let names = self.tensors.names();
        assert_eq!(names.iter().filter(|name| name.starts_with("init/")).count(), count);
    }

    /// Checks an executor's logits against those under `at`.
    pub fn check_logits(&self, executor: &mut dyn Executor, batch: &Batch, at: &str, tolerance: f64) {
        let mut logits = vec![f32::NAN; batch.len()];
        executor.score_batch(batch, &mut logits).wait().unwrap();
        let what = format!("{}, {at}: logit", executor.device());
        close(&logits, &self.wide(&format!("{at}/logit")), tolerance, &what);
    }

    /// Checks its gradients.
    pub fn check_gradients(&self, executor: &mut dyn Executor, batch: &Batch, at: &str, tolerance: f64) {
        let found = gradients(executor, batch, L2::default()).unwrap();
        let device = executor.device();
        for (param, gradient) in executor.plan().params().iter().zip(&found) {
            if param.kind == ParamKind::Statistic {
                continue; // moves without one
            }
            let want = self.wide(&format!("{at}/grad/{}", param.name));
            let what = format!("{device}, {at}: gradient of {}", param.name);
            close64(gradient, &want, tolerance, &what);
        }
    }

    /// Takes a step, and checks its loss.
    pub fn check_step(
        &self,
        executor: &mut dyn Executor,
        batch: &Batch,
        optimizer: &Optimizer,
        at: &str,
        tolerance: f64,
    ) {
        executor
            .step(batch, optimizer, L2::default(), &mut || ())
            .wait()
            .unwrap();
        let loss = executor.take_loss().wait().unwrap();
        assert_eq!(loss.samples, batch.len() as u64);
        let what = format!("{}, {at}: loss", executor.device());
        close64(&[loss.mean()], &self.wide(&format!("{at}/loss")), tolerance, &what);
    }

    /// Checks all parameters and running statistics.
    pub fn check_values(&self, executor: &mut dyn Executor, at: &str, tolerance: f64) {
        let (device, state) = (executor.device(), executor.state().wait().unwrap());
        for (param, tensor) in executor.plan().params().iter().zip(&state.tensors) {
            let kind = match param.kind {
                ParamKind::Statistic => "running",
                _ => "after",
            };
            let want = self.wide(&format!("{at}/{kind}/{}", param.name));
            close(
                &tensor.value,
                &want,
                tolerance,
                &format!("{device}, {at}: {}", param.name),
            );
        }
    }
}

/// Where a file has the forward pass and the gradients of a step: the first steps of both optimisers begin at the same
/// place and are stored once.
pub fn before(mode: &str, step: usize) -> String {
    format!("{}/step{step}", if step == 0 { "dense" } else { mode })
}

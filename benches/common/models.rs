//! The models that shapes are named after, and batches for them.

use pocketrec::{
    cpu::Isa,
    data::Batch,
    device::Device,
    executor::Executor,
    models::NeuMf,
    plan::{Optimizer, Plan, State},
    rng::Rng,
};

use super::{clicks::Clicks, sized};

/// Batches that are drawn beforehand and gone through in turn.
pub const BATCHES: u32 = 32;

/// What is trained, on batches that are drawn beforehand.
pub trait Train {
    fn name(&self) -> &'static str;

    /// Samples of a batch.
    fn batch_size(&self) -> usize;

    /// The model's plan.
    fn plan(&self) -> Plan;

    /// Multiply-adds of a sample's forward pass.
    fn multiply_adds(&self) -> usize;

    /// Batch `k`, sorted.
    fn batch(&self, plan: &Plan, k: u32) -> Batch;

    /// Flops of a training sample: forward, and twice as many backward.
    fn flops(&self) -> usize {
        6 * self.multiply_adds()
    }

    /// Flops of a step.
    fn step_flops(&self) -> usize {
        self.flops() * self.batch_size()
    }

    /// An executor of the model, untrained.
    fn executor(&self, isa: Isa, threads: usize, optimizer: &Optimizer) -> Box<dyn Executor> {
        let plan = self.plan();
        let state = State::initial(&plan, 1, optimizer.has_moments()).unwrap();
        let device = Device::cpu().simd(isa).threads(threads);
        device
            .executor(plan, state)
            .expect("the device is there and the state fits")
    }

    /// The batches.
    fn batches(&self) -> Vec<Batch> {
        let plan = self.plan();
        (0..sized(BATCHES, 2)).map(|k| self.batch(&plan, k)).collect()
    }
}

/// A NeuMF that is trained in practice.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub name: &'static str,
    pub users: usize,
    pub items: usize,
    pub factors: usize,
    pub layers: [usize; 4],
    pub batch: usize,
}

/// The papers' NeuMF on MovieLens-1M (He et al., WWW 2017).
pub const PAPER8: Workload = Workload {
    name: "paper8",
    users: 6040,
    items: 3706,
    factors: 8,
    layers: [64, 32, 16, 8],
    batch: 256,
};

/// The same in batches of 1,024.
pub const PAPER8_1K: Workload = Workload {
    name: "paper8b1k",
    batch: 1024,
    ..PAPER8
};

/// The same in batches of 16,384.
pub const PAPER8_16K: Workload = Workload {
    name: "paper8b16k",
    batch: 16_384,
    ..PAPER8
};

/// The widest model of the papers' tables.
pub const PAPER64: Workload = Workload {
    name: "paper64",
    factors: 64,
    layers: [512, 256, 128, 64],
    ..PAPER8
};

/// MovieLens-20M as NVIDIA's examples train it.
pub const NVIDIA64: Workload = Workload {
    name: "nvidia64",
    users: 138_493,
    items: 26_744,
    factors: 64,
    layers: [256, 256, 128, 64],
    batch: 16_384,
};

/// All workloads.
pub const ALL: [Workload; 5] = [PAPER8, PAPER8_1K, PAPER8_16K, PAPER64, NVIDIA64];

impl Workload {
    /// The workload of that name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|workload| workload.name == name)
    }

    /// The model.
    pub fn model(&self) -> NeuMf {
        NeuMf::new(self.users, self.items)
            .factors(self.factors)
            .layers(self.layers)
    }
}

impl Train for Workload {
    fn name(&self) -> &'static str {
        self.name
    }

    fn batch_size(&self) -> usize {
        self.batch
    }

    fn plan(&self) -> Plan {
        self.model().plan().expect("the sizes are in range")
    }

    fn multiply_adds(&self) -> usize {
        self.plan().multiply_adds()
    }

    /// Random ids, one positive in five.
    fn batch(&self, _: &Plan, k: u32) -> Batch {
        let column = |stream: u32, below: usize| -> Vec<u32> {
            let rng = Rng::new(7).stream(stream).stream(k);
            (0..self.batch as u64).map(|i| rng.below(i, below as u32)).collect()
        };
        let labels: Vec<f32> = column(3, 5).iter().map(|&x| f32::from(u8::from(x == 0))).collect();
        let ids = [column(1, self.users), column(2, self.items)];
        Batch::from_columns(&[&ids[0], &ids[1]], &labels).expect("columns and labels are of one length")
    }
}

impl Train for Clicks {
    fn name(&self) -> &'static str {
        self.name
    }

    fn batch_size(&self) -> usize {
        self.batch
    }

    fn plan(&self) -> Plan {
        Clicks::plan(self)
    }

    fn multiply_adds(&self) -> usize {
        Clicks::multiply_adds(self, &Clicks::plan(self))
    }

    fn batch(&self, plan: &Plan, k: u32) -> Batch {
        Clicks::batch(self, plan, k)
    }
}

/// The instruction sets to measure whole models on: plain lanes take minutes on the large ones.
pub fn isas(workload: &dyn Train) -> Vec<Isa> {
    let is_small = workload.step_flops() < 1_000_000_000;
    Isa::available()
        .into_iter()
        .filter(|&isa| is_small || isa != Isa::Scalar)
        .collect()
}

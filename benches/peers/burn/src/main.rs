//! NeuMF's training step in burn, timed as `torch_neumf.py` and `examples/throughput.rs` time theirs.
//!
//! Prints one JSON line a backend: config, mode, threads and samples per second. Ids are drawn before the clock
//! starts; the step is gather, product, MLP with ReLU, logit, cross-entropy, backward and (dense) Adam.

use std::time::Instant;

use burn::{
    backend::Autodiff,
    module::Module,
    nn::{
        Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig,
        loss::{BinaryCrossEntropyLoss, BinaryCrossEntropyLossConfig},
    },
    optim::{AdamConfig, GradientsParams, Optimizer},
    tensor::{
        ElementConversion, Int, Tensor, TensorData,
        activation::relu,
        backend::{AutodiffBackend, Backend},
    },
};
use clap::{Parser, ValueEnum};

/// Batches that are drawn beforehand and gone through in turn.
const BATCHES: usize = 32;
/// Timed runs; the median counts.
const RUNS: usize = 3;

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    #[cfg(feature = "ndarray")]
    Ndarray,
    #[cfg(feature = "cpu")]
    Cpu,
    #[cfg(feature = "wgpu")]
    Wgpu,
}

#[derive(Parser)]
struct Options {
    /// paper8, paper8b16k, paper64 or nvidia64.
    config: String,
    /// The backend; each is a feature of this crate.
    mode: Mode,
    /// Steps of a timed run.
    #[arg(long, default_value_t = 100)]
    steps: usize,
    /// Steps before the clock starts.
    #[arg(long, default_value_t = 10)]
    warm: usize,
}

/// The sizes of a workload.
struct Shape {
    users: usize,
    items: usize,
    factors: usize,
    layers: [usize; 4],
    batch: usize,
}

fn shape(config: &str) -> Option<Shape> {
    let (users, items, factors, layers, batch) = match config {
        "paper8" => (6040, 3706, 8, [64, 32, 16, 8], 256),
        "paper8b16k" => (6040, 3706, 8, [64, 32, 16, 8], 16_384),
        "paper64" => (6040, 3706, 64, [512, 256, 128, 64], 256),
        "nvidia64" => (138_493, 26_744, 64, [256, 256, 128, 64], 16_384),
        _ => return None,
    };
    Some(Shape {
        users,
        items,
        factors,
        layers,
        batch,
    })
}

#[derive(Module, Debug)]
struct NeuMf<B: Backend> {
    gmf: [Embedding<B>; 2],
    mlp: [Embedding<B>; 2],
    tower: Vec<Linear<B>>,
    logit: Linear<B>,
}

impl<B: Backend> NeuMf<B> {
    fn new(shape: &Shape, device: &B::Device) -> Self {
        let table = |rows, width| {
            let normal = Initializer::Normal { mean: 0.0, std: 0.01 };
            EmbeddingConfig::new(rows, width).with_initializer(normal).init(device)
        };
        let &Shape {
            users,
            items,
            factors,
            layers,
            ..
        } = shape;
        let half = layers[0] / 2;
        NeuMf {
            gmf: [table(users, factors), table(items, factors)],
            mlp: [table(users, half), table(items, half)],
            tower: layers
                .windows(2)
                .map(|w| LinearConfig::new(w[0], w[1]).init(device))
                .collect(),
            logit: LinearConfig::new(factors + layers[3], 1).init(device),
        }
    }

    fn forward(&self, users: Tensor<B, 1, Int>, items: Tensor<B, 1, Int>) -> Tensor<B, 1> {
        let rows = |table: &Embedding<B>, ids: &Tensor<B, 1, Int>| -> Tensor<B, 2> {
            table.forward(ids.clone().unsqueeze_dim(1)).squeeze_dim(1)
        };
        let product = rows(&self.gmf[0], &users) * rows(&self.gmf[1], &items);
        let mut z = Tensor::cat(vec![rows(&self.mlp[0], &users), rows(&self.mlp[1], &items)], 1);
        for layer in &self.tower {
            z = relu(layer.forward(z));
        }
        self.logit.forward(Tensor::cat(vec![product, z], 1)).squeeze_dim(1)
    }
}

struct Batch<B: Backend> {
    users: Tensor<B, 1, Int>,
    items: Tensor<B, 1, Int>,
    labels: Tensor<B, 1, Int>,
}

/// Random ids below the shape's rows, one positive in five.
fn batches<B: Backend>(shape: &Shape, device: &B::Device) -> Vec<Batch<B>> {
    let mut state = 1u64;
    let mut column = |below: usize| {
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as usize % below) as i32
        };
        let ids: Vec<i32> = (0..shape.batch).map(|_| draw()).collect();
        Tensor::from_data(TensorData::new(ids, [shape.batch]), device)
    };
    let mut batch = || Batch {
        users: column(shape.users),
        items: column(shape.items),
        labels: column(5).equal_elem(0).int(),
    };
    (0..BATCHES).map(|_| batch()).collect()
}

fn run<B: AutodiffBackend>(options: &Options, mode: &str, shape: &Shape) -> Result<(), String> {
    let device = B::Device::default();
    let batches = batches::<B>(shape, &device);
    let loss_of: BinaryCrossEntropyLoss<B> = BinaryCrossEntropyLossConfig::new().with_logits(true).init(&device);
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
    let mut model = NeuMf::<B>::new(shape, &device);
    let mut steps = |count: usize| -> Result<f32, String> {
        let mut last = None;
        for batch in batches.iter().cycle().take(count) {
            let logits = model.forward(batch.users.clone(), batch.items.clone());
            let loss = loss_of.forward(logits, batch.labels.clone());
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = adam.step(1e-3, model.clone(), gradients);
            last = Some(loss);
        }
        B::sync(&device).map_err(|e| format!("{e:?}"))?;
        last.map(|loss| loss.into_scalar().elem()).ok_or("no steps".into())
    };
    steps(options.warm.max(1))?;
    let mut rates = Vec::new();
    let mut loss = 0.0;
    for _ in 0..RUNS {
        let start = Instant::now();
        loss = steps(options.steps.max(1))?;
        rates.push((options.steps.max(1) * shape.batch) as f64 / start.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    let line = serde_json::json!({
        "library": "burn", "config": options.config, "mode": mode, "samples_per_s": rates[RUNS / 2].round(),
        "min": rates[0].round(), "max": rates[RUNS - 1].round(), "loss": loss,
    });
    println!("{line}");
    Ok(())
}

fn main() -> Result<(), String> {
    let options = Options::parse();
    let shape = shape(&options.config).ok_or_else(|| format!("{}: no such config", options.config))?;
    match options.mode {
        #[cfg(feature = "ndarray")]
        Mode::Ndarray => run::<Autodiff<burn::backend::NdArray>>(&options, "ndarray", &shape),
        #[cfg(feature = "cpu")]
        Mode::Cpu => run::<Autodiff<burn::backend::Cpu>>(&options, "cpu", &shape),
        #[cfg(feature = "wgpu")]
        Mode::Wgpu => run::<Autodiff<burn::backend::Wgpu>>(&options, "wgpu", &shape),
    }
}

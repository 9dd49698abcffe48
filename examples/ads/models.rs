//! The models, and how right their probabilities are.

use pocketrec::{
    Result,
    device::Device,
    eval::ClickReport,
    models::{ClickModel, DeepFm, Lr},
    plan::{AdamConfig, L2, Optimizer},
    train::{ClickConfig, ClickMetric, ClickTrainer},
};

use crate::{
    common::{
        ending::Ending,
        field::{
            clicks::{self, Rows},
            options::FieldOptions,
        },
        samples::probability,
    },
    data::Data,
};

/// What the logits' distance from the base rate's is multiplied by, where too much is made of them.
const STRETCH: f32 = 1.5;
/// What such a model is called.
pub const TOO_SURE: &str = "DeepFM, too sure of itself";

/// What gives probabilities.
pub struct Model {
    pub name: &'static str,
    pub trainer: ClickTrainer,
}

/// Trains both, the better one last. Epochs are compared by log loss: by AUC one could win whose probabilities are wrong. A mean over
/// epochs evens out how these go up and down from epoch to epoch.
pub fn trained(options: &FieldOptions, data: &Data, device: &Device) -> Result<[Model; 2], Ending> {
    let layout = data.encoder.layout();
    let config = ClickConfig {
        epochs: options.epochs.unwrap_or(20),
        batch_size: 512,
        optimizer: Optimizer::LazyAdam(AdamConfig {
            learning_rate: 0.002,
            ..AdamConfig::default()
        }),
        l2: L2 {
            tables: 1e-4,
            ..L2::default()
        },
        metric: ClickMetric::LogLoss,
        patience: Some(2),
        average_from: Some(3),
        seed: options.seed,
        ..ClickConfig::default()
    };
    let rows = Rows {
        train: &data.train,
        dev: Some(&data.dev),
        encoder: &data.encoder,
    };
    let train = |name, model: ClickModel| -> Result<Model, Ending> {
        let trainer = clicks::train(options, name, model, device, config, &rows)?;
        Ok(Model { name, trainer })
    };
    let deep = DeepFm::new(layout).embedding_dim(8).hidden([32, 16]);
    Ok([train("LR", Lr::new(layout).into())?, train("DeepFM", deep.into())?])
}

/// The share of clicks among impressions.
pub fn rate(labels: &[f32]) -> f64 {
    labels.iter().map(|&label| f64::from(label)).sum::<f64>() / labels.len().max(1) as f64
}

/// The logit of the rate that is the same for all.
pub fn base_logit(data: &Data) -> f32 {
    let rate = rate(data.train.labels()).clamp(1e-6, 1.0 - 1e-6);
    (rate / (1.0 - rate)).ln() as f32
}

/// The same order with probabilities that are too far from the base rate, as those of a model that was trained for too long.
/// Their sum is kept about as it is.
pub fn too_sure(logits: &[f32], base: f32) -> Vec<f32> {
    let stretched = |shift: f32| move |&logit: &f32| base + shift + STRETCH * (logit - base);
    let total: f32 = logits.iter().map(|&logit| probability(logit)).sum();
    // The shift at which there are as many clicks in all, by halving.
    let (mut low, mut high) = (-5.0, 5.0);
    for _ in 0..20 {
        let middle = 0.5 * (low + high);
        let sum: f32 = logits.iter().map(stretched(middle)).map(probability).sum();
        if sum < total { low = middle } else { high = middle }
    }
    logits.iter().map(stretched(low)).collect()
}

/// How good logits are on the test part.
pub fn report(logits: &[f32], data: &Data) -> Result<ClickReport> {
    ClickReport::of(logits, data.test.labels(), &[])
}

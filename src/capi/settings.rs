//! Settings as C has them, and what they are in Rust.

use std::{ffi::c_char, ptr};

use super::{
    arguments::{growable, init_sized, optional_text},
    status::{Failure, Result, entry, pocketrec_status},
};
use crate::{
    Error,
    eval::Protocol,
    models::{Ccl, Loss, Margin, Model, SampledSoftmax, Softmax},
    plan::{AdamConfig, L2, Optimizer},
    train::TrainConfig,
};

growable! {
    pocketrec_model ends in length: u32;
    pocketrec_train_config ends in l2_dense: f32;
}

/// A model of users and items, which begins as pocketrec_model_init() fills it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_model {
    /// sizeof(pocketrec_model).
    pub size: usize,
    /// `mf`, `gmf`, `mlp`, `neumf` (the default), `lightgcn` or `sasrec`.
    pub name: *const c_char,
    /// Users: their ids are 0 to users - 1. More may come later, see pocketrec_trainer_absorb().
    pub users: u32,
    /// Items: their ids are 0 to items - 1.
    pub items: u32,
    /// Factors of an embedding; 0 for the model's default. The layers of `mlp` and `neumf` have 8, 4, 2 and 1 times as many.
    pub factors: u32,
    /// Items of a history that `sasrec` looks at; 0 for its default. Other models have no such setting, and it must be 0.
    pub length: u32,
}

/// The settings of training, which begin as pocketrec_train_config_init() fills them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_train_config {
    /// sizeof(pocketrec_train_config).
    pub size: usize,
    /// `cross_entropy`, `bpr`, `margin`, `ccl`, `softmax` or `sampled_softmax`, with its usual settings. NULL keeps the one that
    /// there is, which is what the model is usually trained by: `cross_entropy`, of `sasrec` its own.
    pub loss: *const c_char,
    /// `lazy_adam`, `adam` or `sgd`. NULL keeps the one that there is, at first `lazy_adam`.
    pub optimizer: *const c_char,
    /// What test items are ranked among: `sampled` (99 drawn items) or `full` (all). NULL keeps it, at first `sampled`.
    pub protocol: *const c_char,
    /// Seed of everything random: the same seed on the same device gives the same bits.
    pub seed: u64,
    /// Passes over the training part, counted from the beginning of training and not from a call.
    pub epochs: u32,
    /// Samples a step.
    pub batch_size: u32,
    /// Negatives drawn for each positive.
    pub negatives: u32,
    /// Evaluate after every so many epochs; 0 for never.
    pub eval_every: u32,
    /// The cut-off of HR and NDCG.
    pub k: u32,
    /// Stop after so many evaluations without a better one, and end with the parameters of the best; 0 trains all epochs.
    pub patience: u32,
    /// Report progress, so that the callback can stop, after every so many steps of an epoch.
    pub report_every: u32,
    /// Step size.
    pub learning_rate: f32,
    /// The learning rate of an epoch over that of the epoch before; 1 keeps it as it is.
    pub decay: f32,
    /// Weight of the squared norm: of the table rows that a sample picks,
    pub l2_tables: f32,
    /// of every row, picked or not,
    pub l2_per_row: f32,
    /// and of weights and biases.
    pub l2_dense: f32,
}

/// Fills a model with its defaults: `neumf`, of 8 factors. `size` is sizeof(pocketrec_model), and is stored in it. Users and
/// items are yours to set.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT` where the size is none that the struct can have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_model_init(model: *mut pocketrec_model, size: usize) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    entry(|| unsafe { init_sized(model, &pocketrec_model::DEFAULT, size) })
}

/// Fills settings with their defaults, those of He et al., *Neural Collaborative Filtering*, WWW 2017. `size` is
/// sizeof(pocketrec_train_config), and is stored in it.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT` where the size is none that the struct can have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_train_config_init(
    config: *mut pocketrec_train_config,
    size: usize,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    entry(|| unsafe { init_sized(config, &pocketrec_train_config::of(&TrainConfig::default()), size) })
}

impl pocketrec_model {
    pub(super) const DEFAULT: Self = pocketrec_model {
        size: size_of::<Self>(),
        name: ptr::null(),
        users: 0,
        items: 0,
        factors: 0,
        length: 0,
    };

    /// As a model of the library, with the loss that it is trained by unless another is asked for.
    ///
    /// # Safety
    /// The name is NULL or a text.
    pub(super) unsafe fn to_model(self) -> Result<(Model, Loss)> {
        // SAFETY: the caller's word.
        let name = unsafe { optional_text("name", self.name) }?.unwrap_or("neumf");
        let [users, items, factors, length] = [self.users, self.items, self.factors, self.length].map(|n| n as usize);
        Ok(Model::named(name, (users, items), factors, length)?)
    }
}

impl pocketrec_train_config {
    /// The settings of C that change nothing.
    pub(super) fn of(config: &TrainConfig) -> Self {
        pocketrec_train_config {
            size: size_of::<Self>(),
            loss: ptr::null(),
            optimizer: ptr::null(),
            protocol: ptr::null(),
            seed: config.seed,
            epochs: config.epochs,
            batch_size: config.batch_size as u32, // a small number, once it is validated
            negatives: config.negatives,
            eval_every: config.eval_every,
            k: u32::try_from(config.k).unwrap_or(u32::MAX),
            patience: config.patience.unwrap_or(0),
            report_every: config.report_every,
            learning_rate: config.optimizer.learning_rate(),
            decay: config.decay,
            l2_tables: config.l2.tables,
            l2_per_row: config.l2.per_row,
            l2_dense: config.l2.dense,
        }
    }

    /// `config` with these settings; what C has no setting for stays.
    ///
    /// # Safety
    /// The names are NULL or texts.
    pub(super) unsafe fn over(self, config: TrainConfig) -> Result<TrainConfig> {
        // SAFETY: the caller's word.
        let names = unsafe {
            [
                optional_text("loss", self.loss)?,
                optional_text("optimizer", self.optimizer)?,
                optional_text("protocol", self.protocol)?,
            ]
        };
        let [loss, optimizer, protocol] = names;
        Ok(TrainConfig {
            loss: loss.map_or(Ok(config.loss), |name| loss_of(name, config.loss))?,
            optimizer: optimizer
                .map_or(Ok(config.optimizer), |name| optimizer_of(name, config.optimizer))?
                .with_learning_rate(self.learning_rate),
            protocol: match protocol {
                None => config.protocol,
                Some("sampled") => Protocol::Sampled,
                Some("full") => Protocol::Full,
                Some(other) => return Err(unknown("protocol", other, "sampled or full")),
            },
            seed: self.seed,
            epochs: self.epochs,
            batch_size: self.batch_size as usize,
            negatives: self.negatives,
            eval_every: self.eval_every,
            k: self.k as usize,
            patience: (self.patience > 0).then_some(self.patience),
            report_every: self.report_every,
            decay: self.decay,
            l2: L2 {
                tables: self.l2_tables,
                per_row: self.l2_per_row,
                dense: self.l2_dense,
            },
            ..config
        })
    }
}

fn unknown(setting: &str, name: &str, there_are: &str) -> Failure {
    Error::config(setting, format!("there is no {name:?}; give {there_are}")).into()
}

/// The loss of a name, with its usual settings; the present one keeps its own.
fn loss_of(name: &str, present: Loss) -> Result<Loss> {
    let name = name.replace('_', "-");
    if name == present.name() {
        return Ok(present);
    }
    let all = [
        Loss::CrossEntropy,
        Loss::Bpr,
        Loss::Margin(Margin::default()),
        Loss::Ccl(Ccl::default()),
        Loss::Softmax(Softmax::default()),
        Loss::SampledSoftmax(SampledSoftmax::default()),
    ];
    let there_are = "cross_entropy, bpr, margin, ccl, softmax or sampled_softmax";
    all.into_iter()
        .find(|loss| loss.name() == name)
        .ok_or_else(|| unknown("loss", &name, there_are))
}

/// The optimiser of a name, with its usual settings; the present one keeps its own.
fn optimizer_of(name: &str, present: Optimizer) -> Result<Optimizer> {
    Ok(match (name, present) {
        ("adam", Optimizer::Adam(_)) | ("lazy_adam", Optimizer::LazyAdam(_)) | ("sgd", Optimizer::Sgd { .. }) => {
            present
        }
        ("adam", _) => Optimizer::Adam(AdamConfig::default()),
        ("lazy_adam", _) => Optimizer::LazyAdam(AdamConfig::default()),
        ("sgd", _) => Optimizer::Sgd {
            learning_rate: present.learning_rate(),
        },
        _ => return Err(unknown("optimizer", name, "lazy_adam, adam or sgd")),
    })
}

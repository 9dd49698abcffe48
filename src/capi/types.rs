//! Settings and reports as C has them, and what they are in Rust.

use std::{
    ffi::{c_char, c_void},
    ptr,
};

use super::{
    arguments::{growable, init_sized, optional_text},
    status::{Result, entry, pocketrec_status},
};
use crate::{
    Error,
    eval::Protocol,
    models::{Ccl, Gmf, LightGcn, Loss, Margin, Mf, Mlp, Model, NeuMf, SampledSoftmax, SasRec, Softmax},
    plan::{AdamConfig, L2, Optimizer},
    train::{AbsorbReport, Event, FitReport, StopReason, TrainConfig, Trainer},
};

growable! {
    pocketrec_model ends in length: u32;
    pocketrec_train_config ends in l2_dense: f32;
    pocketrec_event ends in ndcg: f64;
    pocketrec_fit_report ends in best_ndcg: f64;
    pocketrec_absorb_report ends in after: f64;
    pocketrec_trainer_info ends in step: u64;
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

/// An item, and its logit or its likeness.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct pocketrec_scored {
    /// The item.
    pub item: u32,
    /// More is better.
    pub score: f32,
}

/// What an event is.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum pocketrec_event_kind {
    /// Some steps of an epoch are done.
    POCKETREC_PROGRESS = 0,
    /// An epoch is done, and evaluated if that was due.
    POCKETREC_EPOCH = 1,
}

/// What happens during training.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_event {
    /// Bytes of this struct, as the library has it.
    pub size: usize,
    /// What it is: one of pocketrec_event_kind.
    pub kind: i32,
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// 1 where hr and ndcg are those of an evaluation, else 0.
    pub evaluated: i32,
    /// 1 where the evaluation is the best so far, else 0.
    pub is_best: i32,
    /// Samples of this epoch that are done; at its end those of this call.
    pub done: u64,
    /// Samples of an epoch; 0 at its end.
    pub total: u64,
    /// Mean loss since the last report; at the end of an epoch that of all its samples.
    pub loss: f64,
    /// Samples a second, evaluation not counted.
    pub samples_per_second: f64,
    /// How many test items are among the first k, from 0 to 1.
    pub hr: f64,
    /// The same, weighted by their places.
    pub ndcg: f64,
}

/// Called during training, on the thread that called, with the `context` that was given. Anything but 0 stops training
/// before the next step; nothing is lost. The event stays for the call alone. It may call the library, but not with the
/// trainer that is training, and it must return: no longjmp, and no exception of C++.
pub type pocketrec_on_event = Option<unsafe extern "C" fn(context: *mut c_void, event: *const pocketrec_event) -> i32>;

/// Why training returned.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum pocketrec_stop_reason {
    /// All epochs are done.
    POCKETREC_FINISHED = 0,
    /// The evaluation did not get better for as long as `patience` allows.
    POCKETREC_PATIENCE = 1,
    /// The callback said so.
    POCKETREC_STOPPED = 2,
    /// The time is over.
    POCKETREC_OUT_OF_TIME = 3,
}

/// What a call of pocketrec_trainer_fit() did. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_fit_report {
    /// sizeof(pocketrec_fit_report).
    pub size: usize,
    /// Why it returned: one of pocketrec_stop_reason.
    pub reason: i32,
    /// Epochs completed in this call.
    pub epochs: u32,
    /// The epoch of the best evaluation since training began, counted from 1; 0 where there was none.
    pub best_epoch: u32,
    /// 0; room for a later version.
    pub reserved: u32,
    /// Steps made in this call.
    pub steps: u64,
    /// Samples trained on in this call.
    pub samples: u64,
    /// Time of the call in seconds, evaluation included.
    pub seconds: f64,
    /// HR and NDCG of the best evaluation.
    pub best_hr: f64,
    /// See best_hr.
    pub best_ndcg: f64,
}

/// What absorbing did. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_absorb_report {
    /// sizeof(pocketrec_absorb_report).
    pub size: usize,
    /// Interactions given.
    pub pairs: u64,
    /// Those that were known already; they were learnt from all the same.
    pub known: u64,
    /// Users that are new.
    pub new_users: u64,
    /// Items that are new.
    pub new_items: u64,
    /// Steps made.
    pub steps: u64,
    /// Mean logit of the interactions before,
    pub before: f64,
    /// and afterwards.
    pub after: f64,
}

/// What a trainer has. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_trainer_info {
    /// sizeof(pocketrec_trainer_info).
    pub size: usize,
    /// Users, those that came by absorbing among them: ids are 0 to users - 1.
    pub users: u32,
    /// Items, likewise.
    pub items: u32,
    /// Epochs completed.
    pub epoch: u32,
    /// Epochs that training has by its settings.
    pub epochs: u32,
    /// Samples done of the next epoch.
    pub sample: u64,
    /// Steps since the beginning of training.
    pub step: u64,
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
        if length > 0 && name != "sasrec" {
            let reason = format!("{length}: {name} looks at no history of a length, sasrec does; give 0");
            return Err(Error::config("length", reason).into());
        }
        // 0 factors are the default, of which only the model knows.
        macro_rules! with_factors {
            ($model:ident, $setter:ident) => {{
                let model = $model::new(users, items);
                match factors {
                    0 => model,
                    factors => model.$setter(factors),
                }
            }};
        }
        let model: Model = match name {
            "mf" => with_factors!(Mf, factors).into(),
            "gmf" => with_factors!(Gmf, factors).into(),
            "neumf" => with_factors!(NeuMf, factors).into(),
            "lightgcn" => with_factors!(LightGcn, embedding_dim).into(),
            "mlp" => match factors {
                0 => Mlp::new(users, items).into(),
                _ => Mlp::new(users, items)
                    .layers(NeuMf::new(users, items).factors(factors).layers)
                    .into(),
            },
            "sasrec" => {
                let model = with_factors!(SasRec, embedding_dim);
                let model = if length > 0 { model.length(length) } else { model };
                return Ok((model.into(), SasRec::loss()));
            }
            _ => {
                let reason = format!("there is no {name:?}; give mf, gmf, mlp, neumf, lightgcn or sasrec");
                return Err(Error::config("name", reason).into());
            }
        };
        Ok((model, Loss::default()))
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

fn unknown(setting: &str, name: &str, there_are: &str) -> super::status::Failure {
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

impl pocketrec_event {
    pub(super) fn of(event: &Event) -> Self {
        let nothing = pocketrec_event {
            size: size_of::<Self>(),
            kind: pocketrec_event_kind::POCKETREC_PROGRESS as i32,
            epoch: 0,
            evaluated: 0,
            is_best: 0,
            done: 0,
            total: 0,
            loss: 0.0,
            samples_per_second: 0.0,
            hr: 0.0,
            ndcg: 0.0,
        };
        match event {
            Event::Progress(report) => pocketrec_event {
                epoch: report.epoch,
                done: report.done,
                total: report.total,
                loss: report.loss,
                samples_per_second: report.samples_per_second,
                ..nothing
            },
            Event::Epoch(report) => pocketrec_event {
                kind: pocketrec_event_kind::POCKETREC_EPOCH as i32,
                epoch: report.epoch,
                evaluated: report.evaluation.is_some().into(),
                is_best: report.best.into(),
                done: report.samples,
                loss: report.loss,
                samples_per_second: report.samples_per_second(),
                hr: report.evaluation.map_or(0.0, |ranking| ranking.hr),
                ndcg: report.evaluation.map_or(0.0, |ranking| ranking.ndcg),
                ..nothing
            },
        }
    }
}

impl pocketrec_fit_report {
    pub(super) fn of(report: &FitReport) -> Self {
        let reason = match report.reason {
            StopReason::Finished => pocketrec_stop_reason::POCKETREC_FINISHED,
            StopReason::Patience => pocketrec_stop_reason::POCKETREC_PATIENCE,
            StopReason::Stopped => pocketrec_stop_reason::POCKETREC_STOPPED,
            StopReason::OutOfTime => pocketrec_stop_reason::POCKETREC_OUT_OF_TIME,
        };
        pocketrec_fit_report {
            size: size_of::<Self>(),
            reason: reason as i32,
            epochs: report.epochs,
            best_epoch: report.best.map_or(0, |best| best.epoch),
            reserved: 0,
            steps: report.steps,
            samples: report.samples,
            seconds: report.seconds,
            best_hr: report.best.map_or(0.0, |best| best.value.hr),
            best_ndcg: report.best.map_or(0.0, |best| best.value.ndcg),
        }
    }
}

impl pocketrec_absorb_report {
    pub(super) fn of(report: &AbsorbReport) -> Self {
        pocketrec_absorb_report {
            size: size_of::<Self>(),
            pairs: report.pairs as u64,
            known: report.known as u64,
            new_users: report.new_users as u64,
            new_items: report.new_items as u64,
            steps: report.steps,
            before: report.before,
            after: report.after,
        }
    }
}

impl pocketrec_trainer_info {
    pub(super) fn of(trainer: &Trainer) -> Self {
        let progress = trainer.progress();
        pocketrec_trainer_info {
            size: size_of::<Self>(),
            users: trainer.users() as u32, // models count their rows in u32
            items: trainer.items() as u32,
            epoch: progress.epoch,
            epochs: trainer.config().epochs,
            sample: progress.sample,
            step: progress.step,
        }
    }
}

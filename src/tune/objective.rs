//! What is tuned: how a trial's trainer is made, trained for an epoch, and kept.

use std::fmt;

use super::settings::Settings;
use crate::{
    Result,
    data::{Split, clicks::Samples},
    device::Device,
    eval::RankingReport,
    rng::spread,
    train::{ClickEvaluation, ClickMetric, ClickTrainer, Control, Event, ProgressReport, StopReason, Trainer},
};

/// What is told of an epoch while it lasts, and may stop it.
pub type Progress<'a> = &'a mut dyn FnMut(&ProgressReport) -> Control;

/// What is tuned. [`Pairs`] and [`Clicks`] are for the crate's trainers; anything else that learns by epochs can be.
pub trait Objective {
    /// What learns.
    type Trainer;

    /// The name of the metric, more of which is better.
    fn metric(&self) -> String;

    /// What all trials have in common, such as a digest of the data: a study goes on with the same alone.
    fn identity(&self) -> String;

    /// A trainer of a trial's settings, whose schedule is that of so many epochs.
    ///
    /// # Errors
    /// Any: the trial has failed, and the search goes on.
    fn make(&mut self, settings: &Settings, epochs: u32) -> Result<Self::Trainer>;

    /// Everything that [`restore`](Objective::restore) needs.
    ///
    /// # Errors
    /// Any: the trial has failed.
    fn save(&mut self, trainer: &mut Self::Trainer) -> Result<Vec<u8>>;

    /// A trainer that goes on where the saved one was.
    ///
    /// # Errors
    /// Any: the study is damaged, and the search ends.
    fn restore(&mut self, bytes: &[u8]) -> Result<Self::Trainer>;

    /// Epochs completed.
    fn epochs(&self, trainer: &Self::Trainer) -> u32;

    /// Trains to the end of the present epoch and gives the metric then; nothing where `progress` said stop before it.
    ///
    /// # Errors
    /// Any: the trial has failed, such as by [`Error::Diverged`](crate::Error::Diverged).
    fn train_epoch(&mut self, trainer: &mut Self::Trainer, progress: Progress<'_>) -> Result<Option<f64>>;
}

/// What a ranking is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RankingMetric {
    /// NDCG@k.
    #[default]
    Ndcg,
    /// HR@k.
    HitRate,
    /// Mean reciprocal rank.
    Mrr,
}

impl RankingMetric {
    /// Its value in a report.
    pub fn of(self, report: &RankingReport) -> f64 {
        match self {
            RankingMetric::Ndcg => report.ndcg,
            RankingMetric::HitRate => report.hr,
            RankingMetric::Mrr => report.mrr,
        }
    }
}

/// `NDCG@k`, `HR@k`, `MRR`.
impl fmt::Display for RankingMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RankingMetric::Ndcg => "NDCG@k",
            RankingMetric::HitRate => "HR@k",
            RankingMetric::Mrr => "MRR",
        })
    }
}

/// Models of users and items. `make` gives a new [`Trainer`] for a trial's settings; its epochs, how often it evaluates and
/// its patience are set by the search, whatever they were.
///
/// The test cases of the split that is given are what trials are compared by: give one that was carved out of a training
/// part (`split.train.leave_one_out()`), and rank the true test items by the winner, once.
#[derive(Debug)]
pub struct Pairs<'a, F> {
    validation: &'a Split,
    device: Device,
    metric: RankingMetric,
    make: F,
}

impl<'a, F: FnMut(&Settings) -> Result<Trainer>> Pairs<'a, F> {
    /// Trials on the training part of a split, compared by NDCG@k on its test cases. `device` is where trials go on that
    /// were kept; give the one that `make` takes.
    pub fn new(validation: &'a Split, device: Device, make: F) -> Self {
        let metric = RankingMetric::default();
        Pairs {
            validation,
            device,
            metric,
            make,
        }
    }

    /// Compares by another metric.
    pub fn by(mut self, metric: RankingMetric) -> Self {
        self.metric = metric;
        self
    }
}

impl<F: FnMut(&Settings) -> Result<Trainer>> Objective for Pairs<'_, F> {
    type Trainer = Trainer;

    fn metric(&self) -> String {
        self.metric.to_string()
    }

    fn identity(&self) -> String {
        let (train, cases) = (&self.validation.train, &self.validation.test);
        let rows = train.iter().chain(cases.iter().map(|case| (case.user, case.item)));
        let sum = rows.fold(0, |sum, (user, item)| {
            spread(sum ^ (u64::from(user) << 32 | u64::from(item)))
        });
        format!(
            "{} of {} cases, on {} interactions of {} users with {} items ({sum:016x})",
            self.metric,
            cases.len(),
            train.len(),
            train.users(),
            train.items()
        )
    }

    fn make(&mut self, settings: &Settings, epochs: u32) -> Result<Trainer> {
        let mut trainer = (self.make)(settings)?;
        let mut config = *trainer.config();
        (config.epochs, config.eval_every, config.patience) = (epochs, 1, None);
        trainer.set_config(config)?;
        Ok(trainer)
    }

    fn save(&mut self, trainer: &mut Trainer) -> Result<Vec<u8>> {
        trainer.to_bytes()
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<Trainer> {
        Trainer::from_bytes(bytes, self.device.clone())
    }

    fn epochs(&self, trainer: &Trainer) -> u32 {
        trainer.progress().epoch
    }

    fn train_epoch(&mut self, trainer: &mut Trainer, progress: Progress<'_>) -> Result<Option<f64>> {
        let (metric, mut value) = (self.metric, None);
        let report = trainer.fit_events(self.validation, |event| match event {
            Event::Progress(report) => progress(report),
            Event::Epoch(report) => {
                value = report.evaluation.map(|ranking| metric.of(&ranking));
                Control::Stop
            }
        })?;
        debug_assert!(value.is_none() || report.reason == StopReason::Stopped);
        Ok(value)
    }
}

/// Models of clicks. `make` gives a new [`ClickTrainer`] for a trial's settings; its epochs and its patience are set by the
/// search, and so is the metric: that by which trials are compared on the dev rows.
#[derive(Debug)]
pub struct Clicks<'a, F> {
    train: &'a Samples,
    dev: &'a Samples,
    device: Device,
    metric: ClickMetric,
    make: F,
}

impl<'a, F: FnMut(&Settings) -> Result<ClickTrainer>> Clicks<'a, F> {
    /// Trials on training rows, compared by AUC on dev rows. `device` is where trials go on that were kept; give the one
    /// that `make` takes.
    pub fn new(train: &'a Samples, dev: &'a Samples, device: Device, make: F) -> Self {
        let metric = ClickMetric::default();
        Clicks {
            train,
            dev,
            device,
            metric,
            make,
        }
    }

    /// Compares by another metric. Log losses are negated, so that more is better.
    pub fn by(mut self, metric: ClickMetric) -> Self {
        self.metric = metric;
        self
    }
}

impl<F: FnMut(&Settings) -> Result<ClickTrainer>> Objective for Clicks<'_, F> {
    type Trainer = ClickTrainer;

    fn metric(&self) -> String {
        match self.metric {
            ClickMetric::LogLoss => format!("-{}", self.metric),
            _ => self.metric.to_string(),
        }
    }

    fn identity(&self) -> String {
        let labels = |samples: &Samples| {
            let labels = samples.labels().iter();
            labels.fold(0, |sum, label| spread(sum ^ u64::from(label.to_bits())))
        };
        let (train, dev) = (self.train, self.dev);
        format!(
            "{} on {} rows ({:016x}), {} dev rows ({:016x})",
            self.metric,
            train.len(),
            labels(train),
            dev.len(),
            labels(dev)
        )
    }

    fn make(&mut self, settings: &Settings, epochs: u32) -> Result<ClickTrainer> {
        let mut trainer = (self.make)(settings)?;
        let mut config = *trainer.config();
        (config.epochs, config.patience, config.metric) = (epochs, None, self.metric);
        trainer.set_config(config)?;
        Ok(trainer)
    }

    fn save(&mut self, trainer: &mut ClickTrainer) -> Result<Vec<u8>> {
        trainer.to_bytes()
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<ClickTrainer> {
        ClickTrainer::from_bytes(bytes, self.device.clone())
    }

    fn epochs(&self, trainer: &ClickTrainer) -> u32 {
        trainer.progress().epoch
    }

    fn train_epoch(&mut self, trainer: &mut ClickTrainer, progress: Progress<'_>) -> Result<Option<f64>> {
        let (metric, mut value) = (self.metric, None);
        trainer.fit_events(self.train, Some(self.dev), |event| match event {
            Event::Progress(report) => progress(report),
            Event::Epoch(report) => {
                value = match &report.evaluation {
                    Some(ClickEvaluation::Clicks(report)) => metric.of(report),
                    Some(ClickEvaluation::Ranking(report)) => Some(report.ndcg),
                    None => None,
                };
                Control::Stop
            }
        })?;
        Ok(value)
    }
}

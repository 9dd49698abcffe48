//! A run of a program that trains on interactions, from its options to what is said at the end.

use pocketrec::{
    Error, Result,
    data::Split,
    device::Device,
    models::{Loss, SampledSoftmax, Softmax},
    plan::Optimizer,
    train::{FitReport, TrainConfig, Trainer},
};

use super::{
    data::{Data, MadeUp},
    options::{DataOptions, OutputOptions},
    plot, profile, report,
    settings::TrainingOptions,
    training::Training,
};
use crate::common::{
    cost,
    device::{is_processor, report_every},
    ending::Ending,
    export::check_trainable,
    files, kind,
    output::say,
    reasons,
    watch::Watch,
};

/// What all such programs are given.
pub struct Session<'a> {
    pub data: &'a DataOptions,
    pub training: &'a TrainingOptions,
    pub output: &'a OutputOptions,
    pub device: Device,
    watch: Watch,
    resumed: Option<Trainer>,
}

impl<'a> Session<'a> {
    /// Refuses what can be refused before time is spent, and loads what is gone on from. `check` makes a trainer of no size,
    /// by the settings of which whatever no data could make right is refused.
    pub fn begin(
        (data, training, output): (&'a DataOptions, &'a TrainingOptions, &'a OutputOptions),
        device: Device,
        check: impl FnOnce(Device) -> Result<Trainer>,
    ) -> Result<Self, Ending> {
        files::check_training(&output.checkpoint, output.resume, &output.plot, &output.export.export)?;
        let checked = check(device.clone())?;
        let described = checked.device();
        if output.profile && is_processor(&described) {
            let reason = format!("it times the stages of a step, which only graphics devices do; this is {described}");
            return Err(Error::config("--profile", reason).into());
        }
        let mut watch = Watch::new(output.quiet, training.time()?);
        watch.saved_by = Some("--checkpoint");
        let resumed = match (&output.checkpoint, output.resume) {
            (Some(path), true) if kind::is_of_clicks("--checkpoint", path)? => {
                let reason = format!("{} is of a model of clicks; train_ctr goes on with it", path.display());
                return Err(Error::config("--resume", reason).into());
            }
            (Some(path), true) => {
                let trainer = Trainer::load(path, device.clone())?;
                check_trainable(path, trainer.plan().row_type())?;
                Some(trainer)
            }
            _ => None,
        };
        if output.why {
            let model = resumed.as_ref().unwrap_or(&checked).model();
            reasons::check(model.name(), model.reasons(), reasons::OF_PAIRS)?;
        }
        Ok(Session {
            data,
            training,
            output,
            device,
            watch,
            resumed,
        })
    }

    /// What is gone on from.
    pub fn resumed(&self) -> Option<&Trainer> {
        self.resumed.as_ref()
    }

    /// Trains with what the options say otherwise than `base`: from the beginning, where `build` makes the trainer, or from a
    /// checkpoint. Says how it ranks and what it recommends.
    pub fn run(
        self,
        base: TrainConfig,
        make_up: impl FnOnce() -> Result<MadeUp>,
        build: impl FnOnce(&Data, TrainConfig, &mut Training) -> Result<Trainer, Ending>,
    ) -> Result<(), Ending> {
        let mut config = self.training.config(base)?;
        let data = Data::load(self.data, config.patience.is_some(), self.resumed.as_ref(), make_up)?;
        let user = data.user("--user", self.output.user.as_deref())?;
        let exported = self.output.export_user.iter();
        let exported: Vec<u32> = exported
            .map(|key| data.user("--export-user", Some(key)))
            .collect::<Result<_>>()?;
        data.describe()?;
        let (output, quiet) = (self.output, self.watch.quiet);
        let mut training = Training::new(self.watch);
        if let Some(trainer) = &self.resumed {
            data.check_trained_on(trainer, "--resume")?;
        }
        training.watch.begin()?;
        let mut trainer = match self.resumed {
            Some(trainer) => trainer,
            None => build(&data, config, &mut training)?,
        };
        config.report_every = report_every(&trainer.device(), config.batch_size);
        trainer.set_config(config)?;
        training.checkpoint.clone_from(&output.checkpoint);
        if !quiet {
            describe(&trainer)?;
        }
        if output.dry_run {
            let (epochs, eval_every) = (config.epochs, config.eval_every);
            let cost = trainer.cost(data.trained_on(), cost::PROBE)?;
            return Ok(cost::tell(&cost, epochs, eval_every)?);
        }
        if output.profile {
            profile::print(&mut trainer, self.device, data.trained_on())?;
        }
        let fit = training.fit(&mut trainer, data.trained_on())?;
        training.watch.end();
        end(&mut trainer, &data, &fit, (output, user, &exported), &training)
    }
}

/// Says what came of it.
fn end(
    trainer: &mut Trainer,
    data: &Data,
    fit: &FitReport,
    (output, user, exported): (&OutputOptions, u32, &[u32]),
    training: &Training,
) -> Result<(), Ending> {
    report::ended(fit, trainer)?;
    report::rankings(trainer, data, fit, output.full)?;
    report::recommendations(trainer, data, user, output.why)?;
    if let Some(path) = &output.plot {
        let items = match data.validation {
            Some(_) => "validation",
            None => "test",
        };
        let title = format!("{} on {items} items", trainer.model().name());
        match training.curve.is_empty() {
            true => say!("no epoch was completed, so there is no curve to draw")?,
            false => plot::draw(path, &title, &training.curve)?,
        }
    }
    if let Some(path) = &output.checkpoint {
        say!(
            "saved to {0}: cargo run --release --example recommend -- --model {0} --user KEY",
            path.display()
        )?;
    }
    Ok(output.export.write(trainer, exported)?)
}

/// Trains a part of another model, which is neither saved nor ranked.
pub fn train_part(trainer: &mut Trainer, split: &Split, training: &mut Training) -> Result<(), Ending> {
    if !training.watch.quiet {
        describe(trainer)?;
    }
    training.fit(trainer, split)?;
    Ok(())
}

/// What an item that a user has is told from.
fn told_from(config: &TrainConfig) -> String {
    match config.loss {
        Loss::Softmax(Softmax { block, .. }) => format!("softmax over {block} samples at most"),
        Loss::SampledSoftmax(SampledSoftmax { candidates, .. }) => match candidates {
            Some(count) => format!("softmax over {count} drawn items"),
            None => "softmax over all items".into(),
        },
        Loss::CrossEntropy | Loss::Bpr | Loss::Margin(_) | Loss::Ccl(_) => format!("{} negatives", config.negatives),
    }
}

/// One line: what is about to be trained.
fn describe(trainer: &Trainer) -> Result<()> {
    let (config, progress) = (trainer.config(), trainer.progress());
    let optimizer = match config.optimizer {
        Optimizer::Adam(adam) => format!("Adam {}", adam.learning_rate),
        Optimizer::LazyAdam(adam) => format!("lazy Adam {}", adam.learning_rate),
        Optimizer::Sgd { learning_rate } => format!("gradient descent {learning_rate}"),
    };
    let averaged = match config.average_from {
        Some(epoch) => format!(", averaged from epoch {epoch} on"),
        None => String::new(),
    };
    say!(
        "{:<10}{} parameters, batch {}, {}, {}{averaged}",
        trainer.model().name(),
        trainer.plan().weights(),
        config.batch_size,
        told_from(config),
        optimizer
    )?;
    match progress.step {
        0 => Ok(()),
        step => say!("          goes on after epoch {}, step {step}", progress.epoch),
    }
}

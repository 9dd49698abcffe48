//! Models of clicks in these fields: trained, and measured.

use pocketrec::{
    Result,
    data::clicks::{Encoder, Samples},
    device::Device,
    eval::ClickReport,
    models::ClickModel,
    train::{ClickConfig, ClickEpoch, ClickEvent, ClickTrainer, Control},
};

use super::options::FieldOptions;
use crate::common::{device::report_every, ending::Ending, output::say};

/// What a model of clicks is trained on, and what encoded it.
pub struct Rows<'a> {
    pub train: &'a Samples,
    /// By which the best epoch is taken, where there are any.
    pub dev: Option<&'a Samples>,
    pub encoder: &'a Encoder,
}

/// Trains to the end.
pub fn train(
    options: &FieldOptions,
    name: &str,
    model: impl Into<ClickModel>,
    device: &Device,
    config: ClickConfig,
    rows: &Rows,
) -> Result<ClickTrainer, Ending> {
    let mut trainer = ClickTrainer::new(model, device.clone(), config)?;
    trainer.set_encoder(rows.encoder.clone())?;
    let report_every = report_every(&trainer.device(), config.batch_size);
    trainer.set_config(ClickConfig { report_every, ..config })?;
    let mut watch = options.watch()?;
    let fit = trainer.fit_events(rows.train, rows.dev, |event| match event {
        ClickEvent::Progress(report) => watch.progress(report),
        ClickEvent::Epoch(report) => watch.epoch(report.epoch, &line(report)),
        _ => Control::Continue,
    })?;
    watch.check(None)?;
    watch.end();
    say!("{name}: {} epochs in {:.1} s", fit.epochs, fit.seconds)?;
    Ok(trainer)
}

/// An epoch in a line that a terminal has room for; a star marks the best so far.
fn line(report: &ClickEpoch) -> String {
    let of_dev = report.evaluation.as_ref().and_then(|evaluation| evaluation.clicks());
    let of_dev = of_dev.map_or(String::new(), |dev| {
        let auc = dev.auc.map_or(String::new(), |auc| format!("  dev AUC {auc:.4}"));
        let best = if report.best { " *" } else { "" };
        format!("{auc}  log loss {:.4}{best}", dev.log_loss)
    });
    format!("epoch {:>3}  loss {:.4}{of_dev}", report.epoch, report.loss)
}

/// What is told of predicted clicks, in a comparison of models.
pub const MEASURES: [&str; 4] = ["AUC", "log loss", "ECE", "ratio"];

/// A model's row by these.
pub fn measured(report: &ClickReport) -> [Option<f64>; 4] {
    let calibration = &report.calibration;
    [
        report.auc,
        Some(report.log_loss),
        Some(calibration.error()),
        Some(calibration.ratio()),
    ]
}

//! The learning curve beside predicted and observed clicks.

use std::path::Path;

use pocketrec::{Result, eval::ClickReport, train::ClickEpoch};

use crate::common::plot::{Picture, Series};

/// Draws the dev evaluations and the losses against the epoch, and the calibration on the test rows, if that is known.
pub fn draw(path: &Path, title: &str, curve: &[ClickEpoch], test: Option<&ClickReport>) -> Result<()> {
    let of_dev = |name: &str, value: fn(&ClickReport) -> Option<f64>| {
        let points = curve
            .iter()
            .filter_map(|report| Some((report.epoch, value(report.evaluation.as_ref()?.clicks()?)?)));
        Series::new(name, points)
    };
    let of_ranking = |name: &str, value: fn(&pocketrec::eval::RankingReport) -> f64| {
        let k = curve
            .iter()
            .find_map(|report| report.evaluation.as_ref()?.ranking())
            .map_or(10, |ranking| ranking.k);
        let points = curve
            .iter()
            .filter_map(|report| Some((report.epoch, value(report.evaluation.as_ref()?.ranking()?))));
        Series::new(format!("{name}@{k} on dev rows"), points)
    };
    let mut above = vec![
        of_dev("AUC on dev rows", |dev| dev.auc),
        of_dev("by user", |dev| dev.grouped.map(|grouped| grouped.auc)),
        of_ranking("HR", |ranking| ranking.hr),
        of_ranking("NDCG", |ranking| ranking.ndcg),
    ];
    let mut below = vec![
        Series::new(
            "loss in training",
            curve.iter().map(|report| (report.epoch, report.loss)),
        ),
        of_dev("log loss on dev rows", |dev| Some(dev.log_loss)),
    ];
    above.retain(|series| !series.points.is_empty());
    below.retain(|series| !series.points.is_empty());
    let picture = Picture {
        title,
        panels: vec![above, below],
        best: curve.iter().rev().find(|report| report.best).map(|report| report.epoch),
        calibration: test.map(|report| &report.calibration.bins[..]),
    };
    picture.save(path)
}

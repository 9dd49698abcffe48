//! The learning curve.

use std::path::Path;

use pocketrec::{Result, train::EpochReport};

use crate::common::plot::{Picture, Series};

/// Draws HR, NDCG and the loss against the epoch.
pub fn draw(path: &Path, title: &str, curve: &[EpochReport]) -> Result<()> {
    let ranking = |name: &str, value: fn(&pocketrec::eval::RankingReport) -> f64| {
        let k = curve
            .iter()
            .find_map(|report| report.evaluation)
            .map_or(10, |ranking| ranking.k);
        let points = curve
            .iter()
            .filter_map(|report| Some((report.epoch, value(report.evaluation.as_ref()?))));
        Series::new(format!("{name}@{k}"), points)
    };
    let loss = Series::new("loss", curve.iter().map(|report| (report.epoch, report.loss)));
    let picture = Picture {
        title,
        panels: vec![
            vec![
                ranking("HR", |ranking| ranking.hr),
                ranking("NDCG", |ranking| ranking.ndcg),
            ],
            vec![loss],
        ],
        best: curve.iter().rev().find(|report| report.best).map(|report| report.epoch),
        calibration: None,
    };
    picture.save(path)
}

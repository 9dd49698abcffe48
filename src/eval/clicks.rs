//! How good predicted clicks are: AUC, grouped AUC, log loss and calibration.

use alloc::{format, vec::Vec};
use core::fmt;

use crate::{Error, Result};

/// Bins of a report's calibration.
pub const BINS: usize = 10;

/// A click is a label of one half or more.
const CLICK: f32 = 0.5;

/// AUC by group, usually by user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupedAuc {
    /// Mean of the groups' AUC, weighted by their rows (Zhou et al., *Deep Interest Network*, KDD 2018).
    pub auc: f64,
    /// Groups that count.
    pub groups: u64,
    /// Their rows.
    pub rows: u64,
    /// Groups left out because all their labels are the same.
    pub left_out: u64,
}

/// Rows of about the same prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Number of rows.
    pub rows: u64,
    /// Mean of the predicted probabilities.
    pub predicted: f64,
    /// Mean of the labels.
    pub observed: f64,
}

/// Whether predicted probabilities are as large as they should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// All rows.
    pub total: Bin,
    /// The rows by ascending prediction, about as many in each bin; equal predictions are in one.
    pub bins: Vec<Bin>,
}

impl Calibration {
    /// Predicted over observed clicks: 1 is right, more promises too many. Infinite where no click was observed.
    pub fn ratio(&self) -> f64 {
        self.total.predicted / self.total.observed
    }

    /// Expected calibration error: the mean distance of predicted and observed over the bins, by rows.
    pub fn error(&self) -> f64 {
        let off = |bin: &Bin| bin.rows as f64 * (bin.predicted - bin.observed).abs();
        self.bins.iter().map(off).sum::<f64>() / self.total.rows as f64
    }
}

/// How good predicted clicks are.
#[derive(Clone, Debug, PartialEq)]
pub struct ClickReport {
    /// Number of rows.
    pub rows: u64,
    /// Probability that a random click has a higher score than a random non-click, equal scores counting one half;
    /// `None` where all labels are the same.
    pub auc: Option<f64>,
    /// AUC by group; `None` where there are no groups, or none has both labels.
    pub grouped: Option<GroupedAuc>,
    /// Mean of `-y ln p - (1 - y) ln(1 - p)`.
    pub log_loss: f64,
    /// Predicted and observed clicks.
    pub calibration: Calibration,
}

impl ClickReport {
    /// Compares logits with labels in 0..=1. `groups` are the rows' users, or empty.
    ///
    /// ```
    /// use pocketrec::eval::ClickReport;
    /// let report = ClickReport::of(&[2.0, -1.0, 0.5, -1.0], &[1.0, 0.0, 0.0, 1.0], &[7, 7, 9, 9])?;
    /// assert_eq!(report.auc, Some(2.5 / 4.0)); // of four pairs two are right and one is a tie
    /// assert_eq!(report.grouped.map(|grouped| grouped.auc), Some(0.5));
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] where columns differ in length; [`Error::Config`] where there are no rows, a logit is NaN, or
    /// a label is not in 0..=1.
    pub fn of(logits: &[f32], labels: &[f32], groups: &[u32]) -> Result<Self> {
        check(logits, labels)?;
        let grouped = match groups.is_empty() {
            true => None,
            false => grouped_auc(logits, labels, groups)?,
        };
        Ok(ClickReport {
            rows: labels.len() as u64,
            auc: auc(logits, labels)?,
            grouped,
            log_loss: log_loss(logits, labels)?,
            calibration: calibration(logits, labels, BINS)?,
        })
    }
}

/// `AUC 0.7736  GAUC 0.6912 (402 groups)  log loss 0.6252  predicted/observed 1.02`; groups of one class are told:
/// `(402 groups, 17 left out)`.
impl fmt::Display for ClickReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.auc {
            Some(auc) => write!(f, "AUC {auc:.4}")?,
            None => write!(f, "AUC undefined (all labels are the same)")?,
        }
        if let Some(grouped) = self.grouped {
            let GroupedAuc {
                auc, groups, left_out, ..
            } = grouped;
            write!(f, "  GAUC {auc:.4} ({groups} groups")?;
            if left_out > 0 {
                write!(f, ", {left_out} left out")?;
            }
            f.write_str(")")?;
        }
        let (loss, ratio) = (self.log_loss, self.calibration.ratio());
        write!(f, "  log loss {loss:.4}  predicted/observed {ratio:.2}")
    }
}

/// The area under the ROC curve, exact: from the sum of the clicks' ranks, equal scores sharing their mean rank (Mann
/// and Whitney, 1947). Labels of one half or more are clicks. `None` where all rows are clicks, or none is.
///
/// # Errors
/// Those of [`ClickReport::of`].
pub fn auc(scores: &[f32], labels: &[f32]) -> Result<Option<f64>> {
    check(scores, labels)?;
    let mut keys: Vec<u64> = scores
        .iter()
        .zip(labels)
        .map(|(&score, &label)| key(score, label))
        .collect();
    keys.sort_unstable();
    Ok(auc_of_sorted(&keys))
}

/// The mean of the groups' AUC, weighted by their number of rows; groups of one class are left out. `None` where no
/// group is left. Groups may be in any order.
///
/// # Errors
/// Those of [`ClickReport::of`].
pub fn grouped_auc(scores: &[f32], labels: &[f32], groups: &[u32]) -> Result<Option<GroupedAuc>> {
    check(scores, labels)?;
    same_length("groups, which go with the labels", labels.len(), groups.len())?;
    let rows = groups.iter().zip(scores.iter().zip(labels));
    let mut keyed: Vec<(u32, u64)> = rows
        .map(|(&group, (&score, &label))| (group, key(score, label)))
        .collect();
    keyed.sort_unstable();
    let (mut sum, mut result) = (
        0.0,
        GroupedAuc {
            auc: 0.0,
            groups: 0,
            rows: 0,
            left_out: 0,
        },
    );
    let mut keys = Vec::new();
    for group in keyed.chunk_by(|a, b| a.0 == b.0) {
        keys.clear();
        keys.extend(group.iter().map(|&(_, key)| key));
        match auc_of_sorted(&keys) {
            Some(auc) => {
                sum += auc * group.len() as f64;
                result.rows += group.len() as u64;
                result.groups += 1;
            }
            None => result.left_out += 1,
        }
    }
    result.auc = sum / result.rows as f64;
    Ok((result.rows > 0).then_some(result))
}

/// The mean of `-y ln p - (1 - y) ln(1 - p)` with `p = 1 / (1 + exp(-logit))`, computed from the logit so that no
/// probability is rounded to 0 or 1.
///
/// # Errors
/// Those of [`ClickReport::of`].
pub fn log_loss(logits: &[f32], labels: &[f32]) -> Result<f64> {
    check(logits, labels)?;
    let loss = |(&logit, &label): (&f32, &f32)| {
        let (logit, label) = (f64::from(logit), f64::from(label));
        // A term that has no weight is left out: it may be infinite.
        let term = |weight: f64, logit: f64| if weight > 0.0 { weight * softplus(logit) } else { 0.0 };
        term(label, -logit) + term(1.0 - label, logit)
    };
    Ok(logits.iter().zip(labels).map(loss).sum::<f64>() / labels.len() as f64)
}

/// Predicted and observed clicks, in all and in `bins` bins of about as many rows.
///
/// # Errors
/// Those of [`ClickReport::of`]; [`Error::Config`] where `bins` is 0.
pub fn calibration(logits: &[f32], labels: &[f32], bins: usize) -> Result<Calibration> {
    check(logits, labels)?;
    if bins == 0 {
        return Err(Error::config("bins", "there must be 1 or more; 10 is usual"));
    }
    let mut rows: Vec<(u32, f32)> = logits
        .iter()
        .zip(labels)
        .map(|(&logit, &label)| (ordered(logit), label))
        .collect();
    rows.sort_unstable_by_key(|&(logit, _)| logit);
    let mut result = Calibration {
        total: Bin::default(),
        bins: Vec::new(),
    };
    let mut start = 0;
    for bin in 1..=bins.min(rows.len()) as u128 {
        let mut end = (bin * rows.len() as u128 / bins.min(rows.len()) as u128) as usize;
        if end <= start {
            continue;
        }
        // Equal predictions stay together: their order says nothing.
        end += rows[end..].iter().take_while(|row| row.0 == rows[end - 1].0).count();
        result.bins.push(Bin::mean(&rows[start..end]));
        start = end;
    }
    let total = |part: fn(&Bin) -> f64| {
        let sum: f64 = result.bins.iter().map(|bin| bin.rows as f64 * part(bin)).sum();
        sum / rows.len() as f64
    };
    result.total = Bin {
        rows: rows.len() as u64,
        predicted: total(|bin| bin.predicted),
        observed: total(|bin| bin.observed),
    };
    Ok(result)
}

impl Bin {
    fn mean(rows: &[(u32, f32)]) -> Self {
        let probability = |&(logit, _): &(u32, f32)| 1.0 / (1.0 + libm::exp(-f64::from(from_ordered(logit))));
        let count = rows.len() as f64;
        Bin {
            rows: rows.len() as u64,
            predicted: rows.iter().map(probability).sum::<f64>() / count,
            observed: rows.iter().map(|row| f64::from(row.1)).sum::<f64>() / count,
        }
    }
}

fn check(scores: &[f32], labels: &[f32]) -> Result<()> {
    same_length("scores, which go with the labels", labels.len(), scores.len())?;
    if labels.is_empty() {
        return Err(Error::config("labels", "there are no rows to evaluate"));
    }
    if let Some(row) = scores.iter().position(|score| score.is_nan()) {
        return Err(Error::config("scores", format!("the score of row {row} is NaN")));
    }
    match labels.iter().position(|label| !(0.0..=1.0).contains(label)) {
        Some(row) => {
            let reason = format!("the label {} of row {row} is not in 0..=1", labels[row]);
            Err(Error::config("labels", reason))
        }
        None => Ok(()),
    }
}

fn same_length(what: &str, expected: usize, got: usize) -> Result<()> {
    match expected == got {
        true => Ok(()),
        false => Err(Error::Length {
            what: what.into(),
            expected,
            got,
        }),
    }
}

/// `ln(1 + exp(x))`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

/// The score as a number that sorts like it, and below it whether the row is a click.
fn key(score: f32, label: f32) -> u64 {
    u64::from(ordered(score)) << 1 | u64::from(label >= CLICK)
}

/// Maps floats to integers in the same order: -0 and 0 to the same.
fn ordered(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    match bits >> 31 {
        0 => bits | 1 << 31,
        _ => !bits,
    }
}

fn from_ordered(number: u32) -> f32 {
    f32::from_bits(match number >> 31 {
        0 => !number,
        _ => number & !(1 << 31),
    })
}

/// AUC of sorted [`key`]s, in whole numbers up to the last division.
fn auc_of_sorted(keys: &[u64]) -> Option<f64> {
    let (mut clicks, mut twice_ranks, mut before) = (0u128, 0u128, 0u128);
    for ties in keys.chunk_by(|a, b| a >> 1 == b >> 1) {
        let (tied, own) = (
            ties.len() as u128,
            ties.iter().filter(|&key| key & 1 == 1).count() as u128,
        );
        // Ranks count from 1: those of the ties are before + 1 to before + tied.
        twice_ranks += own * (2 * before + tied + 1);
        clicks += own;
        before += tied;
    }
    let others = before - clicks;
    let twice_wins = twice_ranks - clicks * (clicks + 1);
    (clicks > 0 && others > 0).then(|| twice_wins as f64 / (2 * clicks * others) as f64)
}

//! Ranks each row's own candidate among the negatives that the row carries.

use alloc::vec::Vec;

use super::{CHUNK, Rank, RankingReport};
use crate::{Error, Result, data::clicks::Samples};

/// Ranks the candidate of every row of `samples` among the row's negatives: `score(cases, out)` writes the score of
/// each row of `cases` ([`Samples::cases`]), of which about [`CHUNK`] are made at a time. Ties count by their
/// expectation ([`Rank`]). Rows without negatives are left out and counted.
///
/// # Errors
/// [`Error::Config`] where `k` is 0, no row carries negatives, or a score is NaN; and those of `score`.
pub fn evaluate_cases(
    samples: &Samples,
    k: usize,
    mut score: impl FnMut(&Samples, &mut [f32]) -> Result<()>,
) -> Result<RankingReport> {
    if k == 0 {
        return Err(Error::config("k", "0 places hold no item; 10 is usual"));
    }
    let mut report = RankingReport::new(k);
    let (mut scores, mut start) = (Vec::new(), 0);
    while start < samples.len() {
        let (mut end, mut rows) = (start, 0);
        while end < samples.len() && (end == start || rows + 1 + samples.negatives(end) <= CHUNK) {
            rows += 1 + samples.negatives(end);
            end += 1;
        }
        // A score that the callee forgets to write is an error, not what the last chunk left there.
        scores.clear();
        scores.resize(rows, f32::NAN);
        score(&samples.cases(start..end)?, &mut scores)?;
        let mut at = 0;
        for row in start..end {
            let others = &scores[at + 1..=at + samples.negatives(row)];
            let rank = Rank::among(scores[at], others).ok_or_else(|| {
                let reason = alloc::format!("a score of row {row} or of its negatives is NaN");
                Error::config("score", reason)
            })?;
            match others.is_empty() {
                true => report.left_out += 1,
                false => report.add(rank),
            }
            at += 1 + others.len();
        }
        report.scored += rows as u64;
        start = end;
    }
    report.mean()
}

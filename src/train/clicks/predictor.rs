//! Predictions by the parameters in an executor, for a trainer at rest and for the loop that is training.

use alloc::{format, vec, vec::Vec};

use super::feed::Feed;
use crate::{
    Error, Result,
    data::{
        Batch,
        clicks::{Encoder, Layout, Pick, Samples},
    },
    eval::{ClickReport, RankingReport, evaluate_cases},
    executor::Executor,
    rng::Rng,
};

/// Rows that are scored together.
pub(super) const SCORED: usize = 4096;

/// An executor, and the fields of its model.
pub(super) struct Predictor<'a> {
    pub executor: &'a mut dyn Executor,
    pub layout: &'a Layout,
    pub encoder: Option<&'a Encoder>,
    /// Steps since the beginning of training, for errors.
    pub step: u64,
}

impl Predictor<'_> {
    /// What fills batches with rows of samples, whose fields are those of the model.
    ///
    /// # Errors
    /// Those of [`Feed::new`], and [`Error::Config`] where the samples are of another encoder.
    pub fn feed(&self, samples: &Samples) -> Result<Feed> {
        let feed = Feed::new(self.executor.plan(), samples)?;
        self.layout.check_samples(samples.layout(), self.encoder)?;
        Ok(feed)
    }

    /// Logits of all rows, whose labels are not read.
    pub fn logits(&mut self, samples: &Samples) -> Result<Vec<f32>> {
        let feed = self.feed(samples)?;
        let mut batch = Batch::default();
        let mut logits = vec![0.0; samples.len()];
        for (index, out) in logits.chunks_mut(SCORED).enumerate() {
            let first = index * SCORED;
            let picks: Vec<Pick> = (first..first + out.len()).map(Pick::own).collect();
            feed.fill(samples, None, &picks, Rng::default(), &mut batch);
            self.executor.score_batch(&batch, out).wait()?;
        }
        Ok(logits)
    }

    /// How well each row's own candidate is ranked among the row's negatives.
    pub fn ranking(&mut self, samples: &Samples, k: usize) -> Result<RankingReport> {
        self.feed(samples)?;
        let mut done = 0;
        evaluate_cases(samples, k, |cases, out| {
            // Each case begins with its own candidate, which alone has label 1.
            let begins = |rows: &[f32]| rows.iter().filter(|&&label| label == 1.0).count();
            let name = |row: usize| {
                let case = done + begins(&cases.labels()[..=row]) - 1;
                format!("row {case} or one of its negatives")
            };
            out.copy_from_slice(&self.finite_logits(cases, name)?);
            done += begins(cases.labels());
            Ok(())
        })
    }

    /// How well clicks are predicted.
    pub fn clicks(&mut self, samples: &Samples) -> Result<ClickReport> {
        let logits = self.finite_logits(samples, |row| format!("row {row}"))?;
        ClickReport::of(&logits, samples.labels(), samples.groups())
    }

    /// Logits, none of which is NaN or infinite; `name` says in a refusal which row it is.
    pub fn finite_logits(
        &mut self,
        samples: &Samples,
        name: impl Fn(usize) -> alloc::string::String,
    ) -> Result<Vec<f32>> {
        let logits = self.logits(samples)?;
        match logits.iter().position(|logit| !logit.is_finite()) {
            None => Ok(logits),
            Some(row) => Err(self.not_finite(samples, row, &name(row))?),
        }
    }

    /// The error of a row whose prediction is not finite: by its numbers, if it is finite without them, or else by the
    /// parameters.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn not_finite(&mut self, samples: &Samples, row: usize, name: &str) -> Result<Error> {
        let feed = self.feed(samples)?;
        let (mut batch, mut logit) = (Batch::default(), [0.0]);
        feed.fill(samples, None, &[Pick::own(row)], Rng::default(), &mut batch);
        batch.numeric_mut().fill(0.0);
        for column in 0..batch.columns().len() {
            batch.ids_and_weights_mut(column).1.fill(0.0);
        }
        self.executor.score_batch(&batch, &mut logit).wait()?;
        let farthest = samples.farthest_number(row).filter(|_| logit[0].is_finite());
        Ok(match farthest {
            Some((field, number)) => Error::config(
                field,
                format!(
                    "the prediction for {name} is not finite, and it would be without its numbers, of which this is \
                     farthest off: {number:e} as the model reads it; correct the row, or limit the field by Field::clip \
                     or Field::log and train anew"
                ),
            ),
            None => Error::Diverged {
                step: self.step,
                loss: f64::NAN,
            },
        })
    }
}

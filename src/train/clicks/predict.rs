//! Predicting, ranking and evaluating with the parameters as they are.

use alloc::{format, vec, vec::Vec};

use super::{
    ClickTrainer,
    predictor::{Predictor, SCORED},
};
use crate::{
    Error, Result,
    data::{
        Batch,
        clicks::{Pick, Samples, Values},
    },
    eval::{ClickReport, RankingReport},
    executor::{exposed, score_with},
    plan::Space,
    rng::Rng,
};

impl ClickTrainer {
    /// The score of each row of `samples`, which is its logit; labels are not read. Where parameters or numbers are so
    /// large that a logit overflows, it is not finite; [`evaluate`](ClickTrainer::evaluate) and
    /// [`rank`](ClickTrainer::rank) make an error of it.
    ///
    /// # Errors
    /// [`Error::Config`] where the samples lack a field of the model or are of another encoder, by the name of the first
    /// field or vocabulary that differs; [`Error::Id`] where an id lies outside its table.
    pub fn score(&mut self, samples: &Samples) -> Result<Vec<f32>> {
        self.predictor().logits(samples)
    }

    /// Ranks candidates for a request, best first: each candidate's place in `candidates` and its logit. Values are given
    /// by the names of their columns: `context` is that of the request, `events` what the user did before, oldest first;
    /// clicks of the context's user that were [absorbed](ClickTrainer::absorb) follow them by themselves.
    ///
    /// # Errors
    /// [`Error::Config`] where no encoder was set, where a number is so far off that a logit is not finite (with the
    /// candidate and the field), and those of
    /// [`Encoder::request`](crate::data::clicks::Encoder::request) and [`score`](ClickTrainer::score);
    /// [`Error::Diverged`] where it is the parameters that are too large.
    pub fn rank(&mut self, context: &Values, events: &[&Values], candidates: &[&Values]) -> Result<Vec<(usize, f32)>> {
        let samples = self.request(context, events, candidates)?;
        let logits = self
            .predictor()
            .finite_logits(&samples, |row| format!("candidate {row}"))?;
        let mut ranked: Vec<(usize, f32)> = logits.into_iter().enumerate().collect();
        ranked.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        Ok(ranked)
    }

    /// A row for each candidate of a request; clicks of its user that were absorbed come behind its events.
    pub(super) fn request(&self, context: &Values, events: &[&Values], candidates: &[&Values]) -> Result<Samples> {
        let encoder = self.encoder.as_ref().ok_or_else(Self::no_encoder)?;
        let later = encoder.user_of(context).and_then(|user| self.history.of(user));
        encoder.request_after(context, events, later, candidates)
    }

    /// How well each row's own candidate is ranked among the row's negatives: HR@k and NDCG@k. Rows without negatives
    /// are left out and counted.
    ///
    /// # Errors
    /// Those of [`eval::evaluate_cases`](crate::eval::evaluate_cases) and [`evaluate`](ClickTrainer::evaluate).
    pub fn evaluate_ranking(&mut self, samples: &Samples, k: usize) -> Result<RankingReport> {
        self.predictor().ranking(samples, k)
    }

    /// How much each event of a row's history weighs in its prediction, oldest first: the attention of DIN or DIEN, which says
    /// which earlier events are looked at for a candidate. Empty where the history is. [`explain`](ClickTrainer::explain) has
    /// them by item.
    ///
    /// # Errors
    /// Those of [`score`](ClickTrainer::score); [`Error::Config`] where the model has no attention;
    /// [`Error::Device`] where the device does not hand out activations.
    pub fn attention(&mut self, samples: &Samples) -> Result<Vec<Vec<f32>>> {
        Ok(self.score_with_attention(samples)?.1)
    }

    /// The logit of each row, and what [`attention`](ClickTrainer::attention) gives.
    pub(super) fn score_with_attention(&mut self, samples: &Samples) -> Result<(Vec<f32>, Vec<Vec<f32>>)> {
        let feed = self.predictor().feed(samples)?;
        let view = exposed(self.plan(), "attention")?;
        let Space::Steps(sequence) = self.plan().space(view.buffer) else {
            return Err(Error::config("attention", "it does not lie along a sequence"));
        };
        let (mut batch, mut rows) = (Batch::default(), Vec::with_capacity(samples.len()));
        let mut logits = vec![0.0; samples.len()];
        for (index, out) in logits.chunks_mut(SCORED).enumerate() {
            let first = index * SCORED;
            let picks: Vec<Pick> = (first..first + out.len()).map(Pick::own).collect();
            feed.fill(samples, None, &picks, Rng::default(), &mut batch);
            let weights = score_with(&mut *self.core.executor, &batch, "attention", out).wait()?;
            let steps = batch.offsets(sequence).windows(2);
            rows.extend(steps.map(|pair| weights[pair[0] as usize..pair[1] as usize].to_vec()));
        }
        Ok((logits, rows))
    }

    /// How well clicks are predicted. Rows count alike, whatever weight they have in training.
    ///
    /// # Errors
    /// Those of [`score`](ClickTrainer::score), and [`Error::Config`] where there are no rows, or where a number is so
    /// far off that a prediction is not finite, with its row and field. [`Error::Diverged`] where it is the parameters
    /// that are too large.
    pub fn evaluate(&mut self, samples: &Samples) -> Result<ClickReport> {
        self.predictor().clicks(samples)
    }

    /// What predicts, with the parameters in the executor.
    pub(super) fn predictor(&mut self) -> Predictor<'_> {
        Predictor {
            step: self.core.progress.step,
            executor: &mut *self.core.executor,
            layout: self.model.layout(),
            encoder: self.encoder.as_ref(),
        }
    }
}

//! One group of rows that are absorbed: their batch, and the steps on it.

use alloc::{collections::BTreeMap, string::String, vec, vec::Vec};

use super::{ClickAbsorbConfig, ClickTrainer, feed::Feed, support::NEVER_COUNTED};
use crate::{
    Error, Result,
    data::{
        Batch,
        clicks::{Encoder, Events, LateRow, Pick, Samples, UNKNOWN, Values},
    },
    executor::{Executor, KeptRows, RowRun, hold_back, keep_rows, put_back},
    ops::sigmoid_cross_entropy::{sample_loss, sigmoid},
    plan::{Optimizer, Plan},
    rng::{Rng, streams},
    train::{
        core::Core,
        draws::{Draws, absorb_rng},
        rows::{dense_rows, share_of, table_rows},
    },
};

/// Draws before a candidate is given up, where there is hardly another.
const ATTEMPTS: u32 = 64;

/// A row to learn from after training.
#[derive(Clone, Copy, Debug)]
pub struct ClickRow<'v> {
    /// Values by the names of their columns, those of the context and of the candidate. A value that is not given counts
    /// as empty.
    pub values: &'v Values<'v>,
    /// What the user did before, oldest first, as [`rank`](ClickTrainer::rank) takes it: without the clicks that were
    /// absorbed, which follow by themselves.
    pub events: &'v [&'v Values<'v>],
    /// 1 for a click, 0 for none, or between; from 0.5 on the row is an event of the user's history.
    pub label: f32,
}

/// What a call has done so far.
#[derive(Default)]
pub(super) struct Learnt {
    pub steps: u64,
    /// Cross-entropy of the given rows, summed.
    pub before: f64,
    pub after: f64,
    /// The ids of the given rows that were counted, by their vocabulary in the layout.
    pub ids: Vec<(usize, u32)>,
    /// Table rows as they were before each group.
    pub saved: Vec<KeptRows>,
}

/// A group's rows and the candidates whose predictions are held.
struct HeldBatch {
    batch: Batch,
    /// Which samples of the batch are given rows.
    given: Vec<usize>,
    /// The table rows that are read, by vocabulary of the plan, with how often and how much of its way each goes.
    rows: BTreeMap<(usize, u32), (u32, f32)>,
}

impl ClickTrainer {
    /// The bounded number of steps on one group.
    pub(super) fn learn(
        &mut self,
        encoder: &Encoder,
        group: &[ClickRow],
        config: &ClickAbsorbConfig,
        learnt: &mut Learnt,
    ) -> Result<()> {
        let rng = absorb_rng(self.config.seed, self.core.progress.absorbed);
        self.core.progress.absorbed = self.core.progress.absorbed.saturating_add(1);
        let (samples, given) = self.samples_of(encoder, group, config, rng)?;
        let ids: Vec<_> = given.iter().flat_map(|&row| samples.ids_of_row(row)).collect();
        let mut batch = self.held_batch(encoder, group, (&samples, given), rng)?;
        let (before, bad) = batch.hold(&mut *self.core.executor)?;
        if let Some(row) = bad {
            let place = batch.given.partition_point(|&given| given <= row).saturating_sub(1);
            let error = self.predictor().not_finite(
                &samples,
                row,
                &alloc::format!("row {place} of {} together", group.len()),
            )?;
            return Err(error);
        }
        learnt.before += before;
        let executor = &mut *self.core.executor;
        let (rows, _) = batch.rows_below(executor.plan(), f32::INFINITY);
        learnt.saved.push(keep_rows(executor, rows)?);
        let dense = dense_rows(executor);
        let dense = keep_rows(executor, dense)?;
        let made = batch.steps(&mut self.core, &dense, config, rng.stream(streams::ABSORB_NOISE));
        let loss = self.core.executor.take_loss().wait()?;
        if made.is_err() {
            put_back(&mut *self.core.executor, &dense)?;
            return made;
        }
        // The last step's result shows in no loss.
        let after = batch.loss(&mut *self.core.executor)?;
        if !(loss.sum.is_finite() && after.is_finite()) {
            return Err(Error::Diverged {
                step: self.core.progress.step,
                loss: loss.mean(),
            });
        }
        self.count(&ids, |count| (count + 1).min(NEVER_COUNTED - 1));
        learnt.ids.extend(ids);
        learnt.after += after;
        learnt.steps += u64::from(config.steps);
        Ok(())
    }

    /// The rows, each before the candidates that are drawn for it, and the places of the rows. Their clicks go on the
    /// histories, so that the rows behind them see them.
    fn samples_of(
        &mut self,
        encoder: &Encoder,
        group: &[ClickRow],
        config: &ClickAbsorbConfig,
        rng: Rng,
    ) -> Result<(Samples, Vec<usize>)> {
        let mut draws = Draws::new(rng);
        let mut drawn = Vec::with_capacity(group.len());
        let mut histories = Vec::with_capacity(group.len());
        for row in group {
            drawn.push(draw_keys(encoder, row, config.held, &mut draws));
            let mut events = encoder.events(row.events)?;
            if let Some(user) = encoder.user_of(row.values) {
                if let Some(later) = self.history.of(user) {
                    append(&mut events, later);
                }
                if row.label >= 0.5 && !events.is_empty() {
                    self.history
                        .push(user, &encoder.events(&[row.values])?, encoder.layout())?;
                }
            }
            histories.push(events);
        }
        let column = encoder.chosen_column().map_or("", |(column, _)| column);
        let others: Vec<Vec<[(&str, &str); 1]>> = drawn
            .iter()
            .map(|keys| keys.iter().map(|key| [(column, key.as_str())]).collect())
            .collect();
        let (mut late, mut given) = (Vec::new(), Vec::new());
        for ((row, others), events) in group.iter().zip(&others).zip(&histories) {
            given.push(late.len());
            late.push(LateRow {
                values: [&[], row.values],
                events: Some(events),
                label: row.label,
            });
            late.extend(others.iter().map(|other| LateRow {
                values: [row.values, other],
                events: None,
                label: 0.0, // until it is predicted
            }));
        }
        Ok((encoder.late_samples(&late)?, given))
    }

    fn held_batch(
        &self,
        encoder: &Encoder,
        group: &[ClickRow],
        (samples, given): (&Samples, Vec<usize>),
        rng: Rng,
    ) -> Result<HeldBatch> {
        let plan = self.plan();
        let mut batch = Batch::default();
        let picks: Vec<Pick> = (0..samples.len()).map(Pick::own).collect();
        Feed::new(plan, samples)?.fill(samples, None, &picks, rng.stream(streams::ABSORB_NOISE), &mut batch);
        batch.sort();
        batch.hold_statistics(true); // so few rows have none of their own

        let mut own = Vec::new();
        for user in group.iter().filter_map(|row| encoder.user_of(row.values)) {
            own.extend(encoder.rows_of_user(user));
        }
        let tables = &encoder.layout().vocabularies;
        let mut rows = BTreeMap::new();
        for (index, column) in plan.columns().iter().enumerate() {
            let name = &plan.vocabularies()[column.vocabulary];
            let table = tables.iter().position(|table| table.name == *name);
            let support = table.and_then(|at| self.support.as_ref()?.get(at));
            let share = |row: u32| match support {
                _ if row == UNKNOWN => 0.0,
                _ if table.is_some_and(|at| own.contains(&(at, row))) => 1.0,
                Some(support) => share_of(support[row as usize]),
                None => 0.0,
            };
            let column_of_batch = batch.column(index);
            for (at, segment) in column_of_batch.segments.iter().enumerate() {
                let count = column_of_batch.samples(at).len() as u32;
                let entry = rows.entry((column.vocabulary, segment.row));
                entry.or_insert_with(|| (0, share(segment.row))).0 += count;
            }
        }
        Ok(HeldBatch { batch, given, rows })
    }
}

impl HeldBatch {
    fn score(&self, executor: &mut dyn Executor) -> Result<Vec<f32>> {
        let mut logits = vec![0.0; self.batch.len()];
        executor.score_batch(&self.batch, &mut logits).wait()?;
        Ok(logits)
    }

    /// Gives the drawn candidates their present prediction as label. Gives the loss of the given rows; or a sample whose
    /// prediction is not finite, and no label then.
    fn hold(&mut self, executor: &mut dyn Executor) -> Result<(f64, Option<usize>)> {
        let logits = self.score(executor)?;
        if let Some(bad) = logits.iter().position(|logit| !logit.is_finite()) {
            return Ok((f64::NAN, Some(bad)));
        }
        let loss = self.loss_of(&logits);
        let labels = self.batch.labels_mut();
        let rows = labels.iter_mut().zip(&logits).enumerate();
        for (_, (label, &logit)) in rows.filter(|(row, _)| self.given.binary_search(row).is_err()) {
            *label = sigmoid(logit.into()) as f32;
        }
        Ok((loss, None))
    }

    /// The loss of the given rows, summed; not finite where a prediction is not.
    fn loss(&self, executor: &mut dyn Executor) -> Result<f64> {
        let logits = self.score(executor)?;
        let finite = logits.iter().all(|logit| logit.is_finite());
        Ok(if finite { self.loss_of(&logits) } else { f64::NAN })
    }

    fn loss_of(&self, logits: &[f32]) -> f64 {
        let labels = self.batch.labels();
        let losses = self
            .given
            .iter()
            .map(|&row| sample_loss(logits[row].into(), labels[row].into()));
        losses.sum()
    }

    /// The table rows that go less than `share` of their way, with how much of it.
    fn rows_below(&self, plan: &Plan, share: f32) -> (Vec<RowRun>, Vec<f32>) {
        let rows = self.rows.iter().filter(|(_, (_, of_row))| *of_row < share);
        let runs = rows.map(|(&(vocabulary, row), &(_, share))| table_rows(plan, vocabulary, &[(row, share)]));
        let (mut all, mut shares) = (Vec::new(), Vec::new());
        for (rows, of_rows) in runs {
            all.extend(rows);
            shares.extend(of_rows);
        }
        (all, shares)
    }

    fn steps<V: Copy>(
        &mut self,
        core: &mut Core<V>,
        dense: &KeptRows,
        config: &ClickAbsorbConfig,
        rng: Rng,
    ) -> Result<()> {
        // A step divides by the batch; the row that most samples share, of those that move, is to move by its own mean
        // gradient.
        let moved = self.rows.values().map(|&(count, share)| share * count as f32);
        let most = moved.fold(1.0, f32::max);
        let learning_rate = config.learning_rate * self.batch.len() as f32 / most;
        let optimizer = Optimizer::Sgd { learning_rate };
        for step in 0..config.steps {
            self.batch.set_noise(rng.stream(step));
            let (rows, shares) = self.rows_below(core.executor.plan(), 1.0);
            let held = keep_rows(&mut *core.executor, rows)?;
            core.step_tables(&self.batch, &optimizer)?;
            put_back(&mut *core.executor, dense)?;
            hold_back(&mut *core.executor, &held, &shares)?;
        }
        Ok(())
    }
}

/// Keys of candidates beside the row's own, drawn uniformly from the known ones.
fn draw_keys(encoder: &Encoder, row: &ClickRow, count: u32, draws: &mut Draws) -> Vec<String> {
    let Some((column, vocabulary)) = encoder.chosen_column() else {
        return Vec::new();
    };
    let own = row.values.iter().rev().find(|(name, _)| *name == column);
    let own = own.map_or(UNKNOWN, |(_, key)| vocabulary.row(key));
    let keys = vocabulary.rows() - 1;
    let mut drawn = Vec::new();
    for _ in 0..if keys > 0 { count } else { 0 } {
        let mut tries = (0..ATTEMPTS).map(|_| 1 + draws.below(keys));
        if let Some(row) = tries.find(|&row| row != own) {
            drawn.extend(vocabulary.key(row));
        }
    }
    drawn
}

/// Puts later events behind the earlier ones.
fn append(events: &mut Events, later: &Events) {
    for (history, later) in events.iter_mut().zip(later) {
        for (ids, later) in history.iter_mut().zip(later) {
            ids.extend_from_slice(later);
        }
    }
}

//! A trainer with its data, and the functions that pages call on it.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::cell::{RefCell, RefMut};

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::{data::Data, seconds, settings::Settings};
use crate::{
    Error, Result,
    checkpoint::Export,
    data::Split,
    device::Device,
    eval::{RankingReport, evaluate_popularity},
    plan::RowType,
    train::{Control, Event, FitReport, Prepared, StopReason, Trainer},
};

/// A trainer and what it trains on.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Session(RefCell<Work>);

#[derive(Debug)]
struct Work {
    trainer: Trainer,
    /// Made of the trainer's histories when a loaded one is first trained.
    split: Option<Split>,
    prepared: Prepared,
    /// The latest evaluation.
    ranking: Option<Ranking>,
    /// The loss of the last epoch that was completed.
    loss: Option<f64>,
    done: bool,
}

impl Work {
    fn new(trainer: Trainer, split: Option<Split>) -> Session {
        let done = trainer.core.finished(&trainer.config().schedule()).is_some();
        Session(RefCell::new(Work {
            trainer,
            split,
            prepared: Prepared::default(),
            ranking: None,
            loss: None,
            done,
        }))
    }
}

/// What a page shows of a trainer at any time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    device: String,
    model: &'static str,
    users: usize,
    items: usize,
    epoch: u32,
    epochs: u32,
    /// Of the parameters, as they are kept.
    bytes: u64,
    done: bool,
}

/// What a slice of training did.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Slice {
    epoch: u32,
    epochs: u32,
    progress: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<f64>,
    #[serde(flatten)]
    ranking: Option<Ranking>,
    samples_per_second: f64,
    done: bool,
    /// The epochs that ended, in order.
    ended: Vec<Ended>,
}

/// An epoch, and its evaluation if one was due.
#[derive(Serialize)]
struct Ended {
    epoch: u32,
    loss: f64,
    #[serde(flatten)]
    ranking: Option<Ranking>,
}

/// At ten places.
#[derive(Clone, Copy, Debug, Serialize)]
struct Ranking {
    hr: f64,
    ndcg: f64,
}

impl From<RankingReport> for Ranking {
    fn from(report: RankingReport) -> Self {
        Ranking {
            hr: report.hr,
            ndcg: report.ndcg,
        }
    }
}

fn json(of: &impl Serialize) -> Result<String> {
    serde_json::to_string(of).map_err(|error| Error::config("json", error.to_string()))
}

impl Session {
    /// The trainer, unless another call is at work on it.
    fn work(&self) -> Result<RefMut<'_, Work>> {
        let busy = |_| Error::config("recommender", "a call is under way; await it first");
        self.0.try_borrow_mut().map_err(busy)
    }
}

/// A number of JavaScript as an id or a count.
fn whole(what: &str, number: f64) -> Result<u32> {
    if number >= 0.0 && number <= f64::from(u32::MAX) && number == number.trunc() {
        return Ok(number as u32);
    }
    Err(Error::config(
        what,
        format!("{number} is no whole number from 0 to {}", u32::MAX),
    ))
}

/// Pairs of an item and its score, one after the other.
fn flat(list: Vec<(u32, f32)>) -> Vec<f64> {
    list.into_iter()
        .flat_map(|(item, score)| [f64::from(item), f64::from(score)])
        .collect()
}

/// A trainer of a new model.
///
/// # Errors
/// Where a setting is unknown or out of range, and where the device is not there.
#[cfg_attr(feature = "gpu", wasm_bindgen(jspi))]
#[cfg_attr(not(feature = "gpu"), wasm_bindgen)]
pub fn create(data: Data, settings: String) -> Result<Session, JsError> {
    let split = data.into_split();
    let trainer = Settings::read(&settings)?.trainer(&split)?;
    Ok(Work::new(trainer, Some(split)))
}

/// A trainer that goes on where the one was that the bytes were saved from.
///
/// # Errors
/// Those of [`Trainer::from_bytes`].
#[cfg_attr(feature = "gpu", wasm_bindgen(jspi))]
#[cfg_attr(not(feature = "gpu"), wasm_bindgen)]
pub fn load(bytes: Vec<u8>, device: String) -> Result<Session, JsError> {
    let trainer = Trainer::from_bytes(&bytes, Device::named(&device)?)?;
    Ok(Work::new(trainer, None))
}

/// Trains for so long, and gives a [`Slice`].
///
/// # Errors
/// Those of [`Trainer::fit`].
#[cfg_attr(feature = "gpu", wasm_bindgen(jspi))]
#[cfg_attr(not(feature = "gpu"), wasm_bindgen)]
pub fn fit_slice(session: &Session, milliseconds: f64) -> Result<String, JsError> {
    if !(milliseconds >= 0.0) {
        return Err(Error::config("milliseconds", format!("{milliseconds} is no time to train for")).into());
    }
    Ok(json(&session.work()?.fit(milliseconds / 1000.0)?)?)
}

impl Work {
    fn fit(&mut self, seconds: f64) -> Result<Slice> {
        let Work {
            trainer,
            split,
            prepared,
            ranking,
            loss,
            done,
        } = self;
        trainer.core.check_trainable()?;
        let split = match split {
            Some(split) => &*split,
            none => none.insert(trainer.split()?),
        };
        let (mut evaluating, mut ended) = (0.0, Vec::new());
        let report = trainer.train_slice(split, prepared, seconds, &mut |event| {
            if let Event::Epoch(epoch) = event {
                evaluating += epoch.eval_seconds;
                let evaluated = epoch.evaluation.map(Ranking::from);
                *ranking = evaluated.or(*ranking);
                *loss = Some(epoch.loss);
                ended.push(Ended {
                    epoch: epoch.epoch,
                    loss: epoch.loss,
                    ranking: evaluated,
                });
            }
            Control::Continue
        })?;
        *done = report.reason != StopReason::OutOfTime;
        Ok(self.slice(&report, evaluating, ended))
    }

    fn slice(&self, report: &FitReport, evaluating: f64, ended: Vec<Ended>) -> Slice {
        let progress = self.trainer.progress();
        let training = report.seconds - evaluating;
        Slice {
            epoch: progress.epoch,
            epochs: self.trainer.config().epochs,
            progress: progress.sample as f64 / report.total.max(1) as f64,
            loss: match progress.loss.samples {
                0 => self.loss,
                _ => Some(progress.loss.mean()),
            },
            ranking: self.ranking,
            samples_per_second: if training > 0.0 {
                report.samples as f64 / training
            } else {
                0.0
            },
            done: self.done,
            ended,
        }
    }
}

/// How well what most users have ranks, which a model is to be better than.
///
/// # Errors
/// Those of [`evaluate_popularity`].
#[wasm_bindgen]
pub fn popularity(session: &Session) -> Result<String, JsError> {
    let mut work = session.work()?;
    let Work { trainer, split, .. } = &mut *work;
    let split = match split {
        Some(split) => &*split,
        none => none.insert(trainer.split()?),
    };
    let config = trainer.config();
    Ok(json(&Ranking::from(evaluate_popularity(
        split,
        config.protocol,
        config.k,
    )?))?)
}

/// The best items for a user, each with its score behind it.
///
/// # Errors
/// Those of [`Trainer::recommend`].
#[cfg_attr(feature = "gpu", wasm_bindgen(jspi))]
#[cfg_attr(not(feature = "gpu"), wasm_bindgen)]
pub fn recommend(session: &Session, user: f64, k: f64) -> Result<Vec<f64>, JsError> {
    let (user, k) = (whole("user", user)?, whole("k", k)? as usize);
    let trainer = &mut session.work()?.trainer;
    Ok(flat(trainer.recommend(user, k.min(trainer.items()))?))
}

/// The items most like one, each with the cosine behind it.
///
/// # Errors
/// Those of [`Trainer::similar_items`].
#[cfg_attr(feature = "gpu", wasm_bindgen(jspi))]
#[cfg_attr(not(feature = "gpu"), wasm_bindgen)]
pub fn similar_items(session: &Session, item: f64, k: f64) -> Result<Vec<f64>, JsError> {
    let (item, k) = (whole("item", item)?, whole("k", k)? as usize);
    let trainer = &mut session.work()?.trainer;
    Ok(flat(trainer.similar_items(item, k.min(trainer.items()))?))
}

/// Learns from new interactions, and gives the milliseconds that it took.
///
/// # Errors
/// Those of [`Trainer::absorb`], and [`Error::Length`] where there are not as many items as users.
#[cfg_attr(feature = "gpu", wasm_bindgen(jspi))]
#[cfg_attr(not(feature = "gpu"), wasm_bindgen)]
pub fn absorb(session: &Session, users: Vec<u32>, items: Vec<u32>) -> Result<f64, JsError> {
    if users.len() != items.len() {
        let (expected, got) = (users.len(), items.len());
        let what = "items, which go with the users".into();
        return Err(Error::Length { what, expected, got }.into());
    }
    let pairs: Vec<(u32, u32)> = users.into_iter().zip(items).collect();
    let trainer = &mut session.work()?.trainer;
    let start = seconds();
    trainer.absorb(&pairs)?;
    Ok((seconds() - start) * 1000.0)
}

/// Everything, in the bytes of a file that [`load`] reads.
///
/// # Errors
/// Those of [`Trainer::to_bytes`].
#[cfg_attr(feature = "gpu", wasm_bindgen(jspi))]
#[cfg_attr(not(feature = "gpu"), wasm_bindgen)]
pub fn save(session: &Session) -> Result<Vec<u8>, JsError> {
    Ok(session.work()?.trainer.to_bytes()?)
}

/// A small file to use the model from: rows as `f32`, `f16` or `i8`, of chosen users or of all.
///
/// # Errors
/// Those of [`Trainer::export_to_bytes`], and [`Error::Config`] where there are no such rows.
#[cfg_attr(feature = "gpu", wasm_bindgen(jspi))]
#[cfg_attr(not(feature = "gpu"), wasm_bindgen)]
pub fn export_small(session: &Session, rows: String, users: Option<Vec<u32>>) -> Result<Vec<u8>, JsError> {
    let all = [RowType::F32, RowType::F16, RowType::I8];
    let rows = all
        .into_iter()
        .find(|kind| kind.name() == rows)
        .ok_or_else(|| Error::config("rows", format!("there are none of {rows:?}; give f32, f16 or i8")))?;
    let export = Export {
        rows,
        users: users.as_deref(),
    };
    Ok(session.work()?.trainer.export_to_bytes(&export)?)
}

#[wasm_bindgen]
impl Session {
    /// What a page shows at any time, as JSON: device, model, sizes and position.
    ///
    /// # Errors
    /// While another call is at work, as all of these.
    pub fn about(&self) -> Result<String, JsError> {
        let work = self.work()?;
        let trainer = &work.trainer;
        Ok(json(&About {
            device: trainer.device(),
            model: trainer.model().name(),
            users: trainer.users(),
            items: trainer.items(),
            epoch: trainer.progress().epoch,
            epochs: trainer.config().epochs,
            bytes: trainer.plan().need("", false, 1).total(),
            done: work.done,
        })?)
    }

    /// The key of a user, if there is one of that number.
    pub fn user_key(&self, user: f64) -> Result<Option<String>, JsError> {
        let user = whole("user", user)?;
        Ok(self.work()?.trainer.user_ids().key(user).map(String::from))
    }

    /// The key of an item, likewise.
    pub fn item_key(&self, item: f64) -> Result<Option<String>, JsError> {
        let item = whole("item", item)?;
        Ok(self.work()?.trainer.item_ids().key(item).map(String::from))
    }

    /// The title of an item, where the data has one.
    pub fn item_title(&self, item: f64) -> Result<Option<String>, JsError> {
        let item = whole("item", item)?;
        Ok(self.work()?.trainer.title(item).map(String::from))
    }

    /// The number of the user with a key.
    pub fn user_id(&self, key: &str) -> Result<Option<u32>, JsError> {
        Ok(self.work()?.trainer.user_ids().get(key))
    }

    /// The number of the item with a key.
    pub fn item_id(&self, key: &str) -> Result<Option<u32>, JsError> {
        Ok(self.work()?.trainer.item_ids().get(key))
    }

    /// The items that a user has: trained on, then held out, then absorbed, each earliest first.
    pub fn history(&self, user: f64) -> Result<Vec<u32>, JsError> {
        let user = whole("user", user)?;
        let work = self.work()?;
        let history = work.trainer.history();
        let trained = history.trained(user).iter().copied();
        Ok(trained
            .chain(history.held_out(user))
            .chain(history.absorbed(user).iter().copied())
            .collect())
    }
}

//! What calls tell, as C has it.

use std::ffi::c_void;

use super::arguments::growable;
use crate::train::{AbsorbReport, Event, FitReport, StopReason, Trainer};

growable! {
    pocketrec_event ends in ndcg: f64;
    pocketrec_fit_report ends in best_ndcg: f64;
    pocketrec_absorb_report ends in after: f64;
    pocketrec_trainer_info ends in step: u64;
}

/// What an event is.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum pocketrec_event_kind {
    /// Some steps of an epoch are done.
    POCKETREC_PROGRESS = 0,
    /// An epoch is done, and evaluated if that was due.
    POCKETREC_EPOCH = 1,
}

/// What happens during training.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_event {
    /// Bytes of this struct, as the library has it.
    pub size: usize,
    /// What it is: one of pocketrec_event_kind. Later versions may add kinds: leave alone what is unknown.
    pub kind: i32,
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// 1 where hr and ndcg are those of an evaluation, else 0.
    pub evaluated: i32,
    /// 1 where the evaluation is the best so far, else 0.
    pub is_best: i32,
    /// Samples of this epoch that are done; at its end those of this call.
    pub done: u64,
    /// Samples of an epoch; 0 at its end.
    pub total: u64,
    /// Mean loss since the last report; at the end of an epoch that of all its samples.
    pub loss: f64,
    /// Samples a second, evaluation not counted.
    pub samples_per_second: f64,
    /// How many test items are among the first k, from 0 to 1.
    pub hr: f64,
    /// The same, weighted by their places.
    pub ndcg: f64,
}

/// Called during training, on the thread that called, with the `context` that was given. Anything but 0 stops training
/// before the next step; nothing is lost. The event stays for the call alone. It may call the library, but not with the
/// trainer that is training, and it must return: no longjmp, and no exception of C++.
pub type pocketrec_on_event = Option<unsafe extern "C" fn(context: *mut c_void, event: *const pocketrec_event) -> i32>;

/// Why training returned.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum pocketrec_stop_reason {
    /// All epochs are done.
    POCKETREC_FINISHED = 0,
    /// The evaluation did not get better for as long as `patience` allows.
    POCKETREC_PATIENCE = 1,
    /// The callback said so.
    POCKETREC_STOPPED = 2,
    /// The time is over.
    POCKETREC_OUT_OF_TIME = 3,
}

/// What a call of pocketrec_trainer_fit() did. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_fit_report {
    /// sizeof(pocketrec_fit_report).
    pub size: usize,
    /// Why it returned: one of pocketrec_stop_reason.
    pub reason: i32,
    /// Epochs completed in this call.
    pub epochs: u32,
    /// The epoch of the best evaluation since training began, counted from 1; 0 where there was none.
    pub best_epoch: u32,
    /// 0; room for a later version.
    pub reserved: u32,
    /// Steps made in this call.
    pub steps: u64,
    /// Samples trained on in this call.
    pub samples: u64,
    /// Time of the call in seconds, evaluation included.
    pub seconds: f64,
    /// HR and NDCG of the best evaluation.
    pub best_hr: f64,
    /// See best_hr.
    pub best_ndcg: f64,
}

/// What absorbing did. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_absorb_report {
    /// sizeof(pocketrec_absorb_report).
    pub size: usize,
    /// Interactions given.
    pub pairs: u64,
    /// Those that were known already; they were learnt from all the same.
    pub known: u64,
    /// Users that are new.
    pub new_users: u64,
    /// Items that are new.
    pub new_items: u64,
    /// Steps made.
    pub steps: u64,
    /// Mean logit of the interactions before,
    pub before: f64,
    /// and afterwards.
    pub after: f64,
}

/// What a trainer has. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_trainer_info {
    /// sizeof(pocketrec_trainer_info).
    pub size: usize,
    /// Users, those that came by absorbing among them: ids are 0 to users - 1.
    pub users: u32,
    /// Items, likewise.
    pub items: u32,
    /// Epochs completed.
    pub epoch: u32,
    /// Epochs that training has by its settings.
    pub epochs: u32,
    /// Samples done of the next epoch.
    pub sample: u64,
    /// Steps since the beginning of training.
    pub step: u64,
}

impl pocketrec_event {
    pub(super) fn of(event: &Event) -> Self {
        let nothing = pocketrec_event {
            size: size_of::<Self>(),
            kind: pocketrec_event_kind::POCKETREC_PROGRESS as i32,
            epoch: 0,
            evaluated: 0,
            is_best: 0,
            done: 0,
            total: 0,
            loss: 0.0,
            samples_per_second: 0.0,
            hr: 0.0,
            ndcg: 0.0,
        };
        match event {
            Event::Progress(report) => pocketrec_event {
                epoch: report.epoch,
                done: report.done,
                total: report.total,
                loss: report.loss,
                samples_per_second: report.samples_per_second,
                ..nothing
            },
            Event::Epoch(report) => pocketrec_event {
                kind: pocketrec_event_kind::POCKETREC_EPOCH as i32,
                epoch: report.epoch,
                evaluated: report.evaluation.is_some().into(),
                is_best: report.best.into(),
                done: report.samples,
                loss: report.loss,
                samples_per_second: report.samples_per_second(),
                hr: report.evaluation.map_or(0.0, |ranking| ranking.hr),
                ndcg: report.evaluation.map_or(0.0, |ranking| ranking.ndcg),
                ..nothing
            },
        }
    }
}

impl pocketrec_fit_report {
    pub(super) fn of(report: &FitReport) -> Self {
        let reason = match report.reason {
            StopReason::Finished => pocketrec_stop_reason::POCKETREC_FINISHED,
            StopReason::Patience => pocketrec_stop_reason::POCKETREC_PATIENCE,
            StopReason::Stopped => pocketrec_stop_reason::POCKETREC_STOPPED,
            StopReason::OutOfTime => pocketrec_stop_reason::POCKETREC_OUT_OF_TIME,
        };
        pocketrec_fit_report {
            size: size_of::<Self>(),
            reason: reason as i32,
            epochs: report.epochs,
            best_epoch: report.best.map_or(0, |best| best.epoch),
            reserved: 0,
            steps: report.steps,
            samples: report.samples,
            seconds: report.seconds,
            best_hr: report.best.map_or(0.0, |best| best.value.hr),
            best_ndcg: report.best.map_or(0.0, |best| best.value.ndcg),
        }
    }
}

impl pocketrec_absorb_report {
    pub(super) fn of(report: &AbsorbReport) -> Self {
        pocketrec_absorb_report {
            size: size_of::<Self>(),
            pairs: report.pairs as u64,
            known: report.known as u64,
            new_users: report.new_users as u64,
            new_items: report.new_items as u64,
            steps: report.steps,
            before: report.before,
            after: report.after,
        }
    }
}

impl pocketrec_trainer_info {
    pub(super) fn of(trainer: &Trainer) -> Self {
        let progress = trainer.progress();
        pocketrec_trainer_info {
            size: size_of::<Self>(),
            users: trainer.users() as u32, // models count their rows in u32
            items: trainer.items() as u32,
            epoch: progress.epoch,
            epochs: trainer.config().epochs,
            sample: progress.sample,
            step: progress.step,
        }
    }
}

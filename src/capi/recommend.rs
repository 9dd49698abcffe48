//! What a trainer recommends, and whom and what its numbers stand for.

use std::ffi::c_char;

use super::{
    arguments::{Out, OutList, elements, text},
    status::{Failure, Result, entry, pocketrec_status, pocketrec_status::POCKETREC_LENGTH},
    trainer::{TRAINERS, pairs_of, pocketrec_trainer},
};
use crate::{Error, train::Trainer};

/// An item, and its logit or its likeness.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct pocketrec_scored {
    /// The item.
    pub item: u32,
    /// More is better.
    pub score: f32,
}

/// The best items for a user, best first, with their logits; of equal ones the lower item is first. Items that the user is
/// known to have are left out: trained, held out, or absorbed. `best` has room for `k`; `*found` is how many there are, fewer
/// where fewer are left.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_ID` where there is no such user. `*found` is 0 then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_recommend(
    trainer: *mut pocketrec_trainer,
    user: u32,
    best: *mut pocketrec_scored,
    k: usize,
    found: *mut usize,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    unsafe { list(trainer, best, k, found, |trainer, k| Ok(trainer.recommend(user, k)?)) }
}

/// The best of some candidates for a user, which may be items that the user has; else as pocketrec_trainer_recommend().
///
/// Errors: those of pocketrec_trainer_recommend(), and `POCKETREC_ID` where there is no such candidate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_recommend_from(
    trainer: *mut pocketrec_trainer,
    user: u32,
    candidates: *const u32,
    count: usize,
    best: *mut pocketrec_scored,
    k: usize,
    found: *mut usize,
) -> pocketrec_status {
    let work = |trainer: &mut Trainer, _| {
        // SAFETY: the caller's word, as the header asks for it.
        let candidates = unsafe { elements("candidates", candidates, count) }?;
        Ok(trainer.recommend_from(user, candidates, k.min(count))?)
    };
    // SAFETY: likewise.
    unsafe { list(trainer, best, k, found, work) }
}

/// The items most like one, best first, each with the cosine of both embeddings; else as pocketrec_trainer_recommend().
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_ID` where there is no such item. `*found` is 0 then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_similar_items(
    trainer: *mut pocketrec_trainer,
    item: u32,
    best: *mut pocketrec_scored,
    k: usize,
    found: *mut usize,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    unsafe {
        list(
            trainer,
            best,
            k,
            found,
            |trainer, k| Ok(trainer.similar_items(item, k)?),
        )
    }
}

/// Writes a list of items with their scores.
///
/// # Safety
/// There is room for `k` of them and for their number.
unsafe fn list(
    trainer: *mut pocketrec_trainer,
    best: *mut pocketrec_scored,
    k: usize,
    found: *mut usize,
    work: impl FnOnce(&mut Trainer, usize) -> Result<Vec<(u32, f32)>>,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word.
        let (found, room) = unsafe { (Out::new("found", found, 0)?, OutList::new("best", best, k)?) };
        // No more are asked for than there are: memory is taken for them.
        let list = TRAINERS.with(trainer, |trainer| work(trainer, k.min(trainer.items())))?;
        found.set(room.fill(list.into_iter().map(|(item, score)| pocketrec_scored { item, score })));
        Ok(())
    })
}

/// The logits of `rows` pairs of users and items; the sigmoid of one estimates the probability of a positive.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_ID` where there is no such user or item.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_score(
    trainer: *mut pocketrec_trainer,
    users: *const u32,
    items: *const u32,
    rows: usize,
    scores: *mut f32,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let (out, pairs) = unsafe { (OutList::new("scores", scores, rows)?, pairs_of(users, items, rows)?) };
        out.fill(TRAINERS.with(trainer, |trainer| Ok(trainer.score(&pairs)?))?);
        Ok(())
    })
}

/// The number of the user with a key.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where nobody has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_user_id(
    trainer: *mut pocketrec_trainer,
    key: *const c_char,
    user: *mut u32,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    unsafe {
        id("user", key, user, |key| {
            TRAINERS.with(trainer, |trainer| Ok(trainer.user_ids().get(key)))
        })
    }
}

/// The number of the item with a key.
///
/// Errors: as pocketrec_trainer_user_id().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_item_id(
    trainer: *mut pocketrec_trainer,
    key: *const c_char,
    item: *mut u32,
) -> pocketrec_status {
    // SAFETY: the caller's word, as the header asks for it.
    unsafe {
        id("item", key, item, |key| {
            TRAINERS.with(trainer, |trainer| Ok(trainer.item_ids().get(key)))
        })
    }
}

/// Writes the number that a key has.
///
/// # Safety
/// The key is NULL or a text, and the number is the caller's to write to.
unsafe fn id(
    side: &str,
    key: *const c_char,
    number: *mut u32,
    find: impl FnOnce(&str) -> Result<Option<u32>>,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word.
        let (out, key) = unsafe { (Out::new(side, number, u32::MAX)?, text("key", key)?) };
        let found = find(key)?.ok_or_else(|| {
            let reason = format!("there is no {side} with the key {key:?}; a click of a new one is for absorb_keys");
            Error::config(side, reason)
        })?;
        out.set(found);
        Ok(())
    })
}

/// The key of an item, in UTF-8. `key` has room for `room` bytes, of which the last that is written is a zero; `*len` is the
/// length without it, also where there is not room enough.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_ID` where there is no such item; `POCKETREC_LENGTH`
/// where there is not room enough: nothing is written then but `*len`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_trainer_item_key(
    trainer: *mut pocketrec_trainer,
    item: u32,
    key: *mut c_char,
    room: usize,
    len: *mut usize,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let (len, out) = unsafe { (Out::new("len", len, 0)?, OutList::new("key", key, room)?) };
        let text = TRAINERS.with(trainer, |trainer| {
            let key = trainer.item_ids().key(item).map(String::from);
            Ok(key.ok_or_else(|| Error::Id {
                column: "item".into(),
                id: item.into(),
                rows: trainer.items() as u64,
            })?)
        })?;
        len.set(text.len());
        if text.len() >= room {
            let reason = format!("key: it has {} bytes and a zero, there is room for {room}", text.len());
            return Err(Failure::new(POCKETREC_LENGTH, reason));
        }
        out.fill(text.bytes().chain([0]).map(|byte| byte as c_char));
        Ok(())
    })
}

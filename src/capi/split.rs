//! What is trained on, and the part that is held out for testing.

use std::{ffi::c_char, sync::Arc};

use super::{
    arguments::{Out, OutSized, elements, growable, text},
    handles::{Handles, pointer_of},
    status::{Failure, Result, entry, pocketrec_status, pocketrec_status::POCKETREC_ARGUMENT},
};
use crate::data::{IdMap, Interactions, Split};

/// Interactions to train on and those that are held out for testing. It does not change, so that any number of threads may
/// use one, and it may be freed while a trainer trains on it.
pub struct pocketrec_split {
    _private: [u8; 0],
}

/// What a split has. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pocketrec_split_info {
    /// sizeof(pocketrec_split_info).
    pub size: usize,
    /// Users: ids are 0 to users - 1.
    pub users: u32,
    /// Items, likewise.
    pub items: u32,
    /// Interactions to train on.
    pub train: u64,
    /// Interactions that are held out.
    pub test: u64,
}

growable! {
    pocketrec_split_info ends in test: u64;
}

static SPLITS: Handles<Arc<Split>> = Handles::new("split", 1);

/// The split that a handle stands for.
pub(super) fn split_of(handle: *const pocketrec_split) -> Result<Arc<Split>> {
    SPLITS.copy(handle)
}

fn hand_out(interactions: &Interactions, leave_one_out: i32, out: &Out<*mut pocketrec_split>) -> Result<()> {
    let split = match leave_one_out {
        0 => Split::from_cases(interactions.clone(), [])?,
        _ => interactions.leave_one_out()?,
    };
    out.set(SPLITS.insert(Arc::new(split))?);
    Ok(())
}

/// Makes a split of `rows` interactions, given as columns: `user_ids[i]` has `item_ids[i]`, since `times[i]` in any unit (`times`
/// may be NULL: then their order counts). Ids are below `users` and `items`. The columns are copied.
///
/// With `leave_one_out` the latest item of each user is held out for testing, and ranked among 99 drawn items after each epoch;
/// with 0 all are trained on, and `eval_every` of the settings must be 0.
///
/// Errors: `POCKETREC_NULL`; `POCKETREC_ID` where an id is out of range; `POCKETREC_CONFIG` where there are no rows, or no user
/// has two; `POCKETREC_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_split_from_columns(
    users: u32,
    items: u32,
    user_ids: *const u32,
    item_ids: *const u32,
    times: *const i64,
    rows: usize,
    leave_one_out: i32,
    split: *mut *mut pocketrec_split,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let (out, user_ids, item_ids, times) = unsafe {
            (
                Out::new("split", split, pointer_of(0))?,
                elements("user_ids", user_ids, rows)?,
                elements("item_ids", item_ids, rows)?,
                elements("times", times, if times.is_null() { 0 } else { rows })?,
            )
        };
        let interactions = Interactions::from_columns((users, items), user_ids, item_ids, times)?;
        hand_out(&interactions, leave_one_out, &out)
    })
}

/// As pocketrec_split_from_columns(), with users and items by their keys, which are any texts (UTF-8): they are numbered in
/// order of their first appearance, and pocketrec_trainer_user_id() and others tell the numbers.
///
/// Errors: those of pocketrec_split_from_columns(), and `POCKETREC_ARGUMENT` where a key is empty or is not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_split_from_keys(
    users: *const *const c_char,
    items: *const *const c_char,
    times: *const i64,
    rows: usize,
    leave_one_out: i32,
    split: *mut *mut pocketrec_split,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let (out, users, items, times) = unsafe {
            (
                Out::new("split", split, pointer_of(0))?,
                elements("users", users, rows)?,
                elements("items", items, rows)?,
                elements("times", times, if times.is_null() { 0 } else { rows })?,
            )
        };
        // SAFETY: the caller's word for each of the texts.
        let (user_ids, users) = unsafe { numbered("users", users) }?;
        // SAFETY: likewise.
        let (item_ids, items) = unsafe { numbered("items", items) }?;
        let counts = (user_ids.len() as u32, item_ids.len() as u32);
        let interactions = Interactions::from_columns(counts, &users, &items, times)?.with_ids(user_ids, item_ids)?;
        hand_out(&interactions, leave_one_out, &out)
    })
}

/// Keys as a map and the number of each.
///
/// # Safety
/// Each is NULL or a text.
unsafe fn numbered(name: &str, keys: &[*const c_char]) -> Result<(IdMap, Vec<u32>)> {
    let (mut ids, mut numbers) = (IdMap::new(), Vec::with_capacity(keys.len()));
    for (row, &key) in keys.iter().enumerate() {
        // SAFETY: the caller's word.
        numbers.push(ids.get_or_insert(unsafe { key_at(name, row, key) }?)?);
    }
    Ok((ids, numbers))
}

/// The key of a row, without the blanks around it, as where files are read.
///
/// # Safety
/// It is NULL or a text.
pub(super) unsafe fn key_at<'a>(name: &str, row: usize, key: *const c_char) -> Result<&'a str> {
    let name = format!("{name}[{row}]");
    // SAFETY: the caller's word.
    match unsafe { text(&name, key) }?.trim() {
        "" => Err(Failure::new(
            POCKETREC_ARGUMENT,
            format!("{name} is empty; every row has a key"),
        )),
        key => Ok(key),
    }
}

/// Tells how many users, items and interactions there are.
///
/// Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_split_get_info(
    split: *const pocketrec_split,
    info: *mut pocketrec_split_info,
) -> pocketrec_status {
    entry(|| {
        // SAFETY: the caller's word, as the header asks for it.
        let out = unsafe { OutSized::required(info) }?;
        let split = split_of(split)?;
        out.set(&pocketrec_split_info {
            size: size_of::<pocketrec_split_info>(),
            users: split.train.users(),
            items: split.train.items(),
            train: split.train.len() as u64,
            test: split.test.len() as u64,
        });
        Ok(())
    })
}

/// Frees a split. NULL is fine.
///
/// Errors: `POCKETREC_HANDLE` where it is no split, or was freed before; nothing is done then.
#[unsafe(no_mangle)]
pub extern "C" fn pocketrec_split_free(split: *mut pocketrec_split) -> pocketrec_status {
    entry(|| SPLITS.remove(split).map(drop))
}

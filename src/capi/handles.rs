//! What C holds instead of our objects: numbers that are looked up, and never followed.
//!
//! A handle is made of a count and the kind of its object, and no two are alike for as long as the process runs. So a handle
//! that was freed stays unknown, whatever has been made since, and no pointer that C makes up leads anywhere.
//!
//! A call takes the object out of the table and puts it back when it is done. Meanwhile the table says that it is in use, so
//! that a second call, from another thread or from a callback, is refused and does not wait: it might wait for itself. A
//! call that panics leaves its object broken: it can only be freed.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::status::{
    Failure, Result,
    pocketrec_status::{POCKETREC_BUSY, POCKETREC_HANDLE, POCKETREC_NULL, POCKETREC_PANIC},
};

/// The lowest bits of a handle say its kind; the rest is counted, from a number that no small integer is taken for.
const KIND_BITS: u32 = 4;
const FIRST: usize = 0x1000;
const LAST: usize = usize::MAX >> KIND_BITS;
static NEXT: AtomicUsize = AtomicUsize::new(FIRST);

enum Slot<T> {
    Idle(T),
    InUse,
    /// After a panic.
    Broken(T),
}

/// The objects of a kind.
pub(super) struct Handles<T> {
    /// What it is, in words and as the lowest bits.
    name: &'static str,
    kind: usize,
    slots: Mutex<BTreeMap<usize, Slot<T>>>,
}

/// A number as the pointer that C sees.
pub(super) fn pointer_of<H>(number: usize) -> *mut H {
    std::ptr::without_provenance_mut(number)
}

impl<T> Handles<T> {
    pub const fn new(name: &'static str, kind: usize) -> Self {
        assert!(kind > 0 && kind < 1 << KIND_BITS);
        Handles {
            name,
            kind,
            slots: Mutex::new(BTreeMap::new()),
        }
    }

    /// Gives an object a handle.
    pub fn insert<H>(&self, object: T) -> Result<*mut H> {
        let next = |count: usize| (count < LAST).then_some(count + 1); // it never begins anew
        let spent = |_| Failure::new(POCKETREC_HANDLE, "all handles that there can be were given out");
        let count = NEXT
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .map_err(spent)?;
        let number = count << KIND_BITS | self.kind;
        self.lock().insert(number, Slot::Idle(object));
        Ok(pointer_of(number))
    }

    /// Works on an object, which nobody else can do meanwhile.
    pub fn with<H, R>(&self, handle: *mut H, work: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let number = handle.addr();
        let mut lent = Lent {
            handles: self,
            number,
            slot: Some(Slot::Broken(self.take(number)?)),
        };
        let Some(Slot::Broken(object)) = &mut lent.slot else {
            return Err(self.unknown(number)); // not reached: it was put there just now
        };
        let done = work(object);
        if let Some(Slot::Broken(object)) = lent.slot.take() {
            lent.slot = Some(Slot::Idle(object));
        }
        done
    }

    /// A copy of an object, which others may take at the same time. It must not panic: see [`lock`](Handles::lock).
    pub fn copy<H>(&self, handle: *const H) -> Result<T>
    where
        T: Clone,
    {
        match self.lock().get(&handle.addr()) {
            Some(Slot::Idle(object) | Slot::Broken(object)) => Ok(object.clone()),
            Some(Slot::InUse) => Err(self.in_use()),
            None => Err(self.unknown(handle.addr())),
        }
    }

    /// Takes an object out for good; NULL is none. Gives what is to be dropped.
    pub fn remove<H>(&self, handle: *mut H) -> Result<Option<T>> {
        if handle.is_null() {
            return Ok(None);
        }
        let number = handle.addr();
        let mut slots = self.lock();
        match slots.remove(&number) {
            Some(Slot::Idle(object) | Slot::Broken(object)) => Ok(Some(object)),
            Some(Slot::InUse) => {
                slots.insert(number, Slot::InUse);
                Err(self.in_use())
            }
            None => Err(self.unknown(number)),
        }
    }

    fn take(&self, number: usize) -> Result<T> {
        let mut slots = self.lock();
        let slot = slots.get_mut(&number).ok_or_else(|| self.unknown(number))?;
        match mem::replace(slot, Slot::InUse) {
            Slot::Idle(object) => Ok(object),
            Slot::InUse => Err(self.in_use()),
            Slot::Broken(object) => {
                *slot = Slot::Broken(object);
                let reason = format!(
                    "an earlier call on this {} failed by a fault of the library; free it",
                    self.name
                );
                Err(Failure::new(POCKETREC_PANIC, reason))
            }
        }
    }

    fn unknown(&self, number: usize) -> Failure {
        let name = self.name;
        if number == 0 {
            return Failure::new(POCKETREC_NULL, format!("the {name} is NULL"));
        }
        let reason = format!("this is no {name}: it was freed, was never given out, or is something else");
        Failure::new(POCKETREC_HANDLE, reason)
    }

    fn in_use(&self) -> Failure {
        let reason = format!(
            "the {} is in use, by another thread or by the call whose callback this is",
            self.name
        );
        Failure::new(POCKETREC_BUSY, reason)
    }

    /// Nothing that can panic runs while it is locked.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Slot<T>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An object that is worked on. It goes back broken, unless the work came to its end.
struct Lent<'a, T> {
    handles: &'a Handles<T>,
    number: usize,
    slot: Option<Slot<T>>,
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.handles.lock().insert(self.number, slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::status::entry;

    static WORDS: Handles<String> = Handles::new("word", 14);
    static NUMBERS: Handles<u32> = Handles::new("number", 15);

    fn status<R>(result: Result<R>) -> crate::capi::pocketrec_status {
        result.map_or_else(
            |failure| failure.status(),
            |_| crate::capi::pocketrec_status::POCKETREC_OK,
        )
    }

    #[test]
    fn what_is_no_handle_is_refused() {
        let word: *mut u8 = WORDS.insert("a".into()).unwrap();
        let number: *mut u8 = NUMBERS.insert(1).unwrap();
        let mut local = 0u8;
        let null = std::ptr::null_mut();
        for (handle, refused) in [
            (number, POCKETREC_HANDLE),
            (&raw mut local, POCKETREC_HANDLE),
            (pointer_of(word.addr() + 1), POCKETREC_HANDLE),
            (pointer_of(usize::MAX), POCKETREC_HANDLE),
            (null, POCKETREC_NULL),
        ] {
            assert_eq!(status(WORDS.with(handle, |_| Ok(()))), refused);
        }
        let write = |word: &mut String| {
            word.push('b');
            Ok(())
        };
        WORDS.with(word, write).unwrap();
        assert_eq!(status(WORDS.remove(number)), POCKETREC_HANDLE);
        assert_eq!(WORDS.remove(word).unwrap(), Some("ab".into()));
        // Never again, whatever is made since.
        let other: *mut u8 = WORDS.insert("c".into()).unwrap();
        assert_ne!(other, word);
        assert_eq!(status(WORDS.remove(word)), POCKETREC_HANDLE);
        assert_eq!(status(WORDS.with(word, |_| Ok(()))), POCKETREC_HANDLE);
        assert_eq!(WORDS.remove::<u8>(null).unwrap(), None);
    }

    #[test]
    fn what_is_in_use_is_refused_and_what_panicked_can_only_be_freed() {
        let word: *mut u8 = WORDS.insert("a".into()).unwrap();
        WORDS
            .with(word, |_| {
                assert_eq!(status(WORDS.with(word, |_| Ok(()))), POCKETREC_BUSY);
                assert_eq!(status(WORDS.remove(word)), POCKETREC_BUSY);
                Ok(())
            })
            .unwrap();
        // A failure is no panic.
        let refused: Result<()> = WORDS.with(word, |_| Err(Failure::new(POCKETREC_NULL, "x")));
        assert_eq!(status(refused), POCKETREC_NULL);
        assert_eq!(entry(|| WORDS.with(word, |_| panic!("half done"))), POCKETREC_PANIC);
        assert_eq!(status(WORDS.with(word, |_| Ok(()))), POCKETREC_PANIC);
        assert_eq!(WORDS.remove(word).unwrap(), Some("a".into()));
    }
}

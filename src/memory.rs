//! Memory that may not be there: what is large is asked for here, and refused by an error instead of an abort.
//!
//! An allocation that fails aborts the process, and Linux seldom lets one fail: it hands out addresses, and kills the
//! process that then writes to them. So what a model takes in all is added up first ([`Need`]) and compared with what the
//! machine has left, where it says so; only then is it allocated, by calls that can fail. Sizes that no machine lacks are
//! not looked at, so that small models and warm steps pay nothing.

use alloc::{format, string::String, vec::Vec};

use bytemuck::Zeroable;

use crate::{Error, Result, size::Size};

/// Bytes that are handed out without a look at what there is.
const SMALL: u64 = 32 << 20;

/// Bytes of so many `T`, `u64::MAX` where they cannot be counted.
pub(crate) fn bytes_of<T>(len: usize) -> u64 {
    (len as u64).saturating_mul(size_of::<T>() as u64)
}

/// What something takes in memory, part by part.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    what: String,
    parts: Vec<(String, u64)>,
}

impl Need {
    /// Nothing yet; `what` takes it: `the parameters`.
    pub fn new(what: impl Into<String>) -> Self {
        Need {
            what: what.into(),
            parts: Vec::new(),
        }
    }

    /// Adds a part.
    pub fn add(&mut self, what: impl Into<String>, bytes: u64) {
        self.parts.push((what.into(), bytes));
    }

    /// Bytes of all parts.
    pub fn total(&self) -> u64 {
        self.parts.iter().map(|part| part.1).fold(0, u64::saturating_add)
    }

    /// Refuses what the machine has not left, before any of it is allocated.
    ///
    /// # Errors
    /// [`Error::Memory`] with the sizes.
    pub fn check(&self) -> Result<()> {
        let total = self.total();
        if total <= SMALL {
            return Ok(());
        }
        let left = available();
        // Asked for and given back: where the system does not say what it has, an allocator may still refuse.
        let refused = || usize::try_from(total).map_or(true, |len| Vec::<u8>::new().try_reserve_exact(len).is_err());
        if left.is_some_and(|left| total > left) || refused() {
            return Err(self.error(left));
        }
        Ok(())
    }

    fn error(&self, left: Option<u64>) -> Error {
        /// Parts that are named.
        const NAMED: usize = 6;
        let mut parts: Vec<&(String, u64)> = self.parts.iter().filter(|part| part.1 > 0).collect();
        parts.sort_by_key(|part| core::cmp::Reverse(part.1)); // stable: as they came where they are equal
        let mut named: Vec<String> = parts
            .iter()
            .take(NAMED)
            .map(|(what, bytes)| format!("{what} {}", Size(*bytes)))
            .collect();
        if parts.len() > NAMED {
            let rest = parts[NAMED..].iter().map(|part| part.1).fold(0, u64::saturating_add);
            named.push(format!("others {}", Size(rest)));
        }
        let what = match named.len() {
            0 | 1 => self.what.clone(),
            _ => format!("{} ({})", self.what, named.join(", ")),
        };
        Error::Memory {
            what,
            bytes: self.total(),
            available: left,
        }
    }
}

/// The error of an allocation of so many bytes.
pub(crate) fn refused(what: impl Into<String>, bytes: u64) -> Error {
    let mut need = Need::new(what);
    need.add("", bytes);
    need.error(available())
}

/// Checks that so many bytes are there; `what` is put into words on an error alone.
pub(crate) fn check(bytes: u64, what: impl FnOnce() -> String) -> Result<()> {
    if bytes <= SMALL {
        return Ok(());
    }
    let mut need = Need::new(what());
    need.add("", bytes);
    need.check()
}

/// `len` zeros. Large ones take memory when they are first written to, as far as the system does that.
pub(crate) fn zeroed<T: Zeroable>(len: usize, what: impl FnOnce() -> String) -> Result<Vec<T>> {
    let bytes = bytes_of::<T>(len);
    if bytes > SMALL {
        let what = what();
        check(bytes, || what.clone())?;
        return try_zeroed(len).ok_or_else(|| refused(what, bytes));
    }
    try_zeroed(len).ok_or_else(|| refused(what(), bytes))
}

/// A copy of floats.
pub(crate) fn copy(floats: &[f32], what: impl FnOnce() -> String) -> Result<Vec<f32>> {
    let mut copy = Vec::new();
    reserve(&mut copy, floats.len(), what)?;
    copy.extend_from_slice(floats);
    Ok(copy)
}

/// `len` zeros, or nothing where the allocator refuses.
pub(crate) fn try_zeroed<T: Zeroable>(len: usize) -> Option<Vec<T>> {
    bytemuck::allocation::try_zeroed_slice_box(len).ok().map(Vec::from)
}

/// Makes room for `more` elements at once, and for as many again where the vector must move: growing one by one takes
/// amortised time in proportion to what is added.
pub(crate) fn reserve<T>(vector: &mut Vec<T>, more: usize, what: impl FnOnce() -> String) -> Result<()> {
    if vector.capacity() - vector.len() >= more {
        return Ok(());
    }
    let bytes = bytes_of::<T>(vector.len().saturating_add(more));
    let refuse = |what| refused(what, bytes);
    if bytes > SMALL {
        let what = what();
        check(bytes, || what.clone())?;
        return vector.try_reserve(more).map_err(|_| refuse(what));
    }
    vector.try_reserve(more).map_err(|_| refuse(what()))
}

/// Bytes that the system could still give, where it says so.
fn available() -> Option<u64> {
    #[cfg(all(feature = "std", any(target_os = "linux", target_os = "android")))]
    return left_by(&std::fs::read_to_string("/proc/meminfo").ok()?);
    #[cfg(not(all(feature = "std", any(target_os = "linux", target_os = "android"))))]
    return None;
}

/// What `/proc/meminfo` says is left: memory without what can be dropped, and swap.
#[cfg_attr(
    not(all(feature = "std", any(target_os = "linux", target_os = "android"))),
    allow(dead_code)
)]
fn left_by(text: &str) -> Option<u64> {
    let line = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    let kilobytes = line("MemAvailable")?.saturating_add(line("SwapFree").unwrap_or(0));
    Some(kilobytes.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn what_is_left_is_memory_and_swap() {
        let text = "MemTotal:       100 kB\nMemFree:   1 kB\nMemAvailable:   40 kB\nSwapFree:  2 kB\n";
        assert_eq!(left_by(text), Some(42 * 1024));
        assert_eq!(left_by("MemAvailable: 7 kB\n"), Some(7 * 1024));
        assert_eq!((left_by("MemFree: 7 kB\n"), left_by("")), (None, None));
    }

    #[test]
    fn what_no_machine_has_is_refused_with_its_parts() {
        let mut need = Need::new("the parameters");
        need.add("user", 1 << 60);
        need.add("item", 1 << 50);
        need.add("bias", 0);
        let text = need.check().unwrap_err().to_string();
        assert!(text.contains("the parameters (user 1.0 EiB, item 1.0 PiB)"), "{text}");
        assert!(text.contains("1.0 EiB"), "{text}");
        need.parts.clear();
        need.add("user", 1 << 10);
        need.check().unwrap();
        assert!(zeroed::<f32>(usize::MAX / 8, || "zeros".into()).is_err());
        assert!(reserve(&mut alloc::vec![0u8], usize::MAX, || "bytes".into()).is_err());
        assert_eq!(zeroed::<u64>(3, String::new).unwrap(), [0, 0, 0]);
        assert_eq!(copy(&[1.5, -2.0], String::new).unwrap(), [1.5, -2.0]);
    }
}

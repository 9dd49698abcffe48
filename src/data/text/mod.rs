//! What the text of a field says: numbers, dates and times, of which nothing is rounded away.

mod decimal;
mod entries;
mod number;
mod times;

pub(in crate::data) use entries::{Entries, entries};
#[cfg(feature = "std")]
pub(in crate::data) use number::digits;
pub(in crate::data) use number::{number, shown};
pub(crate) use times::{Times, Unit};

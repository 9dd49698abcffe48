//! Plans, and what they are given to work on: what is put together wrongly, is too large or beyond the end of a range is refused by
//! an error that tells, at once.

mod absurd_operands;
#[path = "../common/mod.rs"]
mod common;
mod memory;
mod refusals;
mod settings;

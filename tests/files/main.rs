//! Files as people have them: what is read, what is said of it, and what is refused.

#[path = "../common/mod.rs"]
mod common;
mod data;
mod data_bad_input;
mod features;
mod forms;
mod identity;
mod lists;
mod round_trip;
mod splits;
mod survey;

//! The search for settings: who is promoted, what counts as failed, what is refused, and that an interrupted search ends with
//! the same bits as one that was not.

mod folder;
mod halving;
#[path = "../planted/mod.rs"]
mod planted;
mod refused;
mod resume;
mod table;
mod trainers;

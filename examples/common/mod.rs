//! What the examples share: the way to the terminal and to files, signals, messages, pictures.
//!
//! Copy from here what your own program needs; nothing of it is part of the library.

pub mod cost;
pub mod device;
pub mod ending;
pub mod export;
pub mod field;
pub mod files;
pub mod interactions;
pub mod kind;
pub mod messages;
pub mod output;
pub mod plot;
pub mod reasons;
pub mod related;
pub mod samples;
pub mod signals;
pub mod tables;
pub mod watch;

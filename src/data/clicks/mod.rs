//! Click data: fields, behaviour sequences and labels, encoded for click-through models.
//!
//! A [`Schema`] says what the columns of a file mean. [`Training`] fits an [`Encoder`] to the training rows and encodes
//! them as [`Samples`]; the encoder then encodes dev and test rows, and the requests of an app. With `std`,
//! [`SampleFiles`](super::SampleFiles) does so from files.
//!
//! - Row 0 of every vocabulary is for keys that training does not know.
//! - A history holds what the row's user did earlier, never what comes later: see [`Past`].
//! - A value takes 4 bytes a row, a history 8 whatever its length: events are stored once and rows hold ranges of them.

mod builder;
mod candidates;
mod collect;
mod comparison;
mod encode;
mod encoder;
mod field;
mod grow;
mod histories;
mod identity;
mod late;
mod layout;
mod notes;
mod numeric;
mod ragged;
mod resume;
mod rows;
mod sampler;
mod samples;
mod schema;
mod side;
mod values;
mod vocabulary;
mod wiring;

pub(crate) use encode::Events;
pub use encode::Values;
pub use encoder::Encoder;
pub(crate) use field::MAX_FIELDS;
pub use field::{Field, Kind};
pub use histories::{Past, Sequence};
pub use identity::Identity;
pub(crate) use late::LateRow;
pub(crate) use layout::Dependent;
pub use layout::{IdField, Layout, SequenceField, Table};
pub use notes::{Clamped, NegativesReport, UnknownKeys};
pub use numeric::Scale;
pub(in crate::data) use numeric::quantile_edges;
pub use ragged::Ragged;
pub use rows::{Rows, Training};
pub(crate) use sampler::{CandidateSampler, Pick};
pub use samples::Samples;
pub use schema::{LABEL_AT_LEAST, Schema};
pub use side::SideTable;
pub use vocabulary::{UNKNOWN, Vocabulary};

pub use super::planted::{Part, PlantedClickData, PlantedClicks, PlantedLogit};

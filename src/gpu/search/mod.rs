//! Searching the catalogue on the device: scores stay there, and what comes back is as large as what was asked for.

pub(crate) mod catalogue;

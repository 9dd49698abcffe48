//! Batches that are drawn and sorted on the device.

pub(crate) mod batch_maker;
pub(crate) mod maker;
pub(crate) mod positives;

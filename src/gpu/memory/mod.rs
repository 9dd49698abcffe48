//! Where parameters lie on the device, and how much memory that takes.

pub(crate) mod budget;
pub(crate) mod buffers;
pub(crate) mod graph;
pub(crate) mod layout;
pub(crate) mod placement;
pub(crate) mod tables;
pub(crate) mod tensors;

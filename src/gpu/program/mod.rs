//! A plan as dispatches: the buffers of a batch, what is uploaded for it, and how much of it a dispatch does.

pub(crate) mod activations;
pub(crate) mod call;
pub(crate) mod dispatch;
pub(crate) mod draft;
pub(crate) mod grid;
pub(crate) mod inputs;
pub(crate) mod profile;
pub(crate) mod room;
pub(crate) mod spaces;

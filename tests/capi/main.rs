//! The C interface as C calls it: what it computes, what it refuses, and that its header is the one that belongs to it.

mod calls;
mod clicks;
mod header;
mod refusals;
mod support;

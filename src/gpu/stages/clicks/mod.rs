//! The stages of click-through models. Each file has the uniform of its shader, as that declares it, and the dispatches.

mod dropout;
mod numeric;
mod pool;

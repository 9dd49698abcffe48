//! The stages of click-through models. Each file has the uniform of its shader, as that declares it, and the dispatches.

mod affine;
mod attention;
mod attention_unit;
mod auxiliary;
mod batch_norm;
mod dice;
mod dropout;
mod fm;
mod gru;
mod last_step;
mod numeric;
mod pair_with_next;
mod pool;
mod prelu;
mod softmax;

pub(in super::super) use affine::Affine;
pub(in super::super) use auxiliary::auxiliary_losses;
pub(in super::super) use batch_norm::{BatchNorm, norm_widths};
pub(in super::super) use gru::Gru;

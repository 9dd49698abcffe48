//! What the file of every operation uses: the traits that it implements, and what its uniforms and dispatches are made of.

pub(super) use super::{
    context::{Context, Operand, is_added},
    op::{Backward, Forward, GpuOp, Shaders},
};
pub(super) use crate::{
    Result,
    gpu::{
        memory::layout::needs::Stored,
        program::{
            draft::{Draft, Reads},
            grid::Grid,
        },
        shaders::{Shader, shader},
        shapes::{Uniform, UniformLayout, ViewShape, uniform},
    },
    plan::View,
};

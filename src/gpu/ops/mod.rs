//! The dispatches of each operation, forward and backward, and of the updates: which shader, which buffers, which
//! uniforms. A new operation has its file, and a `mod` here: what goes through all of them is made of the one list of
//! [operations](crate::ops).

mod add;
mod affine;
mod attention;
mod attention_unit;
mod auxiliary;
mod batch_norm;
mod bpr;
mod causal_attention;
mod ccl;
pub(crate) mod context;
mod cross;
mod dice;
mod distance;
mod dot_steps;
mod dropout;
mod fm;
mod gather;
mod gru;
mod last_step;
mod layer_norm;
pub(crate) mod linear;
mod margin;
mod normalise;
mod numeric;
mod op;
mod pair_loss;
mod pair_with_next;
mod pool;
mod prelu;
mod prelude;
mod product;
mod propagate;
mod sampled_softmax;
mod sigmoid_cross_entropy;
mod softmax;
mod softmax_cross_entropy;
mod sum;
pub(crate) mod updates;

use context::{Context, Purpose};
use op::{Backward, Forward, GpuOp};

use crate::{
    Result,
    gpu::{
        memory::layout::{Columns, masks::Relus, needs::Needs},
        program::draft::Draft,
    },
    ops::{check_built, for_each_op},
    plan::{Plan, Stage},
};

macro_rules! gpu_ops {
    ($($op:ident $(in [$($feature:literal),+])?),* $(,)?) => {
        /// A stage as graphics devices know it.
        fn of(stage: &Stage) -> &dyn GpuOp {
            match stage {
                $(
                    $(#[cfg(any($(feature = $feature),+))])?
                    Stage::$op(op) => op,
                )*
                #[allow(unreachable_patterns)] // where nothing is left out
                _ => unreachable!("a program refuses what is not built before anything else"),
            }
        }

        /// The shaders of all operations.
        pub(crate) const SHADERS: &[&[crate::gpu::shaders::Shader]] = &[$(<crate::ops::$op as op::Shaders>::SHADERS),*];

        /// Their uniforms.
        #[cfg(test)]
        pub(crate) const UNIFORMS: &[&[crate::gpu::shapes::UniformLayout]] =
            &[$(<crate::ops::$op as op::Shaders>::UNIFORMS),*];
    };
}
for_each_op!(gpu_ops);

/// What each stage of a plan needs of the device's memory.
pub(crate) fn needs(plan: &Plan) -> Vec<Needs> {
    plan.stages().iter().map(|stage| of(stage).needs()).collect()
}

/// Where the columns of a plan lie, where shaders hold every stage of it.
///
/// # Errors
/// [`Error::Device`](crate::Error::Device) names the stage that is too large, with the sizes.
pub(crate) fn columns(plan: &Plan) -> Result<Columns> {
    check_built(plan.stages())?;
    let columns = Columns::new(plan, needs(plan));
    plan.stages()
        .iter()
        .try_for_each(|stage| of(stage).check(plan, &columns))?;
    Ok(columns)
}

/// The stages up to the logit; where they are scored, without those that only training needs.
pub(crate) fn forward(ctx: Context<'_>, purpose: Purpose) -> Result<Vec<Draft<'_>>> {
    let mut drafts = Vec::new();
    for (index, stage) in ctx.plan.stages().iter().enumerate() {
        let is_wanted = match purpose {
            Purpose::Train => ctx.plan.is_trained(index),
            Purpose::Score => ctx.plan.is_scored(index),
        };
        if is_wanted {
            of(stage).forward(ctx, Forward { stage: index, purpose }, &mut drafts)?;
        }
    }
    Ok(drafts)
}

/// The losses, and all stages backward.
pub(crate) fn backward(ctx: Context<'_>) -> Result<Vec<Draft<'_>>> {
    let mut drafts = Vec::new();
    let relus = Relus::new(ctx.plan, ctx.columns);
    for backward in ctx.plan.backward() {
        let pass = Backward {
            stage: backward.stage,
            accumulate: &backward.accumulate,
            params: backward.params,
            fused: relus.fused[backward.stage],
        };
        of(&ctx.plan.stages()[backward.stage]).backward(ctx, pass, &mut drafts)?;
    }
    Ok(drafts)
}

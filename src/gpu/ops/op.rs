//! What an operation says of itself to a graphics device.

use crate::{
    Result,
    gpu::{
        memory::layout::{
            Columns,
            needs::{Needs, Scratch, Stored},
        },
        ops::context::{Context, Purpose},
        program::draft::Draft,
        shaders::Shader,
        shapes::UniformLayout,
    },
    plan::{Accumulate, Activation, Plan, View},
};

/// An operation on a graphics device: what it needs of the memory there, and its dispatches.
///
/// Every operation must say how its parameters are stored, which views are cut alike, and what it dispatches. The rest is
/// nothing unless it says so, and [`Context`] refuses to hand out what was not asked for here: no operation runs on
/// memory that is another's.
pub(crate) trait GpuOp {
    /// How each of its parameters is stored, tables and statistics too.
    fn stored(&self) -> Vec<(usize, Stored)>;

    /// Groups of views that must be cut alike, so that what lies at one place of one lies at the same of the others:
    /// those of elementwise operations. Views of a parameter that stages share are seen to.
    fn alike(&self) -> Vec<Vec<View>>;

    /// Dispatches of the forward pass. A loss has none.
    ///
    /// # Errors
    /// Of what [`Context`] does not have.
    fn forward<'a>(&self, ctx: Context<'a>, pass: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()>;

    /// Dispatches of the backward pass; those of a loss are its value and its gradient.
    ///
    /// # Errors
    /// Of what [`Context`] does not have.
    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()>;

    /// Buffers of activations that it has for itself.
    fn scratch(&self) -> Vec<Scratch> {
        Vec::new()
    }

    /// The weight of which a copy is folded beside the transposed weights.
    fn folded(&self) -> Option<usize> {
        None
    }

    /// The activation behind a linear map, whose derivative is read off the output.
    fn activation(&self) -> Option<(View, Activation)> {
        None
    }

    /// The input whose gradient it cuts to a delta as it writes it, where a ReLU made that input.
    fn cuts(&self) -> Option<View> {
        None
    }

    /// Whether it draws random numbers.
    fn is_random(&self) -> bool {
        false
    }

    /// The view whose columns' statistics over the whole batch it takes.
    fn statistics(&self) -> Option<View> {
        None
    }

    /// Samples of a block that it takes together: no slice of a batch cuts one.
    fn block(&self) -> Option<usize> {
        None
    }

    /// Logits of auxiliary losses, a dispatch each.
    fn auxiliary_logits(&self) -> Vec<View> {
        Vec::new()
    }

    /// Refuses what shaders cannot hold.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) names what is too large, with the sizes.
    fn check(&self, _plan: &Plan, _columns: &Columns) -> Result<()> {
        Ok(())
    }

    /// All that it needs of the device's memory.
    fn needs(&self) -> Needs {
        Needs {
            stored: self.stored(),
            alike: self.alike(),
            scratch: self.scratch(),
            folded: self.folded(),
            activation: self.activation(),
            cuts: self.cuts(),
            is_random: self.is_random(),
            statistics: self.statistics(),
            block: self.block(),
            auxiliary_logits: self.auxiliary_logits(),
        }
    }
}

/// The shaders of an operation, and their uniforms, for the tests that go through all of them.
pub(crate) trait Shaders {
    /// All modules that it dispatches; what is not among them is tested nowhere.
    const SHADERS: &'static [Shader];
    /// All structs that it tells them, for the test that holds those against what the modules declare.
    #[cfg_attr(not(test), allow(dead_code))]
    const UNIFORMS: &'static [UniformLayout];
}

/// A stage of the forward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forward {
    /// Index of the stage.
    pub stage: usize,
    pub purpose: Purpose,
}

/// A stage of the backward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backward<'a> {
    /// Index of the forward stage.
    pub stage: usize,
    /// How the gradient of each input is delivered.
    pub accumulate: &'a [Accumulate],
    /// How those of the parameters are.
    pub params: Accumulate,
    /// Whether the gradient of the output was cut to a delta by those who wrote it.
    pub fused: bool,
}

//! What an operation needs of the device's memory: how its parameters are stored, and what is there for it alone.

use crate::plan::{Activation, View};

/// How a parameter is stored: with the pads of the views that its rows and columns meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stored {
    /// A table, whose rows are copied to a view.
    Table(View),
    /// The weight of a layer from one view to another: a row a column of the output.
    Weight { input: View, output: View },
    /// One float a column of a view.
    Vector(View),
    /// The weight of an attention unit: four parts, each with the columns of the key.
    UnitWeight { key: View, output: View },
    /// The weight of a recurrent layer: three gates, each with a row a column of the output.
    Gates { input: View, output: View },
    /// Three floats a column of a view, gate by gate.
    GateVector(View),
}

impl Stored {
    /// The views whose pads it has. Where several stages share a parameter, theirs are cut alike.
    pub fn views(self) -> Vec<View> {
        match self {
            Stored::Table(view) | Stored::Vector(view) | Stored::GateVector(view) => vec![view],
            Stored::Weight { input, output } | Stored::Gates { input, output } => vec![input, output],
            Stored::UnitWeight { key, output } => vec![key, output],
        }
    }
}

/// A buffer of activations that the device adds for a stage, found again by the stage and the place among those that it asks
/// for: stages that share parameters have buffers of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scratch {
    /// Each part of a row is cut as this view is.
    pub part: View,
    pub parts: usize,
    /// There are as many rows as this view has.
    pub rows: View,
}

/// What a stage needs of the device's memory.
#[derive(Clone, Debug)]
pub(crate) struct Needs {
    /// How each of its parameters is stored, statistics too.
    pub stored: Vec<(usize, Stored)>,
    /// Views that are cut alike, so that what lies at one place of one lies at the same of the others.
    pub alike: Vec<Vec<View>>,
    pub scratch: Vec<Scratch>,
    /// The weight of which a copy is folded beside the transposed weights.
    pub folded: Option<usize>,
    /// The activation behind a linear map, whose derivative is read off the output.
    pub activation: Option<(View, Activation)>,
    /// The input whose gradient it cuts to a delta as it writes it, where a ReLU made that.
    pub cuts: Option<View>,
    /// Whether it draws random numbers.
    pub is_random: bool,
    /// The view whose columns' statistics over the whole batch it takes.
    pub statistics: Option<View>,
    /// Samples of a block that it takes together.
    pub block: Option<usize>,
    /// Logits of auxiliary losses, a dispatch each.
    pub auxiliary_logits: Vec<View>,
}

impl Needs {
    /// Where ReLU is.
    pub fn relu_output(&self) -> Option<View> {
        self.activation
            .and_then(|(output, activation)| (activation == Activation::Relu).then_some(output))
    }

    /// Where a sigmoid is.
    pub fn sigmoid_output(&self) -> Option<View> {
        self.activation
            .and_then(|(output, activation)| (activation == Activation::Sigmoid).then_some(output))
    }
}

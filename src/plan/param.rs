//! Named parameters, and how they are drawn at first.

use alloc::string::String;

use super::RowType;

/// How a parameter's values are drawn at first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All zero.
    Zeros,
    /// Normal with mean 0.
    Normal {
        /// Standard deviation.
        std: f32,
    },
    /// Uniform in `-limit..limit`.
    Uniform {
        /// The bound.
        limit: f32,
    },
    /// All of one value.
    Constant {
        /// The value.
        value: f32,
    },
}

impl Init {
    /// Glorot and Bengio (AISTATS 2010): uniform with `limit = sqrt(6 / (inputs + outputs))`.
    pub fn glorot(inputs: usize, outputs: usize) -> Self {
        Init::Uniform {
            limit: libm::sqrtf(6.0 / (inputs as f32 + outputs as f32)), // as floats: their sum cannot overflow
        }
    }

    /// Uniform with `limit = 1 / sqrt(hidden)`, as PyTorch draws the weights of a recurrent layer.
    pub fn recurrent(hidden: usize) -> Self {
        Init::Uniform {
            limit: 1.0 / libm::sqrtf(hidden as f32),
        }
    }

    /// LeCun et al. (*Efficient BackProp*, 1998): uniform with `limit = sqrt(3 / inputs)`.
    pub fn lecun(inputs: usize) -> Self {
        Init::Uniform {
            limit: libm::sqrtf(3.0 / inputs as f32),
        }
    }
}

/// What a parameter is to the optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// Rows that samples pick by ids; only the picked rows have a gradient.
    Table {
        /// Index of the vocabulary whose ids they are.
        vocabulary: usize,
    },
    /// A weight or a bias that every sample uses.
    Dense,
    /// What a stage keeps of the batches it has seen: no optimiser and no L2 term moves it.
    Statistic,
}

/// A named parameter: a matrix of `rows x width` floats, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// The name in checkpoints, `mlp.0.weight` and so on.
    pub name: String,
    /// Rows: ids of a table, outputs of a weight, 1 of a bias.
    pub rows: usize,
    /// Columns: the embedding's width, inputs of a weight, outputs of a bias.
    pub width: usize,
    /// Whether the name stands for a vector (a bias), which checkpoints store with one dimension.
    pub is_vector: bool,
    /// Table or dense.
    pub kind: ParamKind,
    /// How it is drawn at first.
    pub init: Init,
    /// What the rows of a table are kept as ([`Plan::with_tables_as`](super::Plan::with_tables_as)).
    pub row_type: RowType,
}

impl Param {
    /// Number of floats; `usize::MAX` of a size that [`Plan::with_rows`](super::Plan::with_rows) made too large for any memory.
    pub fn len(&self) -> usize {
        self.rows.saturating_mul(self.width)
    }

    /// Whether it holds no floats, which no finished plan contains.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        matches!(self.kind, ParamKind::Table { .. })
    }
}

//! The modules of WGSL: which there are, of which files each is made, and the tiles that some are built with.

pub(crate) mod side;
pub(crate) mod tile;

use side::Side;

macro_rules! source {
    ($($file:literal)*) => {
        concat!(
            include_str!("../../../shaders/prelude.wgsl")
            $(, include_str!(concat!("../../../shaders/", $file, ".wgsl")))*
        )
    };
}

/// Modules that a size of matrices is put before: extensions are turned on before anything is declared.
macro_rules! mixed_source {
    ($side:expr, $($file:literal)*) => {
        match $side {
            Side::Eight => concat!(include_str!("../../../shaders/cooperative_8x8.wgsl"), source!("mixed" $($file)*)),
            Side::Sixteen => concat!(include_str!("../../../shaders/cooperative_16x16.wgsl"), source!("mixed" $($file)*)),
        }
    };
}

/// Makes the enum of all modules, and what is known of each, of one list: what it is for, its name here, the name of what
/// it is part of, and the files that it is made of, in their order. Those in mixed precision come in two sizes.
macro_rules! shaders {
    (
        plain { $($(#[$doc:meta])* $shader:ident $name:literal [$($file:literal)*])* }
        mixed { $($(#[$mixed_doc:meta])* $mixed:ident $mixed_name:literal [$($mixed_file:literal)*])* }
    ) => {
        /// A module: files of `shaders/`, one behind the other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Shader {
            $($(#[$doc])* $shader,)*
            $($(#[$mixed_doc])* $mixed(Side),)*
        }

        impl Shader {
            /// All of them.
            pub const ALL: &[Shader] = &[
                $(Shader::$shader,)*
                $(Shader::$mixed(Side::Eight), Shader::$mixed(Side::Sixteen),)*
            ];

            /// The op, as its file is called.
            pub fn name(self) -> &'static str {
                match self {
                    $(Shader::$shader => $name,)*
                    $(Shader::$mixed(_) => $mixed_name,)*
                }
            }

            /// The module's WGSL.
            pub fn source(self) -> &'static str {
                match self {
                    $(Shader::$shader => source!($($file)*),)*
                    $(Shader::$mixed(side) => mixed_source!(side, $($mixed_file)*),)*
                }
            }

            /// Whether it is in mixed precision, by matrices that subgroups hold.
            pub fn is_mixed(self) -> bool {
                match self {
                    $(Shader::$shader => false,)*
                    $(Shader::$mixed(_) => true,)*
                }
            }
        }
    };
}

shaders! {
    plain {
        /// Embedding look-up.
        Gather "gather" ["gather"]
        /// Linear layer: forward, and the gradient of its input.
        Linear "linear" ["sigmoid" "linear_operands" "linear"]
        /// Gradients of weights and biases.
        LinearWeightGradient "linear" ["linear_weight_gradient_operands" "linear_weight_gradient"]
        /// Numeric features.
        Numeric "numeric" ["numeric"]
        /// Elementwise product.
        Product "product" ["product"]
        /// Sum of columns.
        Sum "sum" ["sum"]
        /// Sum or mean of a sample's steps.
        Pool "pool" ["pool"]
        /// Random zeros.
        Dropout "dropout" ["threefry" "dropout"]
        /// Second order of a factorisation machine.
        Fm "fm" ["fm"]
        /// PReLU.
        Prelu "prelu" ["column_sums" "prelu"]
        /// Batch normalisation.
        BatchNorm "batch_norm" ["column_sums" "batch_norm"]
        /// Scale and shift.
        Affine "affine" ["column_sums" "affine"]
        /// Dice.
        Dice "dice" ["sigmoid" "column_sums" "dice"]
        /// Operands of DIN's attention unit.
        AttentionUnit "attention_unit" ["sigmoid" "attention_unit"]
        /// Their weight, folded.
        AttentionUnitWeights "attention_unit" ["attention_unit_weights"]
        /// Softmax over steps.
        Softmax "softmax" ["softmax"]
        /// Weighted sum of steps.
        Attention "attention" ["attention"]
        /// Recurrence of a recurrent layer.
        Gru "gru" ["sigmoid" "tanh" "gru"]
        /// What scores do to a recurrent layer's input, and their gradients.
        GruScores "gru" ["gru_scores"]
        /// The last step of a sample.
        LastStep "last_step" ["last_step"]
        /// Each step's state beside the next item.
        PairWithNext "pair_with_next" ["pair_with_next"]
        /// DIEN's auxiliary loss.
        Auxiliary "auxiliary" ["cross_entropy" "auxiliary"]
        /// The loss.
        SigmoidCrossEntropy "sigmoid_cross_entropy" ["cross_entropy" "sigmoid_cross_entropy"]
        /// The loss of pairs.
        Bpr "bpr" ["cross_entropy" "bpr"]
        /// Sparse update by Adam.
        RowUpdateAdam "row_update" ["adam" "row_update"]
        /// Sparse update by SGD.
        RowUpdateSgd "row_update" ["sgd" "row_update"]
        /// Update of weights and biases by Adam.
        DenseUpdateAdam "dense_update" ["adam" "dense_update"]
        /// Update of weights and biases by SGD.
        DenseUpdateSgd "dense_update" ["sgd" "dense_update"]
        /// Samples drawn from positives.
        Sampler "sampler" ["batch" "threefry" "sampler"]
        /// Samples in the order of their ids.
        Sort "sort" ["batch" "scan" "sort"]
        /// Runs of equal ids in that order.
        Segments "segments" ["batch" "scan" "segments"]
        /// Pairs of users and all items, and their scores.
        Catalogue "catalogue" ["search" "catalogue"]
        /// The best items of a user.
        TopK "top_k" ["search" "scan" "top_k"]
        /// The rank of one of them.
        Rank "rank" ["search" "rank"]
    }
    mixed {
        /// `Linear` in mixed precision, by matrices that subgroups hold.
        LinearMixed "linear" ["sigmoid" "linear_operands" "linear_mixed"]
        /// `LinearWeightGradient` in mixed precision.
        LinearWeightGradientMixed "linear" ["linear_weight_gradient_operands" "linear_weight_gradient_mixed"]
    }
}

impl Shader {
    /// Whether what is bound at 2 is a struct of this name; anything but a module's own is refused, no name is nothing.
    pub(crate) fn has_uniform(self, name: &str) -> bool {
        let mut lines = self.source().lines();
        let bound = lines.find(|line| line.starts_with("@group(0) @binding(2) var<uniform>"));
        name.is_empty() || bound.is_some_and(|line| line.ends_with(&format!(": {name};")))
    }
}

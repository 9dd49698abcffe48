//! Flops of elementary functions, counted in the source (`src/cpu/math.rs`): a multiply-add is two, a division, a root,
//! a rounding or a maximum one, a selection none.

/// e^x.
pub const EXP: usize = 22;
/// 1 / (1 + e^-x).
pub const SIGMOID: usize = EXP + 4;
/// tanh(x), of which both branches are computed.
pub const TANH: usize = EXP + 18;
/// ln(1 + z).
pub const LN_1P: usize = 19;
/// A logit's loss and gradient; BPR's of a pair of logits takes one subtraction more.
pub const CROSS_ENTROPY: usize = EXP + LN_1P + 10;

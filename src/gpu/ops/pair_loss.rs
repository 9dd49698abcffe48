//! What losses of pairs of logits have in common: a thread a sample, and the same bindings.

use super::prelude::*;

/// The dispatch that computes a loss of `[item, negative]` and its gradients; `shape` makes the shader's uniform of the shapes
/// of the logits, and of those of their gradients.
pub(super) fn draft<'a, U: Uniform>(
    ctx: Context<'a>,
    shader: Shader,
    logits: [View; 2],
    shape: impl FnOnce([ViewShape; 2], [ViewShape; 2]) -> U,
) -> Draft<'a> {
    let [(item, items), (negative, negatives)] = logits.map(|view| ctx.activation(view));
    let [(item_gradient, to_items), (negative_gradient, to_negatives)] = logits.map(|view| ctx.gradient(view));
    let shape = shape([item, negative], [item_gradient, negative_gradient]);
    let buffers = vec![
        (3, items),
        (4, to_items),
        (5, ctx.losses),
        (6, negatives),
        (7, to_negatives),
    ];
    let (grid, reads) = (Grid::SAMPLES, Reads::CallAndBatch);
    Draft::new(shader, "forward_backward", grid, reads, &shape, buffers).cost(2, 72)
}

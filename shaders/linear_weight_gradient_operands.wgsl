// linear, the operands of the gradient of its weights and bias: delta^T X and the column sums of delta;
// linear_weight_gradient.wgsl and linear_weight_gradient_mixed.wgsl multiply. Specification: src/ops/linear.rs.
//
// binding 3  read   delta: [samples, stride], the gradient before the activation
// binding 4  read   X, the input: [samples, stride]
// binding 5  write  slots of the dense gradients: [slots, total], of each the vec4s from `matrix` on:
//                   [outputs, inputs], and those from `bias` on: [outputs]
//
// The sum over samples is cut into slots of SPLIT rows, one workgroup a tile and slot, and
// dense_update adds the slots up in their order: the same bits every run, and enough workgroups for small layers.
// The slices of a batch add to the same slots, one after another.

struct WeightGradient {
    delta: View,
    x: View,
    matrix: u32,
    total: u32, // vec4s of a slot
    bias: u32,  // NONE: there is no bias
    add: u32,   // 1: the layer's gradient is there in part, from another use of it
    stride: u32, // vec4s from a row of the weights to the next
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(2) var<uniform> shape: WeightGradient;
@group(0) @binding(3) var<storage, read> delta: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> slots: array<vec4<f32>>;

/// Writes a vec4 of a slot, or adds to what the slices before, or other uses of the layer, have left there.
fn store(to: u32, sum: vec4<f32>) {
    if shape.add == 0u && !is_later() {
        slots[to] = sum;
    } else {
        slots[to] += sum;
    }
}

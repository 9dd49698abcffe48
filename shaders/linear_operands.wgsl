// linear: the operands of a fully connected layer, and what is done to the sums of its products; linear.wgsl and
// linear_mixed.wgsl multiply. Specification: src/ops/linear.rs.
//
// Both are C [rows, columns] = A [rows, inner] B [inner, columns], for samples or for steps:
//
// forward         binding 3  read   A: the input
//                 binding 4  read   B: the transposed weights, [inputs, outputs] from vec4 `matrix` on
//                 binding 5  read   the dense parameters; the bias, if there is one, begins at vec4 `bias`
//                 binding 6  write  C: the output, activation(A B + bias)
// input_gradient  binding 3  read   A: delta, the gradient before the activation
//                 binding 4  read   B: the weights, [outputs, inputs] from vec4 `matrix` on
//                 binding 5  read   the input; where its columns mask.. come from a ReLU that stands at 0, the
//                                   gradient is cut to 0 here, so that whoever reads it next reads a delta
//                 binding 6  write  C: the gradient of the input, overwritten or added to
// activation_gradient: the same cut on its own, for outputs that other stages than linear ones read; and the slope of a
//                 sigmoid or a tanh
//                 binding 3  read   the output
//                 binding 6  write  its gradient, multiplied in place
//
// The weights are kept in both layouts (dense_update writes them), so that B is read along its rows either way.

struct Linear {
    a: View,
    c: View,
    mask: View,
    inner: u32,      // vec4s of A's rows
    matrix: u32,
    bias: u32,       // NONE: there is no bias
    activation: u32, // of the layer: RELU, SIGMOID, TANH or nothing
    add: u32,        // input_gradient: 1 adds to what is there
    mask_first: u32, // input_gradient: columns (vec4s of C) that a ReLU made
    mask_end: u32,
    ones: u32,       // forward: where binding 5 has 1 for each output and 0 for the pad, whose sigmoid would be 1/2
}

const RELU = 1u;
const SIGMOID = 2u;
const TANH = 3u;

@group(0) @binding(2) var<uniform> shape: Linear;
@group(0) @binding(3) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> side: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> c: array<vec4<f32>>;

/// Writes a vec4 of the output.
fn store_output(row: u32, column: u32, sum: vec4<f32>) {
    if row < rows_of(shape.c) && column < shape.c.width {
        var value = sum;
        if shape.bias != NONE {
            value += side[shape.bias + column];
        }
        if shape.activation == RELU {
            // Not max(value, 0): a NaN stays as it is, so that a diverged model shows in its loss.
            value = select(value, vec4(0.0), value < vec4(0.0));
        } else if shape.activation == SIGMOID {
            value = sigmoid(value) * side[shape.ones + column];
        } else if shape.activation == TANH {
            value = tanh_of_each(value);
        }
        c[at(shape.c, row) + column] = value;
    }
}

/// Writes a vec4 of the input's gradient.
fn store_gradient(row: u32, column: u32, sum: vec4<f32>) {
    if row < rows_of(shape.c) && column < shape.c.width {
        var value = sum;
        if column >= shape.mask_first && column < shape.mask_end {
            value = select(vec4(0.0), value, side[at(shape.mask, row) + column] > vec4(0.0));
        }
        let to = at(shape.c, row) + column;
        if shape.add != 0u {
            value += c[to];
        }
        c[to] = value;
    }
}

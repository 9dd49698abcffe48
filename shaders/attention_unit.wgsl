// attention_unit: the first layer of DIN's attention, around its matrix products (linear.wgsl). Specification:
// `unit_input` in src/ops/attention.rs, then src/ops/linear.rs.
//
// With the columns [A B C E] of the weight, on [q, k, q - k, q * k], a step's sum is (A + C) q + (B - C) k + E (q * k):
// the query's part is the same for all steps of a sample, and is one product over samples; the rest is a product over the
// rows [k, q * k]. The row of four parts would take twice the multiplications. attention_unit_weights.wgsl folds the
// weights and puts their gradients together. sigmoid.wgsl and tanh.wgsl are put before this.
//
// rows            binding 3  read   the queries: [samples, stride]
//                 binding 4  read   the keys: [steps, stride]
//                 binding 5  write  the rows [k, q * k]: [steps, 2 width]
// activate        binding 3  read   what the queries come to: [samples, stride]
//                 binding 5  write  the output: [steps, stride], that part added and the activation applied
//                 binding 7  read   the dense parameters
// query_gradient  binding 4  read   the keys
//                 binding 5  write  the gradient of the queries, added to
//                 binding 6  read   the gradient of the rows
// key_gradient    binding 3  read   the queries
//                 binding 5  write  the gradient of the keys, overwritten or added to
//                 binding 6  read   the gradient of the rows
//
// One thread a sample and vec4 of its row, which goes along the sample's steps.

struct AttentionUnit {
    samples: View, // with a row a sample: the queries, what they come to, or the queries' gradient
    steps: View,   // with a row a step: the keys, the output, or the keys' gradient
    rows: View,    // the rows [k, q * k], or their gradient
    key: View,     // query_gradient: the keys
    add: u32,        // key_gradient: 1 adds to what is there
    activation: u32, // activate: as in linear.wgsl
    ones: u32,       // activate: where binding 7 has 1 for each output and 0 for the pad
    pad: u32,
}

@group(0) @binding(2) var<uniform> shape: AttentionUnit;
@group(0) @binding(3) var<storage, read> query: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> key: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> delta: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> dense: array<vec4<f32>>;

@compute @workgroup_size(256)
fn rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let width = shape.samples.width;
    let sample = index / width;
    let column = index % width;
    if sample >= rows_of(shape.samples) {
        return;
    }
    let q = query[at(shape.samples, sample) + column];
    let steps = steps_of(shape.steps, sample);
    for (var step = steps.x; step < steps.y; step++) {
        let k = key[at(shape.steps, step) + column];
        let to = at(shape.rows, step) + column;
        output[to] = k;
        output[to + width] = q * k;
    }
}

@compute @workgroup_size(256)
fn activate(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let width = shape.samples.width;
    let sample = index / width;
    let column = index % width;
    if sample >= rows_of(shape.samples) {
        return;
    }
    let part = query[at(shape.samples, sample) + column];
    let steps = steps_of(shape.steps, sample);
    for (var step = steps.x; step < steps.y; step++) {
        let to = at(shape.steps, step) + column;
        var value = output[to] + part;
        if shape.activation == 1u {
            // Not max(value, 0): a NaN stays as it is.
            value = select(value, vec4(0.0), value < vec4(0.0));
        } else if shape.activation == 2u {
            value = sigmoid(value) * dense[shape.ones + column];
        } else if shape.activation == 3u {
            value = tanh_of_each(value);
        }
        output[to] = value;
    }
}

@compute @workgroup_size(256)
fn query_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let width = shape.samples.width;
    let sample = index / width;
    let column = index % width;
    if sample >= rows_of(shape.samples) {
        return;
    }
    let steps = steps_of(shape.key, sample);
    var sum = vec4(0.0);
    for (var step = steps.x; step < steps.y; step++) {
        let product = delta[at(shape.rows, step) + width + column];
        sum = fma(product, key[at(shape.key, step) + column], sum);
    }
    output[at(shape.samples, sample) + column] += sum;
}

@compute @workgroup_size(256)
fn key_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let width = shape.samples.width;
    let sample = index / width;
    let column = index % width;
    if sample >= rows_of(shape.samples) {
        return;
    }
    let q = query[at(shape.samples, sample) + column];
    let steps = steps_of(shape.steps, sample);
    for (var step = steps.x; step < steps.y; step++) {
        let from_ = at(shape.rows, step) + column;
        var gradient = fma(delta[from_ + width], q, delta[from_]);
        let to = at(shape.steps, step) + column;
        if shape.add != 0u {
            gradient += output[to];
        }
        output[to] = gradient;
    }
}

// numeric: output[s] = numeric features of a sample, from number `first` on. The plan's stage of the name; nothing to learn.
//
// binding 4  write  output: [samples, stride]
//
// One thread a vec4. A range of columns with pads within is dispatched piece by piece.

struct Numeric {
    output: View,
    first: u32,
    width: u32,    // floats of the output, without the pad
    features: u32, // of a sample
    pad: u32,
}

@group(0) @binding(2) var<uniform> shape: Numeric;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.output.width;
    let column = index % shape.output.width;
    if row >= rows_of(shape.output) {
        return;
    }
    let from_ = call.numbers + (call.spaces[0][FIRST] + row) * shape.features + shape.first;
    var values = vec4(0.0);
    for (var i = 0u; i < 4u; i++) {
        if 4u * column + i < shape.width {
            values[i] = bitcast<f32>(inputs[from_ + 4u * column + i]);
        }
    }
    output[at(shape.output, row) + column] = values;
}

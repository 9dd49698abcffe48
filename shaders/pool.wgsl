// pool: output[s] = the sum, or mean, over the steps of sample s; zeros where there are none. Specification:
// src/ops/pool.rs.
//
// forward   binding 3  read   the input: [steps, stride]
//           binding 4  write  the output: [samples, stride]
// backward  binding 3  read   the gradient of the output
//           binding 4  write  the gradient of the input, overwritten or added to
//
// One thread a sample and vec4, which goes along the sample's steps: neighbours read and write whole rows.

struct Pool {
    steps: View,
    samples: View,
    mean: u32, // 1: mean, 0: sum
    add: u32,  // backward: 1 adds to what is there
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(2) var<uniform> shape: Pool;
@group(0) @binding(3) var<storage, read> from_: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> to: array<vec4<f32>>;

/// What each step counts.
fn weight(steps: vec2<u32>) -> f32 {
    return select(1.0, 1.0 / f32(max(steps.y - steps.x, 1u)), shape.mean != 0u);
}

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let sample = index / shape.samples.width;
    let column = index % shape.samples.width;
    if sample >= rows_of(shape.samples) {
        return;
    }
    let steps = steps_of(shape.steps, sample);
    var sum = vec4(0.0);
    for (var step = steps.x; step < steps.y; step++) {
        sum += from_[at(shape.steps, step) + column];
    }
    to[at(shape.samples, sample) + column] = sum * weight(steps);
}

@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let sample = index / shape.samples.width;
    let column = index % shape.samples.width;
    if sample >= rows_of(shape.samples) {
        return;
    }
    let steps = steps_of(shape.steps, sample);
    let gradient = from_[at(shape.samples, sample) + column] * weight(steps);
    for (var step = steps.x; step < steps.y; step++) {
        let place = at(shape.steps, step) + column;
        if shape.add != 0u {
            to[place] += gradient;
        } else {
            to[place] = gradient;
        }
    }
}

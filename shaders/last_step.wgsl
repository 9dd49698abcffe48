// last_step: output[s] = input[t] of the last step t of sample s; zeros where there are no steps. Specification: src/ops/last_step.rs.
//
// forward   binding 3  read   the input: [steps, stride]
//           binding 4  write  the output: [samples, stride]
// backward  binding 3  read   the gradient of the output
//           binding 4  write  the gradient of the input: overwritten at every step, or added to at the last
//
// Forward takes a thread a sample and vec4, backward a thread a step and vec4.

struct LastStep {
    steps: View,
    samples: View,
    add: u32, // backward: 1 adds to what is there
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(2) var<uniform> shape: LastStep;
@group(0) @binding(3) var<storage, read> from_: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> to: array<vec4<f32>>;

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
    var last = vec4(0.0);
    if steps.x < steps.y {
        last = from_[at(shape.steps, steps.y - 1u) + column];
    }
    to[at(shape.samples, sample) + column] = last;
}

@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let step = index / shape.steps.width;
    let column = index % shape.steps.width;
    if step >= rows_of(shape.steps) {
        return;
    }
    let sample = sample_of(shape.steps, step);
    let place = at(shape.steps, step) + column;
    var gradient = vec4(0.0);
    if step + 1u == steps_of(shape.steps, sample).y {
        gradient = from_[at(shape.samples, sample) + column];
    }
    if shape.add != 0u {
        gradient += to[place];
    }
    to[place] = gradient;
}

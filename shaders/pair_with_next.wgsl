// pair_with_next: output[t] = [states[t], items[t + 1]] where t + 1 is a step of the same sample, else zeros. Specification:
// src/ops/pair_with_next.rs.
//
// forward   binding 3  read   the states: [steps, stride]
//           binding 4  read   the items: [steps, stride]
//           binding 5  write  the output: [steps, stride], the states' columns first
// backward  binding 3  read   the gradient of one part of the output's columns
//           binding 5  write  the gradient of the states, or of the items, overwritten or added to: the same rows `shift`
//                             steps later
//
// One thread a step and vec4; backward is dispatched once for the states and once for the items.

struct PairWithNext {
    states: View, // backward: the part of the output
    items: View,
    output: View, // backward: what is written
    shift: u32,   // backward: 0 of the states, 1 of the items
    add: u32,     // backward: 1 adds to what is there
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(2) var<uniform> shape: PairWithNext;
@group(0) @binding(3) var<storage, read> states: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> items: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let step = index / shape.output.width;
    let column = index % shape.output.width;
    if step >= rows_of(shape.output) {
        return;
    }
    var value = vec4(0.0);
    if has_next(shape.output, step) {
        if column < shape.states.width {
            value = states[at(shape.states, step) + column];
        } else {
            value = items[at(shape.items, step + 1u) + column - shape.states.width];
        }
    }
    output[at(shape.output, step) + column] = value;
}

@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let step = index / shape.output.width;
    let column = index % shape.output.width;
    if step >= rows_of(shape.output) {
        return;
    }
    // The step whose output has this one: nothing's at a sample's last step, or at its first.
    let steps = steps_of(shape.output, sample_of(shape.output, step));
    let is_read = select(step + 1u < steps.y, step > steps.x, shape.shift != 0u);
    var gradient = vec4(0.0);
    if is_read {
        gradient = states[at(shape.states, step - shape.shift) + column];
    }
    let place = at(shape.output, step) + column;
    if shape.add != 0u {
        gradient += output[place];
    }
    output[place] = gradient;
}

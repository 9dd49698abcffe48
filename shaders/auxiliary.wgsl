// auxiliary: DIEN's loss that makes each state of a history foretell the next click, with its gradient. Specification:
// src/ops/auxiliary.rs, whose `step_loss` takes logits along all steps as this does; cross_entropy.wgsl is put before it.
//
// binding 3  read   logits of one kind, of clicked items or of negatives: [steps, stride], the first float of the view's vec4
// binding 4  write  their gradient, (gradient, 0, 0, 0), overwritten or added to; 0 at a sample's last step
// binding 5  write  losses: one sum a workgroup
//
// Dispatched for clicked items, then for negatives. One thread a step. A workgroup's sum is the part of the batch's mean
// loss that it has, times the samples of the batch; the sums lie behind those of the dispatches before this one, as
// sigmoid_cross_entropy's do.

struct Auxiliary {
    logits: View,
    gradient: View,
    before: array<vec4<u32>, 2>, // dispatches before this one, in each space
    label: f32,
    weight: f32,
    add: u32,
    pad: u32,
}

@group(0) @binding(2) var<uniform> shape: Auxiliary;
@group(0) @binding(3) var<storage, read> logits: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> gradients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;

var<workgroup> sums: array<f32, 256>;

/// Workgroups that go over all rows of a space.
fn groups_of(space: u32) -> u32 {
    return (call.spaces[space][ROWS] + THREADS - 1u) / THREADS;
}

@compute @workgroup_size(256)
fn forward_backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let step = flat_index(group, groups, lane);
    let space = shape.logits.space >> 1u;
    let share = call.shares[space / 4u][space % 4u];
    var loss = 0.0;
    if step < rows_of(shape.logits) {
        var found = vec2(0.0);
        let sample = sample_of(shape.logits, step);
        if step + 1u < steps_of(shape.logits, sample).y {
            found = cross_entropy(logits[at(shape.logits, step)].x, shape.label) * sample_weight(sample);
        }
        loss = found.x;
        let to = at(shape.gradient, step);
        var gradient = vec4(found.y * share * shape.weight, 0.0, 0.0, 0.0);
        if shape.add != 0u {
            gradient += gradients[to];
        }
        gradients[to] = gradient;
    }
    sums[lane] = loss;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            sums[lane] += sums[lane + half];
        }
    }
    let index = group.y * groups.x + group.x;
    if lane == 0u && index < groups_of(space) {
        var to = call.auxiliary + index;
        for (var i = 0u; i < 8u; i++) {
            to += shape.before[i / 4u][i % 4u] * groups_of(i);
        }
        losses[to] = sums[0] * share / call.scale;
    }
}

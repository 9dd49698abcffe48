// sigmoid cross-entropy of a logit against its label, with its gradient. Specification: src/ops/sigmoid_cross_entropy.rs;
// cross_entropy.wgsl is put before it.
//
// binding 3  read   logits: [samples, stride], the first float of the view's vec4
// binding 4  write  the gradient of the logits: (gradient, 0, 0, 0)
// binding 5  write  losses: one sum a workgroup, from float `call.losses` on
//
// One thread a sample; a workgroup adds its 256 losses up as a tree. The sums of all workgroups of all steps lie side by
// side until the host adds them up in f64: no precision is lost over steps.

struct CrossEntropy {
    logit: View,
    gradient: View,
}

@group(0) @binding(2) var<uniform> shape: CrossEntropy;
@group(0) @binding(3) var<storage, read> logits: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> gradients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn forward_backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    var loss = 0.0;
    if row < rows_of(shape.logit) {
        let y = bitcast<f32>(inputs[call.labels + call.spaces[0][FIRST] + row]);
        let found = cross_entropy(logits[at(shape.logit, row)].x, y);
        let weight = sample_weight(row);
        loss = found.x * weight;
        gradients[at(shape.gradient, row)] = vec4(found.y * call.scale * weight, 0.0, 0.0, 0.0);
    }
    sums[lane] = loss;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            sums[lane] += sums[lane + half];
        }
    }
    if lane == 0u {
        losses[call.losses + group.y * groups.x + group.x] = sums[0];
    }
}

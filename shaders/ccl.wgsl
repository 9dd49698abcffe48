// ccl: an item's cosine brought to 1, and a negative's below a margin, with the gradients of both. Specification:
// src/ops/ccl.rs.
//
// binding 3  read   logits of items: [samples, stride], the first float of the view's vec4
// binding 4  write  the gradient of these logits: (gradient, 0, 0, 0)
// binding 5  write  losses: one sum a workgroup, from float `call.losses` on
// binding 6  read   logits of negatives, likewise
// binding 7  write  the gradient of these, likewise
//
// One thread a sample; a workgroup adds its 256 losses up as a tree, as in sigmoid_cross_entropy.wgsl.

struct Ccl {
    item: View,
    negative: View,
    item_gradient: View,
    negative_gradient: View,
    margin: f32,
    weight: f32,
}

@group(0) @binding(2) var<uniform> shape: Ccl;
@group(0) @binding(3) var<storage, read> items: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> item_gradients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;
@group(0) @binding(6) var<storage, read> negatives: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> negative_gradients: array<vec4<f32>>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn forward_backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    var loss = 0.0;
    if row < rows_of(shape.item) {
        let above = negatives[at(shape.negative, row)].x - shape.margin;
        let share = call.scale * sample_weight(row);
        loss = ((1.0 - items[at(shape.item, row)].x) + shape.weight * max(above, 0.0)) * sample_weight(row);
        let gradient = select(0.0, shape.weight * share, above > 0.0);
        item_gradients[at(shape.item_gradient, row)] = vec4(-share, 0.0, 0.0, 0.0);
        negative_gradients[at(shape.negative_gradient, row)] = vec4(gradient, 0.0, 0.0, 0.0);
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

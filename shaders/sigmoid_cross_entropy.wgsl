// sigmoid cross-entropy of a logit against its label, with its gradient. Specification: src/ops/sigmoid_cross_entropy.rs.
//
// binding 3  read   logits: [samples, stride], the first float of the view's vec4
// binding 4  write  the gradient of the logits: (gradient, 0, 0, 0)
// binding 5  write  losses: one sum a workgroup, from float `call.losses` on
//
// With z = e^-|x|, which never overflows: loss = max(x, 0) - x y + ln(1 + z), and sigmoid(x) is 1 / (1 + z) for
// positive x and z / (1 + z) otherwise. One thread a sample; a workgroup adds its 256 losses up as a tree. The sums of
// all workgroups of all steps lie side by side until the host adds them up in f64: no precision is lost over steps.

struct CrossEntropy {
    logit: View,
    gradient: View,
}

@group(0) @binding(2) var<uniform> shape: CrossEntropy;
@group(0) @binding(3) var<storage, read> logits: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> gradients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;

var<workgroup> sums: array<f32, 256>;

/// ln(1 + z) for z in 0..=1 to a few ulp of the result, which WGSL's log does not promise near 1: with
/// t = z / (2 + z), the series 2 (t + t^3 / 3 + t^5 / 5 + ...), where t is 1/3 at most.
fn ln_1p(z: f32) -> f32 {
    let t = z / (2.0 + z);
    let q = t * t;
    var series = 1.0 / 15.0;
    series = fma(series, q, 1.0 / 13.0);
    series = fma(series, q, 1.0 / 11.0);
    series = fma(series, q, 1.0 / 9.0);
    series = fma(series, q, 1.0 / 7.0);
    series = fma(series, q, 1.0 / 5.0);
    series = fma(series, q, 1.0 / 3.0);
    series = fma(series, q, 1.0);
    return 2.0 * t * series;
}

@compute @workgroup_size(256)
fn forward_backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    var loss = 0.0;
    if row < rows_of(shape.logit) {
        let x = logits[at(shape.logit, row)].x;
        let y = bitcast<f32>(inputs[call.labels + call.spaces[0][FIRST] + row]);
        let z = exp(select(x, -x, x > 0.0)); // not -abs(x): a NaN must stay one
        let positive = 1.0 / (1.0 + z);
        let sigmoid = select(z * positive, positive, x > 0.0);
        loss = select(x, 0.0, x < 0.0) - x * y + ln_1p(z);
        gradients[at(shape.gradient, row)] = vec4((sigmoid - y) * call.scale, 0.0, 0.0, 0.0);
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

// adam: one step of Adam on a vec4. Specification: src/ops/adam.rs. Put before row_update.wgsl and dense_update.wgsl.
//
// binding 5  read and write  the parameters
// binding 6  read and write  first moments
// binding 7  read and write  second moments

@group(0) @binding(5) var<storage, read_write> value: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> moment1: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> moment2: array<vec4<f32>>;

/// Updates vec4 `i` and gives its value then.
fn update(i: u32, gradient: vec4<f32>) -> vec4<f32> {
    let m = fma(vec4(1.0 - call.beta1), gradient, call.beta1 * moment1[i]);
    let v = fma((1.0 - call.beta2) * gradient, gradient, call.beta2 * moment2[i]);
    moment1[i] = m;
    moment2[i] = v;
    let updated = value[i] - call.rate * m / fma(sqrt(v), vec4(call.root), vec4(call.epsilon));
    value[i] = updated;
    return updated;
}

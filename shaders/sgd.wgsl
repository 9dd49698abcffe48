// sgd: one step of gradient descent on a vec4. Specification: src/ops/sgd.rs. Put before row_update.wgsl and
// dense_update.wgsl.
//
// binding 5  read and write  the parameters

@group(0) @binding(5) var<storage, read_write> value: array<vec4<f32>>;

/// Updates vec4 `i` and gives its value then.
fn update(i: u32, gradient: vec4<f32>) -> vec4<f32> {
    let updated = fma(vec4(-call.rate), gradient, value[i]);
    value[i] = updated;
    return updated;
}

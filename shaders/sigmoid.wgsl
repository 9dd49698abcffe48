// sigmoid: 1 / (1 + e^-x). src/gpu/shaders/mod.rs puts it before the shaders that need it.

/// With z = e^-|x|, which never overflows: 1 / (1 + z) for positive x, z / (1 + z) otherwise. NaN stays NaN.
fn sigmoid(x: vec4<f32>) -> vec4<f32> {
    let z = exp(select(x, -x, x > vec4(0.0)));
    return select(z, vec4(1.0), x > vec4(0.0)) / (1.0 + z);
}

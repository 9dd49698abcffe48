// tanh, within a few units in the last place. src/gpu/shaders/mod.rs puts it before the shaders that need it.

/// The built-in's error is not bounded by WGSL. Up to 5/8 by the odd polynomial of Cephes, beyond with z = e^(-2 |x|) as
/// (1 - z) / (1 + z): src/cpu/math.rs has the same. NaN stays NaN.
fn tanh_of(x: f32) -> f32 {
    let size = select(x, -x, x < 0.0);
    let z = exp(-2.0 * size);
    let large = (1.0 - z) / (1.0 + z);
    let square = x * x;
    var y = -5.7049887e-3;
    y = fma(y, square, 2.0639088e-2);
    y = fma(y, square, -5.3739716e-2);
    y = fma(y, square, 1.3331442e-1);
    y = fma(y, square, -3.333328e-1);
    let small = fma(y * square, x, x);
    return select(small, select(large, -large, x < 0.0), size > 0.625);
}

fn tanh_of_each(x: vec4<f32>) -> vec4<f32> {
    return vec4(tanh_of(x.x), tanh_of(x.y), tanh_of(x.z), tanh_of(x.w));
}

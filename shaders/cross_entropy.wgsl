// The cross-entropy of a logit. src/gpu/shaders/mod.rs puts it before the shaders that need it.

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

/// The loss of logit x against label y, and its gradient, sigmoid(x) - y. With z = e^-|x|, which never overflows:
/// loss = max(x, 0) - x y + ln(1 + z), and sigmoid(x) is 1 / (1 + z) for positive x and z / (1 + z) otherwise.
fn cross_entropy(x: f32, y: f32) -> vec2<f32> {
    let z = exp(select(x, -x, x > 0.0)); // not -abs(x): a NaN must stay one
    let positive = 1.0 / (1.0 + z);
    let sigmoid = select(z * positive, positive, x > 0.0);
    return vec2(select(x, 0.0, x < 0.0) - x * y + ln_1p(z), sigmoid - y);
}

// rows_f32: four floats of a row that is kept as they are. Put before propagate.wgsl, as is rows_f16.wgsl for the other way.

alias Kept = vec4<f32>;

fn widen(kept: Kept) -> vec4<f32> {
    return kept;
}

fn narrow(x: vec4<f32>) -> Kept {
    return x;
}

/// What gradients are kept times.
fn gradient_scale() -> f32 {
    return 1.0;
}

// rows_f16: four floats of a row that is kept in halves. Put before propagate.wgsl, as is rows_f32.wgsl for the other way.

alias Kept = vec2<u32>;

fn widen(kept: Kept) -> vec4<f32> {
    return vec4(unpack2x16float(kept.x), unpack2x16float(kept.y));
}

fn narrow(x: vec4<f32>) -> Kept {
    return vec2(pack2x16float(x.xy), pack2x16float(x.zw));
}

/// What gradients are kept times: the next power of two of the batch's samples. The exponent of 1 over that is the one of
/// `call.scale`, and its own is the opposite one.
fn gradient_scale() -> f32 {
    return bitcast<f32>((254u << 23u) - (bitcast<u32>(call.scale) & 0x7f800000u));
}

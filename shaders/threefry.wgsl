// threefry: random bits, a function of a key and a counter. The same as src/rng.rs; src/gpu/shaders/mod.rs puts it before the
// shaders that draw.

fn rotate(x: u32, by: u32) -> u32 {
    return (x << by) | (x >> (32u - by));
}

/// Threefry-2x32 with 20 rounds: `counter` encrypted with `key`.
fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
    let key0 = key.x;
    let key1 = key.y;
    let key2 = 0x1BD11BDAu ^ key0 ^ key1;
    var v = four_rounds(counter + key, vec4(13u, 15u, 26u, 6u)) + vec2(key1, key2 + 1u);
    v = four_rounds(v, vec4(17u, 29u, 16u, 24u)) + vec2(key2, key0 + 2u);
    v = four_rounds(v, vec4(13u, 15u, 26u, 6u)) + vec2(key0, key1 + 3u);
    v = four_rounds(v, vec4(17u, 29u, 16u, 24u)) + vec2(key1, key2 + 4u);
    return four_rounds(v, vec4(13u, 15u, 26u, 6u)) + vec2(key2, key0 + 5u);
}

fn four_rounds(v: vec2<u32>, by: vec4<u32>) -> vec2<u32> {
    var x = v.x;
    var y = v.y;
    x += y;
    y = rotate(y, by.x) ^ x;
    x += y;
    y = rotate(y, by.y) ^ x;
    x += y;
    y = rotate(y, by.z) ^ x;
    x += y;
    y = rotate(y, by.w) ^ x;
    return vec2(x, y);
}

/// The high half of a product.
fn high_product(bits: u32, n: u32) -> u32 {
    let b = vec2(bits & 0xffffu, bits >> 16u);
    let m = vec2(n & 0xffffu, n >> 16u);
    let low = b.x * m.x;
    let middle = b.y * m.x + (low >> 16u); // below 2^32: (2^16 - 1)^2 + 2^16 - 1
    let other = b.x * m.y + (middle & 0xffffu);
    return b.y * m.y + (middle >> 16u) + (other >> 16u);
}

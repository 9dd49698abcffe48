// dropout: output = input / (1 - rate) where the mask keeps a value, else 0; backward the same, on gradients.
// Specification: src/ops/dropout.rs, whose mask it draws bit for bit; threefry.wgsl is put before it.
//
// binding 3  read   the input: [rows, stride]
// binding 4  write  the output, overwritten or added to: [rows, stride]
//
// One thread a vec4. Of the 64 bits that a block of four values has, each takes 16; a vec4 lies in one block, or where
// rows are not whole blocks in two. Where nothing is random (scores), all values are kept as they are. A range of columns
// with pads within is dispatched piece by piece, as values are counted without them.

struct Dropout {
    input: View,
    output: View,
    width: u32,     // floats of a row of the whole stage
    start: u32,     // floats of a row before this piece
    key: u32,       // which of the random streams
    threshold: u32, // what 16 random bits must reach
    scale: f32,     // of what is kept
    add: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(2) var<uniform> shape: Dropout;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

/// The 16 random bits of four values that follow one another; the first is value `start` of row `row` of the batch.
fn numbers(row: u32, start: u32) -> vec4<u32> {
    let low = row * shape.width + start;
    let high = high_product(row, shape.width) + u32(low < start);
    let key = vec2(inputs[call.noise + 2u * shape.key], inputs[call.noise + 2u * shape.key + 1u]);
    let block = vec2((low >> 2u) | (high << 30u), high >> 2u);
    let phase = low & 3u;
    let here = threefry(key, block);
    var next = vec2(0u);
    if phase != 0u {
        next = threefry(key, vec2(block.x + 1u, block.y + u32(block.x == 0xffffffffu)));
    }
    let words = vec4(here, next);
    let place = vec4(phase) + vec4(0u, 1u, 2u, 3u);
    let word = vec4(words[place.x / 2u], words[place.y / 2u], words[place.z / 2u], words[place.w / 2u]);
    return (word >> (16u * (place % 2u))) & vec4(0xffffu);
}

@compute @workgroup_size(256)
fn apply(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.output.width;
    let column = index % shape.output.width;
    if row >= rows_of(shape.output) {
        return;
    }
    var value = input[at(shape.input, row) + column];
    if call.noise != 0u {
        let of_batch = row + call.spaces[shape.output.space >> 1u][FIRST];
        let kept = numbers(of_batch, shape.start + 4u * column) >= vec4(shape.threshold);
        value = select(vec4(0.0), value * shape.scale, kept);
    }
    let to = at(shape.output, row) + column;
    if shape.add != 0u {
        value += output[to];
    }
    output[to] = value;
}

// segments: the runs of equal ids in a sorted column, with long ones cut into chunks, as row_update.wgsl reads them.
// Specification: `segments` in src/ops/sort.rs; the chunks are those of src/gpu/inputs.rs.
//
// count_heads   counts the runs that begin in each block of sorted positions
// find          numbers them: row and start of each, their count, and the end mark behind the last
// count_chunks  counts the chunks of each block of segments
// cut           numbers those: each segment's first chunk, and each chunk's begin and end
//
// The first and third add up, the others begin at the sum of the blocks before theirs: a workgroup adds these itself, as
// there are few (256 for a batch of 2^20).

@group(0) @binding(4) var<storage, read_write> scratch: array<u32>;

/// Samples of a segment that is left whole.
const CHUNK = 32u;

fn blocks_of(samples: u32) -> u32 {
    return (samples + BLOCK - 1u) / BLOCK;
}

/// The word of binding 4 where a column's counts are kept, a word a block: those of the sort are no longer needed.
fn counts_of(column: u32) -> u32 {
    return column * draw.stride + draw.counts;
}

/// The id of a sorted position.
fn id_at(column: u32, i: u32) -> u32 {
    return words[part(column, IDS) + words[part(column, ORDER) + i]];
}

fn is_head(column: u32, i: u32) -> bool {
    if i >= draw.samples {
        return false;
    }
    if i == 0u {
        return true;
    }
    return id_at(column, i) != id_at(column, i - 1u);
}

/// The word of binding 3 where a segment begins.
fn segment_at(column: u32, segment: u32) -> u32 {
    return part(column, SEGMENTS) + 3u * segment;
}

/// The whole square root; `n` may be anything.
fn isqrt(n: u32) -> u32 {
    var root = min(u32(sqrt(f32(n))), 65535u);
    while root * root > n {
        root--;
    }
    while root < 65535u && (root + 1u) * (root + 1u) <= n {
        root++;
    }
    return root;
}

/// Samples of each chunk of a long segment.
fn chunk_samples(samples: u32) -> u32 {
    return max(CHUNK, isqrt(samples));
}

/// Samples of a segment; 0 behind the last.
fn samples_of(column: u32, segment: u32) -> u32 {
    if segment >= part(column, SEGMENT_COUNT) {
        return 0u;
    }
    let at = segment_at(column, segment);
    return words[at + 4u] - words[at + 1u];
}

fn chunks_of(samples: u32) -> u32 {
    if samples <= CHUNK {
        return 0u;
    }
    let each = chunk_samples(samples);
    return (samples + each - 1u) / each;
}

/// Adds the counts of all blocks before this one.
fn sum_before(column: u32, block: u32, lane: u32) -> u32 {
    var sum = 0u;
    for (var i = lane; i < block; i += THREADS) {
        sum += scratch[counts_of(column) + i];
    }
    scan(lane, sum);
    return scan_sums[255];
}

/// Keeps the sum of a block's counts.
fn keep_sum(column: u32, block: u32, lane: u32, count: u32) {
    scan(lane, count);
    if lane == 0u {
        scratch[counts_of(column) + block] = scan_sums[255];
    }
}

@compute @workgroup_size(256)
fn count_heads(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var count = 0u;
    for (var round = 0u; round < ROUNDS; round++) {
        count += u32(is_head(group.x, group.y * BLOCK + round * THREADS + lane));
    }
    keep_sum(group.x, group.y, lane, count);
}

@compute @workgroup_size(256)
fn find(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = group.x;
    let block = group.y;
    var before = sum_before(column, block, lane);
    for (var round = 0u; round < ROUNDS; round++) {
        let i = block * BLOCK + round * THREADS + lane;
        let head = is_head(column, i);
        let number = before + scan(lane, u32(head));
        if head {
            let at = segment_at(column, number - 1u);
            words[at] = id_at(column, i);
            words[at + 1u] = i;
        }
        before += scan_sums[255];
    }
    if lane == 0u && block + 1u == blocks_of(draw.samples) {
        words[HEADER + 8u * column + SEGMENT_COUNT] = before;
        let end = segment_at(column, before);
        words[end] = 0xffffffffu;
        words[end + 1u] = draw.samples;
    }
}

@compute @workgroup_size(256)
fn count_chunks(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var count = 0u;
    for (var round = 0u; round < ROUNDS; round++) {
        count += chunks_of(samples_of(group.x, group.y * BLOCK + round * THREADS + lane));
    }
    keep_sum(group.x, group.y, lane, count);
}

@compute @workgroup_size(256)
fn cut(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = group.x;
    let block = group.y;
    var before = sum_before(column, block, lane);
    for (var round = 0u; round < ROUNDS; round++) {
        let segment = block * BLOCK + round * THREADS + lane;
        let samples = samples_of(column, segment);
        let count = chunks_of(samples);
        let first = before + scan(lane, count) - count;
        if samples > 0u {
            let at = segment_at(column, segment);
            words[at + 2u] = first;
            let end = words[at + 4u];
            let each = chunk_samples(samples);
            for (var i = 0u; i < count; i++) {
                let begin = words[at + 1u] + i * each;
                let chunk = part(column, CHUNKS) + 2u * (first + i);
                words[chunk] = begin;
                words[chunk + 1u] = min(begin + each, end);
            }
        }
        before += scan_sums[255];
    }
    if lane == 0u && block + 1u == blocks_of(draw.samples) {
        words[HEADER + 8u * column + CHUNK_COUNT] = before;
        words[segment_at(column, part(column, SEGMENT_COUNT)) + 2u] = before;
    }
}

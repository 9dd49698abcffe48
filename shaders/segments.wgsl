// segments: the runs of equal ids in a sorted column, with long ones cut into chunks, as row_update.wgsl reads them.
// Specification: `segments` in src/ops/sort.rs; the chunks are those of src/gpu/program/inputs.rs.
//
// count_heads   counts the runs that begin in each block of sorted positions
// find          numbers them: row and start of each, their count, and the end mark behind the last
// count_chunks  counts the chunks of each block of segments
// cut           numbers those: each segment's first chunk, and each chunk's begin and end
//
// A thread takes 16 neighbours, so that a block takes one scan. The first and third add up, the others begin at the sum of the blocks before theirs: a workgroup adds these itself, as
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

/// The first of the ROUNDS positions (or segments) that a thread takes.
fn first_of(block: u32, lane: u32) -> u32 {
    return block * BLOCK + lane * ROUNDS;
}

/// A bit for each of them where a run begins.
fn heads_of(column: u32, first: u32) -> u32 {
    var heads = 0u;
    for (var i = 0u; i < ROUNDS; i++) {
        heads |= u32(is_head(column, first + i)) << i;
    }
    return heads;
}

/// Chunks of all of a thread's segments.
fn count_of(column: u32, first: u32) -> u32 {
    var count = 0u;
    for (var i = 0u; i < ROUNDS; i++) {
        count += chunks_of(samples_of(column, first + i));
    }
    return count;
}

@compute @workgroup_size(256)
fn count_heads(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let heads = heads_of(group.x, first_of(group.y, lane));
    keep_sum(group.x, group.y, lane, countOneBits(heads));
}

@compute @workgroup_size(256)
fn find(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = group.x;
    let block = group.y;
    let before = sum_before(column, block, lane);
    let first = first_of(block, lane);
    let heads = heads_of(column, first);
    let count = countOneBits(heads);
    var number = before + scan(lane, count) - count;
    for (var i = 0u; i < ROUNDS; i++) {
        if ((heads >> i) & 1u) != 0u {
            let at = segment_at(column, number);
            words[at] = id_at(column, first + i);
            words[at + 1u] = first + i;
            number++;
        }
    }
    if lane == 255u && block + 1u == blocks_of(draw.samples) {
        words[HEADER + 8u * column + SEGMENT_COUNT] = number;
        let end = segment_at(column, number);
        words[end] = 0xffffffffu;
        words[end + 1u] = draw.samples;
    }
}

@compute @workgroup_size(256)
fn count_chunks(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    keep_sum(group.x, group.y, lane, count_of(group.x, first_of(group.y, lane)));
}

@compute @workgroup_size(256)
fn cut(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = group.x;
    let block = group.y;
    let before = sum_before(column, block, lane);
    let first = first_of(block, lane);
    let count = count_of(column, first);
    var number = before + scan(lane, count) - count;
    for (var i = 0u; i < ROUNDS; i++) {
        let samples = samples_of(column, first + i);
        if samples > 0u {
            number = cut_segment(column, first + i, samples, number);
        }
    }
    if lane == 255u && block + 1u == blocks_of(draw.samples) {
        words[HEADER + 8u * column + CHUNK_COUNT] = number;
        words[segment_at(column, part(column, SEGMENT_COUNT)) + 2u] = number;
    }
}

/// Writes a segment's chunks from number `first` on; gives the number after its last.
fn cut_segment(column: u32, segment: u32, samples: u32, first: u32) -> u32 {
    let at = segment_at(column, segment);
    words[at + 2u] = first;
    let begin = words[at + 1u];
    let each = chunk_samples(samples);
    let count = chunks_of(samples);
    for (var i = 0u; i < count; i++) {
        let chunk = part(column, CHUNKS) + 2u * (first + i);
        words[chunk] = begin + i * each;
        words[chunk + 1u] = min(begin + (i + 1u) * each, begin + samples);
    }
    return first + count;
}

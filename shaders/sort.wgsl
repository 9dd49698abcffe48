// sort: a batch's samples in the order of their ids, stable. Specification: src/ops/sort.rs.
//
// A radix sort by bytes, least significant first: 1 to 4 passes, as many as the largest id of any column has bytes.
// Each pass is three dispatches, over all columns at once:
//
// histogram  counts each block's digits:                                   [256 digits, blocks] of binding 4
// scan       turns a digit's counts into sums of the blocks before, a workgroup a digit, and adds all up
// scatter    moves each position to its place: samples of lower digits, of lower blocks, and lower ones of its block
//
// No dispatch waits for a part of itself (reduce, then scan), so a device need not promise that workgroups make progress
// together. A digit's lanes in a round are a set of 256 bits in workgroup memory, put together by atomicOr in any order:
// a lane's rank is the number of bits below its own. No subgroups are needed, and the result is one, not one of many.
//
// Positions alone are moved; ids are looked up. They go back and forth between the batch's order and the scratch, and
// begin so that the last pass ends in the order.

struct Sort {
    shift: u32,  // of the digit
    first: u32,  // 1 in the first pass, whose positions are 0, 1, 2, ...
    to_order: u32, // 1 where positions go to the order, 0 where they go to the scratch
    pad: u32,
}

@group(0) @binding(2) var<uniform> shape: Sort;
@group(0) @binding(4) var<storage, read_write> scratch: array<u32>;

var<workgroup> counts: array<atomic<u32>, 256>;
var<workgroup> lanes: array<atomic<u32>, 2048>; // 8 words a digit
var<workgroup> places: array<u32, 256>;

/// The position that is `i`-th before this pass.
fn position(column: u32, i: u32) -> u32 {
    if shape.first != 0u {
        return i;
    }
    if shape.to_order != 0u {
        return scratch[column * draw.stride + i];
    }
    return words[part(column, ORDER) + i];
}

fn digit_of(column: u32, position: u32) -> u32 {
    return (words[part(column, IDS) + position] >> shape.shift) & 255u;
}

/// The word of binding 4 where a digit's counts begin; that of the 257th has the sums of all.
fn counts_of(column: u32, digit: u32) -> u32 {
    return column * draw.stride + draw.counts + digit * draw.blocks;
}

@compute @workgroup_size(256)
fn histogram(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = group.x;
    let block = group.y;
    let rounds = rounds_of(block);
    atomicStore(&counts[lane], 0u);
    workgroupBarrier();
    for (var round = 0u; round < rounds; round++) {
        let i = block * BLOCK + round * THREADS + lane;
        if i < draw.samples {
            atomicAdd(&counts[digit_of(column, position(column, i))], 1u);
        }
    }
    workgroupBarrier();
    scratch[counts_of(column, lane) + block] = atomicLoad(&counts[lane]);
}

@compute @workgroup_size(256)
fn scan_blocks(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = group.x / 256u;
    let digit = group.x % 256u;
    let at = counts_of(column, digit);
    let blocks = (draw.samples + BLOCK - 1u) / BLOCK;
    var before = 0u;
    for (var first = 0u; first < blocks; first += THREADS) {
        var count = 0u;
        if first + lane < blocks {
            count = scratch[at + first + lane];
        }
        let sum = scan(lane, count);
        if first + lane < blocks {
            scratch[at + first + lane] = before + sum - count;
        }
        before += scan_sums[255];
    }
    if lane == 0u {
        scratch[counts_of(column, 256u) + digit] = before;
    }
}

@compute @workgroup_size(256)
fn scatter(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = group.x;
    let block = group.y;
    let rounds = rounds_of(block);
    let total = scratch[counts_of(column, 256u) + lane];
    let lower = scan(lane, total) - total;
    places[lane] = lower + scratch[counts_of(column, lane) + block];
    for (var round = 0u; round < rounds; round++) {
        for (var word = 0u; word < 8u; word++) {
            atomicStore(&lanes[word * THREADS + lane], 0u);
        }
        workgroupBarrier();
        let i = block * BLOCK + round * THREADS + lane;
        let is_there = i < draw.samples;
        var from_ = 0u;
        var digit = 0u;
        if is_there {
            from_ = position(column, i);
            digit = digit_of(column, from_);
            atomicOr(&lanes[8u * digit + lane / 32u], 1u << (lane % 32u));
        }
        workgroupBarrier();
        if is_there {
            let own = atomicLoad(&lanes[8u * digit + lane / 32u]);
            var rank = countOneBits(own & ((1u << (lane % 32u)) - 1u));
            for (var word = 0u; word < lane / 32u; word++) {
                rank += countOneBits(atomicLoad(&lanes[8u * digit + word]));
            }
            let to = places[digit] + rank;
            if shape.to_order != 0u {
                words[part(column, ORDER) + to] = from_;
            } else {
                scratch[column * draw.stride + to] = from_;
            }
        }
        workgroupBarrier();
        var moved = 0u;
        for (var word = 0u; word < 8u; word++) {
            moved += countOneBits(atomicLoad(&lanes[8u * lane + word]));
        }
        places[lane] += moved;
        workgroupBarrier();
    }
}

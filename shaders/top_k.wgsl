// top_k: the k best items of each part of a user's. Specification: src/ops/top_k.rs.
//
// binding 3  read   keys: [users, items]
// binding 4  write  what was found: [users, parts, 1 + 2 k] words: how many, then a key and an item each, in no order
//
// A workgroup takes a part of a user's items. It finds the k-th largest key byte by byte, most significant first, by
// counting the values of a byte among the keys that share what was found before (radix select). Of keys equal to the
// k-th, the lowest items are taken: they are numbered in the order of items. The host merges the parts: with 27 thousand
// items, 2 of them. A row is read five times, but it lies in cache, and k may be anything up to the part.

@group(0) @binding(3) var<storage, read> keys: array<u32>;
@group(0) @binding(4) var<storage, read_write> found: array<u32>;

var<workgroup> counts: array<atomic<u32>, 256>;
var<workgroup> digit: u32;
var<workgroup> above: u32;

/// 1 where an item's key is larger than the k-th, 1 << 16 where it is equal, else 0.
fn kind_of(row: u32, item: u32, kth: u32) -> u32 {
    if item >= search.limit {
        return 0u;
    }
    let key = keys[row + item];
    if key == LEFT_OUT || key < kth {
        return 0u;
    }
    return select(1u, 0x10000u, key == kth);
}

@compute @workgroup_size(256)
fn select_part(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.y * search.items;
    let first = group.x * PART;
    let rounds = rounds_of(group.x);
    var kth = 0u;    // the bytes of the k-th key that are known
    var known = 0u;  // which these are
    var wanted = search.k; // keys to take among those that share them
    var taken = 0u;  // keys that are larger
    for (var byte = 0u; byte < 4u; byte++) {
        let shift = 24u - 8u * byte;
        atomicStore(&counts[lane], 0u);
        if lane == 0u {
            digit = 255u;
            above = 0u;
        }
        workgroupBarrier();
        for (var round = 0u; round < rounds; round++) {
            let item = first + round * THREADS + lane;
            if item < search.limit {
                let key = keys[row + item];
                if key != LEFT_OUT && (key & known) == kth {
                    atomicAdd(&counts[(key >> shift) & 255u], 1u);
                }
            }
        }
        workgroupBarrier();
        let count = atomicLoad(&counts[255u - lane]);
        let sum = scan(lane, count); // keys with this digit or a higher one
        wanted = min(wanted, scan_sums[255]); // in the first pass there may be fewer than k
        if sum >= wanted && sum - count < wanted {
            digit = 255u - lane;
            above = sum - count;
        }
        workgroupBarrier();
        kth |= digit << shift;
        known |= 255u << shift;
        wanted -= above;
        taken += above;
        workgroupBarrier();
    }
    let stride = 1u + 2u * search.k;
    let to = (group.y * search.parts + group.x) * stride;
    // A thread takes neighbours, so that one scan numbers all, in the order of items; larger keys in its low half, equal
    // ones in its high half: there are no more of either than a part has items.
    let begin = first + lane * rounds;
    var own = 0u;
    for (var i = 0u; i < rounds; i++) {
        own += kind_of(row, begin + i, kth);
    }
    let before = scan(lane, own) - own;
    var larger = before & 0xffffu;
    var equal = taken + (before >> 16u);
    for (var i = 0u; i < rounds; i++) {
        let kind = kind_of(row, begin + i, kth);
        let number = select(larger, equal, kind > 1u);
        if kind != 0u && number < taken + wanted {
            found[to + 1u + 2u * number] = keys[row + begin + i];
            found[to + 2u + 2u * number] = begin + i;
        }
        larger += kind & 1u;
        equal += kind >> 16u;
    }
    if lane == 0u {
        found[to] = taken + wanted;
    }
}

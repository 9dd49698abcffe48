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

@compute @workgroup_size(256)
fn select_part(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.y * search.items;
    let first = group.x * PART;
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
        for (var round = 0u; round < PART_ROUNDS; round++) {
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
    var larger = 0u;
    var equal = 0u;
    for (var round = 0u; round < PART_ROUNDS; round++) {
        let item = first + round * THREADS + lane;
        var key = LEFT_OUT;
        if item < search.limit {
            key = keys[row + item];
        }
        let is_larger = key > kth;
        let is_equal = key == kth && key != LEFT_OUT;
        // Both are numbered by one scan: there are 256 of each at most.
        let sum = scan(lane, u32(is_larger) | (u32(is_equal) << 16u));
        let number = select(larger + (sum & 0xffffu), taken + equal + (sum >> 16u), is_equal) - 1u;
        if (is_larger && number < taken) || (is_equal && number < taken + wanted) {
            found[to + 1u + 2u * number] = key;
            found[to + 2u + 2u * number] = item;
        }
        larger += scan_sums[255] & 0xffffu;
        equal += scan_sums[255] >> 16u;
    }
    if lane == 0u {
        found[to] = taken + wanted;
    }
}

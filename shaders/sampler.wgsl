// sampler: the samples of a batch, drawn from positives. Specification: src/data/sampler.rs, whose rule it follows bit
// for bit, with the generator and the permutation of src/rng.rs.
//
// binding 6  read  the user of each positive, these in the order of user and item
// binding 7  read  the item of each positive
// binding 8  read  where each user's positives begin: [users + 1]
//
// One thread a sample: ids of both columns and the label, written to the batch. Whether a user has an item is a binary
// search of the user's items: 4 bytes a positive are kept, not a bit a user and item.

@group(0) @binding(6) var<storage, read> users: array<u32>;
@group(0) @binding(7) var<storage, read> items: array<u32>;
@group(0) @binding(8) var<storage, read> offsets: array<u32>;

/// Blocks of two tries before a negative is taken by rank.
const ATTEMPTS = 16u;

/// The finaliser of MurmurHash3.
fn mix(x0: u32) -> u32 {
    var x = x0;
    x ^= x >> 16u;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13u;
    x *= 0xC2B2AE35u;
    return x ^ (x >> 16u);
}

/// Four rounds of a Feistel network over `low_bits + high_bits` bits; the halves trade places and widths each round.
fn encrypt(x: u32) -> u32 {
    var low_bits = draw.low_bits;
    var high_bits = draw.high_bits;
    var low = x & ((1u << low_bits) - 1u);
    var high = x >> low_bits;
    for (var round = 0u; round < 4u; round++) {
        let mixed = high ^ (mix(low ^ draw.order_keys[round]) & ((1u << high_bits) - 1u));
        high = low;
        low = mixed;
        let bits = low_bits;
        low_bits = high_bits;
        high_bits = bits;
    }
    return (high << low_bits) | low;
}

/// Where the epoch's shuffled order takes a position.
fn permuted(position: u32) -> u32 {
    var x = encrypt(position);
    while x >= draw.sampled {
        x = encrypt(x);
    }
    return x;
}

/// Whether the items from `begin` to `end` contain an item.
fn contains(begin: u32, end: u32, item: u32) -> bool {
    var low = begin;
    var high = end;
    while low < high {
        let middle = low + (high - low) / 2u;
        if items[middle] < item {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    if low == end {
        return false;
    }
    return items[low] == item;
}

/// The `rank`-th item, counted from 0, that is not among those from `begin` to `end`.
fn missing(begin: u32, end: u32, rank: u32) -> u32 {
    var low = 0u;
    var high = end - begin;
    while low < high {
        let middle = low + (high - low) / 2u;
        if items[begin + middle] - middle <= rank {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return rank + low;
}

/// An item that the user does not have.
fn negative(sample: u32, user: u32) -> u32 {
    let begin = offsets[user];
    let end = offsets[user + 1u];
    for (var attempt = 0u; attempt < ATTEMPTS; attempt++) {
        let bits = threefry(draw.rng_key, vec2(sample, attempt));
        let first = high_product(bits.x, draw.items);
        if !contains(begin, end, first) {
            return first;
        }
        let second = high_product(bits.y, draw.items);
        if !contains(begin, end, second) {
            return second;
        }
    }
    let rank = high_product(threefry(draw.rng_key, vec2(sample, ATTEMPTS)).x, draw.items - (end - begin));
    return missing(begin, end, rank);
}

@compute @workgroup_size(256)
fn sample(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= draw.samples {
        return;
    }
    let drawn = permuted(draw.start + row);
    let positive = drawn / draw.group;
    let user = users[positive];
    var item = 0u;
    var label = 0.0;
    if drawn % draw.group == 0u {
        item = items[positive];
        label = 1.0;
    } else {
        item = negative(drawn, user);
    }
    words[part(0u, IDS) + row] = user;
    words[part(1u, IDS) + row] = item;
    words[draw.labels + row] = bitcast<u32>(label);
}

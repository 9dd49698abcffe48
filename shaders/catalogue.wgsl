// catalogue: pairs of users and items, and their scores as keys.
//
// pairs    binding 3  write           the ids of a slice's pairs, in the layout of a batch (prelude.wgsl)
//          binding 4  read            the users
// collect  binding 6  read            logits of the slice: [pairs, stride]
//          binding 7  write           keys: [users, items]
// mask     binding 7  read and write  keys
//          binding 8  read            cells of them that are left out
//
// Ids go up as a list of users and scores stay where they are: what is as large as users x items never leaves the device.

@group(0) @binding(2) var<uniform> logit: View;
@group(0) @binding(3) var<storage, read_write> words: array<u32>;
@group(0) @binding(4) var<storage, read> users: array<u32>;
@group(0) @binding(6) var<storage, read> logits: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> keys: array<u32>;
@group(0) @binding(8) var<storage, read> known: array<u32>;

@compute @workgroup_size(256)
fn pairs(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row < search.rows {
        let pair = search.start + row;
        words[words[HEADER + 8u * search.query + IDS] + row] = users[pair / search.items];
        words[words[HEADER + 8u * (1u - search.query) + IDS] + row] = pair % search.items;
    }
}

/// By its bits: comparisons of NaN are not what every driver makes them, and -0 is 0.
fn key_of(score: f32) -> u32 {
    let bits = bitcast<u32>(score);
    let size = bits & 0x7fffffffu;
    if size > 0x7f800000u {
        return NOT_A_NUMBER;
    }
    if size == 0u {
        return 0x80000000u;
    }
    return select(bits | 0x80000000u, ~bits, bits > 0x80000000u);
}

@compute @workgroup_size(256)
fn collect(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row < search.rows {
        keys[search.start + row] = key_of(logits[row * logit.stride + logit.first].x);
    }
}

@compute @workgroup_size(256)
fn mask(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    if index < search.known {
        let cell = known[index];
        if keys[cell] != NOT_A_NUMBER {
            keys[cell] = LEFT_OUT;
        }
    }
}

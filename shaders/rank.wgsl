// rank: how many items score better than a target, and how many the same. Specification: src/ops/rank.rs.
//
// binding 3  read   keys: [users, items]
// binding 4  read   the target of each user
// binding 6  write  what was found: [users, parts, 3] words: better ones, equal ones (the target among them), and the
//                   first item whose score is NaN
//
// A workgroup takes a part of a user's items; the host adds the parts up.

@group(0) @binding(3) var<storage, read> keys: array<u32>;
@group(0) @binding(4) var<storage, read> targets: array<u32>;
@group(0) @binding(6) var<storage, read_write> found: array<u32>;

var<workgroup> better: atomic<u32>;
var<workgroup> equal: atomic<u32>;
var<workgroup> bad: atomic<u32>;

@compute @workgroup_size(256)
fn count_part(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.y * search.items;
    let first = group.x * PART;
    let rounds = rounds_of(group.x);
    if lane == 0u {
        atomicStore(&better, 0u);
        atomicStore(&equal, 0u);
        atomicStore(&bad, 0xffffffffu);
    }
    workgroupBarrier();
    let target_key = keys[row + targets[group.y]];
    var more = 0u;
    var same = 0u;
    for (var round = 0u; round < rounds; round++) {
        let item = first + round * THREADS + lane;
        if item < search.limit {
            let key = keys[row + item];
            more += u32(key > target_key);
            same += u32(key == target_key);
            if key == NOT_A_NUMBER {
                atomicMin(&bad, item);
            }
        }
    }
    atomicAdd(&better, more);
    atomicAdd(&equal, same);
    workgroupBarrier();
    if lane == 0u {
        let to = 3u * (group.y * search.parts + group.x);
        found[to] = atomicLoad(&better);
        found[to + 1u] = atomicLoad(&equal);
        found[to + 2u] = atomicLoad(&bad);
    }
}

// hold_rows: row = copy + share * (row - copy), for some rows of a parameter. What the host does: src/executor/kept.rs.
//
// binding 3  read            a row each: (first vec4 in binding 5, first vec4 in binding 4, the share's bits, 0)
// binding 4  read            the copies
// binding 5  read and write  the parameter's buffer
//
// A thread takes a vec4 of a row. No row is listed twice.

struct Hold {
    width: u32, // vec4s of a row
    rows: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(2) var<uniform> shape: Hold;
@group(0) @binding(3) var<storage, read> list: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> copies: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> value: array<vec4<f32>>;

@compute @workgroup_size(256)
fn hold(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat_index(group, groups, lane);
    let index = thread / shape.width;
    if index >= shape.rows {
        return;
    }
    let row = list[index];
    let column = thread % shape.width;
    let old = copies[row.y + column];
    let to = row.x + column;
    value[to] = old + bitcast<f32>(row.z) * (value[to] - old);
}

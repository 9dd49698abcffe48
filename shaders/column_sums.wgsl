// column_sums: sums over the rows of a slot, for gradients of vectors and for statistics. src/gpu/shaders/mod.rs puts it
// before the shaders that need it.
//
// A workgroup of 16 x 16 threads takes 16 vec4s of columns and one slot: thread (x, y) adds rows y, y + 16, ... and then
// the 16 sums of a column are added in their order. dense_update, or a merge, adds up the slots.

var<workgroup> column_sums: array<vec4<f32>, 256>;

/// The first row of a slot, and the one behind its last; not above the first where there are none.
fn slot_rows(view: View, slot: u32) -> vec2<u32> {
    let split = call.spaces[view.space >> 1u][SPLIT];
    return vec2(slot * split, min((slot + 1u) * split, rows_of(view)));
}

/// Rows of a slot.
fn slot_count(view: View, slot: u32) -> u32 {
    let rows = slot_rows(view, slot);
    return max(rows.y, rows.x) - rows.x;
}

/// The sum of what the 16 threads of a column have. All threads of the workgroup must call it.
fn sum_column(local: vec3<u32>, value: vec4<f32>) -> vec4<f32> {
    workgroupBarrier(); // the last call's sums were read
    column_sums[16u * local.y + local.x] = value;
    workgroupBarrier();
    var sum = vec4(0.0);
    for (var i = 0u; i < 16u; i++) {
        sum += column_sums[16u * i + local.x];
    }
    return sum;
}

// scan: sums over the threads of a workgroup of 256, for shaders that number what they find. src/gpu/shaders/mod.rs puts it
// before them.

var<workgroup> scan_sums: array<u32, 256>;

/// The sum of the values of this lane and all lower ones; scan_sums[255] is the sum of all until the next call.
fn scan(lane: u32, value: u32) -> u32 {
    workgroupBarrier(); // the last call's sums were read
    scan_sums[lane] = value;
    for (var step = 1u; step < THREADS; step *= 2u) {
        workgroupBarrier();
        var lower = 0u;
        if lane >= step {
            lower = scan_sums[lane - step];
        }
        workgroupBarrier();
        scan_sums[lane] += lower;
    }
    workgroupBarrier();
    return scan_sums[lane];
}

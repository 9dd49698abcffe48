// dense_update: the optimiser on all weights and biases at once, with the slots of their gradients added up first.
// Specification: src/ops/adam.rs, src/ops/sgd.rs, src/ops/l2.rs; adam.wgsl or sgd.wgsl is put before it.
//
// binding 3      read            slots of the dense gradients: [slots, total]
// binding 4      read            layers: 4 words each (`Layer`)
// binding 5..=7  read and write  the dense parameters and their moments: [total]
// binding 8      write           the weights once more, each layer's matrix transposed in place: [inputs, outputs]
//
// A workgroup takes 16 vec4s, with 16 threads on each: thread j adds slots j, j + 16, ... and the first one adds
// the 16 sums in their order. So a small layer's many slots are not added one after another by one thread.
//
// transpose writes binding 8 alone, after parameters have come from the host.

struct Layer {
    first: u32,   // first vec4
    outputs: u32, // rows of the matrix, in floats
    inputs: u32,  // vec4s of a row; 0: there is no matrix
    pad: u32,
}

struct Dense {
    total: u32, // vec4s of all layers
    layers: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(2) var<uniform> shape: Dense;
@group(0) @binding(3) var<storage, read> slots: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> layers: array<Layer>;
@group(0) @binding(8) var<storage, read_write> transposed: array<f32>;

var<workgroup> sums: array<vec4<f32>, 256>;

/// Writes vec4 `index` to the transposed weights, if it belongs to a matrix.
fn transpose_one(index: u32, updated: vec4<f32>) {
    var layer = layers[0];
    for (var i = 1u; i < shape.layers; i++) {
        if layers[i].first <= index {
            layer = layers[i];
        }
    }
    let within = index - layer.first;
    if within >= layer.outputs * layer.inputs {
        return;
    }
    let output = within / layer.inputs;
    let input = 4u * (within % layer.inputs);
    let to = 4u * layer.first + input * layer.outputs + output;
    transposed[to] = updated.x;
    transposed[to + layer.outputs] = updated.y;
    transposed[to + 2u * layer.outputs] = updated.z;
    transposed[to + 3u * layer.outputs] = updated.w;
}

@compute @workgroup_size(16, 16)
fn reduce(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let index = (group.y * groups.x + group.x) * 16u + local.x;
    var sum = vec4(0.0);
    if index < shape.total {
        for (var slot = local.y; slot < call.slots; slot += 16u) {
            sum += slots[slot * shape.total + index];
        }
    }
    sums[local.y * 16u + local.x] = sum;
    workgroupBarrier();
    if local.y == 0u && index < shape.total {
        for (var i = 1u; i < 16u; i++) {
            sum += sums[i * 16u + local.x];
        }
        transpose_one(index, update(index, sum + call.l2_dense * value[index]));
    }
}

@compute @workgroup_size(256)
fn transpose(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    if index < shape.total {
        transpose_one(index, value[index]);
    }
}

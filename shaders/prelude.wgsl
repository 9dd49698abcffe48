// What all shaders share; src/gpu/pipelines.rs puts it before each of them.
//
// Every matrix is row-major in vec4s: widths are padded to whole vec4s and the pad is zero, in parameters, in
// activations and in gradients (src/gpu/layout.rs). Lengths and offsets are counted in vec4s unless said otherwise.
//
// binding 0  uniform  what changes from call to call, and is the same for all stages of a call
// binding 1  storage  the batch: 64 words that binding 0 reads, then 8 words a column (`column_word`), then ids, labels,
//                     sorted order, segments and chunks where those words say (src/gpu/inputs.rs)
// binding 2  uniform  the shapes of the stage, fixed when the plan is built

struct Call {
    rows: u32,       // samples of this slice of the batch
    first: u32,      // samples of the batch before this slice
    labels: u32,     // word of binding 1 where the labels begin
    losses: u32,     // where this slice's losses go, in floats
    split_rows: u32, // samples that one slot of the dense gradients adds up
    slots: u32,      // such slots, in the batch's first slice
    scale: f32,      // 1 / samples of the batch
    l2_dense: f32,
    l2_tables: f32,  // the L2 weight over the samples of the batch
    beta1: f32,
    beta2: f32,
    rate: f32,       // step size; Adam's with its first correction
    root: f32,       // Adam's second correction
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> inputs: array<u32>;

const HEADER = 64u; // words of binding 1 before the columns' words
const IDS = 0u;
const ORDER = 1u;
const SEGMENTS = 2u;
const SEGMENT_COUNT = 3u;
const CHUNKS = 4u;
const CHUNK_COUNT = 5u;

/// A word about an id column: where its parts begin in `inputs`, and how many there are.
fn column_word(column: u32, word: u32) -> u32 {
    return inputs[HEADER + 8u * column + word];
}

/// A range of columns of a matrix with one row a sample.
struct View {
    first: u32,  // vec4s before the range, in a row
    stride: u32, // vec4s from one row to the next
    width: u32,  // vec4s of the range
    batch: u32,  // 1 where the matrix has rows for the whole batch, 0 where it has them for a slice
}

/// The first vec4 of a slice's row.
fn at(view: View, row: u32) -> u32 {
    return (row + view.batch * call.first) * view.stride + view.first;
}

/// Threads of a workgroup of an elementwise shader.
const THREADS = 256u;

/// The number of a thread, where elements were dealt to workgroups of THREADS along x, then y.
fn flat_index(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
    return (group.y * groups.x + group.x) * THREADS + lane;
}

// What all shaders share; src/gpu/shaders/mod.rs puts it before each of them.
//
// Every matrix is row-major in vec4s: widths are padded to whole vec4s and the pad is zero, in parameters, in
// activations and in gradients (src/gpu/memory/layout). Lengths and offsets are counted in vec4s unless said otherwise.
//
// binding 0  uniform  what changes from call to call, and is the same for all stages of a call
// binding 1  storage  the batch: 64 words that binding 0 reads, then 8 words a column (`column_word`), then ids, their
//                     weights, labels, weights of the samples, log q, sorted order, segments and chunks, offsets of sequences, numbers and keys of
//                     random streams where those words say (src/gpu/program/inputs.rs)
// binding 2  uniform  the shapes of the stage, fixed when the plan is built
//
// The rows of a matrix are those of a space: the samples (space 0), or all steps of all samples of a sequence, one sample's
// behind another's. A slice of the batch is a run of samples with their steps.

struct Call {
    spaces: array<vec4<u32>, 8>, // ROWS, FIRST, SPLIT and OFFSETS of each space
    shares: array<vec4<f32>, 2>, // 1 / pairs of neighbouring steps of the batch, for each space
    labels: u32,     // word of binding 1 where the labels begin
    losses: u32,     // where this slice's losses go, in floats
    auxiliary: u32,  // where those of auxiliary losses go
    slots: u32,      // slots of the dense gradients
    numbers: u32,    // word of binding 1 where the numeric features begin
    noise: u32,      // word of binding 1 where the keys of random streams begin; 0: nothing is random
    scale: f32,      // 1 / samples of the batch
    l2_dense: f32,
    l2_tables: f32,  // the L2 weight over the samples of the batch
    beta1: f32,
    beta2: f32,
    rate: f32,       // step size; Adam's with its first correction
    root: f32,       // Adam's second correction
    epsilon: f32,
    l2_per_row: f32, // the L2 weight of a row, picked or not
    held: u32,       // 1: running statistics count, and stay as they are
    weights: u32,    // word of binding 1 where the samples' weights begin; 0: all count alike
    log_q: u32,      // word of binding 1 where the logarithms of the candidates' probabilities begin; 0: there are none
}

/// Rows of this slice.
const ROWS = 0u;
/// Rows of the batch before this slice.
const FIRST = 1u;
/// Rows that one slot of the dense gradients adds up.
const SPLIT = 2u;
/// Word of binding 1 where the offsets of a sequence begin: where each sample's steps do, and where the last one's end.
const OFFSETS = 3u;

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> inputs: array<u32>;

const HEADER = 64u; // words of binding 1 before the columns' words
const IDS = 0u;
const ORDER = 1u;
const SEGMENTS = 2u;
const SEGMENT_COUNT = 3u;
const CHUNKS = 4u;
const CHUNK_COUNT = 5u;
const WEIGHTS = 6u; // 0: ids have no weights

/// A word about an id column: where its parts begin in `inputs`, and how many there are.
fn column_word(column: u32, word: u32) -> u32 {
    return inputs[HEADER + 8u * column + word];
}

/// A range of columns of a matrix.
struct View {
    first: u32,  // vec4s before the range, in a row
    stride: u32, // vec4s from one row to the next
    width: u32,  // vec4s of the range
    space: u32,  // twice the space; 1 more where the matrix has rows for the whole batch, and not for a slice
}

/// Rows of a slice.
fn rows_of(view: View) -> u32 {
    return call.spaces[view.space >> 1u][ROWS];
}

/// The first vec4 of a slice's row.
fn at(view: View, row: u32) -> u32 {
    return (row + (view.space & 1u) * call.spaces[view.space >> 1u][FIRST]) * view.stride + view.first;
}

/// The steps of a sample of the slice: the rows of a matrix of steps where they begin and end.
fn steps_of(steps: View, sample: u32) -> vec2<u32> {
    let space = call.spaces[steps.space >> 1u];
    let offset = space[OFFSETS] + call.spaces[0][FIRST] + sample;
    return vec2(inputs[offset], inputs[offset + 1u]) - space[FIRST];
}

/// The sample of the slice that a row of a matrix of steps belongs to.
fn sample_of(steps: View, row: u32) -> u32 {
    var low = 0u; // steps of this sample begin at the row or before it, those of `high` behind it
    var high = call.spaces[0][ROWS];
    while high - low > 1u {
        let middle = low + (high - low) / 2u;
        if steps_of(steps, middle).x <= row {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/// How much a sample of the slice counts.
fn sample_weight(sample: u32) -> f32 {
    if call.weights == 0u {
        return 1.0;
    }
    return bitcast<f32>(inputs[call.weights + call.spaces[0][FIRST] + sample]);
}

/// Whether slices of this batch have gone before.
fn is_later() -> bool {
    return call.spaces[0][FIRST] != 0u;
}

/// Whether a step has another of its sample behind it.
fn has_next(steps: View, step: u32) -> bool {
    return step + 1u < steps_of(steps, sample_of(steps, step)).y;
}

/// What stands for a parameter that is not there.
const NONE = 0xffffffffu;

/// Threads of a workgroup of an elementwise shader.
const THREADS = 256u;

/// The number of a thread, where elements were dealt to workgroups of THREADS along x, then y.
fn flat_index(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
    return (group.y * groups.x + group.x) * THREADS + lane;
}

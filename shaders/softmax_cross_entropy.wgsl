// softmax cross-entropy of each query against the candidates of the samples of its block. Specification:
// src/ops/softmax_cross_entropy.rs; softmax_tiles.wgsl is put before it. Slices begin with a block.

/// Whether a query's own candidate is in its list.
fn own_is_listed() -> bool {
    return true;
}

/// Whether a candidate is in the list of a query.
fn is_compared(query: u32, candidate: u32) -> bool {
    if query >= queries() || candidate >= queries() || query / shape.block != candidate / shape.block {
        return false;
    }
    if query == candidate || shape.column == NONE {
        return true;
    }
    return id(shape.column, shape.rows, query) != id(shape.column, shape.rows, candidate);
}

/// Where the blocks of 16 rows of `all` begin, and where they end.
fn list_of(begin: u32, all: u32, others: u32) -> vec2<u32> {
    let last = min(begin + SIDE, all) - 1u;
    return vec2(begin / shape.block * shape.block, min((last / shape.block + 1u) * shape.block, others));
}

// What the shaders share that search the catalogue for some users: catalogue, top_k and rank. Their scores are kept as
// keys, `[users, items]`: u32 that order as the scores do, the larger the better.
//
// binding 5  uniform  what is searched

struct Search {
    start: u32, // the slice's first pair; pair p is user p / items with item p % items
    rows: u32,  // pairs of the slice
    items: u32,
    limit: u32, // items that are searched: the first ones
    known: u32, // cells that are left out
    k: u32,
    parts: u32, // parts of a user's items, each a workgroup's
    query: u32, // column of the users' ids, 0 or 1; the items' are in the other one
}

@group(0) @binding(5) var<uniform> search: Search;

/// The key of what is left out, below that of any score.
const LEFT_OUT = 0u;
/// The key of NaN, above that of any score: it shows in whatever is found.
const NOT_A_NUMBER = 0xffffffffu;

/// Items that a workgroup of 256 threads takes, 256 at a time.
const PART = 16384u;

/// Rounds in which a part has items: the same for the whole workgroup. The last parts may have none.
fn rounds_of(part: u32) -> u32 {
    return (min(search.limit, (part + 1u) * PART) + THREADS - 1u - min(search.limit, part * PART)) / THREADS;
}

// picked: the rows that an id column of the batch picks, as the host has sorted them. Put before row_update.wgsl and
// propagate.wgsl.
//
// A segment of `inputs` is three words: a row, where its samples begin in the sorted order, and where its chunks begin; it
// ends where the next one begins.

/// The word where a segment of an id column begins.
fn segment_at(id_column: u32, segment: u32) -> u32 {
    return column_word(id_column, SEGMENTS) + 3u * segment;
}

/// Samples (or steps) of a segment.
fn samples_of(id_column: u32, segment: u32) -> u32 {
    let at = segment_at(id_column, segment);
    return inputs[at + 4u] - inputs[at + 1u];
}

/// The segment of a row, or NONE.
fn find(id_column: u32, row: u32) -> u32 {
    let count = column_word(id_column, SEGMENT_COUNT);
    var low = 0u; // the first segment that is not below the row
    var high = count;
    while low < high {
        let middle = low + (high - low) / 2u;
        if inputs[segment_at(id_column, middle)] < row {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    if low == count {
        return NONE;
    }
    return select(NONE, low, inputs[segment_at(id_column, low)] == row);
}

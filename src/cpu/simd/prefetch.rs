//! Hints to a processor's cache.

/// Asks for the cache line of `data[index]`, if there is one; a hint that costs an instruction.
#[inline(always)]
pub(crate) fn prefetch<T>(data: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(element) = data.get(index) {
        // SAFETY: SSE is part of x86-64, and a prefetch changes nothing but the cache.
        unsafe {
            core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(
                core::ptr::from_ref(element).cast(),
            );
        }
    }
    // Elsewhere the instruction is not to be had in stable Rust.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (data, index);
}

/// Bytes in a line of a cache.
const LINE: usize = 64;

/// Asks for the lines of a row, which begins at `data[start]`.
#[inline(always)]
pub(crate) fn prefetch_row<T>(data: &[T], start: usize, width: usize) {
    let end = start.saturating_add(width).min(data.len()); // a caller's width may be any number
    let mut column = start;
    while column < end {
        prefetch(data, column);
        column += LINE / size_of::<T>();
    }
}

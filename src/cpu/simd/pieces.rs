//! Loops over slices side by side, in pieces of a vector or a row: what the standard library's `chunks`, `chunks_exact`, `iter`,
//! `zip` and `enumerate` are, but inlined into kernels at every level of optimisation.
//!
//! Where size is what counts (`opt-level` `s` and `z`) compilers leave the `next` of the standard library's adaptors as a call,
//! one a vector, and whatever lanes it hands over go through memory.

use core::marker::PhantomData;

use super::run::{Items, Run};

/// A slice's elements.
pub(crate) struct Elements<'a, T>(&'a [T]);

// SAFETY: they are shared.
unsafe impl<'a, T> Items for Elements<'a, T> {
    type Item = &'a T;

    #[inline(always)]
    fn count(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    unsafe fn item(&self, index: usize) -> &'a T {
        // SAFETY: the index is below the length.
        unsafe { &*self.0.as_ptr().add(index) }
    }
}

/// A slice's elements, to write.
pub(crate) struct ElementsMut<'a, T> {
    data: *mut T,
    len: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: each comes once, from a slice that is borrowed for as long.
unsafe impl<'a, T> Items for ElementsMut<'a, T> {
    type Item = &'a mut T;

    #[inline(always)]
    fn count(&self) -> usize {
        self.len
    }

    #[inline(always)]
    unsafe fn item(&self, index: usize) -> &'a mut T {
        // SAFETY: the index is below the length, and no other reference is to this element.
        unsafe { &mut *self.data.add(index) }
    }
}

/// Pieces of a slice: `size` elements each, but for the last where they are [all](Pieces::all).
pub(crate) struct Pieces<'a, T> {
    data: &'a [T],
    size: usize,
    count: usize,
}

// SAFETY: they are shared.
unsafe impl<'a, T> Items for Pieces<'a, T> {
    type Item = &'a [T];

    #[inline(always)]
    fn count(&self) -> usize {
        self.count
    }

    #[inline(always)]
    unsafe fn item(&self, index: usize) -> &'a [T] {
        let (start, len) = place(self.data.len(), self.size, index);
        // SAFETY: a piece below the count is within the slice.
        unsafe { core::slice::from_raw_parts(self.data.as_ptr().add(start), len) }
    }
}

/// The whole pieces of a slice: their length is one and the same.
pub(crate) struct WholePieces<'a, T>(Pieces<'a, T>);

// SAFETY: they are shared.
unsafe impl<'a, T> Items for WholePieces<'a, T> {
    type Item = &'a [T];

    #[inline(always)]
    fn count(&self) -> usize {
        self.0.count
    }

    #[inline(always)]
    unsafe fn item(&self, index: usize) -> &'a [T] {
        // SAFETY: a whole piece below the count is within the slice.
        unsafe { core::slice::from_raw_parts(self.0.data.as_ptr().add(index * self.0.size), self.0.size) }
    }
}

/// [`Pieces`] to write.
pub(crate) struct PiecesMut<'a, T> {
    data: *mut T,
    len: usize,
    size: usize,
    count: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: pieces do not overlap, and each comes once, from a slice that is borrowed for as long.
unsafe impl<'a, T> Items for PiecesMut<'a, T> {
    type Item = &'a mut [T];

    #[inline(always)]
    fn count(&self) -> usize {
        self.count
    }

    #[inline(always)]
    unsafe fn item(&self, index: usize) -> &'a mut [T] {
        let (start, len) = place(self.len, self.size, index);
        // SAFETY: a piece below the count is within the slice, and no other reference is to it.
        unsafe { core::slice::from_raw_parts_mut(self.data.add(start), len) }
    }
}

/// [`WholePieces`] to write.
pub(crate) struct WholePiecesMut<'a, T>(PiecesMut<'a, T>);

// SAFETY: as those of `PiecesMut`.
unsafe impl<'a, T> Items for WholePiecesMut<'a, T> {
    type Item = &'a mut [T];

    #[inline(always)]
    fn count(&self) -> usize {
        self.0.count
    }

    #[inline(always)]
    unsafe fn item(&self, index: usize) -> &'a mut [T] {
        // SAFETY: a whole piece below the count is within the slice, and no other reference is to it.
        unsafe { core::slice::from_raw_parts_mut(self.0.data.add(index * self.0.size), self.0.size) }
    }
}

/// Where piece `index` begins, and its length.
#[inline(always)]
fn place(len: usize, size: usize, index: usize) -> (usize, usize) {
    let start = index * size;
    let rest = len - start;
    (start, if rest < size { rest } else { size })
}

/// What kernels go over a slice by.
///
/// # Panics
/// All that takes a size panics where that is 0.
pub(crate) trait InPieces<T> {
    /// `size` elements from `start` on.
    ///
    /// # Panics
    /// Where there are fewer.
    fn part(&self, start: usize, size: usize) -> &[T];
    /// [`part`](InPieces::part) to write.
    fn part_mut(&mut self, start: usize, size: usize) -> &mut [T];
    /// As `iter`.
    fn elements(&self) -> Run<Elements<'_, T>>;
    /// As `iter_mut`.
    fn elements_mut(&mut self) -> Run<ElementsMut<'_, T>>;
    /// As `chunks`.
    fn pieces(&self, size: usize) -> Run<Pieces<'_, T>>;
    /// As `chunks_mut`.
    fn pieces_mut(&mut self, size: usize) -> Run<PiecesMut<'_, T>>;
    /// As `chunks_exact`.
    fn whole_pieces(&self, size: usize) -> Run<WholePieces<'_, T>>;
    /// As `chunks_exact_mut`.
    fn whole_pieces_mut(&mut self, size: usize) -> Run<WholePiecesMut<'_, T>>;
}

/// Panics where a slice has not so many elements from `start` on.
#[inline(always)]
fn check_part(len: usize, start: usize, size: usize) {
    #[cold]
    #[inline(never)]
    fn refuse(len: usize, start: usize, size: usize) -> ! {
        panic!("{size} elements from {start} on, of {len}")
    }
    if start > len || size > len - start {
        refuse(len, start, size);
    }
}

impl<T> InPieces<T> for [T] {
    #[inline(always)]
    fn part(&self, start: usize, size: usize) -> &[T] {
        check_part(self.len(), start, size);
        // SAFETY: the part is within the slice.
        unsafe { core::slice::from_raw_parts(self.as_ptr().add(start), size) }
    }

    #[inline(always)]
    fn part_mut(&mut self, start: usize, size: usize) -> &mut [T] {
        check_part(self.len(), start, size);
        // SAFETY: the part is within the slice, which is borrowed for as long.
        unsafe { core::slice::from_raw_parts_mut(self.as_mut_ptr().add(start), size) }
    }

    #[inline(always)]
    fn elements(&self) -> Run<Elements<'_, T>> {
        Run(Elements(self))
    }

    #[inline(always)]
    fn elements_mut(&mut self) -> Run<ElementsMut<'_, T>> {
        Run(ElementsMut {
            data: self.as_mut_ptr(),
            len: self.len(),
            borrowed: PhantomData,
        })
    }

    #[inline(always)]
    fn pieces(&self, size: usize) -> Run<Pieces<'_, T>> {
        let count = self.len() / size + usize::from(!self.len().is_multiple_of(size));
        Run(Pieces {
            data: self,
            size,
            count,
        })
    }

    #[inline(always)]
    fn pieces_mut(&mut self, size: usize) -> Run<PiecesMut<'_, T>> {
        let count = self.len() / size + usize::from(!self.len().is_multiple_of(size));
        Run(PiecesMut {
            data: self.as_mut_ptr(),
            len: self.len(),
            size,
            count,
            borrowed: PhantomData,
        })
    }

    #[inline(always)]
    fn whole_pieces(&self, size: usize) -> Run<WholePieces<'_, T>> {
        let count = self.len() / size;
        Run(WholePieces(Pieces {
            data: self,
            size,
            count,
        }))
    }

    #[inline(always)]
    fn whole_pieces_mut(&mut self, size: usize) -> Run<WholePiecesMut<'_, T>> {
        let count = self.len() / size;
        Run(WholePiecesMut(PiecesMut {
            data: self.as_mut_ptr(),
            len: self.len(),
            size,
            count,
            borrowed: PhantomData,
        }))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn the_same_as_the_standard_library() {
        let numbers: Vec<u32> = (0..23).collect();
        for len in [0, 1, 7, 8, 9, 16, 23] {
            for size in [1, 4, 8, 30] {
                let (a, mut b) = (&numbers[..len], numbers[..len].to_vec());
                assert!(a.pieces(size).into_iter().eq(a.chunks(size)));
                assert!(a.whole_pieces(size).into_iter().eq(a.chunks_exact(size)));
                assert!(b.pieces_mut(size).into_iter().eq(a.to_vec().chunks_mut(size)));
                assert!(
                    b.whole_pieces_mut(size)
                        .into_iter()
                        .eq(a.to_vec().chunks_exact_mut(size))
                );
                let ours = a.pieces(size).zip(numbers.elements()).enumerate();
                assert!(ours.into_iter().eq(a.chunks(size).zip(&numbers).enumerate()));
                assert!(a.elements().take(size).into_iter().eq(a.iter().take(size)));
            }
        }
    }

    #[test]
    fn what_is_written_is_there() {
        let mut numbers = [0; 11];
        for (number, slot) in numbers.elements_mut().enumerate() {
            *slot = number;
        }
        for (piece, number) in numbers.pieces_mut(4).zip([10, 20, 30].elements()) {
            piece[0] += number;
        }
        for piece in numbers.whole_pieces_mut(4) {
            piece[3] = 0;
        }
        assert_eq!(numbers, [10, 1, 2, 0, 24, 5, 6, 0, 38, 9, 10]);
    }

    #[test]
    fn parts_are_those_of_ranges() {
        let mut numbers = [0, 1, 2, 3, 4];
        assert_eq!(numbers.part(1, 3), [1, 2, 3]);
        assert!(numbers.part(5, 0).is_empty());
        numbers.part_mut(3, 2)[1] = 9;
        assert_eq!(numbers, [0, 1, 2, 3, 9]);
    }

    #[test]
    #[should_panic = "2 elements from 4 on, of 5"]
    fn a_part_that_is_not_there_is_refused() {
        [0; 5].part(4, 2);
    }

    #[test]
    #[should_panic = "divide by zero"]
    fn pieces_of_nothing_are_refused() {
        [1, 2].pieces(0);
    }
}

//! Items side by side: what the standard library's `zip`, `take` and `enumerate` are, inlined at every level of optimisation. See
//! [`pieces`](super::pieces) for why.

/// Items by their numbers.
///
/// # Safety
/// [`count`](Items::count) does not change, and [`item`](Items::item) gives what may be held beside any other item.
pub(crate) unsafe trait Items {
    type Item;

    /// How many there are.
    fn count(&self) -> usize;

    /// Item `index`.
    ///
    /// # Safety
    /// The index is below the count, and none is asked for twice.
    unsafe fn item(&self, index: usize) -> Self::Item;
}

/// Items, to be gone over in their order.
pub(crate) struct Run<I>(pub(super) I);

impl<I: Items> Run<I> {
    /// These beside others, as far as both go.
    #[inline(always)]
    pub fn zip<J: Items>(self, other: Run<J>) -> Run<Beside<I, J>> {
        Run(Beside(self.0, other.0))
    }

    /// The first `count` of these, or all.
    #[inline(always)]
    pub fn take(self, count: usize) -> Run<First<I>> {
        Run(First(self.0, count))
    }

    /// These with their numbers.
    #[inline(always)]
    pub fn enumerate(self) -> Run<Numbered<I>> {
        Run(Numbered(self.0))
    }
}

impl<I: Items> IntoIterator for Run<I> {
    type Item = I::Item;
    type IntoIter = Iter<I>;

    #[inline(always)]
    fn into_iter(self) -> Iter<I> {
        let end = self.0.count();
        Iter {
            items: self.0,
            next: 0,
            end,
        }
    }
}

/// See [`Run`].
pub(crate) struct Iter<I> {
    items: I,
    next: usize,
    end: usize,
}

impl<I: Items> Iterator for Iter<I> {
    type Item = I::Item;

    #[inline(always)]
    fn next(&mut self) -> Option<I::Item> {
        if self.next == self.end {
            return None;
        }
        let index = self.next;
        self.next += 1;
        // SAFETY: it is below the count, and comes once.
        Some(unsafe { self.items.item(index) })
    }
}

/// See [`Run::zip`].
pub(crate) struct Beside<I, J>(I, J);

// SAFETY: the counts of both do not change.
unsafe impl<I: Items, J: Items> Items for Beside<I, J> {
    type Item = (I::Item, J::Item);

    #[inline(always)]
    fn count(&self) -> usize {
        let (left, right) = (self.0.count(), self.1.count());
        if left < right { left } else { right }
    }

    #[inline(always)]
    unsafe fn item(&self, index: usize) -> Self::Item {
        // SAFETY: the caller's, since the count is not above that of either.
        unsafe { (self.0.item(index), self.1.item(index)) }
    }
}

/// See [`Run::take`].
pub(crate) struct First<I>(I, usize);

// SAFETY: those of the items, of which there are no more.
unsafe impl<I: Items> Items for First<I> {
    type Item = I::Item;

    #[inline(always)]
    fn count(&self) -> usize {
        let all = self.0.count();
        if self.1 < all { self.1 } else { all }
    }

    #[inline(always)]
    unsafe fn item(&self, index: usize) -> Self::Item {
        // SAFETY: the caller's.
        unsafe { self.0.item(index) }
    }
}

/// See [`Run::enumerate`].
pub(crate) struct Numbered<I>(I);

// SAFETY: those of the items.
unsafe impl<I: Items> Items for Numbered<I> {
    type Item = (usize, I::Item);

    #[inline(always)]
    fn count(&self) -> usize {
        self.0.count()
    }

    #[inline(always)]
    unsafe fn item(&self, index: usize) -> Self::Item {
        // SAFETY: the caller's.
        (index, unsafe { self.0.item(index) })
    }
}

//! Loops that are written out, for lanes and register tiles.

/// `$body` for each `$i` below `$end`, a constant of at most 8, which is seen to where this is compiled (it may name generic
/// constants).
///
/// Optimisers for size leave a loop as it is, however short; an array that it indexes then lies in memory, and not in registers.
macro_rules! unrolled {
    ($i:ident < $end:expr => $body:expr) => {{
        const { assert!($end <= 8, "more than are written out") };
        $crate::cpu::simd::unrolled!(@each 0 1 2 3 4 5 6 7, $i, $end, $body)
    }};
    (@each $($number:literal)*, $i:ident, $end:expr, $body:expr) => {{
        $(if const { $number < $end } {
            let $i: usize = $number;
            $body;
        })*
    }};
}
pub(crate) use unrolled;

#[cfg(test)]
mod tests {
    fn numbers<const N: usize>() -> alloc::vec::Vec<usize> {
        let mut numbers = alloc::vec::Vec::new();
        unrolled!(i < N => numbers.push(i));
        numbers
    }

    #[test]
    fn each_number_once_and_in_order() {
        assert!(numbers::<0>().is_empty());
        assert_eq!(numbers::<3>(), [0, 1, 2]);
        assert_eq!(numbers::<8>(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}

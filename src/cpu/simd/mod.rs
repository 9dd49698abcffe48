//! Lanes of `f32`: one small trait, an implementation per instruction set, and the choice between them at run time.
//!
//! A value of a [`Simd`] type is a proof: it exists only where the processor has the instructions, so its methods
//! are safe to call. A kernel is written once, with the macro `kernel`, generic over the trait; all that it calls is
//! inlined (`#[inline(always)]`) into [`Simd::vectorize`], the one function of each implementation that is compiled
//! with the instructions turned on.
//!
//! Where size is what counts (`opt-level` `s` and `z`), optimisers inline and unroll next to nothing by themselves. So that kernels are
//! as fast there, their functions are `#[inline(always)]`, no closure takes lanes, slices are gone over side by side by
//! `pieces`, and arrays of lanes by `unrolled`.
//!
//! All `unsafe` of the CPU kernels stands in this folder: the intrinsics, the pointers of [`matmul`], and a hint to the system ([`pages`]).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod isa;
pub(crate) mod matmul;
#[cfg(target_arch = "aarch64")]
mod neon;
pub(crate) mod pages;
pub(crate) mod pairs;
mod pieces;
mod prefetch;
mod run;
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
mod scalar;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2;
mod stored;
mod unroll;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use isa::Isa;
pub(crate) use isa::{Proof, dispatch};
#[cfg(target_arch = "aarch64")]
pub use neon::Neon;
pub(crate) use pieces::InPieces;
pub(crate) use prefetch::prefetch_row;
pub(crate) use run::{Items, Run};
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
pub use scalar::Scalar;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub use sse2::Scalar;
pub use stored::Stored;
pub(crate) use unroll::unrolled;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::Wasm;

use half::f16;

mod sealed {
    /// What only the types of this folder have.
    pub trait Sealed {}
}
use sealed::Sealed;

/// Operations on a vector of [`LANES`](Simd::LANES) floats.
///
/// Sealed: kernels rely on what the methods do to form pointers, so that a type of another crate could not be trusted with
/// them. [`Scalar`] and the other types of [`cpu`](crate::cpu) are all that there are.
///
/// ```compile_fail,E0277
/// #[derive(Clone, Copy)]
/// struct Mine;
/// impl pocketrec::cpu::Simd for Mine {} // the trait bound `Mine: Sealed` is not satisfied
/// ```
#[allow(missing_docs)] // the names say it: one lane operation each
pub trait Simd: Sealed + Copy + Send + Sync + 'static {
    /// Floats in a vector.
    const LANES: usize;
    /// Rows of the matrix multiplication's register tile when it is one, two, ... vectors wide: at most 4, and 8 rows.
    const TILE_ROWS: &'static [usize];
    /// Depth steps of the matrix multiplication that one load of the left operand serves: 4 where `mul_add_lane` is
    /// one instruction, 1 where each float is broadcast.
    const LEFT_STEPS: usize = 1;
    /// The vector.
    type F32: Copy;

    /// Runs a kernel compiled with this instruction set.
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output;

    fn splat(self, x: f32) -> Self::F32;
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b + c`, rounded once where the processor can.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `a[LANE] * b + c` for `LANE` below `LEFT_STEPS`; where that is 1, `a` must be a broadcast.
    #[inline(always)]
    fn mul_add_lane<const LANE: i32>(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        self.mul_add(a, b, c)
    }
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sqrt(self, a: Self::F32) -> Self::F32;
    /// The nearest whole number.
    fn round(self, a: Self::F32) -> Self::F32;
    /// `2^a` for whole `a` in -126..=127.
    fn exp2_whole(self, a: Self::F32) -> Self::F32;
    /// `yes` where `a > b`, else `no`.
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32;
    /// The sums of lanes `2 n` and `2 n + 1`, in the first half of the lanes; what is in the others is not said.
    fn add_pairs(self, a: Self::F32) -> Self::F32;
    /// The sum of all lanes.
    fn reduce_sum(self, a: Self::F32) -> f32;

    /// The first `LANES` floats of `from`.
    ///
    /// # Safety
    /// `from` must be valid for reading `LANES` floats.
    unsafe fn load_ptr(self, from: *const f32) -> Self::F32;
    /// Two floats, over and over.
    ///
    /// # Safety
    /// `from` must be valid for reading two floats.
    unsafe fn splat_pair_ptr(self, from: *const f32) -> Self::F32;
    /// Writes `LANES` floats to `to`.
    ///
    /// # Safety
    /// `to` must be valid for writing `LANES` floats.
    unsafe fn store_ptr(self, x: Self::F32, to: *mut f32);
    /// The first `count <= LANES` floats of `from`, then zeros.
    ///
    /// # Safety
    /// `from` must be valid for reading `count` floats.
    unsafe fn load_ptr_partial(self, from: *const f32, count: usize) -> Self::F32;
    /// Writes the first `count <= LANES` lanes to `to`.
    ///
    /// # Safety
    /// `to` must be valid for writing `count` floats.
    unsafe fn store_ptr_partial(self, x: Self::F32, to: *mut f32, count: usize);
    /// The first `LANES` halves of `from`, widened.
    ///
    /// # Safety
    /// `from` must be valid for reading `LANES` halves.
    unsafe fn load_halves_ptr(self, from: *const f16) -> Self::F32;
    /// Writes `LANES` halves to `to`, each the nearest, of two the even one; infinite beyond the largest.
    ///
    /// # Safety
    /// `to` must be valid for writing `LANES` halves.
    unsafe fn store_halves_ptr(self, x: Self::F32, to: *mut f16);

    /// The first `LANES` floats of a slice that has as many.
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::F32 {
        assert!(from.len() >= Self::LANES);
        // SAFETY: the slice holds LANES floats.
        unsafe { self.load_ptr(from.as_ptr()) }
    }

    /// Writes to the first `LANES` floats of a slice that has as many.
    #[inline(always)]
    fn store(self, x: Self::F32, to: &mut [f32]) {
        assert!(to.len() >= Self::LANES);
        // SAFETY: the slice holds LANES floats.
        unsafe { self.store_ptr(x, to.as_mut_ptr()) }
    }

    /// A slice of at most `LANES` floats, filled up with zeros.
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> Self::F32 {
        if from.len() == Self::LANES {
            return self.load(from);
        }
        assert!(from.len() < Self::LANES);
        // SAFETY: the count is the slice's.
        unsafe { self.load_ptr_partial(from.as_ptr(), from.len()) }
    }

    /// Fills a slice of at most `LANES` floats.
    #[inline(always)]
    fn store_partial(self, x: Self::F32, to: &mut [f32]) {
        if to.len() == Self::LANES {
            return self.store(x, to);
        }
        assert!(to.len() < Self::LANES);
        // SAFETY: the count is the slice's.
        unsafe { self.store_ptr_partial(x, to.as_mut_ptr(), to.len()) }
    }
}

/// A computation to be compiled with the instructions of a [`Simd`]; made by the macro `kernel`.
///
/// A closure would not do: its call is not always inlined, and whatever is not inlined into the function with the
/// instructions turned on is compiled without them, each lane operation a call.
pub trait Kernel {
    /// What it returns.
    type Output;
    /// Runs it. Implementations are `#[inline(always)]`.
    fn run(self) -> Self::Output;
}

/// Defines a function over a `Simd` whose body is a [`Kernel`]: its arguments travel in a structure. Matrices among them
/// are looked at first.
macro_rules! kernel {
    (
        $(#[$attribute:meta])*
        pub fn $name:ident<'a, S: $simd:ident $(, $other:ident: $bound:ident)?>($s:ident: S $(, $argument:ident: $type:ty)* $(,)?) $(-> $output:ty)? $body:block
    ) => {
        $(#[$attribute])*
        #[allow(clippy::too_many_arguments)] // operands with their shapes
        pub fn $name<'a, S: $simd $(, $other: $bound)?>($s: S $(, $argument: $type)*) $(-> $output)? {
            #[allow(unused_imports)] // where all arguments are matrices
            use $crate::cpu::rows::CheckShape as _;
            $((&$argument).check_shape();)*
            struct Arguments<'a, S $(, $other: $bound)?> {
                $s: S,
                $($argument: $type,)*
                lifetime: core::marker::PhantomData<(&'a (), $($other)?)>,
            }
            impl<'a, S: $simd $(, $other: $bound)?> $crate::cpu::simd::Kernel for Arguments<'a, S $(, $other)?> {
                type Output = $crate::cpu::simd::kernel!(@output $($output)?);
                #[inline(always)]
                fn run(self) -> Self::Output {
                    let Arguments { $s, $($argument,)* lifetime: _ } = self;
                    $body
                }
            }
            $s.vectorize(Arguments { $s, $($argument,)* lifetime: core::marker::PhantomData })
        }
    };
    (@output) => { () };
    (@output $output:ty) => { $output };
}
pub(crate) use kernel;

/// 2^23: floats from here on are whole numbers.
const WHOLE: f32 = 8_388_608.0;

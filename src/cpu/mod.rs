//! The CPU: kernels over slices, and the executor that runs a plan with them.
//!
//! A kernel is generic over [`Simd`], a proof that the processor has the instructions, and safe to call:
//!
//! ```
//! use pocketrec::cpu::{Rows, RowsMut, Scalar, product};
//! let (a, b) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
//! let mut c = [0.0; 3];
//! let rows = |data| Rows { data, stride: 3, width: 3 };
//! product::forward(Scalar, 1, rows(&a), rows(&b), RowsMut { data: &mut c, stride: 3, width: 3 });
//! assert_eq!(c, [4.0, 10.0, 18.0]);
//! ```

mod accumulate;
pub mod adam;
pub mod add;
pub mod affine;
mod aligned;
pub mod attention;
pub mod attention_unit;
pub mod auxiliary;
pub mod batch_norm;
pub mod bpr;
mod catalogue;
pub mod causal_attention;
pub mod ccl;
pub mod cross;
pub mod dice;
pub mod distance;
pub mod dot_steps;
pub mod dropout;
mod executor;
pub mod fm;
pub mod gather;
pub mod gru;
pub mod last_step;
pub mod layer_norm;
pub(crate) mod least_squares;
pub mod linear;
pub mod margin;
mod math;
pub mod normalise;
mod numeric;
mod packed;
mod pair_loss;
pub mod pair_with_next;
pub mod pool;
pub mod prelu;
mod prepare;
pub mod product;
pub mod propagate;
pub mod row_update;
mod rows;
mod sampled_softmax;
#[cfg(not(feature = "parallel"))]
mod serial;
pub mod sigmoid_cross_entropy;
#[allow(unsafe_code)] // intrinsics, and pointers into checked slices
pub(crate) mod simd;
pub mod softmax;
pub mod softmax_cross_entropy;
mod source;
pub mod sum;
mod table;
#[cfg(feature = "parallel")]
#[allow(unsafe_code)] // jobs that borrow from their caller's stack
mod threads;
mod tile;
pub mod top_k;
mod update;
mod workers;

pub(crate) use catalogue::ItemPanels;
pub use executor::CpuExecutor;
pub use rows::{Rows, RowsMut};
#[cfg(target_arch = "aarch64")]
pub use simd::Neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use simd::Wasm;
#[cfg(target_arch = "x86_64")]
pub use simd::{Avx2, Avx512};
pub use simd::{Isa, Scalar, Simd, Stored};
pub(crate) use workers::Workers;

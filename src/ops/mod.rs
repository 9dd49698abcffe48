//! The specification.
#![allow(missing_docs)]
pub mod gather {}
pub mod linear {}
pub mod product {}
pub mod sum {}
pub mod sigmoid_cross_entropy {}

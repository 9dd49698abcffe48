//! faer's products in the place of the crate `gemm`: the table that `benches/linear.rs` prints at its end, against faer.

#[path = "../../common/mod.rs"]
mod common;

use common::linear::{Shape, Strided, compare, print_table};
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use pocketrec::cpu::Isa;

/// `c = a b` by faer, on one thread.
fn product(a: Strided<'_>, b: Strided<'_>, c: &mut [f32]) {
    let (rows, columns) = (a.size[0], b.size[1]);
    let c = MatMut::from_row_major_slice_mut(&mut c[..rows * columns], rows, columns);
    matmul(c, Accum::Replace, view(a), view(b), 1.0, Par::Seq);
}

fn view(matrix: Strided<'_>) -> MatRef<'_, f32> {
    let [rows, columns] = matrix.size;
    let data = &matrix.data[..rows * columns];
    match matrix.stride {
        [_, 1] => MatRef::from_row_major_slice(data, rows, columns),
        _ => MatRef::from_column_major_slice(data, rows, columns),
    }
}

fn main() {
    let isa = Isa::available()[0];
    let rows: Vec<_> = Shape::all()
        .map(|shape| on_isa!(isa, compare(shape, product)))
        .collect();
    print_table(isa, "faer", &rows);
}

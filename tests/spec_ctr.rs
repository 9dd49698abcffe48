//! The specification of the click-through models' operations against finite differences and plainer formulas.

mod common;

use common::differences::{TOLERANCE, differences, values, weigh};
use pocketrec::ops::fm;

/// The definition: the sum over pairs of fields of their dot product.
fn fm_by_pairs(input: &[f64], fields: usize, width: usize) -> Vec<f64> {
    let of_row = |row: &[f64]| -> f64 {
        let fields: Vec<&[f64]> = row.chunks(width).collect();
        let dot = |f: usize, g: usize| -> f64 { fields[f].iter().zip(fields[g]).map(|(x, y)| x * y).sum() };
        let pairs = (0..fields.len()).flat_map(|f| (f + 1..fields.len()).map(move |g| (f, g)));
        pairs.map(|(f, g)| dot(f, g)).sum()
    };
    input.chunks(fields * width).map(of_row).collect()
}

#[test]
fn fm_is_the_sum_over_pairs() {
    for (rows, fields, width) in [(1, 1, 1), (1, 2, 1), (3, 5, 4), (7, 10, 3), (2, 1, 6)] {
        let what = format!("{rows} rows of {fields} fields of {width}");
        let (input, weights) = (values(rows * fields * width, 1), values(rows, 2));
        let want = fm_by_pairs(&input, fields, width);
        let got = fm::forward(&input, width, rows);
        common::close_or(&got, &want, 1.0, 1e-13, &what);

        let by_input = differences(&input, |input| weigh(&fm_by_pairs(input, fields, width), &weights));
        let gradient = fm::backward(&input, &weights, width);
        common::close_or(&gradient, &by_input, 1.0, TOLERANCE, &what);
    }
    assert!(fm::forward(&[], 4, 0).is_empty() && fm::backward(&[], &[], 4).is_empty());
}

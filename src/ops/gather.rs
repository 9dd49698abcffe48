//! Gather: an embedding look-up.
//!
//! `output[s, i] = table[ids[s], i]`, with `table` `[table rows, width]`, `ids` `[rows]`, `output` `[rows, width]`.
//! It is the product of one-hot rows with the table, as He et al. (*Neural Collaborative Filtering*, WWW 2017,
//! equation 3) write it, without the multiplications.
//!
//! Where ids have weights (a feature's value in libfm's files), `output[s, i]` is that times `weights[s]`
//! ([`weigh`]).
//!
//! Where the table is [propagated](super::Propagate), its rows are read as they come out of that, and the gradient is that of
//! its output.
//!
//! Its gradient with respect to the table is [`row_update`]: row `r` receives the sum of
//! `output_gradient[s, ..]` over all samples `s` with `ids[s] == r`. Ids have no gradient.

use alloc::{vec, vec::Vec};
use core::{fmt, slice};

use super::{
    op::{Names, Op, Role, Spaces, describe_inputs},
    row_update,
    specification::{Context, Specification, add},
};
use crate::view::{Space, View};

/// `output[s] = table[ids[s]]`: an embedding look-up; times `weights[s]` where
/// the column is [weighted](crate::plan::Column::weighted).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gather {
    /// The table.
    pub table: usize,
    /// The id column that picks its rows.
    pub column: usize,
    /// Where the table's rows are read after they were [propagated](super::Propagate): the first of them, and the columns;
    /// nothing where they are read as they are.
    pub propagated: Option<Propagated>,
    /// As wide as the table.
    pub output: View,
}

/// A table's rows among the [nodes](Space::Nodes) of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Propagated {
    /// All nodes, as wide as the table.
    pub view: View,
    /// Whether the table is the first of those that are propagated, or the second, whose rows lie behind the first one's.
    pub side: usize,
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn inputs(&self) -> &[View] {
        self.propagated.as_ref().map_or(&[], |from| slice::from_ref(&from.view))
    }

    fn params(&self) -> Vec<usize> {
        Vec::new()
    }

    fn output(&self) -> Option<View> {
        Some(self.output)
    }

    fn role(&self) -> Role {
        Role::LookUp {
            table: self.table,
            column: self.column,
        }
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        match self.propagated {
            Some(_) => Spaces::LookUp { column: self.column },
            None => Spaces::OfColumn(self.column),
        }
    }

    fn multiply_adds(&self, _rows: &dyn Fn(View) -> usize) -> usize {
        0
    }

    fn describe(&self, names: &dyn Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (table, by) = (names.param(self.table), names.column(self.column));
        match &self.propagated {
            None => write!(f, "{table} by {by}"),
            Some(from) => {
                describe_inputs(&[from.view], f)?;
                write!(f, ", {table} propagated, by {by}")
            }
        }
    }
}

impl Gather {
    /// Where the table's rows begin among all nodes.
    fn first_node(&self, on: &dyn Context, from: Propagated) -> usize {
        let rows = on.value(self.table).len() / self.output.width.max(1);
        from.side * (on.rows(from.view) - rows)
    }
}

impl Specification for Gather {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let (ids, weights) = on.ids(self.column);
        let width = self.output.width;
        let mut rows = match self.propagated {
            None => forward(on.value(self.table), width, ids),
            Some(from) => forward(&on.read(from.view)[self.first_node(on, from) * width..], width, ids),
        };
        weigh(&mut rows, weights);
        rows
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let (ids, weights) = on.ids(self.column);
        let (mut delta, width) = (d_output.to_vec(), self.output.width);
        weigh(&mut delta, weights);
        let gradient = backward(ids, &delta, width, on.value(self.table).len() / width);
        match self.propagated {
            None => {
                add(&mut d_params[self.table], &gradient);
                Vec::new()
            }
            Some(from) => {
                let mut of_nodes = vec![0.0; on.rows(from.view) * width];
                let first = self.first_node(on, from) * width;
                of_nodes[first..first + gradient.len()].copy_from_slice(&gradient);
                vec![of_nodes]
            }
        }
    }
}

/// `[ids.len(), width]`: the rows of `table` that `ids` name, in that order. Every id must lie in the table.
///
/// ```
/// use pocketrec::ops::gather;
/// let table = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]; // [3, 2]
/// assert_eq!(gather::forward(&table, 2, &[2, 0, 2]), [2.0, 2.5, 0.0, 0.5, 2.0, 2.5]);
/// ```
pub fn forward(table: &[f64], width: usize, ids: &[u32]) -> Vec<f64> {
    let mut output = Vec::with_capacity(ids.len() * width);
    for &id in ids {
        let first = id as usize * width;
        output.extend_from_slice(&table[first..first + width]);
    }
    output
}

/// Multiplies each row by its weight, `[rows]`: forward the rows that were looked up, backward their gradient.
///
/// ```
/// use pocketrec::ops::gather;
/// let mut rows = [1.0, 2.0, 3.0, 4.0]; // [2, 2]
/// gather::weigh(&mut rows, &[10.0, -1.0]);
/// assert_eq!(rows, [10.0, 20.0, -3.0, -4.0]);
/// ```
pub fn weigh(rows: &mut [f64], weights: &[f32]) {
    let width = rows.len().checked_div(weights.len()).unwrap_or(0).max(1);
    for (row, &weight) in rows.chunks_exact_mut(width).zip(weights) {
        row.iter_mut().for_each(|x| *x *= f64::from(weight));
    }
}

/// `[table_rows, width]`: the gradient of the table, zero in rows that no id names. Every id must be below
/// `table_rows`.
///
/// ```
/// use pocketrec::ops::gather;
/// let output_gradient = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0]; // [3, 2]
/// let gradient = gather::backward(&[2, 0, 2], &output_gradient, 2, 3);
/// assert_eq!(gradient, [10.0, 20.0, 0.0, 0.0, 101.0, 202.0]);
/// ```
pub fn backward(ids: &[u32], output_gradient: &[f64], width: usize, table_rows: usize) -> Vec<f64> {
    let mut gradient = vec![0.0; table_rows * width];
    for (row, sum) in row_update::sum_by_id(ids, output_gradient, width) {
        let first = row as usize * width;
        gradient[first..first + width].copy_from_slice(&sum);
    }
    gradient
}

//! Where columns lie on the device: every run of columns that a stage reads or writes begins at a whole vec4.
//!
//! Shaders load four floats at a time. A plan may join runs of any width in one buffer (a product of 3 factors beside a
//! tower's 5 outputs), so a buffer is cut wherever any view begins or ends, and each piece is padded to whole vec4s. A
//! view is then a range of vec4s, and parameters are stored with the pads of the views that they meet: the pad of a
//! weight, a bias or a table row is zero, stays zero under every optimiser, and adds nothing.

use std::collections::BTreeSet;

use super::support::{Shaded, shaded};
use crate::plan::{ParamKind, Plan, Stage, View};

/// A range of columns of a buffer, in vec4s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range4 {
    pub first: u32,
    pub width: u32,
}

impl Range4 {
    pub fn end(self) -> u32 {
        self.first + self.width
    }
}

/// Consecutive floats without a pad between them: `len` from `from` of the plan's matrix to `to` of the device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub from: usize,
    pub to: usize,
    pub len: usize,
}

/// The pieces of each buffer.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// For each buffer, its pieces: columns of the plan, and the vec4 where the device has them.
    pieces: Vec<Vec<Piece>>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    start: usize,
    end: usize,
    first: u32,
}

impl Columns {
    pub fn new(plan: &Plan) -> Self {
        let mut cuts: Vec<BTreeSet<usize>> = plan.buffers().iter().map(|&width| [0, width].into()).collect();
        let views = plan
            .stages()
            .iter()
            .flat_map(|stage| stage.inputs().iter().copied().chain(stage.output()));
        for view in views {
            cuts[view.buffer].extend([view.start, view.start + view.width]);
        }
        while spread_cuts(plan, &mut cuts) {}
        let pieces = cuts.iter().map(|cuts| {
            let mut first = 0;
            let bounds: Vec<usize> = cuts.iter().copied().collect();
            let piece = |pair: &[usize]| {
                let piece = Piece {
                    start: pair[0],
                    end: pair[1],
                    first,
                };
                first += (pair[1] - pair[0]).div_ceil(4) as u32;
                piece
            };
            bounds.windows(2).map(piece).collect()
        });
        Columns {
            pieces: pieces.collect(),
        }
    }

    /// vec4s of a row of a buffer.
    pub fn stride(&self, buffer: usize) -> u32 {
        self.pieces[buffer].last().map_or(0, Piece::end4)
    }

    /// A view's vec4s.
    pub fn range(&self, view: View) -> Range4 {
        let pieces = self.pieces_of(view);
        let first = pieces.first().map_or(0, |piece| piece.first);
        let end = pieces.last().map_or(0, Piece::end4);
        Range4 {
            first,
            width: end - first,
        }
    }

    /// A view's columns without the pads, counted from the view's beginning.
    pub fn runs(&self, view: View) -> Vec<Run> {
        let pieces = self.pieces_of(view);
        let origin = pieces.first().map_or(0, |piece| piece.first);
        let run = |piece: &Piece| Run {
            from: piece.start - view.start,
            to: 4 * (piece.first - origin) as usize,
            len: piece.end - piece.start,
        };
        pieces.iter().map(run).collect()
    }

    /// A view cut into views that have no pad but at their end.
    pub fn split(&self, view: View) -> impl Iterator<Item = View> {
        self.pieces_of(view).iter().map(move |piece| View {
            start: piece.start,
            width: piece.end - piece.start,
            ..view
        })
    }

    fn pieces_of(&self, view: View) -> &[Piece] {
        let pieces = &self.pieces[view.buffer];
        let first = pieces.partition_point(|piece| piece.start < view.start);
        let end = pieces.partition_point(|piece| piece.start < view.start + view.width);
        &pieces[first..end]
    }
}

impl Piece {
    fn end4(&self) -> u32 {
        self.first + (self.end - self.start).div_ceil(4) as u32
    }
}

/// The operands of a product must be cut alike. Returns whether a cut was added.
fn spread_cuts(plan: &Plan, cuts: &mut [BTreeSet<usize>]) -> bool {
    let mut added = false;
    for stage in plan.stages() {
        let Stage::Product { inputs, output } = stage else {
            continue;
        };
        let views = [inputs[0], inputs[1], *output];
        let inner: BTreeSet<usize> = views
            .iter()
            .flat_map(|view| cuts[view.buffer].range(view.range()).map(|cut| cut - view.start))
            .collect();
        for view in views {
            for cut in &inner {
                added |= cuts[view.buffer].insert(view.start + cut);
            }
        }
    }
    added
}

/// How a parameter of the plan, `[rows, width]`, is stored on the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matrix {
    /// Floats of a row in the plan.
    pub width: usize,
    /// vec4s of a row on the device.
    pub stride: u32,
    /// Columns of a row.
    pub columns: Vec<Run>,
    /// Rows; empty for a table, whose rows are the same in both.
    pub rows: Vec<Run>,
    /// Rows on the device; 0 for a table, whose number grows.
    pub device_rows: u32,
}

impl Matrix {
    /// How each parameter of a plan is stored.
    pub fn of_plan(plan: &Plan, columns: &Columns) -> Vec<Matrix> {
        let mut matrices: Vec<Option<Matrix>> = vec![None; plan.params().len()];
        for stage in shaded(plan) {
            match stage {
                Shaded::Gather { table, output, .. } => matrices[table] = Some(Matrix::table(columns, output)),
                Shaded::Linear(layer) => {
                    matrices[layer.weight] = Some(Matrix {
                        rows: columns.runs(layer.output),
                        device_rows: 4 * columns.range(layer.output).width,
                        ..Matrix::table(columns, layer.input)
                    });
                    matrices[layer.bias] = Some(Matrix::vector(columns, layer.output));
                }
                Shaded::Sum { bias, output, .. } => matrices[bias] = Some(Matrix::vector(columns, output)),
                Shaded::Product { .. } | Shaded::SigmoidCrossEntropy { .. } => {}
            }
        }
        // Every parameter of a finished plan belongs to a stage.
        matrices.into_iter().flatten().collect()
    }

    fn table(columns: &Columns, view: View) -> Matrix {
        Matrix {
            width: view.width,
            stride: columns.range(view).width,
            columns: columns.runs(view),
            rows: Vec::new(),
            device_rows: 0,
        }
    }

    fn vector(columns: &Columns, view: View) -> Matrix {
        let row = Run { from: 0, to: 0, len: 1 };
        Matrix {
            rows: vec![row],
            device_rows: 1,
            ..Matrix::table(columns, view)
        }
    }

    /// Floats of a row on the device.
    pub fn stride_floats(&self) -> usize {
        4 * self.stride as usize
    }

    /// Where a row of the plan lies on the device.
    fn device_row(&self, row: usize) -> usize {
        let found = self
            .rows
            .iter()
            .find(|run| (run.from..run.from + run.len).contains(&row));
        found.map_or(row, |run| run.to + row - run.from)
    }

    /// Copies rows of the plan, from `first` on, to `device`, whose row 0 is `origin`. Pads are left alone.
    pub fn spread(&self, values: &[f32], first: usize, origin: usize, device: &mut [f32]) {
        for (row, values) in (first..).zip(values.chunks_exact(self.width)) {
            let to = &mut device[(self.device_row(row) - origin) * self.stride_floats()..];
            for run in &self.columns {
                to[run.to..run.to + run.len].copy_from_slice(&values[run.from..run.from + run.len]);
            }
        }
    }

    /// The reverse of [`spread`](Matrix::spread).
    pub fn collect(&self, device: &[f32], first: usize, origin: usize, values: &mut [f32]) {
        for (row, values) in (first..).zip(values.chunks_exact_mut(self.width)) {
            let from = &device[(self.device_row(row) - origin) * self.stride_floats()..];
            for run in &self.columns {
                values[run.from..run.from + run.len].copy_from_slice(&from[run.to..run.to + run.len]);
            }
        }
    }

    /// The device's rows that hold `rows` rows of the plan from `first` on.
    pub fn device_rows_of(&self, first: usize, rows: usize) -> std::ops::Range<usize> {
        match rows {
            0 => 0..0,
            _ => self.device_row(first)..self.device_row(first + rows - 1) + 1,
        }
    }
}

/// The columns of each buffer that a linear stage with ReLU writes and only linear stages read: who writes their
/// gradient cuts it to a delta at once. For the other ReLU stages that is a dispatch of its own.
pub(super) struct Relus {
    /// For each stage, whether its delta is cut by those who write the gradient.
    pub fused: Vec<bool>,
}

impl Relus {
    pub fn new(plan: &Plan, columns: &Columns) -> Self {
        let fused = |stage: &Stage| {
            let Some(output) = relu_output(stage) else { return false };
            let mut readers = plan.stages().iter().filter(|reader| reads(reader, output));
            readers.all(|reader| match reader {
                Stage::Linear { input, .. } => mask(plan, columns, *input).is_some(),
                _ => false,
            })
        };
        Relus {
            fused: plan.stages().iter().map(fused).collect(),
        }
    }
}

/// The vec4s of `view` that ReLU stages write, counted from the view's beginning, where they are one range.
pub(super) fn mask(plan: &Plan, columns: &Columns, view: View) -> Option<Range4> {
    let whole = columns.range(view);
    let inside = |output: View| {
        let range = columns.range(output);
        let (first, end) = (range.first.max(whole.first), range.end().min(whole.end()));
        (output.buffer == view.buffer && first < end).then_some((first, end))
    };
    let mut ranges: Vec<(u32, u32)> = plan
        .stages()
        .iter()
        .filter_map(relu_output)
        .filter_map(inside)
        .collect();
    ranges.sort_unstable();
    let adjacent = ranges.windows(2).all(|pair| pair[0].1 == pair[1].0);
    match (ranges.first(), ranges.last()) {
        (Some(&(first, _)), Some(&(_, end))) if adjacent => Some(Range4 {
            first: first - whole.first,
            width: end - first,
        }),
        _ => None,
    }
}

fn relu_output(stage: &Stage) -> Option<View> {
    match stage {
        Stage::Linear {
            output,
            activation: crate::plan::Activation::Relu,
            ..
        } => Some(*output),
        _ => None,
    }
}

fn reads(stage: &Stage, output: View) -> bool {
    let overlaps = |view: &View| {
        view.buffer == output.buffer
            && view.start < output.start + output.width
            && output.start < view.start + view.width
    };
    stage.inputs().iter().any(overlaps)
}

/// The id column of a table: supported plans have one a vocabulary, of the same number.
pub(super) fn column_of(kind: ParamKind) -> Option<usize> {
    match kind {
        ParamKind::Table { vocabulary } => Some(vocabulary),
        ParamKind::Dense | ParamKind::Statistic => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Mf, NeuMf};

    #[test]
    fn pieces_begin_at_whole_vec4s() {
        let plan = NeuMf::new(5, 6).factors(3).layers([10, 7, 5]).plan().unwrap();
        let columns = Columns::new(&plan);
        let Some(Stage::Linear { input: top, weight, .. }) = plan.stages().iter().rev().nth(1) else {
            panic!("the logit is a linear stage");
        };
        assert_eq!(columns.range(*top), Range4 { first: 0, width: 3 });
        let runs = columns.runs(*top);
        assert_eq!(
            runs.iter().map(|run| (run.from, run.to, run.len)).collect::<Vec<_>>(),
            [(0, 0, 3), (3, 4, 5)]
        );
        let matrix = &Matrix::of_plan(&plan, &columns)[*weight];
        let mut device = vec![0.0; 4 * matrix.stride_floats()];
        let values: Vec<f32> = (1..=8).map(|x| x as f32).collect();
        matrix.spread(&values, 0, 0, &mut device);
        assert_eq!(
            device[..12],
            [1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0, 7.0, 8.0, 0.0, 0.0, 0.0]
        );
        let mut back = vec![0.0; 8];
        matrix.collect(&device, 0, 0, &mut back);
        assert_eq!(back, values);
    }

    #[test]
    fn a_bias_column_is_a_piece_of_its_own() {
        let plan = Mf::new(5, 6).factors(5).plan().unwrap();
        let columns = Columns::new(&plan);
        assert_eq!(columns.stride(2), 2);
        assert_eq!(columns.stride(3), 2);
    }
}

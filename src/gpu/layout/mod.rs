//! Where columns lie on the device: every run of columns that a stage reads or writes begins at a whole vec4.
//!
//! Shaders load four floats at a time. A plan may join runs of any width in one buffer (a product of 3 factors beside a
//! tower's 5 outputs), so a buffer is cut wherever any view begins or ends, and each piece is padded to whole vec4s. A
//! view is then a range of vec4s, and parameters are stored with the pads of the views that they meet: the pad of a
//! weight, a bias or a table row is zero, stays zero under every optimiser, and adds nothing.

mod alike;
mod masks;
mod matrix;

pub(super) use masks::{Relus, mask};
pub(super) use matrix::Matrix;

use std::collections::BTreeSet;

use crate::{
    ops::{self, gru::Kind},
    plan::{Plan, Stage, View},
};

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

/// The pieces of each buffer: those of the plan, then those that the device adds.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// For each buffer, its pieces: columns of the plan, and the vec4 where the device has them.
    pieces: Vec<Vec<Piece>>,
    /// For each buffer, the index of the space that its rows are of.
    spaces: Vec<usize>,
    /// For each buffer, whether look-ups fill it: its gradient is kept for the whole batch.
    gathered: Vec<bool>,
    /// What the device adds, each with a parameter of the stage that it is for: the rows `[k, q * k]` of an attention unit,
    /// by its weight, and what its query comes to, by its bias; the gates of a recurrent layer, by the weight of its state,
    /// and its scaled input, by the weight of that.
    units: Vec<(usize, View)>,
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
        alike::spread_cuts(plan, &mut cuts);
        let mut columns = Columns {
            pieces: Vec::new(),
            spaces: (0..cuts.len()).map(|buffer| plan.space(buffer).index()).collect(),
            gathered: vec![false; cuts.len()],
            units: Vec::new(),
        };
        for stage in plan.stages() {
            match *stage {
                Stage::Gather(ops::Gather { output, .. }) => columns.gathered[output.buffer] = true,
                Stage::AttentionUnit(ops::AttentionUnit {
                    weight,
                    bias,
                    inputs: [query, key],
                    output,
                    ..
                }) => {
                    columns.add_unit(weight, (key, 2), key, &mut cuts);
                    columns.add_unit(bias, (output, 1), query, &mut cuts);
                }
                Stage::Gru(ops::Gru {
                    kind,
                    params,
                    ref inputs,
                    output,
                }) => {
                    columns.add_unit(params[1], (output, 4), output, &mut cuts);
                    if kind == Kind::Aigru {
                        columns.add_unit(params[0], (inputs[0], 1), inputs[0], &mut cuts);
                    }
                }
                _ => {}
            }
        }
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
        columns.pieces = pieces.collect();
        columns
    }

    /// A buffer for rows of so many parts, each of them cut as `view` is, with as many rows as `space` has.
    fn add_unit(&mut self, param: usize, (view, parts): (View, usize), space: View, cuts: &mut Vec<BTreeSet<usize>>) {
        let of_view = cuts[view.buffer].range(view.start..=view.range().end);
        let of_view: Vec<usize> = of_view.map(|cut| cut - view.start).collect();
        let of_part = |part: usize| of_view.iter().map(move |cut| part * view.width + cut);
        self.units.push((
            param,
            View {
                buffer: cuts.len(),
                start: 0,
                width: parts * view.width,
            },
        ));
        self.spaces.push(self.spaces[space.buffer]);
        self.gathered.push(false);
        cuts.push((0..parts).flat_map(of_part).collect());
    }

    /// Number of buffers.
    pub fn buffers(&self) -> usize {
        self.pieces.len()
    }

    /// Index of the space that the rows of a buffer are of.
    pub fn space(&self, buffer: usize) -> usize {
        self.spaces[buffer]
    }

    /// Whether the gradient of a buffer is kept for the whole batch, since look-ups fill it.
    pub fn is_gathered(&self, buffer: usize) -> bool {
        self.gathered[buffer]
    }

    /// What the device adds for a parameter.
    pub fn unit(&self, param: usize) -> View {
        let found = self.units.iter().find(|(of, _)| *of == param);
        found.map_or(
            View {
                buffer: 0,
                start: 0,
                width: 0,
            },
            |(_, rows)| *rows,
        )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Mf, NeuMf};

    #[test]
    fn pieces_begin_at_whole_vec4s() {
        let plan = NeuMf::new(5, 6).factors(3).layers([10, 7, 5]).plan().unwrap();
        let columns = Columns::new(&plan);
        let Some(Stage::Linear(ops::Linear { input: top, weight, .. })) = plan.stages().iter().rev().nth(1) else {
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

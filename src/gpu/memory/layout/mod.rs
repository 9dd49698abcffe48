//! Where columns lie on the device: every run of columns that a stage reads or writes begins at a whole vec4.
//!
//! Shaders load four floats at a time. A plan may join runs of any width in one buffer (a product of 3 factors beside a
//! tower's 5 outputs), so a buffer is cut wherever any view begins or ends, and each piece is padded to whole vec4s. A
//! view is then a range of vec4s, and parameters are stored with the pads of the views that they meet: the pad of a
//! weight, a bias or a table row is zero, stays zero under every optimiser, and adds nothing.

mod alike;
pub(crate) mod masks;
pub(crate) mod matrix;
pub(crate) mod needs;

use std::collections::BTreeSet;

use needs::{Needs, Scratch};

use crate::plan::{Plan, View};

/// A range of columns of a buffer, in vec4s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range4 {
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
pub(crate) struct Run {
    pub from: usize,
    pub to: usize,
    pub len: usize,
}

/// The pieces of each buffer: those of the plan, then those that the device adds.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    /// For each buffer, its pieces: columns of the plan, and the vec4 where the device has them.
    pieces: Vec<Vec<Piece>>,
    /// For each buffer, the index of the space that its rows are of.
    spaces: Vec<usize>,
    /// For each buffer, whether look-ups fill it: its gradient is kept for the whole batch.
    gathered: Vec<bool>,
    /// What the device adds for each stage.
    scratch: Vec<Vec<View>>,
    /// What each stage needs.
    needs: Vec<Needs>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    start: usize,
    end: usize,
    first: u32,
}

impl Columns {
    /// For a plan whose stages have these needs.
    pub fn new(plan: &Plan, needs: Vec<Needs>) -> Self {
        let mut cuts: Vec<BTreeSet<usize>> = plan.buffers().iter().map(|&width| [0, width].into()).collect();
        let views = plan
            .stages()
            .iter()
            .flat_map(|stage| stage.inputs().iter().copied().chain(stage.output()));
        for view in views {
            cuts[view.buffer].extend([view.start, view.start + view.width]);
        }
        alike::spread_cuts(&needs, plan.params().len(), &mut cuts);
        let mut columns = Columns {
            pieces: Vec::new(),
            spaces: (0..cuts.len()).map(|buffer| plan.space(buffer).index()).collect(),
            gathered: vec![false; cuts.len()],
            scratch: Vec::new(),
            needs,
        };
        for (_, output) in (0..plan.params().len()).flat_map(|table| plan.gathers(table)) {
            columns.gathered[output.buffer] = true;
        }
        for stage in 0..columns.needs.len() {
            let views = columns.needs[stage].scratch.clone();
            let views = views.into_iter().map(|of| columns.add_scratch(of, &mut cuts)).collect();
            columns.scratch.push(views);
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

    /// A buffer for rows of so many parts, each of them cut as a view is.
    fn add_scratch(&mut self, scratch: Scratch, cuts: &mut Vec<BTreeSet<usize>>) -> View {
        let Scratch { part, parts, rows } = scratch;
        let of_view = cuts[part.buffer].range(part.start..=part.range().end);
        let of_view: Vec<usize> = of_view.map(|cut| cut - part.start).collect();
        let of_part = |index: usize| of_view.iter().map(move |cut| index * part.width + cut);
        let view = View {
            buffer: cuts.len(),
            start: 0,
            width: parts * part.width,
        };
        self.spaces.push(self.spaces[rows.buffer]);
        self.gathered.push(false);
        cuts.push((0..parts).flat_map(of_part).collect());
        view
    }

    /// What each stage needs.
    pub fn needs(&self) -> &[Needs] {
        &self.needs
    }

    /// The stages that draw random numbers, by index.
    pub fn random(&self) -> impl Iterator<Item = u32> {
        let random = self.needs.iter().enumerate().filter(|(_, needs)| needs.is_random);
        random.map(|(index, _)| index as u32)
    }

    /// The stages that take statistics of the whole batch, by index, each with the vec4s of a row.
    pub fn statistics(&self) -> impl Iterator<Item = (usize, u32)> {
        let stages = self.needs.iter().enumerate();
        stages.filter_map(|(index, needs)| needs.statistics.map(|view| (index, self.range(view).width)))
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

    /// What the device adds for a stage, in the order in which it asks for it.
    pub fn scratch(&self, stage: usize) -> &[View] {
        &self.scratch[stage]
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
    use super::{matrix::Matrix, *};
    use crate::{
        gpu::ops::needs,
        models::{Mf, NeuMf},
        ops,
        plan::Stage,
    };

    #[test]
    fn pieces_begin_at_whole_vec4s() {
        let plan = NeuMf::new(5, 6).factors(3).layers([10, 7, 5]).plan().unwrap();
        let columns = Columns::new(&plan, needs(&plan));
        let Some(Stage::Linear(ops::Linear { input: top, weight, .. })) = plan.stages().iter().rev().nth(1) else {
            panic!("the logit is a linear stage");
        };
        assert_eq!(columns.range(*top), Range4 { first: 0, width: 3 });
        let runs = columns.runs(*top);
        assert_eq!(
            runs.iter().map(|run| (run.from, run.to, run.len)).collect::<Vec<_>>(),
            [(0, 0, 3), (3, 4, 5)]
        );
        let matrix = &Matrix::of_plan(&plan, &columns).unwrap()[*weight];
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
        let columns = Columns::new(&plan, needs(&plan));
        assert_eq!(columns.stride(2), 2);
        assert_eq!(columns.stride(3), 2);
    }
}

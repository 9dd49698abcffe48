//! Copies of rows that stay on the device: what learning from a click goes back to between its steps.

use std::any::Any;

use crate::{
    Result,
    executor::{KeepRows, Pending, RowRun, check_runs, check_shares, of_another},
    gpu::{
        executor::GpuExecutor,
        memory::buffers::STORAGE,
        program::{
            dispatch::{build, record},
            draft::{Draft, Reads},
            grid::{Grid, Work},
            spaces::SPACES,
        },
        shaders::{Shader, shader},
        shapes::uniform,
    },
    plan::{Param, ParamKind},
};

const HOLD_ROWS: Shader = shader!("hold_rows", "hold_rows");

/// All that are dispatched from here.
pub(crate) const SHADERS: &[Shader] = &[HOLD_ROWS];

uniform! {
    pub(crate) struct HoldShape as Hold {
        width: u32,
        rows: u32,
        pad: [u32; 2],
    }
}

/// Rows as the device lays them, one run behind the other.
struct Copies {
    runs: Vec<RowRun>,
    buffer: wgpu::Buffer,
}

/// Rows of a run that lie in one buffer, and the float where their copies begin.
struct Piece {
    run: usize,
    buffer: wgpu::Buffer,
    at: usize,
    len: usize,
    copy: usize,
    /// Floats of a row.
    stride: usize,
}

/// Rows of one buffer that are held back together.
struct Held {
    value: wgpu::Buffer,
    stride: usize,
    /// As the shader reads them.
    rows: Vec<[u32; 4]>,
}

impl GpuExecutor {
    /// Where rows lie now: tables may have grown since they were copied.
    fn pieces(&self, runs: &[RowRun]) -> Vec<Piece> {
        let (mut pieces, mut copy) = (Vec::new(), 0);
        for (run, &RowRun { param, first, rows }) in runs.iter().enumerate() {
            let (ranges, stride) = self.tensors.value_ranges(param, first, rows);
            for (buffer, at, len) in ranges {
                pieces.push(Piece {
                    run,
                    buffer,
                    at,
                    len,
                    copy,
                    stride,
                });
                copy += len;
            }
        }
        pieces
    }

    fn copy_rows(&mut self, runs: &[RowRun]) -> Result<Copies> {
        self.ready()?;
        check_runs(&self.plan, runs)?;
        let pieces = self.pieces(runs);
        let floats: usize = pieces.iter().map(|piece| piece.len).sum();
        let buffer = self.gpu.buffer("kept rows", 4 * floats as u64, STORAGE)?;
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        for piece in &pieces {
            let [from, to, bytes] = [piece.at, piece.copy, piece.len].map(|floats| 4 * floats as u64);
            encoder.copy_buffer_to_buffer(&piece.buffer, from, &buffer, to, bytes);
        }
        self.in_flight.push_back(self.gpu.submit([encoder.finish()]));
        let runs = runs.to_vec();
        Ok(Copies { runs, buffer })
    }

    fn put_copies_back(&mut self, kept: &(dyn Any + Send)) -> Result<()> {
        self.ready()?;
        let copies = kept.downcast_ref::<Copies>().ok_or_else(of_another)?;
        check_runs(&self.plan, &copies.runs)?;
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        for piece in self.pieces(&copies.runs) {
            let [from, to, bytes] = [piece.copy, piece.at, piece.len].map(|floats| 4 * floats as u64);
            encoder.copy_buffer_to_buffer(&copies.buffer, from, &piece.buffer, to, bytes);
        }
        self.has_changed(&copies.runs);
        self.in_flight.push_back(self.gpu.submit([encoder.finish()]));
        self.gpu.check()
    }

    /// A dispatch for each buffer that has some of the rows.
    fn hold_rows_back(&mut self, kept: &(dyn Any + Send), shares: &[f32]) -> Result<()> {
        self.ready()?;
        let copies = kept.downcast_ref::<Copies>().ok_or_else(of_another)?;
        check_runs(&self.plan, &copies.runs)?;
        check_shares(&copies.runs, shares)?;
        let held = self.held_rows(&copies.runs, shares);
        let mut lists = Vec::with_capacity(held.len());
        for Held { rows, .. } in &held {
            let list = self.gpu.buffer("held rows", 16 * rows.len() as u64, STORAGE)?;
            self.gpu.queue().write_buffer(&list, 0, bytemuck::cast_slice(rows));
            lists.push(list);
        }
        let mut drafts = Vec::with_capacity(held.len());
        for (held, list) in held.iter().zip(&lists) {
            let shape = HoldShape {
                width: held.stride as u32 / 4,
                rows: held.rows.len() as u32,
                pad: [0; 2],
            };
            let grid = Grid::Threads(u64::from(shape.width) * u64::from(shape.rows));
            let buffers = vec![(3, list), (4, &copies.buffer), (5, &held.value)];
            drafts.push(Draft::new(HOLD_ROWS, "hold", grid, Reads::Nothing, &shape, buffers));
        }
        let dispatches = build(&self.gpu, &copies.buffer, drafts)?;
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        let work = Work {
            rows: [0; SPACES],
            slots: 0,
            columns: &[],
        };
        self.counts.dispatches += record(&mut encoder, &[&dispatches], work, None);
        self.counts.submits += 1;
        self.has_changed(&copies.runs);
        self.in_flight.push_back(self.gpu.submit([encoder.finish()]));
        self.gpu.check()
    }

    /// The rows of runs by the buffers that they lie in, with each one's share.
    fn held_rows(&self, runs: &[RowRun], shares: &[f32]) -> Vec<Held> {
        let (mut all, mut done) = (Vec::<Held>::new(), vec![0; runs.len()]);
        let mut firsts = Vec::with_capacity(runs.len());
        runs.iter().fold(0, |first, run| {
            firsts.push(first);
            first + run.rows
        });
        for piece in self.pieces(runs) {
            let same = |held: &Held| held.value == piece.buffer && held.stride == piece.stride;
            let place = all.iter().position(same).unwrap_or_else(|| {
                all.push(Held {
                    value: piece.buffer.clone(),
                    stride: piece.stride,
                    rows: Vec::new(),
                });
                all.len() - 1
            });
            for offset in (0..piece.len).step_by(piece.stride) {
                let share = shares[firsts[piece.run] + done[piece.run]];
                done[piece.run] += 1;
                let [to, from] = [piece.at + offset, piece.copy + offset].map(|float| (float / 4) as u32);
                all[place].rows.push([to, from, share.to_bits(), 0]);
            }
        }
        all
    }

    /// Notes that values of rows are others than they were.
    fn has_changed(&mut self, runs: &[RowRun]) {
        for run in runs {
            // Tables, vectors and statistics have no transpose.
            let Param { kind, is_vector, .. } = &self.plan.params()[run.param];
            self.transpose_is_due |= *kind == ParamKind::Dense && !is_vector;
        }
        self.forget_propagated();
    }
}

impl KeepRows for GpuExecutor {
    fn keep(&mut self, runs: &[RowRun]) -> Pending<'_, Box<dyn Any + Send>> {
        Pending::ready(
            self.copy_rows(runs)
                .map(|copies| Box::new(copies) as Box<dyn Any + Send>),
        )
    }

    fn put_back(&mut self, kept: &(dyn Any + Send)) -> Pending<'_, ()> {
        Pending::ready(self.put_copies_back(kept))
    }

    fn hold_back(&mut self, kept: &(dyn Any + Send), shares: &[f32]) -> Pending<'_, ()> {
        Pending::ready(self.hold_rows_back(kept, shares))
    }
}

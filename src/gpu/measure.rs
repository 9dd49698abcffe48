//! What an adapter is, and what it reaches: copies, matrix products and launches, each within a given time.

use std::time::Instant;

use crate::{
    Error, Result,
    executor::Pending,
    gpu::{
        device::gpu::Gpu,
        memory::buffers::STORAGE,
        ops::linear::{LINEAR, LinearShape, matmul},
        program::{
            call::Call,
            dispatch::{Dispatch, build, record},
            draft::{Draft, Reads},
            grid::{Grid, Work},
            spaces::{Extent, SPACES, samples_alone},
        },
        shaders::tile::Tile,
        shapes::ViewShape,
    },
};

/// Seconds of a submit that is long enough to be timed, and short enough for any watchdog.
const SUBMIT: f64 = 0.03;
/// Repetitions in a submit at most.
const MOST: u32 = 4096;

/// What it costs to make the device do something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Launch {
    /// Seconds from the submit of one small dispatch to its end.
    pub submit: f64,
    /// Seconds of each of many small dispatches in one submit, each of which waits for the one before.
    pub dispatch: f64,
}

impl Gpu {
    /// Bytes read and written a second by copies from one buffer of `bytes` to another; measured for about `seconds`.
    ///
    /// # Errors
    /// [`Error::Device`] where the buffers do not fit or the device is lost.
    pub fn copy_rate(&self, bytes: u64, seconds: f64) -> Result<f64> {
        let bytes = bytes.next_multiple_of(16);
        let (from, to) = (
            self.buffer("copy", bytes, STORAGE)?,
            self.buffer("copy", bytes, STORAGE)?,
        );
        let each = self.seconds_each(seconds, |encoder, times| {
            for _ in 0..times {
                encoder.copy_buffer_to_buffer(&from, 0, &to, 0, bytes);
            }
        })?;
        Ok(2.0 * bytes as f64 / each)
    }

    /// Flops a second of `linear forward` of `rows` samples from `inputs` to `outputs` columns, by a tile of f32 or as
    /// training does it on this device; measured for about `seconds`.
    ///
    /// # Errors
    /// [`Error::Config`] where a size is 0, or one that is not a multiple of 4; [`Error::Device`] where the operands do
    /// not fit or the device is lost.
    pub fn product_rate(&self, tile: Option<Tile>, shape: [u32; 3], seconds: f64) -> Result<f64> {
        let [rows, inputs, outputs] = shape;
        let product = self.product(tile, shape)?;
        let each = self.repeat(&product, rows, seconds)?;
        Ok(2.0 * f64::from(rows) * f64::from(inputs) * f64::from(outputs) / each)
    }

    /// What a launch costs; measured for about `seconds`.
    ///
    /// # Errors
    /// [`Error::Device`] where the device is lost.
    pub fn launch(&self, seconds: f64) -> Result<Launch> {
        let small = self.product(None, [1, 4, 4])?;
        let (start, mut submit) = (Instant::now(), f64::INFINITY);
        self.time(1, |encoder, _| small.record(encoder, 1, 1))?; // builds the pipeline
        while submit.is_infinite() || start.elapsed().as_secs_f64() < seconds / 2.0 {
            submit = submit.min(self.time(1, |encoder, _| small.record(encoder, 1, 1))?);
        }
        let dispatch = self.repeat(&small, 1, seconds / 2.0)?;
        Ok(Launch { submit, dispatch })
    }

    fn product(&self, tile: Option<Tile>, [rows, inputs, outputs]: [u32; 3]) -> Result<Product> {
        if rows == 0 || inputs == 0 || outputs == 0 || inputs % 4 != 0 || outputs % 4 != 0 {
            let reason = format!("{rows} x {inputs} to {outputs}: give rows, and widths that are multiples of 4");
            return Err(Error::config("shape", reason));
        }
        let (inner, width) = (inputs / 4, outputs / 4);
        let bytes = |rows: u32, columns: u32| 4 * u64::from(rows) * u64::from(columns);
        let usage = STORAGE | wgpu::BufferUsages::UNIFORM;
        let call = self.buffer("call", 256, usage)?;
        let head = Call::default().of(Extent::samples(rows).slice(0, rows), [0; SPACES]);
        self.queue().write_buffer(&call, 0, bytemuck::bytes_of(&head));
        let a = self.buffer("input", bytes(rows, inputs), STORAGE)?;
        let b = self.buffer("weights", bytes(inputs, outputs), STORAGE)?;
        let bias = self.buffer("bias", bytes(1, outputs), STORAGE)?;
        let c = self.buffer("output", bytes(rows, outputs), STORAGE)?;
        let view = |width| ViewShape {
            first: 0,
            stride: width,
            width,
            space: 0,
        };
        let shape = LinearShape {
            a: view(inner),
            c: view(width),
            mask: ViewShape::default(),
            inner,
            matrix: 0,
            bias: 0,
            activation: 1,
            add: 0,
            mask_first: 0,
            mask_end: 0,
            ones: 0,
        };
        let buffers = vec![(3, &a), (4, &b), (5, &bias), (6, &c)];
        let Some(tile) = tile else {
            let draft = matmul(self.mixed(), "forward", shape, buffers);
            return Ok(Product(build(self, &call, vec![draft])?));
        };
        let grid = Grid::Tiles {
            space: 0,
            rows: tile.rows(),
            columns: width.div_ceil(tile.wx),
        };
        let draft = Draft::new(LINEAR, "forward", grid, Reads::Call, &shape, buffers).tile(tile);
        Ok(Product(build(self, &call, vec![draft])?))
    }

    fn repeat(&self, product: &Product, rows: u32, seconds: f64) -> Result<f64> {
        self.seconds_each(seconds, |encoder, times| product.record(encoder, rows, times))
    }

    /// Seconds of one of many repetitions in a submit, the best of some submits.
    pub(crate) fn seconds_each(&self, seconds: f64, record: impl Fn(&mut wgpu::CommandEncoder, u32)) -> Result<f64> {
        let (mut times, mut best) = (1, f64::INFINITY);
        self.time(1, &record)?; // pages and pipelines are made at the first touch
        let start = Instant::now();
        loop {
            let taken = self.time(times, &record)?;
            best = best.min(taken / f64::from(times));
            let short = taken < SUBMIT.min(seconds / 4.0) && times < MOST;
            if short {
                times *= 2;
            }
            if start.elapsed().as_secs_f64() >= seconds {
                return Ok(best);
            }
        }
    }

    /// Seconds of one submit.
    fn time(&self, times: u32, record: impl Fn(&mut wgpu::CommandEncoder, u32)) -> Result<f64> {
        let mut encoder = self.device().create_command_encoder(&Default::default());
        record(&mut encoder, times);
        let start = Instant::now();
        let submitted = self.submit([encoder.finish()]);
        Pending::start(self.done(&submitted)).wait()?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// A matrix product, its operands bound.
struct Product(Vec<Dispatch>);

impl Product {
    fn record(&self, encoder: &mut wgpu::CommandEncoder, rows: u32, times: u32) {
        let work = Work {
            rows: samples_alone(rows),
            slots: 0,
            columns: &[],
        };
        let lists = vec![&self.0[..]; times as usize];
        record(encoder, &lists, work, None);
    }
}

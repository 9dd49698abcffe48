//! Parameters and moments on the device.
//!
//! A table lies in buffers of its own, cut into shards of rows where it is larger than a binding. All dense parameters
//! lie side by side in one buffer (`placement`), so that one dispatch updates them.

use std::ops::Range;

use crate::{
    Error, Result,
    gpu::{
        device::gpu::Gpu,
        memory::{
            budget::check_host,
            buffers::{Readback, STORAGE, upload},
            layout::{Columns, matrix::Matrix},
            placement::Placement,
            tables::{Shard, Slots, Table},
        },
    },
    memory::zeroed,
    plan::{ParamKind, Plan, State, StoredRows, Tensor},
};

/// Floats of a host buffer between the plan's layout and the device's.
const PIECE: usize = 4 << 20;

/// The dense parameters.
pub(crate) struct Dense {
    pub placement: Placement,
    pub slots: Slots,
    pub transposed: wgpu::Buffer,
}

/// Where a parameter lies.
#[derive(Clone, Copy, Debug)]
enum Place {
    Table(usize),
    /// From this vec4 of the dense parameters on.
    Dense(u32),
}

/// All parameters.
pub(crate) struct Tensors {
    gpu: Gpu,
    matrices: Vec<Matrix>,
    places: Vec<Place>,
    /// Whether the state holds moments of a parameter.
    has_moments: Vec<[bool; 2]>,
    /// The rows of tables as the state kept them that was written, where it kept them as halves or bytes: here all are floats.
    stored: Vec<Option<StoredRows>>,
    pub tables: Vec<Table>,
    pub dense: Dense,
    readback: Readback,
}

impl Tensors {
    /// Room for the parameters of a plan.
    ///
    /// # Errors
    /// [`Error::Device`] where they do not fit.
    pub async fn new(gpu: &Gpu, plan: &Plan, columns: &Columns, moments: bool) -> Result<Self> {
        let matrices = Matrix::of_plan(plan, columns)?;
        let placement = Placement::new(plan, columns, &matrices);
        let dense_bytes = 16 * u64::from(placement.total);
        let mut tables = Vec::new();
        let mut places = Vec::new();
        for (index, param) in plan.params().iter().enumerate() {
            match param.kind {
                ParamKind::Dense | ParamKind::Statistic => {
                    let reason = || Error::Device(format!("no operation trains or keeps {}", param.name));
                    places.push(Place::Dense(placement.at(index).ok_or_else(reason)?));
                }
                ParamKind::Table { vocabulary } => {
                    places.push(Place::Table(tables.len()));
                    let mut table = Table {
                        vocabulary,
                        shards: Vec::new(),
                    };
                    let growth = table.growth(gpu, &param.name, &matrices[index], param.rows, moments);
                    let growth = growth.await?;
                    table.grow(growth);
                    tables.push(table);
                }
            }
        }
        let transposed = 16 * u64::from(placement.transposed);
        let slots = Slots::new(gpu, "weights", dense_bytes, moments)?;
        for &(output, at) in &placement.ones {
            let vector = Matrix::vector(columns, output);
            let mut ones = vec![0.0; vector.stride_floats()];
            vector.spread(&vec![1.0; output.width], 0, 0, &mut ones);
            upload(gpu, &slots.value, 4 * at as usize, &ones).await?;
        }
        Ok(Tensors {
            dense: Dense {
                placement,
                slots,
                transposed: gpu.buffer("transposed weights", transposed, STORAGE)?,
            },
            has_moments: vec![[moments; 2]; plan.params().len()],
            stored: vec![None; plan.params().len()],
            gpu: gpu.clone(),
            matrices,
            places,
            tables,
            readback: Readback::default(),
        })
    }

    /// The table of a parameter.
    pub fn table(&self, param: usize) -> Option<&Table> {
        match self.places[param] {
            Place::Table(table) => Some(&self.tables[table]),
            Place::Dense(_) => None,
        }
    }

    /// Sees that there are moments; tells whether buffers were made.
    pub fn need_moments(&mut self, plan: &Plan) -> Result<bool> {
        if self.dense.slots.moments.is_some() {
            self.has_moments.fill([true; 2]);
            return Ok(false);
        }
        for (param, place) in plan.params().iter().zip(&self.places) {
            if let Place::Table(table) = *place {
                for shard in &mut self.tables[table].shards {
                    shard.slots.add_moments(&self.gpu, &param.name)?;
                }
            }
        }
        self.dense.slots.add_moments(&self.gpu, "weights")?;
        self.has_moments.fill([true; 2]);
        Ok(true)
    }

    /// Copies a state to the device; tells whether buffers were made.
    pub async fn write_state(&mut self, plan: &Plan, state: &State) -> Result<bool> {
        let any = |tensor: &Tensor| !tensor.m.is_empty() || !tensor.v.is_empty();
        let made = state.tensors.iter().any(any) && self.need_moments(plan)?;
        for (param, tensor) in state.tensors.iter().enumerate() {
            self.stored[param].clone_from(&tensor.stored);
            let widened = tensor.widened(&plan.params()[param].name)?;
            let tensor = widened.as_ref().unwrap_or(tensor);
            self.write(param, 0, 0, &tensor.value).await?;
            self.has_moments[param] = [!tensor.m.is_empty(), !tensor.v.is_empty()];
            for (part, moment) in [(1, &tensor.m), (2, &tensor.v)] {
                match moment.is_empty() {
                    true => self.clear_moment(plan, param, part, 0, tensor.value.len()).await?,
                    false => self.write(param, part, 0, moment).await?,
                }
            }
        }
        Ok(made)
    }

    /// A copy of everything.
    pub async fn read_state(&mut self, plan: &Plan, step: u64) -> Result<State> {
        let moments = self.has_moments.iter().any(|there| there.contains(&true));
        plan.need("a copy of the parameters", moments, 1).check()?;
        let mut tensors = Vec::with_capacity(plan.params().len());
        for (index, param) in plan.params().iter().enumerate() {
            let [has_m, has_v] = self.has_moments[index];
            let mut parts = [Vec::new(), Vec::new(), Vec::new()];
            for (part, (values, there)) in parts.iter_mut().zip([true, has_m, has_v]).enumerate() {
                *values = zeroed(if there { param.len() } else { 0 }, || {
                    format!("a copy of {}", param.name)
                })?;
                self.read(index, part, 0, values).await?;
            }
            let [value, m, v] = parts;
            let tensor = Tensor {
                value,
                m,
                v,
                stored: None,
            };
            tensors.push(match &self.stored[index] {
                None => tensor,
                Some(stored) => tensor.beside(stored, 0..param.rows as u32),
            });
        }
        Ok(State { step, tensors })
    }

    /// Writes rows of a parameter and sets their moments to zero.
    pub async fn write_rows(&mut self, plan: &Plan, param: usize, first: usize, values: &[f32]) -> Result<()> {
        self.write(param, 0, first, values).await?;
        for part in [1, 2] {
            self.clear_moment(plan, param, part, first, values.len()).await?;
        }
        Ok(())
    }

    /// Reads rows of a parameter.
    pub async fn read_rows(&mut self, param: usize, first: usize, out: &mut [f32]) -> Result<()> {
        self.read(param, 0, first, out).await
    }

    /// Makes the tables of a vocabulary longer; tells whether buffers were made. Room for a quarter more is made, so that
    /// the copies of many small growths cost no more than the rows that came.
    ///
    /// # Errors
    /// Where memory is short for one of them; all are as they were.
    pub async fn grow(&mut self, plan: &Plan, vocabulary: usize, rows: usize) -> Result<bool> {
        let moments = self.dense.slots.moments.is_some();
        let copies = if moments { 3 } else { 1 };
        let room = (rows + (rows / 4).max(64)).min(u32::MAX as usize);
        let mut growths = Vec::new();
        for (index, (param, place)) in plan.params().iter().zip(&self.places).enumerate() {
            let Place::Table(number) = *place else { continue };
            let (table, matrix) = (&self.tables[number], &self.matrices[index]);
            if table.vocabulary != vocabulary || rows <= table.capacity() {
                continue;
            }
            let bytes = 4 * copies * (room as u64).saturating_mul(matrix.stride_floats() as u64);
            check_host(&self.gpu, bytes, || format!("{rows} rows of {}", param.name))?;
            let growth = table.growth(&self.gpu, &param.name, matrix, room, moments).await?;
            growths.push((number, growth));
        }
        let made = !growths.is_empty();
        growths
            .into_iter()
            .for_each(|(number, growth)| self.tables[number].grow(growth));
        Ok(made)
    }

    async fn clear_moment(&mut self, plan: &Plan, param: usize, part: usize, first: usize, len: usize) -> Result<()> {
        if self.dense.slots.moments.is_none() {
            return Ok(());
        }
        let width = plan.params()[param].width;
        let piece = (PIECE / width).max(1) * width;
        let zeros = vec![0.0; piece.min(len)];
        for begin in (0..len).step_by(piece) {
            let zeros = &zeros[..piece.min(len - begin)];
            self.write(param, part, first + begin / width, zeros).await?;
        }
        Ok(())
    }

    /// Writes whole rows of one part (value, first or second moment) from row `first` on.
    async fn write(&mut self, param: usize, part: usize, first: usize, values: &[f32]) -> Result<()> {
        let matrix = self.matrices[param].clone();
        let piece = (PIECE / matrix.stride_floats()).max(1) * matrix.width;
        let mut device = Vec::new();
        for (index, values) in values.chunks(piece).enumerate() {
            let row = first + index * (piece / matrix.width);
            let rows = matrix.device_rows_of(row, values.len() / matrix.width);
            device.clear();
            device.resize(rows.len() * matrix.stride_floats(), 0.0);
            matrix.spread(values, row, rows.start, &mut device);
            for (buffer, at, within) in self.ranges(param, part, rows, &matrix) {
                upload(&self.gpu, &buffer, at, &device[within]).await?;
            }
        }
        Ok(())
    }

    /// Reads whole rows of one part.
    async fn read(&mut self, param: usize, part: usize, first: usize, values: &mut [f32]) -> Result<()> {
        let matrix = self.matrices[param].clone();
        let piece = (PIECE / matrix.stride_floats()).max(1) * matrix.width;
        let mut device = Vec::new();
        for (index, values) in values.chunks_mut(piece).enumerate() {
            let row = first + index * (piece / matrix.width);
            let rows = matrix.device_rows_of(row, values.len() / matrix.width);
            device.resize(rows.len() * matrix.stride_floats(), 0.0);
            let origin = rows.start;
            for (buffer, at, within) in self.ranges(param, part, rows, &matrix) {
                let (start, len) = (within.start, within.len());
                let take = &mut |before: usize, piece: &[f32]| {
                    device[start + before..start + before + piece.len()].copy_from_slice(piece);
                };
                self.readback.read(&self.gpu, &buffer, at, len, take).await?;
            }
            matrix.collect(&device, row, origin, values);
        }
        Ok(())
    }

    /// The buffers that hold the values of rows of a parameter, `rows` of them from row `first` of the plan on: each with the
    /// float where they begin there, and how many floats they are; and the floats of a row on the device.
    pub fn value_ranges(&self, param: usize, first: usize, rows: usize) -> (Vec<(wgpu::Buffer, usize, usize)>, usize) {
        let matrix = &self.matrices[param];
        let ranges = self.ranges(param, 0, matrix.device_rows_of(first, rows), matrix);
        let lens = ranges
            .into_iter()
            .map(|(buffer, at, within)| (buffer, at, within.len()));
        (lens.collect(), matrix.stride_floats())
    }

    /// The buffers that hold device rows of a parameter: each with the float where they begin there, and their range
    /// among the floats of `rows`.
    fn ranges(
        &self,
        param: usize,
        part: usize,
        rows: Range<usize>,
        matrix: &Matrix,
    ) -> Vec<(wgpu::Buffer, usize, Range<usize>)> {
        let stride = matrix.stride_floats();
        let shards = match self.places[param] {
            Place::Dense(at) => {
                let all = self.dense.slots.part(part).map(|buffer| {
                    let first = 4 * at as usize + rows.start * stride;
                    (buffer.clone(), first, 0..rows.len() * stride)
                });
                return all.into_iter().collect();
            }
            Place::Table(table) => &self.tables[table].shards,
        };
        let within = |shard: &Shard| {
            let (first, end) = (shard.first as usize, (shard.first + shard.capacity) as usize);
            let (begin, end) = (rows.start.max(first), rows.end.min(end));
            let buffer = shard.slots.part(part).filter(|_| begin < end)?;
            let within = (begin - rows.start) * stride..(end - rows.start) * stride;
            Some((buffer.clone(), (begin - first) * stride, within))
        };
        shards.iter().filter_map(within).collect()
    }
}

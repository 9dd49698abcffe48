//! Parameters and moments on the device.
//!
//! A table lies in buffers of its own, cut into shards of rows where it is larger than a binding. All dense parameters
//! lie side by side in one buffer, layer after layer, so that one dispatch updates them.

use super::{
    Gpu,
    buffers::{Readback, STORAGE, upload},
    layout::{Columns, Matrix, column_of},
    support::{Linear, Shaded, shaded},
    tables::{Slots, Table, grow_table},
};
use crate::{
    Result,
    plan::{Plan, State, Tensor},
};

/// vec4s that a workgroup of `dense_update` takes; layers begin at multiples of it.
pub(super) const BLOCK: u32 = 16;
/// Floats of a host buffer between the plan's layout and the device's.
const PIECE: usize = 4 << 20;

/// Where a layer's parameters lie among the dense ones: its matrix (if it has one), then its bias.
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Layer {
    /// The first vec4.
    pub first: u32,
    /// Rows of the matrix.
    pub outputs: u32,
    /// vec4s of its rows; 0 where there is none.
    pub inputs: u32,
    pub pad: u32,
}

impl Layer {
    /// The vec4 where the bias begins.
    pub fn bias(self) -> u32 {
        self.first + self.outputs * self.inputs
    }
}

/// The dense parameters.
pub(super) struct Dense {
    /// vec4s of all.
    pub total: u32,
    pub layers: Vec<Layer>,
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
pub(super) struct Tensors {
    gpu: Gpu,
    matrices: Vec<Matrix>,
    places: Vec<Place>,
    /// Whether the state holds moments of a parameter.
    has_moments: Vec<[bool; 2]>,
    pub tables: Vec<Table>,
    pub dense: Dense,
    readback: Readback,
}

impl Tensors {
    /// Room for the parameters of a plan.
    ///
    /// # Errors
    /// [`Error::Device`] where they do not fit.
    pub fn new(gpu: &Gpu, plan: &Plan, columns: &Columns, moments: bool) -> Result<Self> {
        let matrices = Matrix::of_plan(plan, columns);
        let (layers, total, dense_at) = place_layers(plan, &matrices);
        let dense_bytes = 16 * u64::from(total);
        let mut tables = Vec::new();
        let mut places = Vec::new();
        for (index, param) in plan.params().iter().enumerate() {
            match column_of(param.kind) {
                None => places.push(Place::Dense(dense_at[index])),
                Some(column) => {
                    places.push(Place::Table(tables.len()));
                    let mut table = Table {
                        column,
                        shards: Vec::new(),
                    };
                    grow_table(
                        gpu,
                        &param.name,
                        &matrices[index],
                        &mut table,
                        param.rows,
                        param.rows,
                        moments,
                    )?;
                    tables.push(table);
                }
            }
        }
        Ok(Tensors {
            dense: Dense {
                total,
                layers,
                slots: Slots::new(gpu, "weights", dense_bytes, moments)?,
                transposed: gpu.buffer("transposed weights", dense_bytes, STORAGE)?,
            },
            has_moments: vec![[moments; 2]; plan.params().len()],
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

    /// The layer whose matrix or bias begins where the parameter does.
    pub fn layer(&self, param: usize) -> Layer {
        let at = match self.places[param] {
            Place::Dense(at) => at,
            Place::Table(_) => 0,
        };
        let index = self.dense.layers.partition_point(|layer| layer.first <= at);
        self.dense.layers[index.saturating_sub(1)]
    }

    /// Sees that there are moments; tells whether buffers were made.
    pub fn need_moments(&mut self, plan: &Plan) -> Result<bool> {
        self.has_moments.fill([true; 2]);
        if self.dense.slots.moments.is_some() {
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
        Ok(true)
    }

    /// Copies a state to the device; tells whether buffers were made.
    pub fn write_state(&mut self, plan: &Plan, state: &State) -> Result<bool> {
        let any = |tensor: &Tensor| !tensor.m.is_empty() || !tensor.v.is_empty();
        let made = state.tensors.iter().any(any) && self.need_moments(plan)?;
        for (param, tensor) in state.tensors.iter().enumerate() {
            self.write(param, 0, 0, &tensor.value)?;
            self.has_moments[param] = [!tensor.m.is_empty(), !tensor.v.is_empty()];
            for (part, moment) in [(1, &tensor.m), (2, &tensor.v)] {
                match moment.is_empty() {
                    true => self.clear_moment(plan, param, part, 0, tensor.value.len())?,
                    false => self.write(param, part, 0, moment)?,
                }
            }
        }
        Ok(made)
    }

    /// A copy of everything.
    pub fn read_state(&mut self, plan: &Plan, step: u64) -> Result<State> {
        let mut tensors = Vec::with_capacity(plan.params().len());
        for (index, param) in plan.params().iter().enumerate() {
            let mut part = |part: usize, there: bool| {
                let mut values = vec![0.0; if there { param.len() } else { 0 }];
                self.read(index, part, 0, &mut values).map(|()| values)
            };
            let value = part(0, true)?;
            let [has_m, has_v] = self.has_moments[index];
            let mut part = |part: usize, there: bool| {
                let mut values = vec![0.0; if there { param.len() } else { 0 }];
                self.read(index, part, 0, &mut values).map(|()| values)
            };
            let (m, v) = (part(1, has_m)?, part(2, has_v)?);
            tensors.push(Tensor { value, m, v });
        }
        Ok(State { step, tensors })
    }

    /// Writes rows of a parameter and sets their moments to zero.
    pub fn write_rows(&mut self, plan: &Plan, param: usize, first: usize, values: &[f32]) -> Result<()> {
        self.write(param, 0, first, values)?;
        for part in [1, 2] {
            self.clear_moment(plan, param, part, first, values.len())?;
        }
        Ok(())
    }

    /// Reads rows of a parameter.
    pub fn read_rows(&mut self, param: usize, first: usize, out: &mut [f32]) -> Result<()> {
        self.read(param, 0, first, out)
    }

    /// Makes the tables of a column longer; tells whether buffers were made. Room for a quarter more is made, so that
    /// the copies of many small growths cost no more than the rows that came.
    pub fn grow(&mut self, plan: &Plan, column: usize, rows: usize) -> Result<bool> {
        let mut made = false;
        for (index, param) in plan.params().iter().enumerate() {
            let Place::Table(table) = self.places[index] else {
                continue;
            };
            let table = &mut self.tables[table];
            let capacity = table
                .shards
                .last()
                .map_or(0, |shard| (shard.first + shard.capacity) as usize);
            if table.column != column || rows <= capacity {
                continue;
            }
            let room = (rows + (rows / 4).max(64)).min(u32::MAX as usize);
            let moments = self.dense.slots.moments.is_some();
            grow_table(
                &self.gpu,
                &param.name,
                &self.matrices[index],
                table,
                rows,
                room,
                moments,
            )?;
            made = true;
        }
        Ok(made)
    }

    fn clear_moment(&mut self, plan: &Plan, param: usize, part: usize, first: usize, len: usize) -> Result<()> {
        if self.dense.slots.moments.is_none() {
            return Ok(());
        }
        let width = plan.params()[param].width;
        let piece = (PIECE / width).max(1) * width;
        let zeros = vec![0.0; piece.min(len)];
        for begin in (0..len).step_by(piece) {
            self.write(param, part, first + begin / width, &zeros[..piece.min(len - begin)])?;
        }
        Ok(())
    }

    /// Writes whole rows of one part (value, first or second moment) from row `first` on.
    fn write(&mut self, param: usize, part: usize, first: usize, values: &[f32]) -> Result<()> {
        let matrix = self.matrices[param].clone();
        let piece = (PIECE / matrix.stride_floats()).max(1) * matrix.width;
        let mut device = Vec::new();
        for (index, values) in values.chunks(piece).enumerate() {
            let row = first + index * (piece / matrix.width);
            let rows = matrix.device_rows_of(row, values.len() / matrix.width);
            device.clear();
            device.resize(rows.len() * matrix.stride_floats(), 0.0);
            matrix.spread(values, row, rows.start, &mut device);
            let gpu = &self.gpu;
            self.for_ranges(param, part, rows, &matrix, |buffer, at, within| {
                upload(gpu, buffer, at, &device[within])
            })?;
        }
        Ok(())
    }

    /// Reads whole rows of one part.
    fn read(&mut self, param: usize, part: usize, first: usize, values: &mut [f32]) -> Result<()> {
        let matrix = self.matrices[param].clone();
        let piece = (PIECE / matrix.stride_floats()).max(1) * matrix.width;
        let mut device = Vec::new();
        let mut readback = std::mem::take(&mut self.readback);
        let mut result = Ok(());
        for (index, values) in values.chunks_mut(piece).enumerate() {
            let row = first + index * (piece / matrix.width);
            let rows = matrix.device_rows_of(row, values.len() / matrix.width);
            device.resize(rows.len() * matrix.stride_floats(), 0.0);
            let origin = rows.start;
            result = self.for_ranges(param, part, rows, &matrix, |buffer, at, within| {
                let start = within.start;
                readback.read(&self.gpu, buffer, at, within.len(), &mut |before, piece| {
                    device[start + before..start + before + piece.len()].copy_from_slice(piece);
                })
            });
            if result.is_err() {
                break;
            }
            matrix.collect(&device, row, origin, values);
        }
        self.readback = readback;
        result
    }

    /// The buffers that hold device rows of a parameter: each with the float where they begin there, and their range
    /// among the floats of `rows`.
    fn for_ranges(
        &self,
        param: usize,
        part: usize,
        rows: std::ops::Range<usize>,
        matrix: &Matrix,
        mut f: impl FnMut(&wgpu::Buffer, usize, std::ops::Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let stride = matrix.stride_floats();
        match self.places[param] {
            Place::Dense(at) => match self.dense.slots.part(part) {
                Some(buffer) => f(buffer, 4 * at as usize + rows.start * stride, 0..rows.len() * stride),
                None => Ok(()),
            },
            Place::Table(table) => {
                for shard in &self.tables[table].shards {
                    let (first, end) = (shard.first as usize, (shard.first + shard.capacity) as usize);
                    let (begin, end) = (rows.start.max(first), rows.end.min(end));
                    if let Some(buffer) = shard.slots.part(part)
                        && begin < end
                    {
                        let within = (begin - rows.start) * stride..(end - rows.start) * stride;
                        f(buffer, (begin - first) * stride, within)?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// Layers of dense parameters one after another: the layers, the vec4s of all, and where each parameter begins.
pub(super) fn place_layers(plan: &Plan, matrices: &[Matrix]) -> (Vec<Layer>, u32, Vec<u32>) {
    let (mut layers, mut total) = (Vec::new(), 0u32);
    let mut at = vec![0; plan.params().len()];
    for stage in shaded(plan) {
        let (outputs, inputs, bias) = match stage {
            Shaded::Linear(Linear { weight, bias, .. }) => {
                at[weight] = total;
                (matrices[weight].device_rows, matrices[weight].stride, bias)
            }
            Shaded::Sum { bias, .. } => (0, 0, bias),
            Shaded::Gather { .. } | Shaded::Product { .. } | Shaded::SigmoidCrossEntropy { .. } => continue,
        };
        let layer = Layer {
            first: total,
            outputs,
            inputs,
            pad: 0,
        };
        at[bias] = layer.bias();
        total = (layer.bias() + matrices[bias].stride).next_multiple_of(BLOCK);
        layers.push(layer);
    }
    if layers.is_empty() {
        // Shaders bind the dense parameters also where a plan has none.
        layers.push(Layer {
            first: 0,
            outputs: 0,
            inputs: 0,
            pad: 0,
        });
        total = BLOCK;
    }
    (layers, total, at)
}

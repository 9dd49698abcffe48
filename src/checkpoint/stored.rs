//! Tables whose rows are kept as halves or bytes: what is kept, and the rows that are exact beside it.

use alloc::{borrow::Cow, format, string::String, vec, vec::Vec};

use half::f16;
use safetensors::Dtype;

use super::{
    checks::shape_of,
    format::{Output, Values},
    read::{Reader, gathered, halves},
};
use crate::{
    checks::check_stored,
    plan::{Kept, Param, Plan, RowType, StoredRows},
};

/// Writes what is kept of a table's rows, and which are exact. Their floats are written as those of other tables are, under
/// [`name_of_exact`].
pub(super) fn write<'a>(param: &Param, stored: &'a StoredRows, to: &mut Vec<Output<'a>>) {
    let name = &param.name;
    let rows = stored.rows();
    let mut push = |name: String, shape: Vec<usize>, values: Values<'a>| to.push(Output { name, shape, values });
    match &stored.kept {
        Kept::F16(halves) => push(
            name.clone(),
            vec![rows, param.width],
            Values::F16(Cow::Borrowed(halves)),
        ),
        Kept::I8 { codes, scales } => {
            push(name.clone(), vec![rows, param.width], Values::I8(Cow::Borrowed(codes)));
            let scales = Cow::Borrowed(bytemuck::cast_slice(scales));
            push(format!("scale/{name}"), vec![rows, 2], Values::F16(scales));
        }
    }
    let exact = stored.exact();
    if !exact.is_empty() {
        let values = Values::I32(Cow::Borrowed(exact));
        push(format!("exact_rows/{name}"), vec![exact.len()], values);
    }
}

/// What the floats of exact rows are called.
pub(super) fn name_of_exact(name: &str) -> String {
    format!("exact/{name}")
}

impl Reader<'_> {
    /// The plan with its tables as they are in the file: all alike.
    pub fn with_tables(&self, plan: Plan) -> Plan {
        let table = plan.params().iter().find(|param| param.is_table());
        let row_type = match table.and_then(|table| self.dtype(&table.name)) {
            Some(Dtype::F16) => RowType::F16,
            Some(Dtype::I8) => RowType::I8,
            _ => RowType::F32, // or nothing that is read
        };
        plan.with_tables_as(row_type)
    }

    /// What is kept of a table's rows, where they are not floats.
    pub fn stored(&mut self, param: &Param) -> Result<Option<StoredRows>, String> {
        let (name, width) = (&param.name, param.width);
        let mut later = 0;
        let exact_name = format!("exact_rows/{name}");
        let exact = match param.row_type != RowType::F32 && self.has(&exact_name) {
            true => self.numbers(&exact_name)?,
            false => Vec::new(),
        };
        let mut rows_of = |shape: &[usize], width: usize| match *shape {
            [rows, columns] if columns == width && rows <= param.rows => {
                later = param.rows - rows;
                Ok(rows)
            }
            _ => Err(format!(
                "tensor {name} has shape {shape:?}; the model needs {:?}, or fewer rows and the rest among {exact_name}",
                shape_of(param)
            )),
        };
        let kept = match param.row_type {
            RowType::F32 => return Ok(None),
            RowType::F16 => {
                let (shape, bytes) = self.tensor(name, Dtype::F16)?;
                rows_of(shape, width)?;
                Kept::F16(finite_halves(name, bytes)?)
            }
            RowType::I8 => {
                let (shape, bytes) = self.tensor(name, Dtype::I8)?;
                let rows = rows_of(shape, width)?;
                let codes = gathered(bytes.iter().map(|&byte| byte as i8));
                let codes = codes.map_err(|reason| format!("tensor {name}: {reason}"))?;
                let scale_name = format!("scale/{name}");
                let (shape, bytes) = self.tensor(&scale_name, Dtype::F16)?;
                if shape != [rows, 2] {
                    return Err(format!(
                        "tensor {scale_name} has shape {shape:?}; it must be [{rows}, 2], a step and a middle a row"
                    ));
                }
                let scales = finite_halves(&scale_name, bytes)?;
                let scales = scales.chunks_exact(2).map(|scale| [scale[0], scale[1]]).collect();
                Kept::I8 { codes, scales }
            }
        };
        let stored = StoredRows::of_parts(width, kept, exact);
        let fits = check_stored(param, Some(&stored));
        fits.map_err(|_| {
            format!("tensor {exact_name}: it must name the last {later} of the rows, in ascending order with others that are exact")
        })?;
        Ok(Some(stored))
    }
}

fn finite_halves(name: &str, bytes: &[u8]) -> Result<Vec<f16>, String> {
    let values = gathered(halves(bytes)).map_err(|reason| format!("tensor {name}: {reason}"))?;
    match values.iter().all(|x| x.is_finite()) {
        true => Ok(values),
        false => Err(format!("tensor {name} holds a value that is not finite")),
    }
}

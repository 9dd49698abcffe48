//! Tables whose rows are kept as something shorter than floats, with those rows that have changed since beside them.

use alloc::{format, vec::Vec};

use half::f16;

use super::Tensor;
use crate::{Error, Result, memory};

/// What the rows of tables are kept as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RowType {
    /// 4 bytes a float: as they are trained.
    #[default]
    F32,
    /// 2 bytes: 11 binary digits, up to 65,504.
    F16,
    /// 1 byte, and 4 bytes a row: 256 steps between the least float of a row and the largest, each float within half a step.
    /// The row has its step and its middle as halves, so that `x = middle + step * code` is the same `f32` everywhere: the
    /// product of 11 binary digits and 8 is exact.
    I8,
}

impl RowType {
    /// What it is called in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            RowType::F32 => "f32",
            RowType::F16 => "f16",
            RowType::I8 => "i8",
        }
    }

    /// Bytes of a row of so many floats.
    pub fn bytes(self, width: usize) -> usize {
        match self {
            RowType::F32 => width.saturating_mul(4),
            RowType::F16 => width.saturating_mul(2),
            RowType::I8 => width.saturating_add(4),
        }
    }
}

/// The rows themselves, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kept {
    F16(Vec<f16>),
    I8 {
        codes: Vec<i8>,
        /// Of each row the step and the middle.
        scales: Vec<[f16; 2]>,
    },
}

/// Rows of a table that are kept as halves or bytes. They do not change: a row that does is *exact* from then on, and a
/// [`Tensor`] has it in `f32`, as it has rows that came later. So nothing that is learnt is rounded away: a step of learning is
/// far below a step between two bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRows {
    width: usize,
    pub(crate) kept: Kept,
    /// The rows that are exact, in ascending order.
    exact: Vec<u32>,
}

impl StoredRows {
    /// The rows of a table called `name`, `[rows, width]`, as `kind`; nothing as [`RowType::F32`]. None is exact.
    ///
    /// # Errors
    /// [`Error::Config`] with the row where one has a float that is not finite or beyond 65,504; [`Error::Memory`].
    pub fn new(name: &str, values: &[f32], width: usize, kind: RowType) -> Result<Option<Self>> {
        let rows = values.len() / width.max(1);
        let what = || format!("the rows of {name} as {}", kind.name());
        let mut stored = StoredRows {
            width,
            kept: Kept::F16(Vec::new()),
            exact: Vec::new(),
        };
        let beyond = |row: usize| {
            let reason = format!(
                "row {row} has a float that is not finite or too large for {} (65,504 at most); keep the tables as f32",
                kind.name()
            );
            Error::config(name, reason)
        };
        match kind {
            RowType::F32 => return Ok(None),
            RowType::F16 => {
                let mut halves = Vec::new();
                memory::reserve(&mut halves, values.len(), what)?;
                halves.extend(values.iter().map(|&x| f16::from_f32(x)));
                if let Some(at) = halves.iter().position(|x| !x.is_finite()) {
                    return Err(beyond(at / width));
                }
                stored.kept = Kept::F16(halves);
            }
            RowType::I8 => {
                let (mut codes, mut scales) = (Vec::new(), Vec::new());
                memory::reserve(&mut codes, values.len(), what)?;
                memory::reserve(&mut scales, rows, what)?;
                for (row, values) in values.chunks_exact(width).enumerate() {
                    let scale = scale_of(values).ok_or_else(|| beyond(row))?;
                    codes.extend(values.iter().map(|&x| code(x, scale)));
                    scales.push(scale);
                }
                stored.kept = Kept::I8 { codes, scales };
            }
        }
        Ok(Some(stored))
    }

    /// Rows that were read, which fit together.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn of_parts(width: usize, kept: Kept, exact: Vec<u32>) -> Self {
        StoredRows { width, kept, exact }
    }

    /// What they are kept as.
    pub fn kind(&self) -> RowType {
        match self.kept {
            Kept::F16(_) => RowType::F16,
            Kept::I8 { .. } => RowType::I8,
        }
    }

    /// How many are kept. Later ones are exact.
    pub fn rows(&self) -> usize {
        match &self.kept {
            Kept::F16(halves) => halves.len() / self.width.max(1),
            Kept::I8 { scales, .. } => scales.len(),
        }
    }

    /// Floats of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows that are exact, in ascending order.
    pub fn exact(&self) -> &[u32] {
        &self.exact
    }

    /// Says which rows are exact, in ascending order. Gives those that were.
    pub(crate) fn set_exact(&mut self, exact: Vec<u32>) -> Vec<u32> {
        core::mem::replace(&mut self.exact, exact)
    }

    /// Which of the exact rows a row is.
    pub fn place(&self, row: u32) -> Option<usize> {
        self.exact.binary_search(&row).ok()
    }

    /// A row as it is kept, whether or not it is exact.
    ///
    /// # Panics
    /// Where it is not kept, or `to` has another length.
    pub fn widen(&self, row: usize, to: &mut [f32]) {
        let range = row * self.width..(row + 1) * self.width;
        match &self.kept {
            Kept::F16(halves) => {
                for (to, half) in to.iter_mut().zip(&halves[range]) {
                    *to = half.to_f32();
                }
            }
            Kept::I8 { codes, scales } => {
                let scale = scales[row].map(f16::to_f32);
                for (to, &code) in to.iter_mut().zip(&codes[range]) {
                    *to = float(code, scale);
                }
            }
        }
    }
}

/// The float that a code stands for, of a row with this step and middle.
#[inline(always)]
pub(crate) fn float(code: i8, [step, middle]: [f32; 2]) -> f32 {
    middle + step * f32::from(code)
}

/// The code of a float.
fn code(x: f32, [step, middle]: [f16; 2]) -> i8 {
    match step.to_f32() {
        0.0 => 0,
        step => libm::roundf((x - middle.to_f32()) / step).clamp(-128.0, 127.0) as i8,
    }
}

/// Step and middle of a row: the least step by which the codes reach its least float and its largest from a middle that is a
/// half. Nothing where these are not finite.
fn scale_of(values: &[f32]) -> Option<[f16; 2]> {
    let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
    for &x in values {
        if x.is_nan() {
            return None;
        }
        (least, most) = (least.min(x), most.max(x));
    }
    let middle = f16::from_f32(0.5 * least + 0.5 * most);
    let wide = middle.to_f32();
    let needed = ((most - wide) / 127.0).max((wide - least) / 128.0).max(0.0);
    let mut step = f16::from_f32(needed);
    if step.to_f32() < needed {
        step = f16::from_bits(step.to_bits() + 1); // the next larger one
    }
    (step.is_finite() && middle.is_finite()).then_some([step, middle])
}

impl Tensor {
    /// The same table with its rows as `kind`, and without moments: what is exact is rounded too.
    ///
    /// # Errors
    /// Those of [`StoredRows::new`].
    pub(crate) fn kept_as(&self, name: &str, width: usize, kind: RowType) -> Result<Tensor> {
        let widened = self.widened(name)?;
        let value = widened.as_ref().map_or(&self.value, |tensor| &tensor.value);
        Ok(match StoredRows::new(name, value, width, kind)? {
            None => Tensor {
                value: memory::copy(value, || format!("a copy of {name}"))?,
                ..Tensor::default()
            },
            stored => Tensor {
                stored,
                ..Tensor::default()
            },
        })
    }

    /// All rows in `f32`, with their moments, those of rows that are not exact zero; nothing where they are so already.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(crate) fn widened(&self, name: &str) -> Result<Option<Tensor>> {
        let Some(stored) = &self.stored else {
            return Ok(None);
        };
        let width = stored.width;
        let rows = stored
            .exact
            .last()
            .map_or(0, |&last| last as usize + 1)
            .max(stored.rows());
        let mut value = memory::zeroed(rows * width, || name.into())?;
        for (row, to) in value.chunks_exact_mut(width).take(stored.rows()).enumerate() {
            stored.widen(row, to);
        }
        stored.spread(&self.value, &mut value);
        let moments = |exact: &[f32]| {
            let mut all = memory::zeroed(if exact.is_empty() { 0 } else { rows * width }, || name.into())?;
            stored.spread(exact, &mut all);
            Ok::<_, Error>(all)
        };
        Ok(Some(Tensor {
            m: moments(&self.m)?,
            v: moments(&self.v)?,
            value,
            stored: None,
        }))
    }

    /// Rows in `f32` as those that are exact beside `stored`: which differ from what is kept, have moments, or came later.
    /// `rows` are the rows of `self`, in ascending order.
    pub(crate) fn beside(mut self, stored: &StoredRows, rows: impl Iterator<Item = u32>) -> Tensor {
        let width = stored.width;
        let mut kept = alloc::vec![0.0; width];
        let (mut exact, mut count) = (Vec::new(), 0);
        for (place, row) in rows.enumerate() {
            let range = place * width..(place + 1) * width;
            let moves = |moment: &[f32]| moment.get(range.clone()).is_some_and(|m| m.iter().any(|&x| x != 0.0));
            let is_same = (row as usize) < stored.rows() && {
                stored.widen(row as usize, &mut kept);
                let same = kept
                    .iter()
                    .zip(&self.value[range.clone()])
                    .all(|(a, b)| a.to_bits() == b.to_bits());
                same && !moves(&self.m) && !moves(&self.v)
            };
            if is_same {
                continue;
            }
            for floats in [&mut self.value, &mut self.m, &mut self.v] {
                if !floats.is_empty() {
                    floats.copy_within(range.clone(), count * width);
                }
            }
            exact.push(row);
            count += 1;
        }
        for floats in [&mut self.value, &mut self.m, &mut self.v] {
            floats.truncate(count * width);
            floats.shrink_to_fit();
        }
        let mut stored = stored.clone();
        stored.exact = exact;
        self.stored = Some(stored);
        self
    }
}

impl StoredRows {
    /// Copies exact rows to their places among all.
    fn spread(&self, exact: &[f32], all: &mut [f32]) {
        for (row, from) in self.exact.iter().zip(exact.chunks_exact(self.width)) {
            all[*row as usize * self.width..][..self.width].copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_byte_is_within_half_a_step() {
        let rng = Rng::new(7);
        for (row, (offset, spread)) in [(0.0, 0.02), (3.0, 1e-4), (-700.0, 40.0), (0.0, 6e4), (1e-3, 0.0)]
            .into_iter()
            .enumerate()
        {
            let rng = rng.stream(row as u32);
            let values: Vec<f32> = (0..33)
                .map(|i| offset + spread * (2.0 * rng.uniform(i) - 1.0))
                .collect();
            let stored = StoredRows::new("t", &values, 33, RowType::I8).unwrap().unwrap();
            let Kept::I8 { scales, .. } = &stored.kept else {
                panic!()
            };
            let [step, middle] = scales[0].map(f64::from);
            // A step and a middle of 11 digits: what a middle is off is a step's to make up for.
            let range = values
                .iter()
                .fold(0.0f64, |most, &x| most.max((f64::from(x) - middle).abs()));
            assert!(
                step >= range / 128.0 && step <= range / 127.0 * 1.001 + 1e-7,
                "{step} for {range}"
            );
            let mut back = [0.0; 33];
            stored.widen(0, &mut back);
            for (x, y) in values.iter().zip(back) {
                let off = (f64::from(*x) - f64::from(y)).abs();
                assert!(
                    off <= step / 2.0 + f64::from(x.abs()) * 1e-7,
                    "{x} came back as {y}, steps are {step}"
                );
            }
        }
    }

    #[test]
    fn what_no_half_holds_is_refused_with_its_row() {
        for kind in [RowType::F16, RowType::I8] {
            for bad in [f32::NAN, f32::INFINITY, 1e30, -3e38] {
                let error = StoredRows::new("user.weight", &[0.0, 1.0, 2.0, bad], 2, kind).unwrap_err();
                assert!(error.to_string().contains("row 1 "), "{error}");
            }
        }
    }

    #[test]
    fn exact_rows_come_back_where_they_were() {
        let values: Vec<f32> = (0..10).map(|i| i as f32 * 0.37).collect();
        let stored = StoredRows::new("t", &values, 2, RowType::I8).unwrap().unwrap();
        let mut tensor = Tensor {
            stored: Some(stored.clone()),
            ..Tensor::default()
        };
        let mut all = tensor.widened("t").unwrap().unwrap();
        all.value[4..6].copy_from_slice(&[9.5, -9.5]); // row 2
        all.value.extend([1.0, 2.0]); // row 5 came later
        tensor = all.clone().beside(&stored, 0..6);
        assert_eq!(tensor.stored.as_ref().unwrap().exact(), [2, 5]);
        assert_eq!(tensor.value, [9.5, -9.5, 1.0, 2.0]);
        assert_eq!(tensor.widened("t").unwrap().unwrap(), all);
    }
}

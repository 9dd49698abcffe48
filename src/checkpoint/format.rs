//! The safetensors container: tensors out, tensors in, and the checksum over both.

use alloc::{
    borrow::Cow,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use half::f16;
use safetensors::Dtype;
use serde::Serialize;

use super::{
    header::{Header, MAX_HEADER, MAX_TENSORS},
    sink::{Sink, Unwritten},
};

/// Values are converted so many bytes at a time; whole words of the checksum.
const BLOCK: usize = 1 << 14;

/// The key of the checksum, which is not part of itself.
pub(super) const CHECKSUM: &str = "checksum";

/// The values of a tensor to be written.
pub(super) enum Values<'a> {
    F32(Cow<'a, [f32]>),
    F16(Cow<'a, [f16]>),
    I8(Cow<'a, [i8]>),
    I32(Cow<'a, [u32]>),
    I64(Cow<'a, [u64]>),
    U8(Cow<'a, [u8]>),
}

/// A tensor to be written.
pub(super) struct Output<'a> {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Values<'a>,
}

impl Output<'_> {
    fn dtype(&self) -> Dtype {
        match self.values {
            Values::F32(_) => Dtype::F32,
            Values::F16(_) => Dtype::F16,
            Values::I8(_) => Dtype::I8,
            Values::I32(_) => Dtype::I32,
            Values::I64(_) => Dtype::I64,
            Values::U8(_) => Dtype::U8,
        }
    }

    pub fn bytes(&self) -> usize {
        match &self.values {
            Values::F32(values) => 4 * values.len(),
            Values::F16(values) => 2 * values.len(),
            Values::I8(values) => values.len(),
            Values::I32(values) => 4 * values.len(),
            Values::I64(values) => 8 * values.len(),
            Values::U8(values) => values.len(),
        }
    }

    /// Gives the bytes to `each`, a block at a time.
    fn blocks(&self, mut each: impl FnMut(&[u8]) -> Result<(), Unwritten>) -> Result<(), Unwritten> {
        fn convert<T: Copy, const N: usize>(
            values: &[T],
            to_bytes: impl Fn(T) -> [u8; N],
            each: &mut dyn FnMut(&[u8]) -> Result<(), Unwritten>,
        ) -> Result<(), Unwritten> {
            let mut block = [0; BLOCK];
            for values in values.chunks(BLOCK / N) {
                for (bytes, &value) in block.chunks_exact_mut(N).zip(values) {
                    bytes.copy_from_slice(&to_bytes(value));
                }
                each(&block[..values.len() * N])?;
            }
            Ok(())
        }
        match &self.values {
            Values::F32(values) => convert(values, f32::to_le_bytes, &mut each),
            Values::F16(values) => convert(values, f16::to_le_bytes, &mut each),
            Values::I8(values) => convert(values, i8::to_le_bytes, &mut each),
            Values::I32(values) => convert(values, u32::to_le_bytes, &mut each),
            Values::I64(values) => convert(values, u64::to_le_bytes, &mut each),
            Values::U8(values) => values.chunks(BLOCK).try_for_each(each),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Strings(&'a BTreeMap<String, String>),
    Tensor {
        dtype: Dtype,
        shape: &'a [usize],
        data_offsets: [usize; 2],
    },
}

/// Writes a file. The checksum joins the metadata. What the reader would refuse is not written.
pub(super) fn write(
    mut tensors: Vec<Output>,
    mut strings: BTreeMap<String, String>,
    to: &mut Sink,
) -> Result<(), Unwritten> {
    // Wide types first, so that each tensor is aligned within the file.
    tensors.sort_by(|a, b| b.dtype().bitsize().cmp(&a.dtype().bitsize()).then(a.name.cmp(&b.name)));
    strings.insert(CHECKSUM.into(), checksum_of(&tensors, &strings)?);
    let mut header = BTreeMap::from([("__metadata__", Entry::Strings(&strings))]);
    let mut offset = 0;
    for tensor in &tensors {
        let end = offset + tensor.bytes();
        let entry = Entry::Tensor {
            dtype: tensor.dtype(),
            shape: &tensor.shape,
            data_offsets: [offset, end],
        };
        if header.insert(&tensor.name, entry).is_some() {
            let reason = format!("two tensors are called {}; give the fields other names", tensor.name);
            return Err(reason.into());
        }
        offset = end;
    }
    if tensors.len() > MAX_TENSORS {
        return Err(format!("{} tensors, at most {MAX_TENSORS} are read", tensors.len()).into());
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    if header.len() as u64 > MAX_HEADER {
        let bytes = header.len();
        return Err(format!("a header of {bytes} bytes, at most {MAX_HEADER} are read").into());
    }
    to(&(header.len() as u64).to_le_bytes())?;
    to(&header)?;
    for tensor in &tensors {
        tensor.blocks(&mut *to)?;
    }
    Ok(())
}

/// 16 hexadecimal digits that stand for some bytes.
#[cfg(feature = "std")]
pub(super) fn digest(bytes: &[u8]) -> String {
    let mut sum = Checksum::of_strings(core::iter::empty());
    sum.word(bytes.len() as u64);
    sum.bytes(bytes);
    sum.finish()
}

/// The same for parameters by name.
pub(super) fn digest_of<'a>(
    parameters: impl Iterator<Item = crate::Result<(&'a str, Cow<'a, [f32]>)>>,
) -> crate::Result<String> {
    let mut sum = Checksum::of_strings(core::iter::empty());
    for parameter in parameters {
        let (name, values) = parameter?;
        sum.string(name);
        sum.word(values.len() as u64);
        values.iter().for_each(|x| sum.word(u64::from(x.to_bits())));
    }
    Ok(sum.finish())
}

fn checksum_of(tensors: &[Output], strings: &BTreeMap<String, String>) -> Result<String, Unwritten> {
    let mut sum = Checksum::of_strings(strings.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let mut sorted: Vec<&Output> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    for tensor in sorted {
        sum.tensor(&tensor.name, tensor.dtype(), &tensor.shape);
        tensor.blocks(|block| {
            sum.bytes(block);
            Ok(())
        })?;
    }
    Ok(sum.finish())
}

/// 64 bits over everything a file says, in an order of its own. Each step is invertible in the word and in the sum,
/// so that damage within one word always shows, and other damage with a probability of 1 - 2^-64.
struct Checksum(u64);

impl Checksum {
    fn of_strings<'a>(sorted: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut sum = Checksum(0x243f_6a88_85a3_08d3);
        for (key, value) in sorted.filter(|(key, _)| *key != CHECKSUM) {
            sum.string(key);
            sum.string(value);
        }
        sum
    }

    fn word(&mut self, word: u64) {
        let mixed = (self.0.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for &word in words {
            self.word(u64::from_le_bytes(word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn string(&mut self, string: &str) {
        self.word(string.len() as u64);
        self.bytes(string.as_bytes());
    }

    fn tensor(&mut self, name: &str, dtype: Dtype, shape: &[usize]) {
        self.string(name);
        self.string(&dtype.to_string());
        self.word(shape.len() as u64);
        shape.iter().for_each(|&size| self.word(size as u64));
    }

    fn finish(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// A file that is whole as a container. What is in it is checked by those who ask for it.
pub(super) struct Input<'d> {
    header: Header,
    data: Cow<'d, [u8]>,
}

impl<'d> Input<'d> {
    /// What bytes in memory hold, without a copy of them. The header must account for every one.
    pub fn of_bytes(bytes: &'d [u8]) -> Result<Self, String> {
        let (size, rest) = bytes.split_first_chunk().ok_or("it ends too early")?;
        let (header, data) = rest.split_at(header_size(*size, bytes.len() as u64)?);
        let header = Header::parse(header)?;
        Input::of_parts(header, Cow::Borrowed(data))
    }

    /// The same of what was read.
    pub fn of_parts(header: Header, data: Cow<'d, [u8]>) -> Result<Self, String> {
        check_rest(&header, data.len() as u64)?;
        Ok(Input { header, data })
    }

    /// Bytes of all tensors.
    pub fn data_len(&self) -> usize {
        self.data.len()
    }

    /// Names of all tensors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.header.tensors().map(|(name, _)| name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.header.tensor(name).is_some()
    }

    /// A metadata string.
    pub fn string(&self, key: &str) -> Result<&str, String> {
        let value = self.header.strings().get(key);
        value
            .map(String::as_str)
            .ok_or_else(|| format!("metadata key {key} is missing"))
    }

    /// Name, shape and bytes of a tensor of the given type.
    pub fn tensor(&self, name: &str, dtype: Dtype) -> Result<(&str, &[usize], &[u8]), String> {
        let (name, info) = self
            .header
            .tensor(name)
            .ok_or_else(|| format!("tensor {name} is missing"))?;
        if info.dtype != dtype {
            return Err(format!("tensor {name} is of type {}; it must be {dtype}", info.dtype));
        }
        let bytes = self.data.get(info.bytes.clone());
        let bytes = bytes.ok_or_else(|| format!("tensor {name} lies outside the file"))?;
        Ok((name, &info.shape, bytes))
    }

    /// The type of a tensor, if it is there.
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.header.tensor(name).map(|(_, info)| info.dtype)
    }

    /// Compares the checksum.
    pub fn verify(&self) -> Result<(), String> {
        // A fuzzer that has to guess 64 bits never sees what lies behind them.
        if cfg!(fuzzing) {
            return Ok(());
        }
        let said = self.string(CHECKSUM)?;
        let strings = self.header.strings().iter();
        let mut sum = Checksum::of_strings(strings.map(|(key, value)| (key.as_str(), value.as_str())));
        for (name, info) in self.header.tensors() {
            let (_, shape, bytes) = self.tensor(name, info.dtype)?;
            sum.tensor(name, info.dtype, shape);
            sum.bytes(bytes);
        }
        let found = sum.finish();
        if found != said {
            return Err(format!(
                "metadata key {CHECKSUM} says {said}, the contents give {found}: the file is damaged"
            ));
        }
        Ok(())
    }
}

/// Bytes of the header of a file of `len` bytes, by its first eight. They are there.
pub(super) fn header_size(first: [u8; 8], len: u64) -> Result<usize, String> {
    let size = u64::from_le_bytes(first);
    if size > len.saturating_sub(8) {
        return Err(format!(
            "not a safetensors file, or truncated: a header of {size} bytes in a file of {len}"
        ));
    }
    if size > MAX_HEADER {
        return Err(format!(
            "a header of {size} bytes: a model's has {MAX_HEADER} at most, so it is not a file of this library"
        ));
    }
    Ok(size as usize)
}

/// Whether a header accounts for all bytes that are behind it.
pub(super) fn check_rest(header: &Header, rest: u64) -> Result<(), String> {
    match header.data_len() as u64 {
        expected if expected == rest => Ok(()),
        expected => Err(format!(
            "its header speaks of {expected} bytes of data, {rest} are there: it is truncated"
        )),
    }
}

//! Tensors of a file: what they are and where their bytes lie.

use std::collections::BTreeMap;
use std::ops::Range;

use inference_kernels::Dtype;

use super::reader::Reader;
use crate::error::{ModelError, malformed};

/// Most elements of a tensor; the largest real ones have some 2^32.
const ELEMENTS_MAX: u64 = 1 << 40;
/// The storage type with this number.
fn dtype(number: u32, tensor: &str) -> Result<Dtype, ModelError> {
    Dtype::from_gguf(number).ok_or_else(|| {
        let name = type_name(number);
        ModelError::Unsupported(format!(
            "the tensor `{tensor}` is stored as {name}, which is not supported; use a file in Q4_K_M, Q8_0, F16 or another common type"
        ))
    })
}

/// The format's name of a storage type we cannot read.
fn type_name(number: u32) -> String {
    let name = match number {
        9 => "Q8_1",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        21 => "IQ3_S",
        22 => "IQ2_S",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        _ => return format!("the unknown type {number}"),
    };
    name.to_owned()
}

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its dimensions, innermost (contiguous) first.
    pub dims: Vec<usize>,
    /// How it is stored.
    pub dtype: Dtype,
    /// Where its bytes lie in the file. While the header is read, relative to the data section.
    pub range: Range<usize>,
    /// Which of the model's files that is.
    pub(super) file: usize,
}

impl TensorInfo {
    /// Weights of the tensor.
    pub fn weights(&self) -> usize {
        self.dims.iter().product()
    }

    pub(super) fn read(reader: &mut Reader<'_>, name_max: u64) -> Result<Self, ModelError> {
        let name = reader.text(name_max)?;
        let dims = dims(reader, &name)?;
        let dtype = dtype(reader.u32()?, &name)?;
        if !dims[0].is_multiple_of(dtype.block_weights()) {
            return Err(malformed(format!(
                "the rows of `{name}` are no whole number of blocks"
            )));
        }
        let bytes = dims.iter().product::<usize>() / dtype.block_weights() * dtype.block_bytes();
        let start = usize::try_from(reader.u64()?).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(bytes)?));
        let range = range.ok_or_else(|| outside(&name))?;
        Ok(Self {
            name,
            dims,
            dtype,
            range,
            file: 0,
        })
    }
}

/// Reads 1 to 4 dimensions whose product is within bounds, so that no later arithmetic can wrap.
fn dims(reader: &mut Reader<'_>, name: &str) -> Result<Vec<usize>, ModelError> {
    let count = reader.u32()?;
    if !(1..=4).contains(&count) {
        return Err(malformed(format!(
            "the tensor `{name}` has {count} dimensions"
        )));
    }
    let dims = (0..count)
        .map(|_| reader.u64())
        .collect::<Result<Vec<_>, _>>()?;
    let weights = dims
        .iter()
        .try_fold(1_u64, |product, &dim| product.checked_mul(dim));
    if weights.is_none_or(|weights| weights == 0 || weights > ELEMENTS_MAX) {
        return Err(malformed(format!(
            "the tensor `{name}` has the impossible shape {dims:?}"
        )));
    }
    dims.into_iter()
        .map(|dim| {
            usize::try_from(dim).map_err(|_| malformed(format!("the tensor `{name}` is too large")))
        })
        .collect()
}

fn outside(name: &str) -> ModelError {
    malformed(format!(
        "the tensor `{name}` lies outside the file, which seems cut short"
    ))
}

/// Moves ranges behind the header and checks alignment, bounds and overlaps.
pub(super) fn place(
    infos: Vec<TensorInfo>,
    header_bytes: usize,
    alignment: u64,
    file_bytes: usize,
) -> Result<BTreeMap<String, TensorInfo>, ModelError> {
    let alignment =
        usize::try_from(alignment).map_err(|_| malformed("its alignment is too large"))?;
    let data = header_bytes.next_multiple_of(alignment);
    let mut placed = BTreeMap::new();
    let mut ranges = Vec::with_capacity(infos.len());
    for mut info in infos {
        if !info.range.start.is_multiple_of(alignment) {
            return Err(malformed(format!(
                "the tensor `{}` is not aligned to {alignment} bytes",
                info.name
            )));
        }
        let end = data
            .checked_add(info.range.end)
            .filter(|&end| end <= file_bytes);
        let end = end.ok_or_else(|| outside(&info.name))?;
        info.range = data + info.range.start..end;
        ranges.push((info.range.clone(), info.name.clone()));
        if let Some(twin) = placed.insert(info.name.clone(), info) {
            return Err(malformed(format!(
                "the tensor `{}` occurs twice",
                twin.name
            )));
        }
    }
    ranges.sort_unstable_by_key(|(range, _)| range.start);
    for pair in ranges.windows(2) {
        if pair[1].0.start < pair[0].0.end {
            return Err(malformed(format!(
                "the tensors `{}` and `{}` overlap",
                pair[0].1, pair[1].1
            )));
        }
    }
    Ok(placed)
}

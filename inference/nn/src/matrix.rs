//! Weights of a file, bound to the kernels that read them.
//!
//! Invariant: what is bound has the shape its layer asked for.

use std::sync::Arc;

use inference_kernels::{Bytes, Matrix};

use crate::error::ModelError;
use crate::gguf::{Gguf, TensorInfo};

/// The tensor `name`, which must be `[rows, columns]`.
pub(crate) fn matrix(
    gguf: &Gguf,
    name: &str,
    rows: usize,
    columns: usize,
) -> Result<Matrix, ModelError> {
    let info = tensor(gguf, name, vec![columns, rows])?;
    Ok(Matrix::new(bytes(gguf, info)?, info.dtype, rows, columns)?)
}

/// Reads the vector of weights `name`, which must be `[length]`.
pub(crate) fn vector(gguf: &Gguf, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
    let info = tensor(gguf, name, vec![length])?;
    let mut values = vec![0.0; length];
    Matrix::new(bytes(gguf, info)?, info.dtype, 1, length)?.widen_row(0, &mut values);
    Ok(values)
}

fn tensor<'a>(
    gguf: &'a Gguf,
    name: &str,
    expected: Vec<usize>,
) -> Result<&'a TensorInfo, ModelError> {
    let info = gguf
        .tensor(name)
        .ok_or_else(|| ModelError::MissingTensor(name.to_owned()))?;
    if info.dims == expected {
        return Ok(info);
    }
    Err(ModelError::Shape {
        name: name.to_owned(),
        found: info.dims.clone(),
        expected,
    })
}

fn bytes(gguf: &Gguf, info: &TensorInfo) -> Result<Bytes, ModelError> {
    let mapping = Arc::clone(gguf.mapping());
    Ok(Bytes::new(mapping, info.range.clone())?)
}

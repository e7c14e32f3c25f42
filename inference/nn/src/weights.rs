//! Tensors by name, from either format, bound to the kernels that read them.
//!
//! Invariant: what is bound has the shape its layer asked for; what nobody bound is refused by
//! [`Weights::finish`], so that no part of a model is left out silently.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use inference_kernels::{Activations, Bytes, Dtype, Mapping, Matrix, Storage};

use crate::error::ModelError;
use crate::source::ModelSource;

/// Tensors that hold what is computed here.
const DERIVED: [&str; 2] = ["rotary_emb.inv_freq", "rope_freqs.weight"];

/// A tensor of either format.
#[derive(Clone, Debug)]
pub(crate) struct Tensor<'a> {
    pub(crate) name: &'a str,
    /// Outermost first.
    pub(crate) shape: Vec<usize>,
    /// `None` for single bytes.
    pub(crate) dtype: Option<Dtype>,
    range: Range<usize>,
    mapping: &'a Arc<Mapping>,
}

impl Tensor<'_> {
    /// The bytes as they lie in the file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.mapping[self.range.clone()]
    }

    /// Says that its bytes are unlikely to be read again.
    pub(crate) fn release(&self) {
        self.mapping.release(self.range.clone());
    }

    /// The type of its weights, if they are not bare bytes.
    pub(crate) fn weights(&self) -> Result<Dtype, ModelError> {
        self.dtype.ok_or_else(|| {
            ModelError::Unsupported(format!(
                "the tensor `{}` holds bare bytes; use a model in F32, F16 or BF16",
                self.name
            ))
        })
    }

    /// Rows `first` to `first + rows` of `columns`, all outer dimensions taken together.
    fn rows(&self, first: usize, rows: usize, columns: usize) -> Result<Matrix, ModelError> {
        let dtype = self.weights()?;
        let start = self.range.start + first * dtype.row_bytes(columns);
        let range = start..start + rows * dtype.row_bytes(columns);
        let bytes = Bytes::new(Arc::clone(self.mapping) as _, range)?;
        Ok(Matrix::new(bytes, dtype, rows, columns)?)
    }
}

/// The tensors of a model, and which of them were bound.
#[derive(Debug)]
pub(crate) struct Weights<'a> {
    source: &'a ModelSource,
    bound: RefCell<BTreeSet<String>>,
    activations: Activations,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(source: &'a ModelSource) -> Self {
        Self {
            source,
            bound: RefCell::default(),
            activations: Activations::Exact,
        }
    }

    /// The same, with matrices made ready for `activations`.
    pub(crate) fn with_activations(self, activations: Activations) -> Self {
        Self {
            activations,
            ..self
        }
    }

    /// The tensor `name`, which then counts as bound.
    pub(crate) fn find(&self, name: &str) -> Option<Tensor<'a>> {
        let tensor = match self.source {
            ModelSource::Gguf(gguf) => gguf.tensor(name).map(|info| Tensor {
                name: &info.name,
                shape: info.dims.iter().rev().copied().collect(),
                dtype: Some(info.dtype),
                range: info.range.clone(),
                mapping: gguf.mapping(info),
            }),
            ModelSource::Safetensors(files) => files.stored(name).map(|(name, tensor)| Tensor {
                name,
                shape: tensor.shape.clone(),
                dtype: tensor.dtype,
                range: tensor.range.clone(),
                mapping: &tensor.mapping,
            }),
        };
        if tensor.is_some() {
            self.bound.borrow_mut().insert(name.to_owned());
        }
        tensor
    }

    /// The tensor `name`, which must have `shape`, outermost dimension first.
    pub(crate) fn shaped(&self, name: &str, shape: &[usize]) -> Result<Tensor<'a>, ModelError> {
        let tensor = self
            .find(name)
            .ok_or_else(|| ModelError::MissingTensor(name.to_owned()))?;
        if tensor.shape == shape {
            return Ok(tensor);
        }
        Err(ModelError::Shape {
            name: name.to_owned(),
            found: tensor.shape,
            expected: shape.to_vec(),
        })
    }

    /// `matrix`, ready to be multiplied.
    pub(crate) fn ready(&self, matrix: Matrix) -> Matrix {
        matrix.with_activations(self.activations)
    }

    /// The matrix `name`, which must be `[rows, columns]`.
    pub(crate) fn matrix(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Matrix, ModelError> {
        Ok(self.ready(self.table(name, rows, columns)?))
    }

    /// The matrix `name`, which must be `[rows, columns]`, of which single rows are read.
    pub(crate) fn table(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Matrix, ModelError> {
        self.shaped(name, &[rows, columns])?.rows(0, rows, columns)
    }

    /// Matrices of `rows` rows each that are stored one below the other as `name`.
    pub(crate) fn below<const N: usize>(
        &self,
        name: &str,
        rows: [usize; N],
        columns: usize,
    ) -> Result<[Matrix; N], ModelError> {
        let tensor = self.shaped(name, &[rows.iter().sum(), columns])?;
        let mut parts = Vec::with_capacity(N);
        let mut first = 0;
        for rows in rows {
            parts.push(self.ready(tensor.rows(first, rows, columns)?));
            first += rows;
        }
        let count = parts.len();
        parts.try_into().map_err(|_| {
            ModelError::Unsupported(format!("the tensor `{name}` was split into {count} parts"))
        })
    }

    /// As many matrices as `count`, stored as `name`, which must be `[count, rows, columns]`.
    pub(crate) fn stacked(
        &self,
        name: &str,
        count: usize,
        rows: usize,
        columns: usize,
    ) -> Result<Vec<Matrix>, ModelError> {
        let tensor = self.shaped(name, &[count, rows, columns])?;
        (0..count)
            .map(|number| Ok(self.ready(tensor.rows(number * rows, rows, columns)?)))
            .collect()
    }

    /// The vector `name`, which must be `[length]`.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
        let mut values = vec![0.0; length];
        self.shaped(name, &[length])?
            .rows(0, 1, length)?
            .widen_row(0, &mut values);
        Ok(values)
    }

    /// As [`vector`](Self::vector); `None` if absent.
    pub(crate) fn optional(
        &self,
        name: &str,
        length: usize,
    ) -> Result<Option<Vec<f32>>, ModelError> {
        self.find(name)
            .map(|_| self.vector(name, length))
            .transpose()
    }

    /// The rows of `name`, which must be `[rows, columns]`, each by itself.
    pub(crate) fn vectors(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let matrix = self.table(name, rows, columns)?;
        let row = |row| {
            let mut values = vec![0.0; columns];
            matrix.widen_row(row, &mut values);
            values
        };
        Ok((0..rows).map(row).collect())
    }

    /// Refuses a tensor that nobody bound.
    pub(crate) fn finish(&self) -> Result<(), ModelError> {
        let bound = self.bound.borrow();
        let unknown = |name: &&str| {
            !bound.contains(*name) && !DERIVED.iter().any(|derived| name.ends_with(derived))
        };
        let name = match self.source {
            ModelSource::Gguf(gguf) => gguf.tensors().map(|info| info.name.as_str()).find(unknown),
            ModelSource::Safetensors(files) => files.tensors().map(|(name, _)| name).find(unknown),
        };
        name.map_or(Ok(()), |name| {
            Err(ModelError::Unsupported(format!(
                "the tensor `{name}` belongs to no layer of this architecture as it is known here; the model would run wrongly without it"
            )))
        })
    }
}

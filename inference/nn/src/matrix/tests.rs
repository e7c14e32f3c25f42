//! Products against sums taken one by one, and against candle's reading of the same bytes.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use super::*;
use crate::gguf::Dtype;

/// Numbers between -1 and 1 that look random and are always the same.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / f32::from_bits(0x4b00_0000) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Stores `weights` as `dtype` by candle's quantizer; gives the bytes and what they mean to candle.
fn stored(weights: &[f32], rows: usize, dtype: Dtype) -> (Vec<u8>, Vec<f32>) {
    let kind = match dtype {
        Dtype::F32 => GgmlDType::F32,
        Dtype::F16 => GgmlDType::F16,
        Dtype::Q8_0 => GgmlDType::Q8_0,
    };
    let tensor = Tensor::from_slice(weights, (rows, weights.len() / rows), &Device::Cpu)
        .expect("shape fits");
    let tensor = QTensor::quantize(&tensor, kind).expect("can be quantized");
    let meant = tensor
        .dequantize(&Device::Cpu)
        .and_then(|tensor| tensor.flatten_all())
        .expect("can be read");
    (
        tensor.data().expect("has data").into_owned(),
        meant.to_vec1().expect("is f32"),
    )
}

#[track_caller]
fn check(dtype: Dtype, rows: usize, columns: usize, tokens: usize) {
    let (bytes, weights) = stored(&numbers(rows * columns, 1), rows, dtype);
    let range = 0..bytes.len();
    let mapping = Arc::new(Mapping::Memory(bytes));
    let matrix = Matrix {
        mapping,
        range,
        dtype,
        rows,
        columns,
        arch: Arch::new(),
    };
    let x = numbers(tokens * columns, 2);
    let mut out = vec![f32::NAN; tokens * rows];
    matrix.multiply(&x, &mut out, &mut Vec::new());
    for token in 0..tokens {
        for row in 0..rows {
            let products = weights[row * columns..][..columns]
                .iter()
                .zip(&x[token * columns..]);
            let expected: f64 = products
                .map(|(weight, x)| f64::from(*weight) * f64::from(*x))
                .sum();
            let found = f64::from(out[token * rows + row]);
            assert!(
                (found - expected).abs() < 1e-4,
                "{dtype:?} row {row} token {token}: {found} for {expected}"
            );
        }
    }
}

#[test]
fn products_equal_sums_taken_one_by_one() {
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Q8_0] {
        for tokens in [1, 2, 3, 7, 9] {
            check(dtype, 13, 96, tokens);
        }
    }
}

#[test]
fn rows_of_any_length_work() {
    for dtype in [Dtype::F32, Dtype::F16] {
        check(dtype, 5, 37, 1);
        check(dtype, 6, 3, 5);
    }
}

#[test]
fn products_shared_among_threads_are_whole() {
    check(Dtype::Q8_0, 1031, 320, 1);
    check(Dtype::Q8_0, 1031, 64, 6);
}

//! Products against sums taken one by one, and against candle's reading of the same bytes.

use std::time::{Duration, Instant};

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Module, Tensor};

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

/// Not a check: prints how long products take here and in candle, on one thread each.
///
///     RAYON_NUM_THREADS=1 cargo test -p inference-nn --lib -- --ignored --nocapture speed
#[test]
#[ignore = "measures"]
fn speed_beside_candle() {
    for (rows, columns) in [(192, 192), (1024, 384), (2048, 2048)] {
        let (bytes, _) = stored(&numbers(rows * columns, 1), rows, Dtype::Q8_0);
        let tensor = Tensor::from_slice(&numbers(rows * columns, 1), (rows, columns), &Device::Cpu)
            .expect("shape fits");
        let quantized = QTensor::quantize(&tensor, GgmlDType::Q8_0).expect("can be quantized");
        let theirs = QMatMul::from_qtensor(quantized).expect("is usable");
        let range = 0..bytes.len();
        let mapping = Arc::new(Mapping::Memory(bytes));
        let ours = Matrix {
            mapping,
            range,
            dtype: Dtype::Q8_0,
            rows,
            columns,
            arch: Arch::new(),
        };
        for tokens in [1, 64] {
            let x = numbers(tokens * columns, 2);
            let (mut out, mut turned) = (vec![0.0; tokens * rows], Vec::new());
            let our_time = time(|| ours.multiply(&x, &mut out, &mut turned));
            let x = Tensor::from_slice(&x, (tokens, columns), &Device::Cpu).expect("shape fits");
            let their_time = time(|| drop(theirs.forward(&x).expect("fits")));
            println!(
                "{rows} x {columns}, {tokens} tokens: ours {our_time:?}, candle {their_time:?}"
            );
        }
    }
}

/// The best of several runs, each long enough to measure.
fn time(mut run: impl FnMut()) -> Duration {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..10).for_each(|_| run());
        start.elapsed() / 10
    };
    (0..30).map(|_| once(&mut run)).min().unwrap_or_default()
}

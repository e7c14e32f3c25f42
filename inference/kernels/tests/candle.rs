//! What candle stores and reads back is what we read from the same bytes.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use inference_kernels::{Dtype, Matrix};

/// Weights that move from block to block.
fn weights() -> Vec<f32> {
    (0_i16..2048)
        .map(|at| (f32::from(at) * 0.37).sin() * (1.0 + f32::from(at / 256)))
        .collect()
}

#[track_caller]
fn check(dtype: Dtype, theirs: GgmlDType) {
    let tensor = Tensor::from_slice(&weights(), (4, 512), &Device::Cpu).expect("shape fits");
    let tensor = QTensor::quantize(&tensor, theirs).expect("can be quantized");
    let meant: Vec<f32> = tensor
        .dequantize(&Device::Cpu)
        .and_then(|tensor| tensor.flatten_all()?.to_vec1())
        .expect("can be read");
    let bytes = tensor.data().expect("has data").into_owned();
    let matrix = Matrix::new(bytes.into(), dtype, 4, 512).expect("fits");
    let mut row = vec![0.0; 512];
    for (number, meant) in meant.chunks_exact(512).enumerate() {
        matrix.widen_row(number, &mut row);
        for (found, expected) in row.iter().zip(meant) {
            assert!(
                (found - expected).abs() <= 1e-6 * expected.abs(),
                "{dtype:?}: {found} for {expected}"
            );
        }
    }
}

#[test]
fn weights_mean_what_candle_says() {
    check(Dtype::F32, GgmlDType::F32);
    check(Dtype::F16, GgmlDType::F16);
    check(Dtype::Bf16, GgmlDType::BF16);
    check(Dtype::Q4_0, GgmlDType::Q4_0);
    check(Dtype::Q4_1, GgmlDType::Q4_1);
    check(Dtype::Q5_0, GgmlDType::Q5_0);
    check(Dtype::Q5_1, GgmlDType::Q5_1);
    check(Dtype::Q8_0, GgmlDType::Q8_0);
    check(Dtype::Q2K, GgmlDType::Q2K);
    check(Dtype::Q3K, GgmlDType::Q3K);
    check(Dtype::Q4K, GgmlDType::Q4K);
    check(Dtype::Q5K, GgmlDType::Q5K);
    check(Dtype::Q6K, GgmlDType::Q6K);
}

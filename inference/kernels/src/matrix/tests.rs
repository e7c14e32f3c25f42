//! Products against sums taken one by one over widened weights.

use std::sync::Arc;

use super::*;
use crate::bytes::Storage;

/// Numbers between -1 and 1 that look random and are always the same.
pub(crate) fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / f32::from_bits(0x4b00_0000) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Random blocks with sensible scales: the fixtures' blocks in random order.
pub(crate) fn stored(dtype: Dtype, weights: usize, seed: u32) -> Vec<u8> {
    let name = format!("{}.blocks", dtype.as_str().to_lowercase());
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    let bytes = std::fs::read(path).expect("is there");
    let blocks: Vec<_> = bytes.chunks_exact(dtype.block_bytes()).collect();
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        blocks[(state >> 8) as usize % blocks.len()]
    };
    (0..weights / dtype.block_weights())
        .flat_map(|_| next().iter().copied())
        .collect()
}

pub(crate) fn matrix(dtype: Dtype, rows: usize, columns: usize) -> Matrix {
    let bytes = stored(dtype, rows * columns, 1);
    Matrix::new(bytes.into(), dtype, rows, columns).expect("fits")
}

#[track_caller]
fn check(dtype: Dtype, rows: usize, columns: usize, tokens: usize) {
    let matrix = matrix(dtype, rows, columns);
    let x = numbers(tokens * columns, 2);
    let mut out = vec![f32::NAN; tokens * rows];
    matrix.multiply(&x, &mut out, &mut Scratch::default());
    let mut weights = vec![0.0; columns];
    for row in 0..rows {
        matrix.widen_row(row, &mut weights);
        for token in 0..tokens {
            let products = weights.iter().zip(&x[token * columns..]);
            let products = products.map(|(weight, x)| f64::from(*weight) * f64::from(*x));
            let (sum, size) =
                products.fold((0.0, 0.0), |(sum, size), p: f64| (sum + p, size + p.abs()));
            let found = f64::from(out[token * rows + row]);
            assert!(
                (found - sum).abs() <= 1e-6 * size + 1e-30,
                "{dtype:?} {rows} x {columns}, row {row} token {token}: {found} for {sum}"
            );
        }
    }
}

#[test]
fn products_equal_sums_taken_one_by_one() {
    for dtype in Dtype::ALL {
        for tokens in [1, 2, 3, 7, 9] {
            check(dtype, 13, 3 * dtype.block_weights().max(32), tokens);
        }
    }
}

#[test]
fn rows_of_any_length_work() {
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
        check(dtype, 5, 37, 1);
        check(dtype, 6, 3, 5);
    }
}

#[test]
fn products_shared_among_threads_are_whole() {
    check(Dtype::Q8_0, 1031, 320, 1);
    check(Dtype::Q8_0, 1031, 64, 6);
}

#[test]
fn a_token_gets_the_same_bits_alone_and_in_company() {
    for dtype in Dtype::ALL {
        let matrix = matrix(dtype, 37, 512);
        let x = numbers(33 * 512, 3);
        let mut together = vec![0.0; 33 * 37];
        matrix.multiply(&x, &mut together, &mut Scratch::default());
        for (x, together) in x.chunks_exact(512).zip(together.chunks_exact(37)) {
            let mut alone = vec![0.0; 37];
            matrix.multiply(x, &mut alone, &mut Scratch::default());
            let bits = |out: &[f32]| out.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&alone), bits(together), "{dtype:?}");
        }
    }
}

#[test]
fn products_of_many_matrices_are_those_of_each() {
    // Types with the same unit and other zeros, and other groups.
    let types = [
        Dtype::Q4K,
        Dtype::Q6K,
        Dtype::Q2K,
        Dtype::Q3K,
        Dtype::Q5_0,
        Dtype::Q8_0,
        Dtype::Q4_1,
        Dtype::F16,
        Dtype::Bf16,
    ];
    for activations in [Activations::Exact, Activations::Rounded] {
        let rows = |at: usize| 3 + 37 * at;
        let matrix = |(at, dtype)| matrix(dtype, rows(at), 256).with_activations(activations);
        let matrices: Vec<_> = types.into_iter().enumerate().map(matrix).collect();
        let x = numbers(2 * 256, 4);
        let mut many: Vec<_> = matrices.iter().map(|m| vec![0.0; 2 * m.rows()]).collect();
        let scratch = &mut Scratch::default();
        multiply_many(
            &matrices.iter().collect::<Vec<_>>(),
            &x,
            &mut many.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(),
            scratch,
        );
        for (matrix, many) in matrices.iter().zip(&many) {
            let mut one = vec![0.0; many.len()];
            matrix.multiply(&x, &mut one, &mut Scratch::default());
            assert_eq!(&one, many, "{:?}", matrix.dtype());
        }
    }
}

#[test]
fn bytes_that_are_not_the_shapes_are_refused() {
    let refused = |length: usize, dtype, rows, columns| {
        Matrix::new(vec![0; length].into(), dtype, rows, columns)
            .expect_err("does not fit")
            .to_string()
    };
    assert_eq!(
        refused(3, Dtype::F32, 0, 1),
        "a matrix of 0 rows and 1 columns cannot be; both must be above 0"
    );
    assert_eq!(
        refused(18, Dtype::Q4_0, 1, 33),
        "rows of 33 weights are no whole number of Q4_0 blocks of 32"
    );
    assert_eq!(
        refused(35, Dtype::Q4_0, 2, 32),
        "2 rows of 32 Q4_0 weights take 36 bytes, not 35"
    );
    assert_eq!(
        refused(35, Dtype::F32, usize::MAX, 2),
        format!(
            "a matrix of {} rows and 2 columns cannot be; both must be above 0",
            usize::MAX
        )
    );
}

#[test]
fn products_with_bytes_stay_within_the_rounding_of_activations() {
    for dtype in Dtype::ALL {
        let exact = matrix(dtype, 37, 512);
        let fast = exact.clone().with_activations(Activations::Rounded);
        let x = numbers(3 * 512, 7);
        let (mut expected, mut found) = (vec![0.0; 3 * 37], vec![0.0; 3 * 37]);
        let scratch = &mut Scratch::default();
        exact.multiply(&x, &mut expected, scratch);
        fast.multiply(&x, &mut found, scratch);
        let mut weights = vec![0.0; 512];
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            exact.widen_row(at % 37, &mut weights);
            // Activations are within 1, so each moves by at most 1/254.
            let most = weights.iter().map(|weight| weight.abs()).sum::<f32>() / 254.0;
            let error = (found - expected).abs();
            assert!(error <= most, "{dtype:?}: {found} for {expected}");
            // Roundings are independent, so they hardly ever add up to a third of that.
            assert!(error <= most / 3.0, "{dtype:?}: {error} of {most}");
        }
    }
}

#[test]
fn packed_matrices_of_many_types_share_their_activations() {
    let dtypes = [Dtype::Q4K, Dtype::Q8_0, Dtype::Q6K, Dtype::F16, Dtype::Q4_0];
    let matrices =
        dtypes.map(|dtype| matrix(dtype, 40, 512).with_activations(Activations::Rounded));
    let x = numbers(5 * 512, 8);
    let mut many = vec![vec![0.0; 5 * 40]; 5];
    let mut outs: Vec<&mut [f32]> = many.iter_mut().map(Vec::as_mut_slice).collect();
    let scratch = &mut Scratch::default();
    multiply_many(&matrices.each_ref(), &x, &mut outs, scratch);
    for (matrix, many) in matrices.iter().zip(&many) {
        let mut one = vec![0.0; 5 * 40];
        matrix.multiply(&x, &mut one, scratch);
        assert_eq!(&one, many);
    }
}

#[test]
fn packed_weights_give_their_products_without_what_they_were_packed_from() {
    let [exact, whole] = [Activations::Exact, Activations::Rounded].map(|activations| {
        let stored: Arc<dyn Storage> = Arc::new(stored(Dtype::Mxfp4, 64 * 96, 5));
        let kept = Arc::downgrade(&stored);
        let length = (*stored).as_ref().len();
        let bytes = Bytes::new(stored, 0..length).expect("inside");
        let matrix = Matrix::new(bytes, Dtype::Mxfp4, 64, 96).expect("fits");
        let matrix = matrix.with_activations(activations);
        let (x, scratch) = (numbers(3 * 96, 7), &mut Scratch::default());
        let [mut before, mut after] = [(); 2].map(|()| vec![f32::NAN; 3 * 64]);
        matrix.multiply(&x, &mut before, scratch);
        let matrix = matrix.without_stored();
        matrix.multiply(&x, &mut after, scratch);
        assert_eq!(before, after);
        kept.upgrade().is_some()
    });
    assert!(exact && !whole);
}

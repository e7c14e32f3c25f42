//! Packed products against widened weights times the same quantized activations, on every
//! instruction set of the machine.

use std::time::Instant;

use super::*;
use crate::matrix::tests::{numbers, stored};
use crate::widen;

const PACKED: [Dtype; 13] = [
    Dtype::Q8_0,
    Dtype::Q4_0,
    Dtype::Q4_1,
    Dtype::Q5_0,
    Dtype::Q5_1,
    Dtype::Iq4Nl,
    Dtype::Mxfp4,
    Dtype::Q2K,
    Dtype::Q3K,
    Dtype::Q4K,
    Dtype::Q5K,
    Dtype::Q6K,
    Dtype::Iq4Xs,
];

struct Case {
    bytes: Vec<u8>,
    packed: Packed,
    x: Vec<f32>,
    tokens: usize,
}

impl Case {
    fn new(dtype: Dtype, rows: usize, blocks: usize, tokens: usize) -> Self {
        let columns = blocks * dtype.block_weights();
        let bytes = stored(dtype, rows * columns, 5);
        let packed = Packed::new(dtype, &bytes, rows, columns).expect("has a packed form");
        let x = numbers(tokens * columns, 6);
        Self {
            bytes,
            packed,
            x,
            tokens,
        }
    }

    fn multiply(&self, path: Path, x: &[f32]) -> Vec<f32> {
        let mut input = Input::default();
        input.quantize(x, self.packed.columns, self.packed.unit());
        let mut out = vec![f32::NAN; input.tokens * self.packed.rows];
        prepare(path, &self.packed, &mut input);
        multiply(path, &[Product::new(&self.packed, &input, &mut out)]);
        out
    }

    /// Widened weights times dequantized activations in 64 bits, and the sum of magnitudes.
    fn expected(&self, row: usize, token: usize) -> (f64, f64) {
        let Packed { dtype, columns, .. } = self.packed;
        let mut input = Input::default();
        let x = &self.x[token * columns..][..columns];
        input.quantize(x, columns, self.packed.unit());
        let row_bytes = dtype.row_bytes(columns);
        let mut weights = vec![0.0; columns];
        widen::widen(
            dtype,
            &self.bytes[row * row_bytes..][..row_bytes],
            &mut weights,
        );
        let scale = |at: usize| f64::from(input.scales[at / self.packed.unit()]);
        let products = weights.iter().zip(&input.codes).enumerate();
        let products = products.map(|(at, (w, x))| f64::from(*w) * f64::from(*x) * scale(at));
        products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()))
    }

    /// Whole numbers are exact, so what is left is the rounding of a few reals: for minima and zeros
    /// the terms that cancel are larger than the products.
    #[track_caller]
    fn check(&self, path: Path) {
        let (rows, dtype) = (self.packed.rows, self.packed.dtype);
        let out = self.multiply(path, &self.x);
        for token in 0..self.tokens {
            for row in 0..rows {
                let (sum, size) = self.expected(row, token);
                let found = f64::from(out[token * rows + row]);
                assert!(
                    (found - sum).abs() <= 4e-6 * size + 1e-12,
                    "{dtype:?} on {path:?}, {rows} rows, row {row} token {token}: {found} for {sum}"
                );
            }
        }
    }
}

#[test]
fn products_equal_those_of_widened_weights_and_quantized_activations() {
    for dtype in PACKED {
        for path in Path::all() {
            for (rows, blocks, tokens) in [(1, 1, 1), (33, 3, 7), (70, 5, 2), (31, 1, 12)] {
                Case::new(dtype, rows, blocks, tokens).check(path);
            }
        }
    }
}

#[test]
fn a_token_gets_the_same_bits_alone_and_in_company() {
    for dtype in PACKED {
        // More than a strip.
        let case = Case::new(dtype, 70, 3, 101);
        for path in Path::all() {
            let together = case.multiply(path, &case.x);
            let tokens = case.x.chunks_exact(case.packed.columns);
            for (x, together) in tokens.zip(together.chunks_exact(70)) {
                assert_eq!(
                    bits(&case.multiply(path, x)),
                    bits(together),
                    "{dtype:?} on {path:?}"
                );
            }
        }
    }
}

#[test]
fn instruction_sets_that_fuse_agree_to_the_last_bit() {
    for dtype in PACKED {
        let case = Case::new(dtype, 45, 5, 3);
        let results: Vec<_> = Path::all()[1..]
            .iter()
            .map(|path| bits(&case.multiply(*path, &case.x)))
            .collect();
        assert!(
            results.windows(2).all(|pair| pair[0] == pair[1]),
            "{dtype:?}"
        );
    }
}

#[test]
fn packed_matrices_take_hardly_more_than_the_file() {
    for dtype in PACKED {
        let columns = 2048;
        let bytes = stored(dtype, 64 * columns, 5);
        let packed = Packed::new(dtype, &bytes, 64, columns).expect("has a packed form");
        let (packed, stored) = (packed.bytes(), bytes.len());
        // Scales and minima of 4 bits become bytes.
        let percent = if dtype == Dtype::Q2K { 120 } else { 105 };
        assert!(
            packed * 100 <= stored * percent,
            "{dtype:?}: {packed} for {stored}"
        );
    }
}

fn bits(out: &[f32]) -> Vec<u32> {
    out.iter().map(|x| x.to_bits()).collect()
}

/// Not a check: prints what packed products reach here.
///
///     cargo test --release -p inference-kernels --lib -- --ignored --nocapture speed
#[test]
#[ignore = "measures"]
fn speed_of_packed_products() {
    const RUNS: usize = 200;
    // A second-level cache holds them.
    let (rows, columns) = (1024, 2048);
    let pool = crate::Pool::new(1).expect("starts");
    for dtype in PACKED {
        let bytes = stored(dtype, rows * columns, 5);
        let started = Instant::now();
        let packed = Packed::new(dtype, &bytes, rows, columns).expect("has a packed form");
        let packing = started.elapsed();
        for path in Path::all().into_iter().skip(1) {
            print!("{dtype:?} {}: packed in {packing:?};", path.as_str());
            for tokens in [1, 4, 16, 96] {
                let x = numbers(tokens * columns, 6);
                let (mut input, mut out) = (Input::default(), vec![0.0; tokens * rows]);
                input.quantize(&x, columns, packed.unit());
                // Runs are short, so that on a busy machine some pass undisturbed.
                let each = pool.install(|| {
                    let run = |_| {
                        let started = Instant::now();
                        prepare(path, &packed, &mut input);
                        multiply(path, &[Product::new(&packed, &input, &mut out)]);
                        started.elapsed().as_secs_f64()
                    };
                    (0..RUNS).map(run).fold(f64::INFINITY, f64::min)
                });
                let operations = 2.0 * (tokens * rows * columns) as f64;
                print!(
                    " {tokens}: {:.1} GB/s {:.0} GOP/s;",
                    packed.bytes() as f64 / each * 1e-9,
                    operations / each * 1e-9
                );
            }
            println!();
        }
    }
}

//! Every instruction set of the machine over a grid of shapes and over hostile values, for every
//! packed type.
//!
//! The largest shape is held against sums taken one by one in 64 bits; all smaller ones against
//! the largest, to the last bit.

use super::Path;
use crate::dtype::Dtype;
use crate::matrix::tests::{numbers, stored};
use crate::packed::{Input, Packed, Product, multiply, prepare};
use crate::widen;

/// Rows of the largest matrix: two tiles and a row.
const ROWS: usize = 65;
/// Tokens of the largest call: two passes of the widest instruction set and a token.
const TOKENS: usize = 13;

fn packed_types() -> impl Iterator<Item = Dtype> {
    let reals = [Dtype::F32, Dtype::F16, Dtype::Bf16];
    Dtype::ALL
        .into_iter()
        .filter(move |dtype| !reals.contains(dtype))
}

/// Products on `path` of the first `rows` stored rows.
fn products(
    path: Path,
    dtype: Dtype,
    bytes: &[u8],
    columns: usize,
    rows: usize,
    x: &[f32],
) -> Vec<f32> {
    let bytes = &bytes[..rows * dtype.row_bytes(columns)];
    let packed = Packed::new(dtype, bytes, rows, columns).expect("has a packed form");
    let mut input = Input::default();
    input.quantize(x, columns, packed.unit());
    let mut out = vec![f32::NAN; x.len() / columns * rows];
    prepare(path, &packed, &mut input);
    multiply(path, &[Product::new(&packed, &input, &mut out)]);
    out
}

/// The activations as packed products see them.
fn rounded(x: &[f32], unit: usize) -> Vec<f64> {
    let of = |x: &[f32]| {
        let most = x.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let scale = if most > 0.0 { 127.0 / most } else { 0.0 };
        let code = |x: &f32| f64::from((x * scale).round_ties_even());
        x.iter()
            .map(|x| code(x) * f64::from(most / 127.0))
            .collect::<Vec<_>>()
    };
    x.chunks(unit).flat_map(of).collect()
}

#[track_caller]
fn check_shapes(path: Path, dtype: Dtype, blocks: usize) {
    let columns = blocks * dtype.block_weights();
    let bytes = stored(dtype, ROWS * columns, 11);
    let x = numbers(TOKENS * columns, 12);
    let all = products(path, dtype, &bytes, columns, ROWS, &x);
    let mut weights = vec![0.0; ROWS * columns];
    widen::widen(dtype, &bytes, &mut weights);
    let x_rounded = rounded(&x, dtype.block_weights());
    for (at, found) in all.iter().enumerate() {
        let (token, row) = (at / ROWS, at % ROWS);
        let weights = weights[row * columns..][..columns].iter();
        let terms = weights
            .zip(&x_rounded[token * columns..])
            .map(|(w, x)| f64::from(*w) * x);
        let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), p: f64| (sum + p, size + p.abs()));
        let error = (f64::from(*found) - sum).abs();
        assert!(
            error <= 4e-6 * size + 1e-12,
            "{dtype:?} {path:?} row {row} token {token}: {found} for {sum}"
        );
    }
    for rows in [1, 2, 7, 31, 32, 33, 64] {
        for tokens in [1, 2, 3, 4, 5, 6, 7, 11] {
            let some = products(path, dtype, &bytes, columns, rows, &x[..tokens * columns]);
            for (at, found) in some.iter().enumerate() {
                let expected = all[at / rows * ROWS + at % rows];
                assert_eq!(
                    found.to_bits(),
                    expected.to_bits(),
                    "{dtype:?} {path:?} {rows} x {columns} x {tokens} at {at}"
                );
            }
        }
    }
}

#[test]
fn every_shape_gives_what_the_largest_gives() {
    for dtype in packed_types() {
        for path in Path::all() {
            check_shapes(path, dtype, 1);
            check_shapes(path, dtype, 3);
        }
    }
}

/// A small generator, so that a failure can be repeated by its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % count
    }

    /// Mostly ordinary, sometimes as bad as a real can be.
    fn real(&mut self) -> f32 {
        let hostile = [
            0.0,
            -0.0,
            f32::MIN_POSITIVE / 8.0,
            f32::MAX,
            f32::MIN,
            1e30,
            -1e-30,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
        ];
        match self.below(200) {
            0 => hostile[self.below(hostile.len())],
            _ => self.next() as f32 / f32::from_bits(0x4e80_0000) - 1.0,
        }
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[1]).collect()
    }
}

/// Bits, with everything that is not a number the same.
fn bits(out: &[f32]) -> Vec<u32> {
    let bits = |x: &f32| {
        if x.is_nan() {
            f32::NAN.to_bits()
        } else {
            x.to_bits()
        }
    };
    out.iter().map(bits).collect()
}

/// Any bytes as blocks and any reals as activations: instruction sets that fuse agree to the last
/// bit, plain arithmetic agrees where nothing is near a limit, and whoever reads a token that is
/// no number gets none.
#[test]
fn hostile_values_mean_the_same_everywhere() {
    let mut random = Random(20_260);
    let types: Vec<Dtype> = packed_types().collect();
    for round in 0..150 {
        let dtype = types[round % types.len()];
        let columns = (1 + random.below(3)) * dtype.block_weights();
        let (rows, tokens) = (1 + random.below(70), 1 + random.below(9));
        let bytes = if round % 2 == 0 {
            stored(dtype, rows * columns, 3)
        } else {
            random.bytes(rows * dtype.row_bytes(columns))
        };
        let x: Vec<f32> = (0..tokens * columns).map(|_| random.real()).collect();
        let results: Vec<_> = Path::all()
            .into_iter()
            .map(|path| products(path, dtype, &bytes, columns, rows, &x))
            .collect();
        for pair in results[1..].windows(2) {
            assert_eq!(bits(&pair[0]), bits(&pair[1]), "{dtype:?}, round {round}");
        }
        let lost = |token: usize| {
            x[token * columns..][..columns]
                .iter()
                .any(|x| !x.is_finite())
        };
        for out in &results {
            for (at, found) in out.iter().enumerate() {
                assert!(
                    !lost(at / rows) || found.is_nan(),
                    "{dtype:?}, round {round}: {found}"
                );
            }
        }
    }
}

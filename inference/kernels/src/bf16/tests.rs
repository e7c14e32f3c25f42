//! Products of BF16 against sums of the same rounded numbers in 64 bits. Where a machine does not multiply BF16
//! nothing is packed, and there is nothing to look at.

use super::*;
use crate::dtype::Dtype;
use crate::half::widen_bf16;
use crate::matrix::tests::{numbers, stored};
use crate::widen;

fn products(packed: &Packed, x: &[f32]) -> Vec<f32> {
    let mut rounded = Vec::new();
    round(x, &mut rounded);
    let mut out = vec![f32::NAN; x.len() / packed.columns * packed.rows];
    multiply(&[Product::new(packed, &mut out)], &rounded);
    out
}

#[track_caller]
fn check(rows: usize, columns: usize, tokens: usize) {
    let bytes = stored(Dtype::Bf16, rows * columns, 3);
    let Some(packed) = Packed::new(&bytes, rows, columns) else {
        assert!(!is_here());
        return;
    };
    let mut weights = vec![0.0; rows * columns];
    widen::widen(Dtype::Bf16, &bytes, &mut weights);
    let x = numbers(tokens * columns, 4);
    for (at, found) in products(&packed, &x).into_iter().enumerate() {
        let (token, row) = (at / rows, at % rows);
        let x = x[token * columns..].iter();
        let x = x.map(|x| f64::from(widen_bf16(round_bf16(*x))));
        let weights = &weights[row * columns..][..columns];
        let terms = weights.iter().zip(x).map(|(w, x)| f64::from(*w) * x);
        let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()));
        assert!(
            (f64::from(found) - sum).abs() <= 4e-6 * size + 1e-30,
            "{rows} x {columns} x {tokens} at {at}: {found} for {sum}"
        );
    }
}

#[test]
fn products_of_odd_shapes_equal_sums_taken_one_by_one() {
    for rows in [1, 31, 32, 33, 70] {
        for columns in [2, 30, 32, 34, 194, 512] {
            for tokens in [1, 2, 3, 5, 12, 19] {
                check(rows, columns, tokens);
            }
        }
    }
    // More than a strip of tokens.
    check(40, 1024, 140);
}

#[test]
fn a_token_gets_the_same_bits_alone_and_in_company() {
    let (rows, columns, tokens) = (70, 1100, 131);
    let bytes = stored(Dtype::Bf16, rows * columns, 3);
    let Some(packed) = Packed::new(&bytes, rows, columns) else {
        assert!(!is_here());
        return;
    };
    let x = numbers(tokens * columns, 4);
    let together = products(&packed, &x);
    let bits = |out: &[f32]| out.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for (x, together) in x.chunks_exact(columns).zip(together.chunks_exact(rows)) {
        assert_eq!(bits(&products(&packed, x)), bits(together));
    }
}

#[test]
fn infinities_and_what_is_no_number_stay_visible() {
    let rows = [[0x7f80_u16, 0], [0x7fc0, 0], [0x3f80, 0]].map(|row| row.map(u16::to_le_bytes));
    let Some(packed) = Packed::new(rows.as_flattened().as_flattened(), 3, 2) else {
        assert!(!is_here());
        return;
    };
    let out = products(&packed, &[2.0, 1.0]);
    assert!(out[0].is_infinite() && out[1].is_nan());
    assert_eq!(out[2].to_bits(), 2.0_f32.to_bits());
    assert!(products(&packed, &[f32::NAN, 1.0])[2].is_nan());
}

#[test]
fn rows_of_an_odd_number_of_columns_are_not_packed() {
    let bytes = stored(Dtype::Bf16, 3 * 5, 3);
    assert!(Packed::new(&bytes, 3, 5).is_none());
}

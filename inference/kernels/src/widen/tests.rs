//! Widening equals gguf-py's dequantization to the last bit.
//!
//! `tests/recipes/make_blocks.py` writes the blocks and what they mean.

use std::path::PathBuf;

use super::*;

fn fixture(dtype: Dtype, extension: &str) -> Vec<u8> {
    let name = format!("{}.{extension}", dtype.as_str().to_lowercase());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn widened_blocks_equal_the_reference_to_the_last_bit() {
    for dtype in Dtype::ALL {
        let bytes = fixture(dtype, "blocks");
        let mut expected = vec![0.0; bytes.len() / dtype.block_bytes() * dtype.block_weights()];
        widen(Dtype::F32, &fixture(dtype, "f32"), &mut expected);
        let mut found = vec![f32::NAN; expected.len()];
        widen(dtype, &bytes, &mut found);
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!(
                found.to_bits() == expected.to_bits() || (*found == 0.0 && *expected == 0.0),
                "{dtype:?} weight {at}: {found} for {expected}"
            );
        }
    }
}

#[test]
fn any_bytes_widen() {
    for dtype in Dtype::ALL {
        for byte in [0x00, 0xff, 0x7c, 0x80] {
            let mut out = vec![0.0; 2 * dtype.block_weights()];
            widen(dtype, &vec![byte; 2 * dtype.block_bytes()], &mut out);
        }
    }
}

//! Damaged and hostile files are refused with words, whatever is wrong with them.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// A file being written.
#[derive(Clone)]
struct Writer(Vec<u8>);

impl Writer {
    fn new(version: u32, tensors: u64, keys: u64) -> Self {
        Self(b"GGUF".to_vec()).u32(version).u64(tensors).u64(keys)
    }

    fn u32(mut self, number: u32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn u64(mut self, number: u64) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn text(mut self, text: &str) -> Self {
        self = self.u64(text.len() as u64);
        self.0.extend(text.as_bytes());
        self
    }

    fn key_u32(self, key: &str, number: u32) -> Self {
        self.text(key).u32(4).u32(number)
    }

    fn tensor(mut self, name: &str, dims: &[u64], kind: u32, offset: u64) -> Self {
        self = self.text(name).u32(u32::try_from(dims.len()).expect("few"));
        for &dim in dims {
            self = self.u64(dim);
        }
        self.u32(kind).u64(offset)
    }

    /// Fills up to the data section and adds `bytes` of it.
    fn data(mut self, bytes: usize) -> Self {
        self.0.resize(self.0.len().next_multiple_of(32) + bytes, 0);
        self
    }
}

#[track_caller]
fn check(file: Writer, expected: &str) {
    match Gguf::from_bytes(file.0) {
        Ok(_) => assert_eq!(expected, "ok"),
        Err(error) => assert!(error.to_string().contains(expected), "{error}"),
    }
}

/// One F32 tensor of 8 weights.
fn sound() -> Writer {
    Writer::new(3, 1, 1)
        .key_u32("a", 7)
        .tensor("t", &[8], 0, 0)
        .data(32)
}

#[test]
fn a_sound_file_is_read() {
    let gguf = Gguf::from_bytes(sound().0).expect("is sound");
    assert_eq!(gguf.number("a").expect("is a number"), Some(7));
    let tensor = gguf.tensor("t").expect("is there");
    assert_eq!((tensor.weights(), tensor.range.len()), (8, 32));
}

#[test]
fn every_shortened_file_is_refused() {
    let whole = sound().0;
    for length in 0..whole.len() {
        assert!(
            Gguf::from_bytes(whole[..length].to_vec()).is_err(),
            "of {length} bytes"
        );
    }
}

#[test]
fn headers_that_lie_are_refused() {
    check(Writer(b"GGML".to_vec()), "does not start with `GGUF`");
    check(Writer::new(1, 0, 0), "version 1 is not supported");
    check(Writer::new(3_u32.swap_bytes(), 0, 0), "big-endian");
    check(
        Writer::new(3, u64::MAX, 0),
        "claims 18446744073709551615 tensors",
    );
    check(
        Writer::new(3, 0, u64::MAX),
        "claims 18446744073709551615 metadata keys",
    );
}

#[test]
fn metadata_that_lies_is_refused() {
    let one = || Writer::new(3, 0, 1);
    check(
        one().text("k").u32(8).u64(1 << 40),
        "claims 1099511627776 bytes in one text",
    );
    check(
        one().text("k").u32(9).u32(4).u64(1 << 40),
        "claims an array of 1099511627776 elements",
    );
    check(
        one().text("k").u32(9).u32(8).u64(u64::MAX / 4),
        "claims an array",
    );
    check(
        one().text("k").u32(9).u32(9).u64(1).u64(0),
        "arrays of arrays",
    );
    check(one().text("k").u32(77).u64(0), "unknown type 77");
    check(one().text("").u32(4).u32(1), "empty or not ASCII");
    check(
        Writer::new(3, 0, 2).key_u32("k", 1).key_u32("k", 1),
        "`k` occurs twice",
    );
    for alignment in [0, 1, 48, 0x8000_0000] {
        check(
            one().key_u32("general.alignment", alignment),
            "power of two",
        );
    }
}

#[test]
fn tensors_that_lie_are_refused() {
    let one = |name, dims: &[u64], kind, offset| {
        Writer::new(3, 1, 0)
            .tensor(name, dims, kind, offset)
            .data(64)
    };
    check(one("t", &[8], 0, 0), "ok");
    check(one("t", &[], 0, 0), "has 0 dimensions");
    check(one("t", &[1; 5], 0, 0), "has 5 dimensions");
    check(one("t", &[0], 0, 0), "impossible shape");
    check(one("t", &[1 << 32, 1 << 32], 0, 0), "impossible shape");
    check(one("t", &[1 << 39, 1], 0, 0), "outside the file");
    check(one("t", &[8], 0, 4), "not aligned");
    check(one("t", &[8], 0, u64::MAX - 31), "outside the file");
    check(one("t", &[8], 0, 64), "outside the file");
    check(one("t", &[33], 8, 0), "no whole number of blocks");
    check(
        one("t", &[256], 19, 0),
        "stored as IQ1_S, which is not supported; use a file in Q4_K_M, Q8_0, F16 or another common type",
    );
    check(one("t", &[256], 99, 0), "unknown type 99");
    check(one(&"n".repeat(128), &[8], 0, 0), "claims 128 bytes");
    let two = |first, second, offset| {
        Writer::new(3, 2, 0)
            .tensor(first, &[16], 0, 0)
            .tensor(second, &[8], 0, offset)
            .data(128)
    };
    check(two("a", "b", 64), "ok");
    check(two("a", "a", 64), "`a` occurs twice");
    check(two("a", "b", 32), "`a` and `b` overlap");
}

#[test]
fn every_storage_type_takes_the_bytes_of_its_blocks() {
    for dtype in inference_kernels::Dtype::ALL {
        let (weights, bytes) = (2 * dtype.block_weights(), 2 * dtype.block_bytes());
        let file = |weights: usize, bytes: usize| {
            Writer::new(3, 1, 0)
                .tensor("t", &[weights as u64], dtype.gguf_number(), 0)
                .data(bytes)
        };
        check(file(weights, bytes), "ok");
        check(file(weights, bytes - 1), "outside the file");
        if dtype.block_weights() > 1 {
            check(file(weights - 1, bytes), "no whole number of blocks");
        }
    }
}

proptest! {
    #[test]
    fn any_change_of_a_sound_file_gives_a_model_or_an_error(
        position in 0_usize..150, byte: u8, cut in 0_usize..150,
    ) {
        let mut bytes = sound().0;
        let position = position % bytes.len();
        bytes[position] = byte;
        bytes.truncate(bytes.len() - cut % 64);
        if let Ok(gguf) = Gguf::from_bytes(bytes) {
            for tensor in gguf.tensors() {
                prop_assert!(gguf.mapping(tensor).get(tensor.range.clone()).is_some());
            }
        }
    }

    #[test]
    fn noise_behind_the_magic_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(noise);
        let _ = Gguf::from_bytes(bytes);
    }
}

/// Writes parts of a model, each with its number, the count and one tensor; opens the one numbered `open`.
fn open_parts(numbers: &[u32], total: u32, tensors: [&str; 2], open: usize) -> String {
    let folder = tempfile::tempdir().expect("can be made");
    let path = |at: usize| {
        folder
            .path()
            .join(format!("net-{:05}-of-00002.gguf", at + 1))
    };
    for (at, &number) in numbers.iter().enumerate() {
        let file = Writer::new(3, 1, 3)
            .key_u32("split.no", number)
            .key_u32("split.count", 2)
            .key_u32("split.tensors.count", total)
            .tensor(tensors[at], &[8], 0, 0)
            .data(32);
        std::fs::write(path(at), file.0).expect("can be written");
    }
    match Gguf::open(&path(open)) {
        Err(error) => error.to_string(),
        Ok(gguf) => {
            let names: Vec<&str> = gguf.tensors().map(|info| info.name.as_str()).collect();
            assert!(
                gguf.tensors()
                    .all(|info| gguf.mapping(info).get(info.range.clone()).is_some())
            );
            names.join(" ")
        }
    }
}

#[test]
fn a_model_in_several_files_is_joined_from_all_of_them() {
    #[track_caller]
    fn check(found: &str, expected: &str) {
        assert!(found.contains(expected), "{found}");
    }
    check(&open_parts(&[0, 1], 2, ["a", "b"], 0), "a b");
    check(
        &open_parts(&[0, 1], 2, ["a", "b"], 1),
        "open the first, net-00001-of-00002.gguf",
    );
    check(
        &open_parts(&[0], 2, ["a", "b"], 0),
        "net-00002-of-00002.gguf",
    );
    check(
        &open_parts(&[0, 0], 2, ["a", "b"], 0),
        "says that it is number 1",
    );
    check(
        &open_parts(&[0, 1], 3, ["a", "b"], 0),
        "have 2 tensors together, but the first says 3",
    );
    check(&open_parts(&[0, 1], 2, ["a", "a"], 0), "is in two files");
}

#[test]
fn a_part_in_memory_is_refused() {
    check(
        Writer::new(3, 0, 1).key_u32("split.count", 2),
        "one of 2 files",
    );
}

#[test]
fn parts_are_told_by_their_names() {
    let of = |name: &str| Part::of(Path::new(name)).map(|part| (part.number, part.count));
    assert_eq!(of("/x/a-b-00002-of-00003.gguf"), Some((2, 3)));
    for name in [
        "a.gguf",
        "a-00004-of-00003.gguf",
        "a-00000-of-00003.gguf",
        "-00001-of-00003.gguf",
        "a-1-of-3.gguf",
        "a-00001-of-00003.bin",
    ] {
        assert_eq!(of(name), None, "{name}");
    }
    let names = Part::of(Path::new("x/a-00002-of-00002.gguf"))
        .expect("is one")
        .names();
    assert_eq!(
        names,
        [
            PathBuf::from("a-00001-of-00002.gguf"),
            PathBuf::from("a-00002-of-00002.gguf")
        ]
    );
}

//! Damaged and hostile checkpoints are refused with words, whatever is wrong with them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn open(bytes: Vec<u8>) -> Result<Safetensors, ModelError> {
    Safetensors::from_bytes(b"{}", bytes)
}

#[track_caller]
fn check(header: &str, data: usize, expected: &str) {
    match open(file(header, data)) {
        Ok(_) => assert_eq!(expected, "ok"),
        Err(error) => assert!(error.to_string().contains(expected), "{error}"),
    }
}

/// Two tensors, 24 bytes.
const SOUND: &str = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[16,24]}}"#;

#[test]
fn a_sound_file_is_read() {
    let files = open(file(SOUND, 24)).expect("is sound");
    let b = files.tensor("b").expect("is there");
    assert_eq!(
        (&b.shape[..], b.dtype, b.range.len()),
        (&[4][..], Some(Dtype::Bf16), 8)
    );
    assert_eq!(files.tensors().count(), 2);
}

#[test]
fn every_shortened_file_is_refused() {
    let whole = file(SOUND, 24);
    for length in 0..whole.len() {
        assert!(open(whole[..length].to_vec()).is_err(), "of {length} bytes");
    }
}

#[test]
fn headers_that_lie_are_refused() {
    let one = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"t":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    check(&one("F32", "[4]", "[0,16]"), 16, "ok");
    check(&one("F32", "[]", "[0,4]"), 4, "ok");
    check(&one("F32", "[4]", "[0,12]"), 12, "takes 16 bytes, not 12");
    check(
        &one("F32", "[4]", "[0,16]"),
        20,
        "4 bytes belong to no tensor",
    );
    check(&one("F32", "[4]", "[4,20]"), 20, "leaves a hole");
    check(&one("F32", "[4]", "[0,16]"), 12, "lies outside the file");
    check(&one("F32", "[4]", "[16,0]"), 16, "lies outside the file");
    check(&one("F32", "[0]", "[0,0]"), 0, "impossible shape");
    check(&one("F32", "[-1]", "[0,0]"), 0, "no list of tensors");
    check(
        &one("F32", "[4294967296,4294967296]", "[0,0]"),
        0,
        "impossible shape",
    );
    check(
        &one("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"),
        4,
        "impossible shape",
    );
    check(
        &one("F8_E4M3", "[4]", "[0,4]"),
        4,
        "stored as F8_E4M3, which is not supported; use a model in F32, F16 or BF16",
    );
    check("[]", 0, "no list of tensors");
    check(
        r#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}"#,
        4,
        "unknown field",
    );
    check(&"[".repeat(100_000), 0, "no list of tensors");
    let twice = r#""a":{"dtype":"F32","shape":[1],"data_offsets":"#;
    check(
        &format!("{{{twice}[0,4]}},{twice}[4,8]}}}}"),
        8,
        "`a` occurs twice",
    );
    let overlap = SOUND.replace("[16,24]", "[12,20]");
    check(&overlap, 24, "overlaps another");
    let mut claims = file(SOUND, 24);
    claims[7] = 0x7f;
    let error = open(claims).expect_err("lies").to_string();
    assert!(error.contains("claims a header of"), "{error}");
}

#[track_caller]
fn check_folder(index: &serde_json::Value, expected: &str) {
    let folder = tempfile::tempdir().expect("can be made");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).expect("can be written");
    };
    let one = |name: &str| {
        file(
            &format!(r#"{{"{name}":{{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}}}"#),
            4,
        )
    };
    write("config.json", b"{\"model_type\": \"llama\"}");
    write("1.safetensors", &one("a"));
    write("2.safetensors", &one("b"));
    write("model.safetensors.index.json", index.to_string().as_bytes());
    match Safetensors::open(folder.path()) {
        Ok(files) => assert_eq!((expected, files.tensors().count()), ("ok", 2)),
        Err(error) => assert!(error.to_string().contains(expected), "{error}"),
    }
}

#[test]
fn shards_must_hold_what_their_index_says() {
    let index = |a: &str, b: &str| json!({"weight_map": {"a": a, "b": b}});
    check_folder(&index("1.safetensors", "2.safetensors"), "ok");
    check_folder(
        &index("2.safetensors", "1.safetensors"),
        "where the index does not have it",
    );
    check_folder(&index("1.safetensors", "1.safetensors"), "`b` is missing");
    check_folder(&index("1.safetensors", "3.safetensors"), "cannot be read");
    for file in [
        "../1.safetensors",
        "/etc/passwd",
        "",
        ".safetensors",
        "a\\b.safetensors",
    ] {
        check_folder(
            &index("1.safetensors", file),
            "does not list files by tensor",
        );
    }
    check_folder(
        &json!({"weight_map": {"a": 1}}),
        "does not list files by tensor",
    );
    check_folder(&json!({}), "does not list files by tensor");
    check_folder(&json!([]), "is not a JSON object");
}

proptest! {
    #[test]
    fn any_change_of_a_sound_file_gives_a_model_or_an_error(
        position in 0_usize..400, byte: u8, cut in 0_usize..64,
    ) {
        let mut bytes = file(SOUND, 24);
        let position = position % bytes.len();
        bytes[position] = byte;
        bytes.truncate(bytes.len() - cut % 32);
        if let Ok(files) = open(bytes) {
            for (_, tensor) in files.tensors() {
                prop_assert!(tensor.mapping.get(tensor.range.clone()).is_some());
            }
        }
    }

    #[test]
    fn noise_behind_a_length_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = (noise.len() as u64 / 2).to_le_bytes().to_vec();
        bytes.extend(noise);
        let _ = open(bytes);
    }
}

/// The names of the tensors of a checkpoint with a part for text, each of one weight.
fn names_of(stored: &[&str]) -> Result<String, ModelError> {
    let mut header = serde_json::Map::new();
    for (at, name) in stored.iter().enumerate() {
        let offsets = json!([at * 4, at * 4 + 4]);
        header.insert(
            (*name).to_owned(),
            json!({ "dtype": "F32", "shape": [1], "data_offsets": offsets }),
        );
    }
    let config = json!({ "model_type": "gemma3", "text_config": { "model_type": "gemma3_text", "head_dim": 64 } });
    let weights = file(&Value::Object(header).to_string(), 4 * stored.len());
    let files = Safetensors::from_bytes(config.to_string().as_bytes(), weights)?;
    // What the file says goes before what it leaves out.
    assert_eq!(
        (
            &files.config()["head_dim"],
            &files.config()["num_attention_heads"]
        ),
        (&json!(64), &json!(8))
    );
    let names: Vec<&str> = files.tensors().map(|(name, _)| name).collect();
    Ok(names.join(" "))
}

#[test]
fn the_part_for_text_has_the_names_it_would_have_alone() {
    let found = names_of(&[
        "language_model.model.norm.weight",
        "language_model.lm_head.weight",
        "model.vision_tower.norm.weight",
        "multi_modal_projector.weight",
    ]);
    assert_eq!(found.expect("is sound"), "lm_head.weight model.norm.weight");
    let found = names_of(&[
        "model.language_model.norm.weight",
        "lm_head.weight",
        "model.visual.x",
    ]);
    assert_eq!(found.expect("is sound"), "lm_head.weight model.norm.weight");
    let twice = names_of(&["language_model.model.norm.weight", "model.norm.weight"]);
    assert!(
        twice
            .expect_err("is refused")
            .to_string()
            .contains("under two names")
    );
}

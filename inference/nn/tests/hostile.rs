//! Damaged files of whole models are refused or run; nothing panics, whatever byte is wrong.
//!
//! The functions `gguf` and `checkpoint` take any bytes, so that a fuzzer can drive them too.

use std::collections::BTreeMap;
use std::sync::Mutex;

use inference_kernels::Dtype;
use inference_nn::{
    BlockId, DecoderOptions, Gguf, Logits, MemoryPlan, ModelSource, Safetensors, Segment, load,
};
use proptest::prelude::*;

#[path = "support/tiny.rs"]
mod tiny;

use tiny::Tiny;

/// Keys and values of a few windows of a tiny model; a hostile header cannot claim more.
fn options() -> DecoderOptions {
    DecoderOptions {
        context_length_max: 64,
        kv_bytes_max: 4 << 20,
        ..DecoderOptions::default()
    }
}

/// Loads and runs what `bytes` hold, if anything.
fn gguf(bytes: Vec<u8>) -> bool {
    Gguf::from_bytes(bytes).is_ok_and(|gguf| run(&ModelSource::Gguf(gguf)))
}

/// Loads and runs what `config` and `bytes` hold, if anything.
fn checkpoint(config: &[u8], bytes: Vec<u8>) -> bool {
    Safetensors::from_bytes(config, bytes).is_ok_and(|files| run(&ModelSource::Safetensors(files)))
}

fn run(source: &ModelSource) -> bool {
    if MemoryPlan::new(source, options()).is_err() {
        return false;
    }
    let Ok(mut decoder) = load(source, options()) else {
        return false;
    };
    let segment = Segment {
        tokens: &[1, 2, 3],
        position: 0,
        blocks: &[BlockId(0)],
        logits: Logits::All,
    };
    decoder.forward(&[segment]).is_ok()
}

/// Changes bytes of the first `header` ones.
fn damage(bytes: &mut [u8], header: usize, changes: &[(usize, u8)]) {
    for (place, byte) in changes {
        bytes[place % header] = *byte;
    }
}

/// Most of the headers lies within.
const HEADER: usize = 8 << 10;

/// Files of a model: its GGUF, and its weights as a checkpoint.
type Files = (Vec<u8>, Vec<u8>);

/// The files of `name`, made once.
fn files(name: &'static str) -> Files {
    static MADE: Mutex<BTreeMap<&str, Files>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().expect("no test panics while it makes files");
    let make = || {
        let tiny = Tiny::open(name);
        let gguf = tiny.gguf_bytes(Dtype::F16).unwrap_or_default();
        (gguf, tiny.checkpoint_bytes("config.json", Dtype::F16).1)
    };
    made.entry(name).or_insert_with(make).clone()
}

fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)
}

#[test]
fn sound_files_run() {
    for name in ["llama31", "phi35", "gemma3", "gpt-oss", "qwen3-moe"] {
        let tiny = Tiny::open(name);
        assert!(
            gguf(tiny.gguf_bytes(Dtype::F16).expect("has one")),
            "{name}"
        );
        let (config, bytes) = tiny.checkpoint_bytes("config.json", Dtype::F16);
        assert!(checkpoint(&config, bytes), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_gguf_never_panics(
        name in prop::sample::select(vec!["llama31", "phi35", "gemma3", "gpt-oss"]), changes in changes(),
    ) {
        let (mut bytes, _) = files(name);
        let header = HEADER.min(bytes.len());
        damage(&mut bytes, header, &changes);
        gguf(bytes);
    }

    #[test]
    fn a_damaged_checkpoint_never_panics(
        name in prop::sample::select(vec!["llama31", "qwen3-moe", "gemma3", "gpt-oss"]), changes in changes(),
    ) {
        let (config, (_, mut bytes)) = (Tiny::open(name).config("config.json"), files(name));
        let header = HEADER.min(bytes.len());
        damage(&mut bytes, header, &changes);
        checkpoint(&config, bytes);
    }

    #[test]
    fn damaged_settings_never_panic(
        name in prop::sample::select(vec!["llama31", "phi35", "gemma3", "qwen3-moe-mixed", "smollm3", "gpt-oss"]),
        file in prop::sample::select(vec!["config.json", "config-4.json"]),
        changes in changes(),
    ) {
        let (mut config, (_, bytes)) = (Tiny::open(name).config(file), files(name));
        let whole = config.len();
        damage(&mut config, whole, &changes);
        checkpoint(&config, bytes);
    }

    #[test]
    fn settings_of_any_size_never_panic(
        name in prop::sample::select(vec!["llama31", "phi35", "gemma3", "qwen3-moe-mixed", "smollm3", "gpt-oss"]),
        which: prop::sample::Index,
        number in prop::sample::select(vec![0_u64, 1, 2, 3, 7, 1 << 20, 1 << 31, 1 << 40, u64::MAX]),
    ) {
        let (config, (_, bytes)) = (Tiny::open(name).config("config.json"), files(name));
        let mut config: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&config).expect("is JSON");
        let numbers: Vec<String> = config.iter().filter(|(_, value)| value.is_u64()).map(|(key, _)| key.clone()).collect();
        config.insert(which.get(&numbers).clone(), number.into());
        checkpoint(serde_json::Value::Object(config).to_string().as_bytes(), bytes);
    }
}

//! The target `tokenizer_json` of `inference_fuzz`, driven by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| inference_fuzz::run("tokenizer_json", data));

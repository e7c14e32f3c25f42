#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| inference_fuzz::run("tokenizer_json", data));

//! The target `tekken` of `inference_fuzz`, driven by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| inference_fuzz::run("tekken", data));

//! The target `body` of `inference_fuzz`, driven by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| inference_fuzz::run("body", data));

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| civitai_fuzz::run("text", bytes));

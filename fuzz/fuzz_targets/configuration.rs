#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    rolarr_boundaries::configuration(bytes);
});

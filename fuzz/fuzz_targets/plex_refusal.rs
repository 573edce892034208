#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    rolarr_boundaries::plex_refusal(bytes);
});

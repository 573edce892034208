#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    rolarr_boundaries::discord_refusal(bytes);
});

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let program = std::env::var_os("ROLARR_PROGRAM").expect("ROLARR_PROGRAM names the program");
    rolarr_boundaries::loader(program.as_ref(), bytes);
});

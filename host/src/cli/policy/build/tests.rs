use super::*;

#[test]
fn sizes_are_rounded_up() {
    let sizes = [(0, "0 KiB"), (1, "1 KiB"), (25_636, "26 KiB"), (1_048_575, "1024 KiB")];
    for (bytes, text) in sizes.into_iter().chain([(1 << 20, "1.0 MiB"), (18_476_311, "17.7 MiB")]) {
        assert_eq!(size(bytes), text);
    }
}

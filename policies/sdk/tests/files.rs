//! Files of recordings as editors save them.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::{Path, PathBuf};

use rolarr_policy::recording::{Recording, parse, read_file};

const ONE: &str =
    r#"{"format":1,"event":{"member":{},"cause":"member-left"},"decision":{"actions":["remove"]}}"#;

const MARK: &str = "\u{feff}";

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

fn read(name: &str, text: &str) -> Result<Vec<Recording>, String> {
    read_file(&file(name, text.as_bytes())).map_err(|error| error.to_string())
}

#[test]
fn a_file_with_a_byte_order_mark_is_read_as_without_it() {
    for (name, text) in [
        ("one.json", ONE.to_owned()),
        ("list.json", format!("[{ONE}]")),
        ("lines.jsonl", format!("{ONE}\n{ONE}\n")),
    ] {
        let plain = parse(&text, Path::new(name)).unwrap();
        assert_eq!(read(name, &text).unwrap(), plain);
        assert_eq!(read(name, &format!("{MARK}{text}")).unwrap(), plain);
    }
}

#[test]
fn a_mistake_in_a_file_with_a_byte_order_mark_is_named_at_its_place() {
    let error = read("mistake.json", &format!("{MARK}{{\"format\":1,\"evnt\":1}}")).unwrap_err();
    assert!(error.contains("mistake.json:1:18: unknown field `evnt`"), "{error}");
    let error = read("nothing.json", MARK).unwrap_err();
    assert!(error.ends_with("nothing.json: there is no recording in it"), "{error}");
}

#[test]
fn a_second_mark_and_another_encoding_are_refused() {
    let error = read("twice.json", &format!("{MARK}{MARK}{ONE}")).unwrap_err();
    assert!(error.contains("twice.json:1:1: "), "{error}");
    let wide: Vec<u8> = format!("{MARK}{ONE}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let error = read_file(&file("wide.json", &wide)).unwrap_err().to_string();
    assert!(error.contains("wide.json: can't be read: "), "{error}");
}

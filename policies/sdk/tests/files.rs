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

#[test]
fn the_name_of_a_file_is_shown_without_what_a_terminal_would_act_on() {
    let odd = Path::new("/does/not/\u{1b}[31m\u{202e}\u{feff}.json");
    for error in [read_file(odd).unwrap_err(), parse("", odd).unwrap_err(), parse("no", odd).unwrap_err()] {
        let shown = error.to_string();
        assert!(shown.starts_with("/does/not/\\u{1b}[31m\\u{202e}\\u{feff}.json:"), "{shown}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_a_device_and_a_folder_are_refused_at_once() {
    let pipe = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pipe.json");
    let _ = std::fs::remove_file(&pipe);
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for path in [pipe.as_path(), Path::new("/dev/zero"), Path::new(env!("CARGO_TARGET_TMPDIR"))] {
            sender.send(read_file(path).map_err(|error| error.to_string())).unwrap();
        }
    });
    for _ in 0..3 {
        let error = receiver.recv_timeout(std::time::Duration::from_secs(20)).unwrap().unwrap_err();
        assert!(error.contains(": can't be read: "), "{error}");
    }
}

#[test]
fn a_file_that_is_larger_than_any_of_its_kind_is_not_read() {
    let large = file("large.json", b"");
    std::fs::File::options().write(true).open(&large).unwrap().set_len((256 << 20) + 1).unwrap();
    let error = read_file(&large).unwrap_err().to_string();
    assert!(error.ends_with("can't be read: it is larger than 256 MiB"), "{error}");
    std::fs::remove_file(large).unwrap();
}

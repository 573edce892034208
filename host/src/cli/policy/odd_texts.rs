//! Files whose names and texts have in them what a terminal would act upon, and files in the encodings that editors
//! write. What is read is the same, and what is printed or written can be shown anywhere.

use std::path::Path;

use quick_xml::{Reader, events::Event};
use serde_json::Value;

use super::tests::run;
use crate::domain::is_unseen;

/// Each a character that acts on a terminal or turns text around, or that XML can't hold.
const ODD: &str = "\u{61c}\u{9b}31m\u{202e}\u{e0041}\u{fffe}\u{ffff}\u{200b}";

/// The same and what stands in no message: an escape sequence.
fn odd() -> String {
    format!("{ODD}\u{1b}]0;x\u{7}")
}

/// A script with these texts in its answer, and a case that expects another one.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "// {ODD}\nfn decide(event) {{ print(\"{ODD}\"); [quiet(), set_memo(\"{ODD}\")].because(\"{ODD}\") }}\n"
    );
    write(folder.path(), "odd.rhai", script.as_bytes());
    let case = "format = 1\n[[case]]\nname = \"odd \\u202e\\uFFFE\"\ncause = \"member-left\"\naccess = \"granted\"\n\
                expect = \"remove\"\nreason = \"x\"\n";
    write(folder.path(), "cases.toml", case.as_bytes());
    let recorded = r#"[{"format":1,"name":"recorded","event":{"member":{},"account":{"access":{"granted":{}}},
        "cause":"member-left"},"decision":{"actions":["remove"],"reason":"x"}}]"#;
    write(folder.path(), "cases.json", recorded.as_bytes());
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).unwrap();
}

#[track_caller]
fn shows_everything(text: &str) {
    let unseen = text.chars().find(|c| *c != '\n' && is_unseen(*c));
    assert_eq!(unseen, None, "{text:?}");
}

/// The path of a file in a folder.
fn at(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn nothing_hidden_is_printed_for_people_or_programs() {
    let folder = folder();
    let script = at(folder.path(), "odd.rhai");
    let cases = at(folder.path(), "cases.toml");
    let base = folder.path();
    for args in [
        vec!["check", &script],
        vec!["check", &script, "--json"],
        vec!["test", "--policy", &script, &cases],
        vec!["test", "--policy", &script, &cases, "--format", "json"],
        vec!["bench", &script, "--events", &cases],
        vec!["diff", "builtin:role-restriction", &script, "--events", &cases],
        vec!["diff", "builtin:role-restriction", &script, "--events", &cases, "--json"],
    ] {
        shows_everything(&run(base, &args));
    }
    let lines = run(base, &["test", "--policy", &script, &cases, "--format", "json"]);
    let tested = lines.lines().find(|line| line.contains("\"event\":\"case\"")).unwrap();
    let tested: Value = serde_json::from_str(tested).unwrap();
    assert_eq!(tested["name"], "odd \\u{202e}\\u{fffe}");
    assert_eq!(tested["steps"][0]["logs"][0], ODD);
}

#[cfg(unix)]
#[test]
fn names_of_files_are_shown_and_not_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join(odd());
    std::fs::create_dir(&inner).unwrap();
    let path = |name: &str| at(&inner, &format!("{name}{}", odd()));
    std::fs::write(path("a") + ".rhai", "fn decide(event) { nothing(\"\") }").unwrap();
    std::fs::write(path("b") + ".wasm", "not one").unwrap();
    std::fs::write(path("c") + ".toml", "format = 1\n[[case]]\n").unwrap();
    std::fs::write(path("d") + ".json", "[{").unwrap();
    let [script, module, cases, broken] =
        [path("a") + ".rhai", path("b") + ".wasm", path("c") + ".toml", path("d") + ".json"];
    let (missing, folder) = (path("e") + ".wasm", folder.path());
    for args in [
        vec!["check", &script],
        vec!["check", &script, "--json"],
        vec!["check", &module],
        vec!["check", &missing],
        vec!["check", &script, "--events", &cases],
        vec!["check", &script, "--source", &missing],
        vec!["test", "--policy", &script, &cases],
        vec!["test", "--policy", &module, &cases],
        vec!["test", &broken],
        vec!["test", &missing],
        vec!["test", &missing, "--format", "json"],
        vec!["test", &missing, "--format", "junit"],
        vec!["bench", &module],
        vec!["bench", &script, "--events", &missing],
        vec!["diff", &module, &script, "--events", &broken],
        vec!["diff", "builtin:role-restriction", &script, "--events", &broken],
        vec!["diff", "builtin:role-restriction", &script, "--events", &missing],
        vec!["build", &missing],
    ] {
        shows_everything(&run(folder, &args));
    }
}

#[test]
fn what_is_accepted_is_written_so_that_an_editor_shows_it() {
    let folder = folder();
    let script = at(folder.path(), "odd.rhai");
    for name in ["cases.toml", "cases.json"] {
        let file = at(folder.path(), name);
        let text = run(folder.path(), &["test", "--policy", &script, "--update", &file]);
        assert!(text.ends_with("exit code 0"), "{text}");
        let written = std::fs::read_to_string(&file).unwrap();
        shows_everything(&written);
        assert!(written.contains("set-memo"), "{written}");
        let again = run(folder.path(), &["test", "--policy", &script, &file]);
        assert!(again.ends_with("exit code 0"), "{again}");
    }
}

#[test]
fn a_report_is_xml_whatever_the_texts_are() {
    let folder = folder();
    let (script, cases) = (at(folder.path(), "odd.rhai"), at(folder.path(), "cases.toml"));
    write(
        folder.path(),
        "throws.rhai",
        format!("fn decide(event) {{ throw \"]]> & < {ODD}\"; }}").as_bytes(),
    );
    let throws = at(folder.path(), "throws.rhai");
    for policy in [script.as_str(), throws.as_str(), "missing\u{fffe}.wasm"] {
        let report = at(folder.path(), "report.xml");
        run(folder.path(), &["test", "--policy", policy, &cases, "--format", "junit", "--output", &report]);
        let text = std::fs::read_to_string(&report).unwrap();
        shows_everything(&text);
        assert!(text.chars().all(is_xml), "{text:?}");
        let mut reader = Reader::from_str(&text);
        reader.config_mut().check_end_names = true;
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => break,
                Event::Start(tag) | Event::Empty(tag) => {
                    assert!(tag.attributes().all(|attribute| attribute.is_ok()), "{text}");
                }
                _ => {}
            }
        }
    }
}

/// What an XML document can hold.
fn is_xml(c: char) -> bool {
    matches!(c, '\n' | '\t' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[test]
fn texts_with_a_mark_of_their_encoding_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let marked = |name: &str, text: &str| write(folder.path(), name, format!("\u{feff}{text}").as_bytes());
    marked("rolarr-policy.toml", "module = \"own.rhai\"\n");
    marked("own.rhai", "fn decide(event) { nothing(\"\") }\n");
    let recording = r#"{"format":1,"event":{"member":{},"cause":"member-left"},"decision":{"actions":[]}}"#;
    let other = recording.replace("member-left", "wake").replace("\"wake\"", "{\"wake\":\"later\"}");
    let events = folder.path().join("events");
    std::fs::create_dir(&events).unwrap();
    marked("events/lines.jsonl", &format!("{recording}\n{other}\n"));
    marked("events/list.json", &format!("[{recording}]"));
    marked("events/cases.toml", "format = 1\n[[case]]\ncause = \"member-left\"\nexpect = []\n");
    let place = at(folder.path(), "");
    let tested = run(folder.path(), &["test", &place]);
    assert!(tested.contains("4 passed, 0 failed") && tested.ends_with("exit code 0"), "{tested}");
    let lines = at(folder.path(), "events/lines.jsonl");
    let compared = run(folder.path(), &["diff", &place, &place, "--events", &lines]);
    assert!(compared.ends_with("exit code 0") && compared.contains("2 events"), "{compared}");
    marked("events/lines.jsonl", &format!("{recording}\n{{\"format\":1,\"evnt\":1}}\n"));
    let wrong = run(folder.path(), &["diff", &place, &place, "--events", &lines]);
    assert!(wrong.contains("lines.jsonl:2:18"), "{wrong}");
}

#[test]
fn a_text_in_another_encoding_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let wide = |name: &str, text: &str| {
        let bytes: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        write(folder.path(), name, &bytes);
        at(folder.path(), name)
    };
    let script = wide("own.rhai", "fn decide(event) { nothing(\"\") }\n");
    let cases = wide("cases.toml", "format = 1\n");
    let lines = wide("lines.jsonl", "{}\n");
    for args in [
        vec!["check", &script],
        vec!["test", &cases],
        vec!["test", &lines],
        vec!["diff", "builtin:role-restriction", "builtin:role-restriction", "--events", &lines],
    ] {
        let said = run(folder.path(), &args);
        assert!(
            said.contains("it is text in UTF-16, and only UTF-8 can be read: save it as UTF-8"),
            "{said}"
        );
    }
}

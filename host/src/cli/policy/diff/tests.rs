//! The command as its user sees it.

use std::{fmt::Write, path::Path};

use rolarr_policy::contract::{Access, Cause, Decision, Grant};

use crate::cli::{
    fixture::{ADA, BEN, DAY, START, database, decide, event_of, member, role},
    policy::tests::run,
};

const BUILTIN: &str = "builtin:role-restriction";

/// A recording of one line.
fn line(id: u64, member: u64, access: &str, cause: &str, decision: &str) -> String {
    format!(
        r#"{{"format":1,"event":{{"id":"{id:012}","at":{},"guild":"900000010","member":{{"id":"{member}","username":"user{member}"}},"account":{{"access":{access},"identified":true}},"cause":{cause}}}{decision}}}"#,
        START + id * 60_000
    )
}

const GRANTED: &str = r#"{"granted":{}}"#;
const REMOVED: &str = r#"{"role-removed":{"id":"900000100","key":"plus","name":"Plus"}}"#;

/// What the folder has: members who left, and some who lost the role.
fn recordings() -> String {
    let mut text = String::new();
    for id in 1..=5 {
        let cause = if id < 4 { "\"member-left\"" } else { REMOVED };
        writeln!(text, "{}", line(id, 900_000_020 + id, GRANTED, cause, "")).unwrap();
    }
    text
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Digests change with every build of the policy.
fn without_digests(text: &str) -> String {
    text.split_inclusive(|c: char| !c.is_ascii_hexdigit())
        .map(|part| {
            let digits = part.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
            if digits.len() == 64 { part.replace(digits, "SHA-256") } else { part.to_owned() }
        })
        .collect()
}

fn diff(folder: &Path, more: &[&str]) -> String {
    let mut args = vec!["diff"];
    args.extend(more);
    without_digests(&run(folder, &args))
}

#[test]
fn a_policy_decides_the_recorded_events_as_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let events = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/events");
    let text = diff(folder.path(), &["recorded", BUILTIN, "--events", events]);
    assert!(text.contains("Nobody's access would differ.") && text.ends_with("exit code 0"), "{text}");
}

#[test]
fn differences_are_grouped_and_counted_with_examples() {
    let folder = folder(&[("events.jsonl", &recordings())]);
    let file = folder.path().join("events.jsonl").display().to_string();
    let keep = r#"{"on-leave": "keep"}"#;
    let other = r#"{"label": "other"}"#;
    let runs = [
        diff(
            folder.path(),
            &[BUILTIN, BUILTIN, "--new-settings", keep, "--examples", "1", "--events", &file],
        ),
        diff(
            folder.path(),
            &[BUILTIN, BUILTIN, "--old-settings", other, "--new-settings", keep, "--events", &file],
        ),
        diff(folder.path(), &[BUILTIN, BUILTIN, "--settings", keep, "--events", &file]),
        diff(
            folder.path(),
            &[BUILTIN, BUILTIN, "--carry", "--new-settings", keep, "--examples", "1", "--events", &file],
        ),
    ];
    insta::assert_snapshot!(runs.join("\n\n----\n"));
}

#[test]
fn what_differs_besides_the_access_is_told_apart() {
    let decided =
        |actions: &str, reason: &str| format!(r#","decision":{{"actions":{actions},"reason":"{reason}"}}"#);
    let tell = r#"["remove",{"tell":{"text":"Bye <b>now</b>, ask ada@example.org"}}]"#;
    let lines = [
        line(1, 900_000_021, GRANTED, "\"member-left\"", &decided("[\"remove\"]", "left the Discord server")),
        line(2, 900_000_022, GRANTED, "\"member-left\"", &decided("[\"remove\"]", "is gone")),
        line(3, 900_000_023, GRANTED, "\"member-left\"", &decided(tell, "left the Discord server")),
        line(4, 900_000_024, "\"absent\"", "\"member-left\"", &decided(r#"[{"invite":{}}]"#, "a mistake")),
    ];
    let folder = folder(&[("events.jsonl", &lines.join("\n"))]);
    let file = folder.path().join("events.jsonl").display().to_string();
    let page = folder.path().join("page.html");
    let shown = page.display().to_string();
    let text = diff(folder.path(), &["recorded", BUILTIN, "--events", &file, "--html", &shown]);
    let json = diff(folder.path(), &["recorded", BUILTIN, "--json", "--events", &file]);
    assert!(!json.contains("ada@example.org") && json.contains("ask (address)"), "{json}");
    assert!(serde_json::from_str::<serde_json::Value>(json.strip_suffix("exit code 1").unwrap()).is_ok());
    insta::assert_snapshot!(format!("{text}\n\n----\n{json}"));
    let page = without_digests(&std::fs::read_to_string(page).unwrap());
    assert!(!page.contains("<b>now") && page.contains("&lt;b&gt;now") && !page.contains("<script"), "{page}");
    assert!(!page.contains("ada@example.org"), "{page}");
    let (_, body) = page.split_once("</style>").unwrap();
    insta::assert_snapshot!("page", body);
}

#[test]
fn what_can_not_be_compared_is_said_with_its_place_and_the_rest_is_compared() {
    let good = line(1, 900_000_021, GRANTED, "\"member-left\"", "");
    let garbage = format!("{}\n  {{\"format\": 1, oops\n{good}\n", [good.as_str(); 6].join("\n"));
    let unknown = format!("{good}\n\n   {}\n{good}\n", good.replace("\"event\"", "\"evnt\""));
    let newer = format!("{good}\n{}\n", good.replace("\"format\":1", "\"format\":2"));
    let refused = good.replace("\"format\":1", "\"format\":1,\"settings\":{\"lable\":\"x\"}");
    let folder = folder(&[
        ("garbage.jsonl", &garbage),
        ("unknown.jsonl", &unknown),
        ("newer.jsonl", &newer),
        ("refused.json", &refused),
        ("list.json", &format!("[{good},{good}]")),
        ("empty.json", " \n"),
        ("binary.json", "\u{0}\u{1}\u{2}"),
    ]);
    std::fs::create_dir(folder.path().join("nothing")).unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut runs = Vec::new();
    for name in [
        "garbage.jsonl",
        "unknown.jsonl",
        "newer.jsonl",
        "refused.json",
        "empty.json",
        "binary.json",
        "nothing",
        "missing",
    ] {
        runs.push(diff(folder.path(), &[BUILTIN, BUILTIN, "--events", &path(name)]));
    }
    runs.push(diff(folder.path(), &[BUILTIN, BUILTIN, "--events", &path("list.json"), &path("missing")]));
    runs.push(diff(folder.path(), &["recorded", BUILTIN, "--carry", "--events", &path("list.json")]));
    insta::assert_snapshot!(runs.join("\n\n----\n"));
}

#[test]
fn cases_that_were_written_by_hand_are_compared_and_stories_left_out() {
    let cases = "format = 1\n[[case]]\ncause = \"member-left\"\naccess = \"granted\"\nexpect = \"quiet\"\n\n\
                 [[story]]\n[[story.step]]\ncause = { role-added = \"plus\" }\nexpect = [\"invite\"]\n";
    let folder =
        folder(&[("cases.toml", cases), ("broken.toml", "format = 1\n[[case]]\ncause = \"left\"\n")]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let runs = [
        diff(folder.path(), &["recorded", BUILTIN, "--events", &path("cases.toml")]),
        diff(folder.path(), &["recorded", BUILTIN, "--events", &path("broken.toml")]),
    ];
    insta::assert_snapshot!(runs.join("\n\n----\n"));
}

#[test]
fn a_side_that_can_not_be_used_is_said_at_once() {
    let folder = folder(&[("events.jsonl", &recordings()), ("text.wasm", "no wasm")]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let events = path("events.jsonl");
    let runs = [
        diff(folder.path(), &[BUILTIN, &path("missing.wasm"), "--events", &events]),
        diff(folder.path(), &[BUILTIN, &path("text.wasm"), "--events", &events]),
        diff(folder.path(), &["builtin:other", BUILTIN, "--events", &events]),
        diff(folder.path(), &["recorded", "recorded", "--events", &events]),
        diff(folder.path(), &[BUILTIN, BUILTIN, "--new-settings", r#"{"block": "x"}"#, "--events", &events]),
        diff(folder.path(), &[BUILTIN, BUILTIN, "--database", &path("missing.db")]),
        diff(folder.path(), &[BUILTIN, BUILTIN, "--database", &events]),
    ];
    insta::assert_snapshot!(runs.join("\n"));
}

#[test]
fn a_page_that_can_not_be_written_is_said_before_anything_is_compared() {
    let folder = folder(&[("events.jsonl", &recordings()), ("page.html", "earlier")]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let unwritable = path("missing/page.html");
    let text =
        diff(folder.path(), &[BUILTIN, BUILTIN, "--events", &path("events.jsonl"), "--html", &unwritable]);
    assert!(text.starts_with("error: `FOLDER/missing/page.html` can't be written"), "{text}");
    assert!(text.ends_with("exit code 2") && !text.contains("compared"), "{text}");
    // An earlier page stays if there is nothing to put in its place.
    let page = path("page.html");
    let text =
        diff(folder.path(), &[BUILTIN, "builtin:other", "--events", &path("events.jsonl"), "--html", &page]);
    assert!(text.ends_with("exit code 2"), "{text}");
    assert_eq!(std::fs::read_to_string(&page).unwrap(), "earlier");
}

#[test]
fn who_reads_json_is_told_as_json_what_could_not_be_compared() {
    let folder = folder(&[("events.jsonl", &recordings())]);
    let events = folder.path().join("events.jsonl").display().to_string();
    let text = diff(folder.path(), &[BUILTIN, "builtin:other", "--json", "--events", &events]);
    let (json, error) = text.split_once("error: ").unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert!(json["problem"].as_str().unwrap().starts_with("there is no built-in policy `other`"), "{json}");
    assert!(error.ends_with("exit code 2"), "{error}");
}

#[test]
fn the_decisions_of_the_database_are_compared() {
    let (folder, file) = database(|tx| {
        for (user, name) in [(ADA, "ada"), (BEN, "ben")] {
            member(tx, user, name);
            let granted = Access::Granted(Grant::default());
            let mut event = event_of(user, name, granted, Cause::RoleRemoved(role()));
            event.at = event.at.plus_millis(DAY);
            decide(tx, event, Decision::nothing("it was another policy"), &[]);
        }
        Ok(())
    });
    let database = file.display().to_string();
    let runs = [
        diff(folder.path(), &["recorded", BUILTIN, "--database", &database]),
        diff(
            folder.path(),
            &["recorded", BUILTIN, "--database", &database, "--member", "900000022", "--carry"],
        ),
    ];
    // The page about it has this, without the second example.
    let page = include_str!("../../../../../docs/comparing-policies.md");
    let (first, _) = runs[0].split_once("    event 000000000002").unwrap();
    assert!(page.contains(&format!("```text\n{first}```")), "{first}");
    insta::assert_snapshot!(runs.join("\n\n----\n"));
    let none = diff(folder.path(), &["recorded", BUILTIN, "--database", &database, "--member", "900000029"]);
    assert!(none.contains("there is no recorded event") && none.ends_with("exit code 2"), "{none}");
}

#[test]
fn the_same_comes_out_whatever_thread_took_what() {
    let mut text = String::new();
    for id in 1..=3_000 {
        let cause = if id % 3 == 0 { "\"member-left\"" } else { REMOVED };
        writeln!(text, "{}", line(id, 900_001_000 + id % 700, GRANTED, cause, "")).unwrap();
    }
    let folder = folder(&[("events.jsonl", &text)]);
    let file = folder.path().join("events.jsonl").display().to_string();
    let settings = r#"{"on-leave": "keep"}"#;
    let once = |more: &[&str]| {
        let mut args = vec![BUILTIN, BUILTIN, "--new-settings", settings, "--events", &file];
        args.extend(more);
        diff(folder.path(), &args)
    };
    let step = once(&[]);
    assert!(
        step.contains("3,000 events of 700 members") && step.contains("1,000 events of 700 members"),
        "{step}"
    );
    assert_eq!(step, once(&[]));
    assert_eq!(once(&["--carry"]), once(&["--carry"]));
}

use std::path::Path;

use clap::Parser;

use super::{PolicyArgs, PolicyCommand};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    policy: PolicyArgs,
}

/// What the command prints, with the exit code, and with the folder's name replaced.
pub(in crate::cli::policy) fn run(folder: &Path, args: &[&str]) -> String {
    let cli = Cli::try_parse_from(std::iter::once("policy").chain(args.iter().copied())).unwrap();
    let mut out = Vec::new();
    let code = match &cli.policy.command {
        PolicyCommand::Check(args) => args.run(&mut out).unwrap(),
        PolicyCommand::Diff(args) => args.run(&mut out).unwrap(),
        PolicyCommand::Bench(args) => args.run(&mut out).unwrap(),
        PolicyCommand::Test(args) => args.run(&mut out, false).unwrap(),
        PolicyCommand::New(args) => args.run(&mut out).unwrap(),
        PolicyCommand::Build(args) => args.run(&mut out).unwrap(),
        other => panic!("{other:?} is not run here"),
    };
    let text = String::from_utf8(out).unwrap();
    format!("{}exit code {code}", text.replace(&folder.display().to_string(), "FOLDER"))
}

/// Without what changes with every build of the policy.
fn without_numbers(text: &str) -> String {
    text.lines()
        .map(|line| match line.trim_start().split_once(' ') {
            Some(("size", _)) => "  size          N bytes".to_owned(),
            Some(("memory", _)) => "  memory        N KiB at the start".to_owned(),
            Some(("digest", rest)) => {
                assert_eq!(rest.trim().len(), 64);
                "  digest        SHA-256".to_owned()
            }
            _ => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

const LEFT: &str = r#"{"format":1,"name":"who leaves","event":{"member":{},"account":{"access":{"granted":{}}},
    "cause":"member-left"},"decision":{"actions":["remove"]}}"#;

#[test]
fn check_says_what_a_policy_is() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(without_numbers(&run(folder.path(), &["check", "builtin:role-restriction"])));
}

#[test]
fn check_says_why_a_policy_does_not_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("policy.js"), "export const rules = {};").unwrap();
    std::fs::write(path("empty.wasm"), "").unwrap();
    let runs = [
        without_numbers(&run(
            folder.path(),
            &["check", "builtin:role-restriction", "--settings", r#"{"block": "all"}"#],
        )),
        run(folder.path(), &["check", &path("policy.js")]),
        run(folder.path(), &["check", &path("empty.wasm")]),
        run(folder.path(), &["check", &path("missing.wasm")]),
        run(folder.path(), &["check", "builtin:other"]),
    ];
    insta::assert_snapshot!(runs.join("\n\n----\n"));
}

#[test]
fn settings_that_are_not_an_object_are_refused() {
    for settings in ["[]", "{", "label"] {
        assert!(Cli::try_parse_from(["policy", "check", "x", "--settings", settings]).is_err(), "{settings}");
    }
}

#[test]
fn test_passes_when_all_is_as_recorded() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("left.json"), LEFT).unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    let both = format!("{0}\n{0}", LEFT.replace('\n', " "));
    std::fs::write(folder.path().join("inner/two.jsonl"), both).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a recording").unwrap();
    insta::assert_snapshot!(run(folder.path(), &["test", &folder.path().display().to_string()]));
}

#[test]
fn test_shows_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let other = LEFT
        .replace(r#"["remove"]"#, r#"["quiet","remove"],"reason":"because""#)
        .replace("who leaves", r"who leaves\u001b[31m quietly");
    let restricted =
        LEFT.replace(r#""member-left"}"#, r#"{"role-removed":{"id":"1","key":"plus","name":"Plus"}}}"#);
    let file = folder.path().join("cases.json");
    std::fs::write(&file, format!("[{LEFT},{other},{restricted}]")).unwrap();
    let file = file.display().to_string();
    insta::assert_snapshot!(run(folder.path(), &["test", &file]));
    insta::assert_snapshot!(run(folder.path(), &["test", &file, "--settings", r#"{"on-leave":"keep"}"#]));
}

#[test]
fn what_can_t_be_compared_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let paths = [
        write("passes.json", LEFT),
        write("open.json", &LEFT.replace(r#","decision":{"actions":["remove"]}"#, "")),
        write("newer.json", &LEFT.replace(r#""format":1"#, r#""format":2"#)),
        write("broken.json", "{\"format\": 1,\n  \"event\": [}"),
        write("settings.json", &LEFT.replace(r#""format":1"#, r#""format":1,"settings":{"lable":"x"}"#)),
        empty.display().to_string(),
        folder.path().join("missing.json").display().to_string(),
    ];
    let mut args = vec!["test"];
    args.extend(paths.iter().map(String::as_str));
    insta::assert_snapshot!(run(folder.path(), &args));
    let open = run(folder.path(), &["test", "--policy", "missing.wasm", &paths[0]]);
    assert!(open.ends_with("exit code 2"), "{open}");
}

#[test]
fn a_test_without_a_path_is_refused() {
    assert!(Cli::try_parse_from(["policy", "test"]).is_err());
}

/// What a bench prints, with every number replaced: they are another machine's tomorrow.
fn without_measures(text: &str) -> String {
    text.lines()
        .map(|line| {
            let shown: String = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            let mut shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            while shown.contains("00") || shown.contains("0,0") || shown.contains("0.0") {
                shown = shown.replace("00", "0").replace("0,0", "0").replace("0.0", "0");
            }
            if line.trim_start().starts_with("digest") {
                "digest SHA-256".to_owned()
            } else {
                shown.replace("ms", "µs")
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn bench_shows_what_a_policy_costs() {
    let folder = tempfile::tempdir().unwrap();
    let text = run(folder.path(), &["bench", "builtin:role-restriction", "--rounds", "2"]);
    assert!(text.contains("18 events, 2 rounds, 36 evaluations"), "{text}");
    let shown = without_measures(&text);
    // The page about it has the middle of it.
    let page = include_str!("../../../../docs/comparing-policies.md");
    let block = page.split("```").find(|block| block.contains("evaluations:")).unwrap();
    let block = without_measures(block.strip_prefix("text\n").unwrap().trim_end());
    assert!(shown.contains(&block), "{shown}\n----\n{block}");
    insta::assert_snapshot!(shown);
}

#[test]
fn bench_measures_with_recorded_events_and_gives_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("left.jsonl");
    std::fs::write(&file, format!("{0}\n{0}", LEFT.replace('\n', " "))).unwrap();
    let file = file.display().to_string();
    let text = run(
        folder.path(),
        &["bench", "builtin:role-restriction", "--rounds", "3", "--json", "--events", &file],
    );
    let json: serde_json::Value = serde_json::from_str(text.strip_suffix("exit code 0").unwrap()).unwrap();
    assert_eq!((&json["events"], &json["evaluations"]), (&2.into(), &6.into()));
    assert_eq!(json["fuel"]["p50"], json["fuel"]["max"], "the same event costs the same");
    assert!(json["memory"]["max"].as_u64().unwrap() >= 65_536);
    assert!(json["evaluate-us"]["max"].as_f64().unwrap() > json["instantiate-us"]["p50"].as_f64().unwrap());
}

#[test]
fn bench_says_what_it_can_not_measure() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("text.wasm"), "no wasm").unwrap();
    std::fs::write(path("broken.json"), format!("{LEFT}\n{{\"format\": 1,")).unwrap();
    let builtin = "builtin:role-restriction";
    let runs = [
        run(folder.path(), &["bench", &path("text.wasm")]),
        run(folder.path(), &["bench", &path("missing.wasm")]),
        run(folder.path(), &["bench", builtin, "--settings", r#"{"block": "x"}"#]),
        run(folder.path(), &["bench", builtin, "--events", &path("broken.json")]),
        run(folder.path(), &["bench", builtin, "--events", &path("missing")]),
    ];
    insta::assert_snapshot!(runs.join("\n"));
    for wrong in [["--seconds", "0"], ["--seconds", "61"], ["--rounds", "0"]] {
        assert!(Cli::try_parse_from(["policy", "bench", builtin, wrong[0], wrong[1]]).is_err(), "{wrong:?}");
    }
}

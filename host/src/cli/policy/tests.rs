use std::path::Path;

use clap::Parser;

use super::{CliError, PolicyArgs, PolicyCommand};
use crate::{cli::policy::compiling, policy::Engine};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    policy: PolicyArgs,
}

/// An engine that keeps what it compiled beside the test program: what runs scripts takes long to compile.
pub(super) fn engine() -> Engine {
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().unwrap().join("policy-cache");
    Engine::new(compiling::settings(Some(folder))).unwrap()
}

/// What the command prints, with the exit code, and with the folder's name replaced.
pub(in crate::cli::policy) fn run(folder: &Path, args: &[&str]) -> String {
    let cli = Cli::try_parse_from(std::iter::once("policy").chain(args.iter().copied())).unwrap();
    let mut out = Vec::new();
    let engine = engine();
    let done = match &cli.policy.command {
        PolicyCommand::Check(args) => args.run_on(&engine, &mut out).map_err(CliError::from),
        PolicyCommand::Diff(args) => args.run_on(&engine, &mut out),
        PolicyCommand::Bench(args) => args.run(&mut out),
        PolicyCommand::Test(args) => args.run_on(&engine, &mut out, false).map_err(CliError::from),
        PolicyCommand::New(args) => args.run(&mut out),
        PolicyCommand::Build(args) => args.run(&mut out),
        other => panic!("{other:?} is not run here"),
    };
    // What goes to the standard error comes behind the rest.
    let code = done.unwrap_or_else(|error| {
        error.write(&mut out).unwrap();
        error.exit() as u8
    });
    let text = String::from_utf8(out).unwrap();
    format!("{}exit code {code}", text.replace(&folder.display().to_string(), "FOLDER"))
}

/// Without what changes with every build of the policy.
fn without_numbers(text: &str) -> String {
    text.lines()
        .map(|line| match line.trim_start().split_once(' ') {
            Some(("size", _)) => "  size          N bytes".to_owned(),
            Some(("memory", rest)) if rest.trim_start().starts_with("used") => "  memory used   N".to_owned(),
            Some(("memory", _)) => "  memory        N KiB at the start".to_owned(),
            Some(("fuel", rest)) if rest.contains("at most") => "  fuel          N".to_owned(),
            Some(("answer", _)) => "  answer        N".to_owned(),
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
fn without_a_path_the_folder_is_tested_that_one_is_in() {
    let cli = Cli::try_parse_from(["policy", "test"]).unwrap();
    let PolicyCommand::Test(args) = cli.policy.command else { panic!("test") };
    assert!(format!("{args:?}").contains(r#"paths: ["."]"#), "{args:?}");
}

/// A policy that never restricts, as a script.
const SCRIPT: &str = "// Invites.\n\nfn decide(event) {\n    if event.cause == \"role-added\" { return invite(); }\n    \
                      nothing(\"kept\")\n}\n";

const CASES: &str = r#"format = 1

[[case]]
name = "a role comes"
cause = { role-added = "plus" }
expect = "invite"

[[case]]
name = "a role goes"
cause = { role-removed = "plus" }
access = "granted"
expect = []
reason = "kept"
"#;

fn write(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

#[test]
fn a_policys_folder_needs_no_options() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("invites");
    write(&own.join("rolarr-policy.toml"), "module = \"invites.rhai\"\n");
    write(&own.join("invites.rhai"), SCRIPT);
    write(&own.join("events/roles.toml"), CASES);
    // What else stands in the folder is no case.
    write(&own.join("package.json"), "{}");
    write(&own.join("target/x.json"), "{}");
    let whole = run(folder.path(), &["test", &own.display().to_string()]);
    insta::assert_snapshot!(whole);
    // From a folder above, and for a single file, the policy is the same.
    write(&folder.path().join("others/left.json"), LEFT);
    let above = run(folder.path(), &["test", "-q", &folder.path().display().to_string()]);
    assert!(above.contains("3 passed, 0 failed"), "{above}");
    let file = run(folder.path(), &["test", &own.join("events/roles.toml").display().to_string()]);
    assert!(file.contains("2 passed, 0 failed"), "{file}");
    std::fs::remove_file(own.join("invites.rhai")).unwrap();
    let missing = run(folder.path(), &["test", "-q", &own.display().to_string()]);
    insta::assert_snapshot!(missing);
}

#[test]
fn a_manifest_that_is_wrong_is_shown_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let mut runs = Vec::new();
    for manifest in [
        "",
        "module = 3",
        "module = [",
        "module = \"x.rhai\"\nevents = \"cases\"",
        "module = \"x.rhai\"\nevent = \"cases\"",
        "module = \"../x.rhai\"",
    ] {
        write(&folder.path().join("rolarr-policy.toml"), manifest);
        runs.push(run(folder.path(), &["test", &path]));
    }
    insta::assert_snapshot!(runs.join("\n\n----\n"));
}

#[test]
fn cases_are_chosen_by_their_name_and_a_name_that_none_has_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.toml");
    write(&file, CASES);
    let file = file.display().to_string();
    let chosen = run(folder.path(), &["test", &file, "-f", "comes"]);
    assert!(chosen.contains("1 passed, 0 failed\n"), "{chosen}");
    assert!(chosen.ends_with("exit code 0"), "{chosen}");
    let none = run(folder.path(), &["test", &file, "-f", "comes", "-f", "nobody"]);
    assert!(none.contains("ERROR no case has `nobody` in its name"), "{none}");
    assert!(none.ends_with("exit code 2"), "{none}");
}

/// Without what differs from run to run.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let starts = ["time=\"", "\"micros\":", "\"millis\":", "\"fuel\":", "\"memory\":"];
    while let Some((at, start)) = starts.iter().filter_map(|s| Some((rest.find(s)?, s))).min() {
        let (before, behind) = rest.split_at(at + start.len());
        out.push_str(before);
        out.push('N');
        rest = behind.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    }
    out + rest
}

#[test]
fn programs_and_build_servers_get_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.toml");
    write(&file, &format!("{CASES}\n[[case]]\nname = \"broken <&>\"\ncause = \"x\"\n"));
    let path = file.display().to_string();
    insta::assert_snapshot!(without_times(&run(folder.path(), &["test", &path, "--format", "json"])));
    insta::assert_snapshot!(without_times(&run(folder.path(), &["test", &path, "--format", "junit"])));
    let report = folder.path().join("report.xml");
    let output = report.display().to_string();
    let both = run(folder.path(), &["test", &path, "--format", "junit", "--output", &output]);
    assert!(both.contains("1 passed, 1 failed, 1 error"), "{both}");
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.starts_with("<?xml") && report.contains("tests=\"3\""), "{report}");
}

#[test]
fn what_differs_is_colored_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.toml");
    write(&file, CASES);
    let engine = engine();
    let cli = Cli::try_parse_from(["policy", "test", &file.display().to_string()]).unwrap();
    let PolicyCommand::Test(args) = cli.policy.command else { panic!("test") };
    let mut out = Vec::new();
    args.run_on(&engine, &mut out, true).unwrap();
    let text = String::from_utf8(out).unwrap();
    for part in
        ["\x1b[32mok\x1b[0m", "\x1b[1;31mFAIL\x1b[0m", "\x1b[31m- nothing\x1b[0m", "\x1b[32m+ restrict-to"]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn new_outcomes_are_accepted_where_they_stand_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let toml = folder.path().join("cases.toml");
    let comments = format!(
        "# First.\n{}\n# A story.\n[[story]]\n[[story.step]]\nroles = [\"plus\"]   # here\nexpect = [\n    \
         \"quiet\", # not so\n] # behind\n[[story.step]]\nroles = []\nexpect=[{{ tell = \"x\" }}]\n",
        CASES.replace("expect = []", "expect =   [ ] # nothing")
    );
    write(&toml, &comments);
    let json = folder.path().join("list.json");
    let other = "{\n  \"format\": 1,\n  \"event\": {\"member\": {}, \"cause\": \"member-left\"},\n  \
                 \"decision\": {\"actions\": [\"remove\"]}\n}";
    write(&json, &format!("[\n{LEFT},\n{other}\n]\n"));
    let lines = folder.path().join("lines.jsonl");
    let line = LEFT.replace("\n", " ");
    write(&lines, &format!("{line}\n{}\n", line.replace("[\"remove\"]", "[\"quiet\"],\"reason\":\"x\"")));
    let path = folder.path().display().to_string();
    let first = run(folder.path(), &["test", "-q", "--update", &path]);
    assert!(first.contains("4 passed, 0 failed, 4 updated") || first.contains("updated"), "{first}");
    assert!(first.ends_with("exit code 0"), "{first}");
    let texts = [&toml, &json, &lines].map(|file| std::fs::read_to_string(file).unwrap());
    insta::assert_snapshot!(texts.join("----\n"));
    let second = run(folder.path(), &["test", "-q", "--update", &path]);
    assert!(second.contains("0 failed\n"), "{second}");
    assert_eq!([&toml, &json, &lines].map(|file| std::fs::read_to_string(file).unwrap()), texts);
}

#[test]
fn what_can_not_be_accepted_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.toml");
    // Actions as tables of their own can't be rewritten in place, and a limit is not an outcome.
    let text = "format = 1\n[[case]]\ncause = \"member-left\"\naccess = \"granted\"\n[[case.expect]]\ntell = \"x\"\n\
                [[case]]\ncause = \"member-left\"\naccess = \"granted\"\nexpect = \"remove\"\nmax-actions = 0\n";
    write(&file, text);
    let output = run(folder.path(), &["test", "--update", &file.display().to_string()]);
    insta::assert_snapshot!(output);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn check_reports_events_that_are_left_undecided_with_the_line_of_the_script() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("throws.rhai");
    write(
        &file,
        "// Throws.\n\nfn decide(event) {\n    if event.cause == \"member-left\" { throw \"no\"; }\n    nothing(\"\")\n}\n",
    );
    let text = run(folder.path(), &["check", &file.display().to_string()]);
    assert!(text.ends_with("exit code 1"), "{text}");
    let (_, verdict) = text.split_once("It loads, but").unwrap();
    insta::assert_snapshot!(verdict);
    let json = run(folder.path(), &["check", &file.display().to_string(), "--json"]);
    let json: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    let undecided = json["undecided"].as_array().unwrap();
    assert_eq!(undecided.len(), 3, "{json}");
    for event in undecided {
        assert!(event["event"].as_str().unwrap().starts_with("member left, "), "{event}");
        assert!(event["details"].as_str().unwrap().contains("throw \"no\""), "{event}");
    }
}

#[test]
fn a_policys_folder_stands_for_its_policy_in_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("labels");
    write(&own.join("rolarr-policy.toml"), "module = \"labels.rhai\"\nsettings = { label = \"here\" }\n");
    // Only with the folder's settings it says anything.
    let script = "let settings = #{ label: \"\" };\nfn decide(event) {\n    if settings.label != \"here\" { throw \"label `\" +                   settings.label + \"`\"; }\n    nothing(\"\")\n}\n";
    write(&own.join("labels.rhai"), script);
    write(
        &own.join("events/roles.toml"),
        &CASES.replace("expect = \"invite\"", "expect = []").replace("reason", "# "),
    );
    let own = own.display().to_string();
    let events = format!("{own}/events");
    for args in [
        &["check", &own][..],
        &["test", &own],
        &["test", "--policy", &own, &events],
        &["build", &own],
        &["bench", &own, "--rounds", "1"],
        &["diff", &own, &own, "--events", &events],
    ] {
        let text = run(folder.path(), args);
        assert!(text.ends_with("exit code 0"), "{args:?}\n{text}");
    }
    let check = run(folder.path(), &["check", &own]);
    assert!(check.starts_with("FOLDER/labels/labels.rhai\n"), "{check}");
    // What stands on the command line goes before.
    for command in ["check", "bench"] {
        let text = run(folder.path(), &[command, &own, "--settings", r#"{"label": "there"}"#]);
        assert!(text.contains("label `there`") && text.ends_with("exit code 1"), "{text}");
    }
}

#[test]
fn a_folder_that_stands_for_no_policy_is_said_in_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(path("plain")).unwrap();
    write(Path::new(&path("unbuilt/rolarr-policy.toml")), "module = \"unbuilt.wasm\"\n");
    write(Path::new(&path("wrong/rolarr-policy.toml")), "modul = \"x.rhai\"\n");
    write(Path::new(&path("cases.toml")), CASES);
    let (cases, mut runs) = (path("cases.toml"), Vec::new());
    for name in ["plain", "unbuilt", "wrong"] {
        let policy = path(name);
        runs.push(run(folder.path(), &["check", &policy]));
        runs.push(run(folder.path(), &["test", "-q", "--policy", &policy, &cases]));
        runs.push(run(folder.path(), &["build", &policy]));
        runs.push(run(folder.path(), &["bench", &policy, "--json"]));
        runs.push(run(folder.path(), &["diff", "recorded", &policy, "--events", &cases]));
    }
    insta::assert_snapshot!(runs.join("\n\n----\n"));
}

#[test]
fn check_decides_the_events_that_it_is_given_stories_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.toml");
    write(&file, &format!("{CASES}\n[[story]]\n[[story.step]]\nroles = [\"a\", \"b\"]\nexpect = []\n"));
    let events = file.display().to_string();
    let text = run(folder.path(), &["check", "builtin:role-restriction", "--events", &events, "--json"]);
    let json: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(json["events"], 4, "{json}");
    assert_eq!(json["loads"], true);
    assert_eq!(json["exit-code"], 0);
    assert_eq!(json["unstable"].as_array().unwrap().len(), 0);
    let limits: Vec<&str> =
        json["limits"].as_array().unwrap().iter().map(|share| share["limit"].as_str().unwrap()).collect();
    assert!(limits.contains(&"fuel") && limits.contains(&"memory_bytes") && limits.contains(&"module_bytes"));
    let missing = run(folder.path(), &["check", "builtin:role-restriction", "--events", "missing.toml"]);
    assert!(missing.contains("not checked: missing.toml: can't be read"), "{missing}");
    assert!(missing.ends_with("exit code 2"), "{missing}");
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
    // Which events are the dearest changes with every build of the policy.
    let (figures, dearest) = shown.split_once("Most fuel:\n").unwrap();
    assert_eq!(dearest.lines().filter(|line| line.starts_with("event 0, ")).count(), 3, "{dearest}");
    insta::assert_snapshot!(figures);
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

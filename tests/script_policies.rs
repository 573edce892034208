//! Scripts in the sandbox: what goes wrong in one is said with its line, changes nothing, and leaves the next event
//! as if nothing had been.
//!
//! What people see is in snapshots, so that a change of words is looked at. What the runner itself does is tested
//! natively, in `policies/script`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where it fails"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rolarr::policy::{
    Engine, EngineSettings, EvaluationError, Failure, Limits, LoadError, LoadProblem, Module, Policy, Start,
};
use rolarr_policy::contract::{Action, Cause, Decision, Event, Grant};
use serde_json::{Value, json};

/// An engine whose policies are loaded as the program loads them.
fn loading() -> EngineSettings {
    let loader = rolarr::policy::Loader::At(env!("CARGO_BIN_EXE_rolarr-steps").into());
    EngineSettings { loader, ..EngineSettings::default() }
}

/// An engine that keeps what it compiled: the runner is compiled once, and not by each test.
fn engine() -> Engine {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("script-policies");
    Engine::new(EngineSettings { cache_dir: Some(folder), ..loading() }).unwrap()
}

/// A folder with a script in it.
struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let script = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(script.path(), text).unwrap();
        script
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("my.rhai")
    }

    fn module(&self) -> Module {
        Module::open(self.path().to_str().unwrap()).unwrap()
    }

    /// Text without what is different on each machine.
    fn without_folder(&self, text: &str) -> String {
        text.replace(self.folder.path().to_str().unwrap(), "FOLDER")
    }
}

fn load_with(engine: &Engine, start: Start, text: &str, settings: &Value) -> Result<Policy, LoadError> {
    let script = Script::new(text);
    let mut module = script.module();
    module.name = "my.rhai".to_owned();
    Policy::load_for(start, engine, &module, settings, Vec::new(), &limits())
}

/// The default limits, but a busy machine is not a slow script.
fn limits() -> Limits {
    Limits { clock_ms: 120_000, configure_clock_ms: 120_000, ..Limits::default() }
}

fn load(engine: &Engine, text: &str) -> Result<Policy, LoadError> {
    load_with(engine, Start::Configure, text, &Value::Null)
}

fn event(id: &str, cause: Cause) -> Event {
    Event { id: id.to_owned(), ..Event::new(cause) }
}

fn wake() -> Event {
    event("0000000001", Cause::Wake("x".to_owned()))
}

fn harmful() -> Event {
    event("0000000002", Cause::MemberLeft)
}

/// The error of a script that fails on all but wakes, after it was seen that events before and after are decided
/// normally.
fn harm(engine: &Engine, functions: &str, lines: &str) -> EvaluationError {
    let text = format!(
        "{functions}\nfn decide(event) {{\n    if event.cause == \"wake\" {{ return nothing(\"fine\"); }}\n    {lines}\n}}\n"
    );
    let policy = load(engine, &text).unwrap();
    let normal = Decision::nothing("fine");
    assert_eq!(policy.evaluate(&wake()).unwrap().decision, normal, "{lines}");
    let error = policy.evaluate(&harmful()).unwrap_err();
    assert_eq!(policy.evaluate(&wake()).unwrap().decision, normal, "{lines}");
    assert_eq!(policy.evaluate(&harmful()).unwrap_err().fuel, error.fuel, "{lines}");
    error
}

#[test]
fn a_script_that_does_harm_is_stopped_with_its_line_and_changes_nothing() {
    let engine = engine();
    // What stands before `decide`, what stands in it, the line that is named, and what is said of it.
    let endless = "more than 100000 operations: is there a loop that does not end?";
    let long =
        "it does too much with lists, texts and functions that are called for each element: is there a loop";
    let cases = [
        ("", "loop {}", 4, endless),
        ("fn busy() {\n    let n = 0;\n    loop { n += 1; }\n}", "busy();", 3, endless),
        ("fn deep(n) { deep(n + 1) }", "deep(1)", 1, "functions call each other too deep"),
        ("", "let list = []; loop { list.push(1); }", 4, "a list has too many elements"),
        ("", "let text = \"x\"; loop { text += text; }", 4, "too long"),
        (
            "",
            "let list = []; for i in 0..900 { list.push(i); } loop { let copy = list; copy.sort(); }",
            4,
            long,
        ),
        ("", "let text = \"x\"; text.pad(16000, \"y\"); loop { text.contains(\"z\"); }", 4, long),
        ("", "throw \"not on a Monday\"", 4, "not on a Monday"),
        ("", "event.tag", 4, "`event.tag` is there only if `event.cause` is `wake`"),
        ("", "42", 2, "`decide` returned the number 42"),
    ];
    for (functions, lines, line, what) in cases {
        let error = harm(&engine, functions, lines);
        assert!(matches!(error.cause, Failure::Refused(_)), "{lines}: {error}");
        let message = error.to_string();
        let begin = format!("policy `my.rhai` did not decide event `0000000002`: it says: my.rhai:{line}:");
        assert!(message.starts_with(&begin) && message.contains(what), "{lines}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        let full = error.in_full();
        assert!(full.contains(&format!("\n {line} | ")) && full.contains('^'), "{full}");
    }
    let error = harm(&engine, "fn busy() {\n    loop {}\n}", "busy();");
    assert!(error.in_full().ends_with("\n   in `busy`, called in line 6: busy();"), "{}", error.in_full());
}

/// A list of texts, as a script writes it.
fn ids(count: usize) -> String {
    let ids: Vec<String> = (0..count).map(|id| format!("\"9000000{id:05}\"")).collect();
    format!("[{}]", ids.join(","))
}

#[test]
fn whatever_a_script_does_for_too_long_the_runner_stops_it_well_before_the_host() {
    let engine = engine();
    let (many, accents, letters) = (ids(900), "é".repeat(15_000), "a".repeat(30_000));
    let start = &letters[..10_000];
    let banned = format!("let banned = {many};");
    let with_banned = |lines: &str| (banned.clone(), lines.to_owned());
    let numbers = "let a = []; for i in 0..900 { a.push(900 - i); }";
    let with_numbers = |lines: &str| (String::new(), format!("{numbers} {lines}"));
    let table = "let m = #{}; for i in 0..500 { m[`k${i}`] = i; }";
    let alone = |lines: String| (String::new(), lines);
    // What stands before `decide`, and what in it.
    let cases = [
        alone("loop {}".to_owned()),
        with_numbers("a.map(|x| { let i = 0; while i < 8000 { i += 1; } x });"),
        with_numbers("a.sort(|x, y| { let i = 0; while i < 500 { i += 1; } x - y });"),
        with_numbers("loop { a.reduce(|s, x| if s == () { x } else { s + x }); }"),
        with_numbers("loop { a.map(|x| x); }"),
        with_numbers("loop { a.index_of(-1); }"),
        with_numbers("let b = a; loop { a == b; }"),
        alone(format!("{table} loop {{ m.keys(); }}")),
        alone(format!("{table} loop {{ m.to_json(); }}")),
        alone(format!("{table} loop {{ let copy = m; }}")),
        (
            format!("let settings = #{{ banned: {many} }};"),
            "loop { settings.banned.contains(event.member.id); }".to_owned(),
        ),
        with_banned("loop { banned.contains(\"900000000899x\"); }"),
        with_banned("loop { let copy = banned; }"),
        with_banned("loop { let copy = banned; copy.sort(); }"),
        with_banned("loop { let copy = banned; copy.reverse(); copy.extract(1, 800); }"),
        with_banned("loop { `${banned}`; }"),
        (format!("let long = \"{accents}\";"), "loop { long.len(); }".to_owned()),
        alone(format!("loop {{ \"{accents}\".len(); }}")),
        alone(format!("loop {{ \"{letters}\".to_upper(); }}")),
        alone(format!("loop {{ \"{letters}\".contains(\"{start}b\"); }}")),
        alone("loop { let s = \"\"; s.pad(900, \"y\"); s.split(\"\"); }".to_owned()),
        alone("loop { parse_json(\"{\\\"a\\\": [1, 2, 3]}\"); }".to_owned()),
        alone("loop { print(\"again\"); }".to_owned()),
        alone("loop { restrict_to(only_labels([\"a\", \"b\"]).and(not_ratings([\"R\"]))); }".to_owned()),
    ];
    let most = limits().fuel / 10 * 7;
    for (before, lines) in cases {
        let shown = format!("{before:.40} … {lines:.80}");
        let error = harm(&engine, &before, &lines);
        assert!(matches!(error.cause, Failure::Refused(_)), "{shown}: {error}");
        assert!(error.to_string().contains("it says: my.rhai:4:"), "{shown}: {error}");
        assert!(error.fuel < most, "{shown}: {} units of fuel", error.fuel);
    }
}

#[test]
fn what_a_script_does_with_measure_is_within_the_limits() {
    let engine = engine();
    let never = format!(
        "let settings = #{{ listed: {} }};\nfn decide(event) {{\n    let n = 0;\n    for i in 0..200 {{ if \
         settings.listed.contains(\"900000000899\") {{ n += 1; }} }}\n    nothing(`${{n}}`)\n}}",
        ids(900)
    );
    let lists = "fn decide(event) {\n    let a = []; let b = [];\n    for i in 0..800 { a.push(i); }\n    \
                 for i in 0..800 { b.push(i); }\n    nothing(\"200\")\n}";
    for text in [never.as_str(), lists] {
        let evaluation = load(&engine, text).unwrap().evaluate(&harmful()).unwrap();
        assert_eq!(evaluation.decision, Decision::nothing("200"));
    }
}

#[test]
fn what_only_the_hosts_limits_stop_does_no_harm_either_and_is_said() {
    let engine = engine();
    // How much of two texts is compared is not seen by the runner, and these have no names.
    let (a, b) = ("a".repeat(30_000), format!("{}b", "a".repeat(29_999)));
    let error = harm(&engine, "", &format!("loop {{ if \"{a}\" == \"{b}\" {{ }} }}"));
    assert!(matches!(error.cause, Failure::OutOfFuel { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("; look for a loop that compares long texts"), "{message}");
}

#[test]
fn a_script_that_can_not_be_used_says_why() {
    let engine = engine();
    let deep = format!("fn decide(event) {{ {}1{} }}", "(".repeat(3_000), ")".repeat(3_000));
    let scripts = [
        "",
        "\n\n",
        "this is no script",
        "fn decide(event) {",
        "import \"other\" as other;\nfn decide(event) { other::decide(event) }",
        "fn decide(event) {\n    invit()\n}",
        "fn decide(event) {\n    if event.cause == \"member-lef\" { remove() }\n}",
        "let n = 0;\nloop { n += 1; }\nfn decide(event) { }",
        "fn f() { f() }\nlet x = f();\nfn decide(event) { }",
        "let x = \u{1b}[31m;",
        &deep,
    ];
    let mut said = String::new();
    for text in scripts {
        let error = load(&engine, text).unwrap_err();
        assert!(matches!(error.problem, LoadProblem::Script(_)), "{text}: {error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        writeln!(said, "{}\n", error.in_full()).unwrap();
    }
    assert!(!said.contains('\u{1b}'), "an escape sequence came through");
    insta::assert_snapshot!(said);
}

#[test]
fn settings_are_a_matter_of_their_own() {
    let engine = engine();
    let text = "let settings = #{ days: 7 };\n\
        fn configure(settings) { if settings.days < 1 { throw \"setting `days`: must be at least 1\"; } }\n\
        fn decide(event) { }";
    let mut said = String::new();
    for settings in [json!({ "dais": 1 }), json!({ "days": "x" }), json!({ "days": 0 })] {
        let error = load_with(&engine, Start::Configure, text, &settings).unwrap_err();
        assert!(matches!(error.problem, LoadProblem::Configure(_)), "{error}");
        writeln!(said, "{}\n", error.in_full()).unwrap();
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_file_that_is_no_script_says_why() {
    let mut said = String::new();
    let mut open = |script: &Script| {
        let error = Module::open(script.path().to_str().unwrap()).unwrap_err();
        writeln!(said, "{}", script.without_folder(&error.to_string())).unwrap();
    };
    open(&Script::new(b"// fine\nfn decide(event) { tell(\"\xff\") }"));
    open(&Script::new(vec![b' '; (256 << 10) + 1]));
    let missing = Script::new("");
    std::fs::remove_file(missing.path()).unwrap();
    open(&missing);
    std::fs::create_dir(missing.path()).unwrap();
    open(&missing);
    insta::assert_snapshot!(said);
    assert!(Module::open(Script::new(vec![b' '; 256 << 10]).path().to_str().unwrap()).is_ok());
}

#[test]
fn a_script_says_what_it_is_and_its_digest_is_that_of_its_text() {
    let engine = engine();
    let text =
        "// Invites everybody.\nlet version = \"3\";\nfn decide(event) { print(event.cause); invite() }";
    let policy = load(&engine, text).unwrap();
    let metadata = policy.metadata();
    assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("my", "3"));
    assert_eq!(metadata.description, "Invites everybody.");
    let edited = load(&engine, &text.replace('3', "4")).unwrap();
    assert_ne!(policy.digest(), edited.digest());
    let evaluation = policy.evaluate(&harmful()).unwrap();
    assert_eq!(evaluation.decision.actions, [Action::Invite(Grant::default())]);
    assert_eq!(evaluation.logs[0].text.to_string(), "member-left");
}

#[test]
fn with_and_without_a_snapshot_a_script_decides_the_same() {
    let engine = engine();
    let text =
        "let settings = #{ days: 7 };\nfn decide(event) { wake_at(\"x\", event.at + days(settings.days)) }";
    let settings = json!({ "days": 2 });
    let with = load_with(&engine, Start::Snapshot, text, &settings).unwrap();
    let without = load_with(&engine, Start::Configure, text, &settings).unwrap();
    assert!(with.starts_from_a_snapshot() && !without.starts_from_a_snapshot());
    assert_eq!(with.digest(), without.digest());
    assert_eq!(with.metadata(), without.metadata());
    for _ in 0..2 {
        // The fuel is a little different: so is what was allocated before.
        let [a, b] = [&with, &without].map(|policy| policy.evaluate(&harmful()).unwrap());
        assert_eq!(a.decision, b.decision);
    }
}

#[test]
fn functions_that_are_kept_damaged_are_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let functions = folder.path().join("functions/all");
    let decides = |text: &str| {
        let engine =
            Engine::new(EngineSettings { cache_dir: Some(folder.path().to_owned()), ..loading() }).unwrap();
        let policy = load_with(&engine, Start::Snapshot, text, &Value::Null).unwrap();
        policy.evaluate(&harmful()).unwrap().decision.actions
    };
    assert_eq!(decides("fn decide(event) { remove() }"), [Action::Remove]);
    let whole = std::fs::read(&functions).unwrap();
    for damage in ["cut", "changed"] {
        match damage {
            "cut" => std::fs::write(&functions, &whole[..whole.len() / 2]).unwrap(),
            _ => {
                let mut changed = whole.clone();
                changed[whole.len() / 2] ^= 1;
                std::fs::write(&functions, changed).unwrap();
            }
        }
        let text = format!("// {damage}\nfn decide(event) {{ unrestrict() }}");
        assert_eq!(decides(&text), [Action::Unrestrict]);
        // The file is whole again: the next load changes nothing of what it finds there.
        let mended = std::fs::read(&functions).unwrap();
        assert!(mended.len() > 1 << 20, "{damage}: {} bytes", mended.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_text_makes_the_runner_crash(
        text in "(fn decide\\(event\\) \\{ )?([a-z(){}\\[\\];.,=|\"`$ 0-9]|event|loop|fn |let |if ){0,60}\\}?"
    ) {
        let engine = engine();
        match load(&engine, &text) {
            Err(error) => prop_assert!(matches!(error.problem, LoadProblem::Script(_)), "{error}"),
            Ok(policy) => {
                if let Err(error) = policy.evaluate(&harmful()) {
                    prop_assert!(matches!(error.cause, Failure::Refused(_) | Failure::Malformed(_)), "{error}");
                }
            }
        }
    }
}

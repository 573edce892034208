//! What never ends, or grows without end, is stopped with its line, and the next event is decided as if nothing had
//! been.

use super::*;

/// The script fails on everything but wakes, on which it decides nothing.
fn harmful(functions: &str, lines: &str) -> String {
    let script = format!(
        "{functions}\nfn decide(event) {{\n    if event.cause == \"wake\" {{ return nothing(\"fine\"); }}\n    {lines}\n}}"
    );
    let policy = read(&script).unwrap();
    let wake = Event::new(Cause::Wake("x".into()));
    assert_eq!(policy.evaluate(&wake), Ok(Decision::nothing("fine")));
    let error = policy.evaluate(&event()).unwrap_err();
    assert_eq!(policy.evaluate(&event()).unwrap_err(), error, "the second time is different");
    assert_eq!(policy.evaluate(&wake), Ok(Decision::nothing("fine")));
    format!("{functions}{lines}\n  => {error}\n\n")
}

#[test]
fn what_runs_away_is_stopped_with_its_line() {
    let cases = [
        ("", "loop {}"),
        ("", "while true { let x = 1; }"),
        ("", "for i in 0..9223372036854775807 {}"),
        ("", "let n = 0; do { n += 1; } while n > 0;"),
        ("fn busy() {\n    loop {\n        let x = 1;\n    }\n}", "busy();"),
        ("fn endless(n) { endless(n + 1) }", "endless(1)"),
        ("fn a(n) { b(n) }\nfn b(n) { a(n) }", "a(1)"),
        ("", "let f = |f| f.call(f); f.call(f)"),
        ("", "let list = []; loop { list.push(1); }"),
        ("", "let list = [1]; loop { list += list; }"),
        ("", "let list = []; loop { list = [list]; }"),
        ("", "let text = \"x\"; loop { text += text; }"),
        ("", "let table = #{}; let i = 0; loop { table[`k${i}`] = i; i += 1; }"),
        ("", "\"x\".pad(100000000000, \"y\")"),
        ("", "let list = []; list.pad(100000000000, 1); list"),
        ("", "range(0, 100000000000).to_array()"),
        ("", "try { loop {} } catch { return nothing(\"caught\"); }"),
    ];
    let all: String = cases.iter().map(|(functions, lines)| harmful(functions, lines)).collect();
    insta::assert_snapshot!(all);
}

#[test]
fn what_runs_away_at_the_top_is_stopped_with_its_line_too() {
    let top = |line: &str| read(&format!("{line}\n{}", deciding("invite()"))).err().unwrap();
    insta::assert_snapshot!(top("let n = 0; loop { n += 1; }"));
    insta::assert_snapshot!(top("fn endless(n) { endless(n) }\nlet x = endless(1);"));
    insta::assert_snapshot!(top("fn configure(settings) {\n    loop {}\n}"));
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
    for (open, close) in
        [("(", ")"), ("[", "]"), ("{", "}"), ("if true {", "}"), ("#{a:", "}"), ("- ", ""), ("!", "")]
    {
        let error = read(&deciding(&deep(open, close))).err().unwrap();
        assert!(error.contains("nested too deep"), "{open}: {}", error.lines().next().unwrap());
    }
    let chain = format!("event{}", ".id".repeat(5_000));
    assert!(read(&deciding(&chain)).is_err());
}

#[test]
fn what_a_policy_needs_is_within_the_limits() {
    let members: Vec<String> = (900_000_000..900_000_900).map(|id| format!("\"{id}\"")).collect();
    let script = format!(
        "let members = [{}];\nfn decide(event) {{ if \"900000899\" in members {{ invite() }} else {{ remove() }} }}",
        members.join(", ")
    );
    assert_eq!(read(&script).unwrap().evaluate(&event()).unwrap().actions.len(), 1);
}

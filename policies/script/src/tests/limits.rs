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

/// Lists, as texts of a script.
fn listed(count: usize) -> String {
    let ids: Vec<String> = (0..count).map(|id| format!("\"9000000{id:05}\"")).collect();
    format!("[{}]", ids.join(","))
}

/// The message on a script that is stopped, in its first line, with the line that is named.
#[track_caller]
fn stops(script: &str, line: usize, what: &str) {
    let policy = read(script).unwrap();
    let error = policy.evaluate(&event()).unwrap_err();
    let first = error.lines().next().unwrap();
    assert!(first.starts_with(&format!("my.rhai:{line}:")) && first.contains(what), "{script:.200}: {first}");
    assert_eq!(policy.evaluate(&event()).unwrap_err(), error, "the second time is different");
}

const ENDLESS: &str = "it takes more than 100000 operations";
const MUCH: &str = "it does too much with lists, texts and functions that are called for each element";

#[test]
fn functions_that_are_called_for_each_element_count_like_any_other() {
    let numbers = |count| format!("let a = [];\nfor i in 0..{count} {{ a.push({count} - i); }}");
    for (lines, line, what) in [
        (format!("{}\na.map(|x| {{ let i = 0; while i < 8000 {{ i += 1; }} x }});", numbers(40)), 4, ENDLESS),
        (
            format!("{}\na.sort(|x, y| {{ let i = 0; while i < 500 {{ i += 1; }} x - y }});", numbers(300)),
            4,
            ENDLESS,
        ),
        (
            format!(
                "{}\nlet n = 0;\nwhile n < 60 {{\na.reduce(|s, x| if s == () {{ x }} else {{ s + x }}); n += 1; }}",
                numbers(900)
            ),
            6,
            MUCH,
        ),
        (format!("{}\nloop {{ a.map(|x| x); }}", numbers(900)), 4, MUCH),
        (format!("{}\nloop {{ a.some(|x| x == -1); }}", numbers(900)), 4, MUCH),
        (format!("{}\nloop {{ a.index_of(-1); }}", numbers(900)), 4, MUCH),
        (format!("{}\nlet b = a;\nloop {{ a == b; }}", numbers(900)), 5, MUCH),
        ("\n\n[1].map(|x| { loop {} });".to_owned(), 4, ENDLESS),
    ] {
        stops(&deciding(&lines), line, what);
    }
}

#[test]
fn the_line_is_that_of_the_loop_within_a_function_for_each_element() {
    let script = "fn decide(event) {\n    let names = [\"a\", \"b\"];\n    names.filter(|name| {\n        let i = 0;\n        \
                  while i >= 0 {\n            i += 1;\n        }\n        true\n    });\n}";
    stops(script, 5, ENDLESS);
    let error = read(script).unwrap().evaluate(&event()).unwrap_err();
    assert!(
        error.contains("\n   in a function without a name, called in line 3: names.filter(|name| {"),
        "{error}"
    );
}

#[test]
fn what_is_long_counts_whether_it_has_a_name_or_not() {
    let (list, text) = (listed(900), "é".repeat(15_000));
    let letters = "a".repeat(30_000);
    for (script, line) in [
        (format!("let settings = #{{ banned: {list} }};\nfn decide(event) {{\nloop {{ settings.banned.contains(event.member.id); }} }}"), 3),
        (format!("let banned = {list};\nfn decide(event) {{\nloop {{ banned.contains(event.member.id); }} }}"), 3),
        (format!("let banned = {list};\nfn decide(event) {{\nloop {{ let copy = banned; }} }}"), 3),
        (format!("let banned = {list};\nfn f(l, x) {{ x in l }}\nfn decide(event) {{\nloop {{ f(banned, \"zz\"); }} }}"), 2),
        (format!("let banned = {list};\nfn decide(event) {{\nloop {{ let copy = banned; copy.sort(); }} }}"), 3),
        (format!("let s = \"{text}\";\nfn decide(event) {{\nloop {{ s.len(); }} }}"), 3),
        (format!("fn decide(event) {{\nloop {{\n\"{text}\".len(); }} }}"), 3),
        (format!("fn decide(event) {{\nloop {{\n\"{letters}\".to_upper(); }} }}"), 3),
        (format!("fn decide(event) {{\nloop {{\n\"{letters}\".contains(\"{}b\"); }} }}", &letters[..2_000]), 3),
        (format!("fn decide(event) {{\nlet n = 0;\nloop {{ n += \"{}\".split(\",\").len(); }} }}", "a,".repeat(900)), 3),
        ("fn big() {\nlet s = \"x\"; s.pad(30000, \"y\"); s }\nfn decide(event) {\nloop { big().to_upper(); } }".to_owned(), 4),
    ] {
        stops(&script, line, MUCH);
    }
}

#[test]
fn a_limit_that_a_script_catches_ends_it_all_the_same() {
    let lines = "try { let n = 0; loop { n += 1; } } catch { return nothing(\"caught\"); }";
    stops(&deciding(lines), 2, ENDLESS);
    stops(&deciding("let n = 0;\nloop { try { n += 1; } catch { } }"), 3, ENDLESS);
}

#[test]
fn long_lists_that_are_used_with_measure_are_no_endless_loop() {
    let lists = "let a = []; let b = []; for i in 0..800 { a.push(i); } for i in 0..800 { b.push(i); }";
    let by_index = "let l = []; for i in 0..900 { l += i; } let i = 0; while i < l.len() { l[i]; i += 1; }";
    for lines in [lists, by_index] {
        assert_eq!(decide(&format!("{lines} nothing(\"fine\")")), Decision::nothing("fine"));
    }
    let never = format!(
        "let settings = #{{ listed: {} }};\nfn decide(event) {{\nlet n = 0; for i in 0..200 {{ if          settings.listed.contains(\"900000000899\") {{ n += 1; }} }} nothing(`${{n}}`) }}",
        listed(900)
    );
    assert_eq!(read(&never).unwrap().evaluate(&event()), Ok(Decision::nothing("200")));
}

#[test]
fn a_list_is_sorted_by_a_function_even_if_it_contradicts_itself() {
    let sorted = |lines: &str| decide(&format!("nothing(`${{{lines}}}`)")).reason;
    assert_eq!(sorted("[3, 1, 2].order(|a, b| a - b)"), "[1, 2, 3]");
    assert_eq!(sorted("[3, 1, 2, 5, 4].order(|a, b| a > b)"), "[5, 4, 3, 2, 1]");
    assert_eq!(sorted("[[1, 2], [0, 1], [1, 1]].order(|a, b| a[0] - b[0])"), "[[0, 1], [1, 2], [1, 1]]");
    for said in ["1", "-1", "0", "true", "false"] {
        let lines = format!(
            "let l = []; for i in 0..100 {{ l.push(i % 7); }} l.sort(|a, b| {said}); nothing(`${{l.len()}}`)"
        );
        assert_eq!(decide(&lines).reason, "100");
    }
    stops(&deciding("let l = [2, 1];\nl.sort(|a, b| throw \"no order\");"), 3, "no order");
    stops(&deciding("let l = [2, 1];\nl.sort(|a, b| \"x\");"), 3, "says which of two comes first");
}

/// What the page of a new policy says is what is so.
#[test]
fn the_page_of_a_new_policy_names_the_limits() {
    let page = include_str!("../../../../host/templates/policy/rhai/README.md");
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let thousands = crate::limits::OPERATIONS / 1_000;
    let said =
        format!("after {thousands},000 operations, {} calls deep, or with 24 MiB", crate::limits::CALLS);
    assert!(page.contains(&said), "it does not say: {said}");
    assert_eq!(crate::limits::OPERATIONS % 1_000, 0);
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

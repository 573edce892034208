//! What an author sees of each mistake.

use super::*;

/// Each mistake of a kind with what is said of it.
fn all(lines: &[&str]) -> String {
    lines.iter().map(|lines| format!("{lines}\n  => {}\n\n", said(&deciding(lines)))).collect()
}

#[test]
fn names_that_are_not_there_are_found_with_what_was_meant() {
    insta::assert_snapshot!(all(&[
        "invit()",
        "banana()",
        "invite",
        "event.rols",
        "event.banana",
        "event.member.nam",
        "event?.banana",
        "event.cause()",
        "event.has_ay()",
        "event.has",
        "evnt.role",
        "event.has(plus)",
        "let m = #{ days: 1 }; m.dais",
        "let f = |x| x.banana; f.call(1)",
        "let x = invite(); x.libraries",
        "event.since.date",
        "event.tag",
    ]));
}

#[test]
fn words_that_a_property_never_is_are_found() {
    insta::assert_snapshot!(all(&[
        "if event.cause == \"role-aded\" { remove() }",
        "if \"Granted\" != event.access { remove() }",
        "if event.cause in [\"role-added\", \"member-lef\"] { remove() }",
        "switch event.cause {\n  \"wake\" => tell(\"\"),\n  \"review\" | \"member-lef\" => remove(),\n}",
        "if event.progress == \"banana\" { remove() }",
    ]));
}

#[test]
fn values_that_do_not_fit_are_named() {
    insta::assert_snapshot!(all(&[
        "tell(1)",
        "invite(#{ libs: 1 })",
        "invite(#{ libary: 1 })",
        "invite(#{ downloads: \"yes\" })",
        "invite([1])",
        "restrict_to(1)",
        "restrict_to(no_access(), \"music videos\")",
        "restrict_to(no_access(), [])",
        "restrict_to(#{ movies: \"noAccess\" })",
        "restrict_to(#{ combine: \"both\" })",
        "only_ratings([])",
        "only_labels(\"a\").and(only_labels(\"b\"))",
        "only_labels(\"a\").and(keep())",
        "event.at + 7",
        "wake_at(\"x\", 7)",
        "days(\"7\")",
        "event.id = \"3\"",
        "if event.memo { remove() }",
        "[1][4]",
        "[][0]",
        "1 / 0",
        "9223372036854775807 + 1",
    ]));
}

#[test]
fn what_is_no_action_is_shown() {
    insta::assert_snapshot!(all(&[
        "\"invite\"",
        "\"restrict-to\"",
        "42",
        "true",
        "no_access()",
        "event",
        "event.at",
        "#{ invite: true }",
        "[invite(), 5]",
        "[invite(), \"tell\"].because(\"x\")",
        "|x| invite()",
        "event.already(1)",
    ]));
}

#[test]
fn a_script_that_can_not_be_read_says_where() {
    insta::assert_snapshot!(all(&[
        "let x = ;",
        "{",
        "\"abc",
        "invite(",
        "import \"other\" as o; o::f()",
        "export x",
        "eval(\"invite()\")",
        "let é = 1",
        "tell(\"until ${event.at}\")",
        "return invite() invite()",
    ]));
}

#[test]
fn the_calls_that_lead_to_a_mistake_are_shown() {
    insta::assert_snapshot!(said(
        "fn inner(list) {\n    list[5]\n}\n\nfn outer(event) {\n    let roles = event.roles;\n    inner(roles)\n}\n\n\
         fn decide(event) {\n    outer(event)\n}\n"
    ));
}

#[test]
fn what_the_script_throws_is_said_with_the_line() {
    insta::assert_snapshot!(said(&deciding("throw \"no decision without a memo\"")));
    insta::assert_snapshot!(said(&deciding("throw")));
    insta::assert_snapshot!(said(&deciding("throw \"one line\nand another\"")));
}

#[test]
fn what_does_not_fit_together_is_said() {
    let scripts = [
        "",
        "   \n\n",
        "// only a comment",
        "fn decides(event) { }",
        "fn decide() { }",
        "fn decide(event, more) { }",
        "fn decide(event) { }\nfn configure() { }",
        "let settings = 5;\nfn decide(event) { }",
        "let name = 5;\nfn decide(event) { }",
        "let days = banana;\nfn decide(event) { }",
        "let days = 7;\nfn decide(event) { days += 1; }",
        "let settings = #{ days: 7 };\nfn decide(event) { settings.days = 8; }",
        "let list = [];\nfn decide(event) { list.push(event.role); }",
        "fn f() { event.role }\nfn decide(event) { f() }",
        "fn f(a) { a }\nfn decide(event) { f(1, 2) }",
        "fn configure(settings) { 5 }\nfn decide(event) { }",
        "fn configure(settings) { settings.days }\nfn decide(event) { }",
    ];
    let all: String = scripts
        .iter()
        .map(|script| match read(script) {
            Err(error) => format!("{script}\n  => {error}\n\n"),
            Ok(policy) => {
                format!("{script}\n  => at an event: {}\n\n", policy.evaluate(&event()).unwrap_err())
            }
        })
        .collect();
    insta::assert_snapshot!(all);
}

#[test]
fn only_one_script_is_taken() {
    let source = |name: &str| Source { name: name.into(), text: deciding("invite()") };
    let configure = |sources| ScriptPolicy::configure(Settings::new("{}"), sources).err().unwrap();
    assert_eq!(configure(vec![]), "there is no script to run");
    assert_eq!(
        configure(vec![source("a.rhai"), source("b.rhai")]),
        "a policy is one script, and 2 files were given"
    );
}

#[test]
fn a_long_line_is_shown_in_part_and_tabs_do_not_move_the_mark() {
    let long = format!("\tlet x = \"{}\"; banana()", "x".repeat(500));
    insta::assert_snapshot!(said(&deciding(&long)));
    insta::assert_snapshot!(said(&deciding("\t\tbanana()")));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_no_harm() {
    let script = "\u{feff}// Invites.\r\nfn decide(event) {\r\n    invite()\r\n}\r\n";
    let policy = read(script).unwrap();
    assert_eq!(policy.evaluate(&event()).unwrap().actions.len(), 1);
    let error = read("fn decide(event) {\r\n    banana()\r\n}\r\n").err().unwrap();
    assert!(error.starts_with("my.rhai:2:5: there is no function `banana`"), "{error}");
    assert!(!error.contains('\r'), "{error:?}");
}

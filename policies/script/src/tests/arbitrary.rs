//! Whatever a script's text is, there is a decision or a message.

use proptest::prelude::*;

use super::*;

/// Pieces of which scripts are made, so that some of what comes out can be read.
const PIECES: &[&str] = &[
    "fn decide(event) {",
    "fn configure(settings) {",
    "fn f(n) {",
    "}",
    "{",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    ".",
    "#{",
    " let x = ",
    " const Y = ",
    "settings",
    "event",
    "event.cause",
    "event.role",
    "event.at + days(1)",
    "invite()",
    "restrict_to(no_access())",
    "tell(`${",
    "}`)",
    "`",
    "\"",
    "\"role-added\"",
    " == ",
    " + ",
    " in ",
    " => ",
    "switch ",
    " if ",
    " else ",
    "loop ",
    "while ",
    "for i in 0..9 ",
    "return ",
    "throw ",
    "break",
    "try {",
    "} catch (e) {",
    "|x| ",
    "f(1)",
    ".push(",
    ".map(",
    ".because(",
    "x",
    "n",
    "1",
    "-",
    "!",
    "//",
    "/*",
    "*/",
    "\n",
    "\t",
    "é",
    "🎬",
    "_",
    "this",
    "import \"a\" as b;",
    "Fn(\"f\").call(",
    "9223372036854775807",
    "'c'",
    "0x",
    "1e9",
    "??",
    "?.",
    "..=",
    "**",
    "<<",
];

fn try_it(text: &str) -> Result<(), TestCaseError> {
    match read(text) {
        Err(message) => prop_assert!(!message.is_empty()),
        Ok(policy) => {
            for cause in [Cause::MemberLeft, Cause::RoleAdded(role("plus")), Cause::Wake("x".into())] {
                let mut event = event();
                event.cause = cause;
                if let Err(message) = policy.evaluate(&event) {
                    prop_assert!(message.starts_with("my.rhai:"), "{message}");
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_gives_a_decision_or_a_message(text in any::<String>()) {
        try_it(&text)?;
    }

    #[test]
    fn any_pieces_of_scripts_give_a_decision_or_a_message(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60)
    ) {
        try_it(&pieces.concat())?;
    }

    #[test]
    fn any_pieces_within_a_function_give_a_decision_or_a_message(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..12)
    ) {
        try_it(&deciding(&pieces.concat()))?;
    }

    #[test]
    fn a_shipped_script_that_was_damaged_gives_a_decision_or_a_message(
        at in any::<proptest::sample::Index>(), length in 0_usize..20, with in ".{0,5}"
    ) {
        let script = include_str!("../../../grace-period/grace-period.rhai");
        let ends: Vec<usize> = script.char_indices().map(|(at, _)| at).collect();
        let from = at.index(ends.len());
        let to = (from + length).min(ends.len() - 1);
        try_it(&format!("{}{with}{}", &script[..ends[from]], &script[ends[to]..]))?;
    }
}

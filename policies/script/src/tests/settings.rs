//! The operator's settings reach the script.

use rolarr_policy::contract::{Action, Timestamp, Wake};

use super::*;

const GRACE: &str = "// Waits.\n//  And waits.\n//\n// More about it.\nlet settings = #{ grace_days: 7 };\nlet version = \"2.1\";\n\
    fn configure(settings) {\n    if settings.grace_days < 1 { throw \"setting `grace-days`: must be at least 1\"; }\n}\n\
    fn decide(event) {\n    wake_at(\"grace\", event.at + days(settings.grace_days))\n}\n";

fn due(settings: &str) -> Vec<Action> {
    read_with(GRACE, settings).unwrap().evaluate(&event()).unwrap().actions
}

fn wake(days: u64) -> Vec<Action> {
    let due = Timestamp(event().at.0 + days * 86_400_000);
    vec![Action::WakeAt(Wake { tag: "grace".into(), due })]
}

#[test]
fn a_setting_has_its_default_until_the_operator_sets_it() {
    assert_eq!(due("{}"), wake(7));
    assert_eq!(due(r#"{"grace-days": 3}"#), wake(3));
    assert_eq!(due(r#"{"grace_days": 3}"#), wake(3));
}

#[test]
fn settings_that_the_script_does_not_take_are_refused_in_its_own_words() {
    let refused = |settings: &str| read_with(GRACE, settings).err().unwrap();
    assert_eq!(refused(r#"{"days": 3}"#), "there is no setting `days`; there is `grace-days`");
    assert_eq!(
        refused(r#"{"grace-dais": 3}"#),
        "there is no setting `grace-dais`; did you mean `grace-days`?"
    );
    insta::assert_snapshot!(refused(r#"{"grace-days": 0}"#));
}

#[test]
fn configure_may_change_the_settings() {
    let script = "let settings = #{ days: 7 };\n\
        fn configure(settings) { settings.days *= 2; settings }\n\
        fn decide(event) { wake_at(\"grace\", event.at + days(settings.days)) }";
    let policy = read_with(script, r#"{"days": 5}"#).unwrap();
    assert_eq!(policy.evaluate(&event()).unwrap().actions, wake(10));
}

#[test]
fn a_script_says_what_it_is() {
    read(GRACE).unwrap();
    let metadata = ScriptPolicy::describe();
    assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("my", "2.1"));
    assert_eq!(metadata.description, "Waits. And waits.");
    insta::assert_snapshot!(metadata.settings_schema.unwrap());

    read("let name = \"other\"; let description = \"Does nothing.\"; fn decide(event) { }").unwrap();
    let metadata = ScriptPolicy::describe();
    assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("other", "1"));
    assert_eq!(metadata.description, "Does nothing.");

    assert!(read("").is_err());
    assert_eq!(ScriptPolicy::describe().name, "script", "what did not load says nothing");
}

#[test]
fn variables_at_the_top_are_seen_in_every_function() {
    let script = "const TAG = \"grace\";\nlet days_left = days(3) + days(4);\nfn tag() { TAG }\n\
        fn decide(event) { wake_at(tag(), event.at + days_left) }";
    assert_eq!(read(script).unwrap().evaluate(&event()).unwrap().actions, wake(7));
}

use rolarr_policy::contract::{Cause, Extension, Message, Timestamp};

use super::*;

fn event() -> Event {
    let mut event = Event::new(Cause::MemberLeft);
    event.at = Timestamp(1_000_000);
    event
}

#[track_caller]
fn accepted(actions: Vec<Action>) {
    let decision = Decision::of(actions, "why");
    assert_eq!(check(&decision, &event(), &Limits::default()), Ok(()));
}

#[track_caller]
fn refused(action: Action, because: &str) {
    let decision = Decision::of([action], "why");
    let problem = check(&decision, &event(), &Limits::default()).unwrap_err();
    assert_eq!(problem.to_string(), because);
}

fn wake(tag: &str, due: u64) -> Action {
    Action::WakeAt(Wake { tag: tag.into(), due: Timestamp(due) })
}

fn tell(text: &str) -> Action {
    Action::Tell(Message { text: text.into(), ..Message::default() })
}

#[test]
fn what_makes_sense_is_accepted() {
    accepted(vec![]);
    accepted(vec![
        Action::Invite(Grant { libraries: Some(vec!["Movies".into()]), ..Grant::default() }),
        Action::RestrictTo(Restriction::everything(Rule::label("noAccess"))),
        Action::Unrestrict,
        Action::SetLibraries(vec!["Movies".into()]),
        tell("Hello,\n\tfriend"),
        Action::Quiet,
        wake("later", 1_000_001),
        wake("in a year", 1_000_000 + YEAR),
        Action::CancelWake("later".into()),
        Action::SetMemo("anything\n\0".into()),
        Action::Remove,
    ]);
}

#[test]
fn an_empty_list_of_libraries_is_malformed() {
    refused(
        Action::Invite(Grant { libraries: Some(vec![]), ..Grant::default() }),
        "the list of libraries of action 1 (`invite`) is empty: to share nothing, use `remove`",
    );
    refused(
        Action::SetLibraries(vec![]),
        "the list of libraries of action 1 (`set-libraries`) is empty: to share nothing, use `remove`",
    );
    refused(
        Action::SetLibraries(vec!["Movies".into(), " ".into()]),
        "a name in the list of libraries of action 1 (`set-libraries`) is empty",
    );
    refused(
        Action::SetLibraries(vec!["Movies".into(); 257]),
        "the list of libraries of action 1 (`set-libraries`) has 257 names, the limit is 256",
    );
}

#[test]
fn a_rule_without_content_is_malformed() {
    refused(
        Action::RestrictTo(Restriction::movies_and_television(Rule::default())),
        "the rule for movies of action 1 (`restrict-to`) is empty: to show everything, use `clear`",
    );
    refused(
        Action::RestrictTo(Restriction { photos: Filter::Only(Rule::label("")), ..Restriction::default() }),
        "a name in the rule for photos of action 1 (`restrict-to`) is empty",
    );
    refused(
        Action::RestrictTo(Restriction {
            music: Filter::Only(Rule::not_label("a\0")),
            ..Restriction::default()
        }),
        "a name in the rule for music of action 1 (`restrict-to`) has a control character: `a\\u{0}`",
    );
}

#[test]
fn an_unknown_action_is_malformed() {
    refused(
        Action::Other(Extension { name: "explode\u{1b}[0m".into(), json: String::new() }),
        "action 1 is `explode\\u{1b}[0m`, which this Rolarr does not know",
    );
}

#[test]
fn a_message_has_text_that_discord_takes() {
    refused(tell(" \n"), "the text of action 1 (`tell`) is empty");
    refused(tell(&"ä".repeat(1_801)), "the text of action 1 (`tell`) has 1801 characters, the limit is 1800");
    refused(tell("\u{7}"), "the text of action 1 (`tell`) has a control character: `\\u{7}`");
    accepted(vec![tell(&"ä".repeat(1_800))]);
}

#[test]
fn a_wake_is_after_the_event_and_within_a_year() {
    refused(wake("x", 1_000_000), "action 1 (`wake-at`) is due before the event or with it");
    refused(wake("x", u64::MAX), "action 1 (`wake-at`) is due more than a year after the event");
    refused(wake("", 1_000_001), "the tag of action 1 (`wake-at`) is empty");
    refused(
        Action::CancelWake("a\nb".into()),
        "the tag of action 1 (`cancel-wake`) has a control character: `a\\nb`",
    );
}

#[test]
fn a_member_has_at_most_sixteen_wakes() {
    let mut event = event();
    event.account.wakes = (0..16).map(|n| Wake { tag: format!("{n}"), due: Timestamp(2_000_000) }).collect();
    let outcome = |actions: Vec<Action>| check(&Decision::of(actions, ""), &event, &Limits::default());
    assert_eq!(outcome(vec![wake("3", 2_000_000)]), Ok(()), "the same tag replaces");
    assert_eq!(outcome(vec![wake("16", 2_000_000)]), Err(Malformed::TooManyWakes { count: 17 }));
    assert_eq!(outcome(vec![Action::CancelWake("3".into()), wake("16", 2_000_000)]), Ok(()));
    assert_eq!(outcome(vec![Action::Remove, wake("16", 2_000_000)]), Ok(()));
}

#[test]
fn actions_and_texts_are_limited() {
    let limits = Limits { actions: 2, text_bytes: 8, ..Limits::default() };
    let outcome = |decision: Decision| check(&decision, &event(), &limits).map_err(|error| error.to_string());
    assert_eq!(outcome(Decision::of(vec![Action::Quiet; 2], "12345678")), Ok(()));
    assert_eq!(
        outcome(Decision::of(vec![Action::Quiet; 3], "")),
        Err("it has 3 actions, the limit `actions` is 2".to_owned())
    );
    assert_eq!(
        outcome(Decision::of([Action::SetMemo("123456789".into())], "")),
        Err("action 1 (`set-memo`) has 9 bytes, the limit is 8".to_owned())
    );
    assert_eq!(
        outcome(Decision::nothing("123456789")),
        Err("the reason has 9 bytes, the limit is 8".to_owned())
    );
}

#[test]
fn a_policy_has_a_name() {
    let named = |name: &str| {
        metadata(Metadata { name: name.into(), ..Metadata::default() }).map(|metadata| metadata.name)
    };
    assert_eq!(named("role-restriction"), Ok("role-restriction".to_owned()));
    assert_eq!(named("a\u{202e}b"), Ok("a\\u{202e}b".to_owned()));
    assert_eq!(named("").unwrap_err().to_string(), "its name is empty");
    assert!(named("a\u{1b}b").is_err());
    assert!(named(&"x".repeat(257)).is_err());
}

#[test]
fn one_answer_has_few_messages_and_memos() {
    let outcome = |action: Action, count: usize| {
        let decision = Decision::of(vec![action; count], "why");
        check(&decision, &event(), &Limits::default()).map_err(|problem| problem.to_string())
    };
    assert_eq!(outcome(tell("Hello"), 8), Ok(()));
    assert_eq!(outcome(tell("Hello"), 9), Err("it has 9 actions `tell`, and may have 8".to_owned()));
    assert_eq!(outcome(Action::SetMemo("x".into()), 8), Ok(()));
    assert_eq!(
        outcome(Action::SetMemo("x".into()), 64),
        Err("it has 64 actions `set-memo`, and may have 8".to_owned())
    );
    // What every answer may have comes first.
    assert_eq!(outcome(tell("Hello"), 65), Err("it has 65 actions, the limit `actions` is 64".to_owned()));
}

#[test]
fn a_memo_is_no_longer_than_other_texts() {
    let limits = Limits::default();
    let long = Decision::of([Action::SetMemo("x".repeat(limits.text_bytes + 1))], "why");
    let problem = check(&long, &event(), &limits).unwrap_err();
    assert_eq!(problem.to_string(), "action 1 (`set-memo`) has 4097 bytes, the limit is 4096");
}

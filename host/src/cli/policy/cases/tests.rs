use std::path::Path;

use proptest::prelude::*;

use super::{Kind, Test, in_toml, model::Broken, parse};
use crate::domain::{
    Timestamp,
    contract::{
        Access, Action, Cause, Combine, Extension, Filter, Grant, Message, Moment, Restricted, Restriction,
        Rule, Wake,
    },
};

fn read(text: &str) -> Result<Vec<Result<Test, Broken>>, String> {
    match parse(text.to_owned(), Path::new("cases.toml")) {
        Ok(file) => Ok(file.tests),
        Err(error) => Err(error.to_string()),
    }
}

fn one(case: &str) -> Test {
    read(&format!("format = 1\n{case}")).unwrap().remove(0).unwrap()
}

/// What is wrong with a case, which must be wrong.
fn mistake(case: &str) -> String {
    match read(&format!("format = 1\n{case}")) {
        Err(error) => error,
        Ok(mut tests) => tests.remove(0).unwrap_err().mistake.to_string(),
    }
}

#[test]
fn what_is_not_written_has_its_default() {
    let test = one("[[case]]\ncause = { role-added = 'plus' }\nexpect = 'nothing'");
    assert_eq!(test.name, "role `plus` added, absent");
    let Kind::Case(case) = test.kind else { panic!("a case") };
    insta::assert_json_snapshot!(case.event);
    assert!(case.expect.actions.is_empty());
}

#[test]
fn everything_can_be_written() {
    let test = one(r#"
        settings = { of = "the file" }
        libraries = "Movies"
        [roles]
        plus = { id = "900000101", name = "Plex Plus" }
        [[case]]
        name = "all of it"
        settings = { days = 3, list = [1.5, true, 2026-01-01] }
        cause = { role-removed = "plus" }
        origin = "sweep"
        roles = ["silver", { key = "gold", id = "900000102" }]
        elsewhere = { other = ["plus"] }
        at = 2026-03-01T12:00:00Z
        access = { restricted = { before = { libraries = ["Movies"], downloads = true }, restriction = { photos = "clear", combine = "narrow", music = { only = { not-ratings = "R" } } } } }
        progress = "held"
        identified = false
        since = "3 days ago"
        memo = "m"
        wakes = [{ tag = "b", due = "in 2 hours" }, { tag = "a", due = "in 1 hour" }]
        member = { id = "900000007", username = "bob", joined-at = 2020-01-01T00:00:00Z, screening = true }
        guild = "900000009"
        facts = { name = "value" }
        expect = []
    "#);
    assert_eq!(
        serde_json::to_string(test.settings.as_deref().unwrap()).unwrap(),
        r#"{"days":3,"list":[1.5,true,"2026-01-01"]}"#
    );
    let Kind::Case(case) = test.kind else { panic!("a case") };
    insta::assert_json_snapshot!(case.event);
}

#[test]
fn a_name_that_is_not_known_is_refused_where_it_stands_with_what_was_meant() {
    let case = "cause = 'member-left'\nexpect = []\n";
    let cases = [
        "[[case]]\ncause = { role-aded = 'plus' }\nexpect = []".to_owned(),
        format!("[[case]]\n{case}acess = 'granted'"),
        format!("[[case]]\n{case}access = 'grantd'"),
        format!("[[case]]\n{case}member = {{ nick = 'x' }}"),
        "[[case]]\ncause = { account = 'acepted' }\nexpect = []".to_owned(),
        "[[case]]\ncause = 'member-left'\nexpect = ['restrict']".to_owned(),
        "[[case]]\ncause = 'member-left'\nexpect = [{ restrict-to = { movie = 'clear' } }]".to_owned(),
        "[[case]]\ncause = 'member-left'\nexpect = [{ tell = { txt = 'x' } }]".to_owned(),
        "[[cases]]\ncause = 'member-left'".to_owned(),
        "[[story]]\n[[story.step]]\ncause = 'member-left'\nexpekt = []".to_owned(),
    ];
    insta::assert_snapshot!(cases.map(|case| mistake(&case)).join("\n"));
}

#[test]
fn what_can_not_be_is_refused() {
    let cases = [
        "[[case]]\nexpect = []",
        "[[case]]\ncause = 'member-left'",
        "[[case]]\ncause = 'role-added'\nexpect = []",
        "[[case]]\ncause = { role-added = 'plus' }\nroles = ['gold']\nexpect = []",
        "[[case]]\ncause = { role-removed = 'plus' }\nroles = ['plus']\nexpect = []",
        "[[case]]\ncause = 'member-left'\nroles = 'plus'\nexpect = []",
        "[[case]]\ncause = { role-added = 'a', role-removed = 'b' }\nexpect = []",
        "[[case]]\ncause = {}\nexpect = []",
        "[[case]]\ncause = 'member-left'\nexpect = [{ remove = {} }]",
        "[[case]]\ncause = 'member-left'\nexpect = ['tell']",
        "[[case]]\ncause = 'member-left'\nexpect = [{ invite = { libraries = [] } }]",
        "[[case]]\ncause = 'member-left'\nexpect = [{ restrict-to = { movies = {} } }]",
        "[[case]]\ncause = 'member-left'\nexpect = [{ wake-at = { tag = 'x' } }]",
        "[[case]]\ncause = 'member-left'\nexpect = [{ wake-at = { tag = 'x', due = 'soon' } }]",
        "[[case]]\ncause = 'member-left'\nexpect = 3",
        "[[case]]\ncause = 'member-left'\nexpect = []\nmax-fuel = -1",
        "[[case]]\ncause = 'member-left'\nexpect = []\nmax-memory = '2 loads'",
        "[[case]]\ncause = 'member-left'\nexpect = []\nat = '3 days ago'",
        "[[case]]\ncause = 'member-left'\nexpect = []\nat = 2026-01-01",
        "[[case]]\ncause = 'member-left'\nexpect = []\nreason = 1",
        "[[case]]\ncause = 'member-left'\nexpect = []\nsettings = { a = inf }",
        "[[story]]\nname = 'x'",
        "[[story]]\n[[story.step]]\nexpect = []",
        "[[story]]\n[[story.step]]\ncause = { wake = 'x' }\nexpect = []",
        "[[story]]\n[[story.step]]\ncause = 'member-left'\nroles = []\nexpect = []",
        "[[story]]\n[[story.step]]\nafter = '5 years'\nexpect = []",
        "case = 3",
        "case = [3]",
    ];
    insta::assert_snapshot!(cases.map(mistake).join("\n"));
}

#[test]
fn a_file_that_is_none_is_refused() {
    let texts = [
        "",
        "format = 2\nfrom-the-future = true",
        "format = 0",
        "format = '1'",
        "format = 1",
        "format = 1\n[[case]\n",
        "format = 1\nname = \"\u{1b}[2J",
        "{\"format\": 1}",
    ];
    insta::assert_snapshot!(texts.map(|text| read(text).unwrap_err()).join("\n"));
}

#[test]
fn one_wrong_case_does_not_hide_the_others() {
    let tests = read(
        "format = 1\n[[case]]\nname = 'wrong'\ncause = 'x'\nexpect = []\n[[story]]\n[[story.step]]\n\
         cause = 'member-left'\nexpect = []\n[[case]]\ncause = 'member-left'\nexpect = []",
    )
    .unwrap();
    let names: Vec<&str> = tests
        .iter()
        .map(|test| match test {
            Ok(test) => test.name.as_str(),
            Err(broken) => broken.name.as_str(),
        })
        .collect();
    assert_eq!(names, ["wrong", "the story in line 6", "member left, absent"]);
}

/// Actions of every kind.
fn actions() -> Vec<Action> {
    let rule = Rule {
        labels: vec!["a".into(), "b".into()],
        not_labels: vec!["c".into()],
        ratings: vec!["PG".into()],
        not_ratings: Vec::new(),
    };
    let grant = Grant { libraries: Some(vec!["Movies".into()]), downloads: Some(true), live_tv: Some(false) };
    vec![
        Action::Invite(Grant::default()),
        Action::Invite(grant),
        Action::RestrictTo(Restriction::default()),
        Action::RestrictTo(Restriction::movies_and_television(Rule::label("x"))),
        Action::RestrictTo(Restriction { end_streams: true, ..Restriction::everything(rule.clone()) }),
        Action::RestrictTo(Restriction { downloads: Some(true), ..Restriction::everything(rule.clone()) }),
        Action::RestrictTo(Restriction {
            movies: Filter::Clear,
            television: Filter::Only(rule),
            combine: Combine::Narrow,
            live_tv: Some(true),
            ..Restriction::default()
        }),
        Action::Unrestrict,
        Action::Remove,
        Action::SetLibraries(vec!["Movies".into()]),
        Action::Tell(Message { text: "a \"line\"\nand \\ another".into(), moment: Moment::Now }),
        Action::Tell(Message { text: "later".into(), moment: Moment::OnceDone }),
        Action::Quiet,
        Action::WakeAt(Wake { tag: "grace".into(), due: Timestamp(1_767_225_600_000 + 129_600_000) }),
        Action::CancelWake("grace".into()),
        Action::SetMemo("\u{7f}\u{1}é".into()),
        Action::Other(Extension { name: "x".into(), json: "{}".into() }),
    ]
}

#[test]
fn what_is_written_for_people_is_read_back() {
    let at = Timestamp(1_767_225_600_000);
    for action in actions() {
        let text = in_toml(&[(at, action.clone())]);
        let test = one(&format!("[[case]]\ncause = 'member-left'\nexpect = {text}"));
        let Kind::Case(case) = test.kind else { panic!("a case") };
        assert_eq!(case.expect.actions.len(), 1);
        assert_eq!(case.expect.actions[0].of(case.event.at), action, "{text}");
    }
    let all: Vec<(Timestamp, Action)> = actions().into_iter().map(|action| (at, action)).collect();
    insta::assert_snapshot!(in_toml(&all));
}

#[test]
fn the_word_restricted_stands_for_the_usual_restriction() {
    let test = one("[[case]]\ncause = 'member-left'\naccess = 'restricted'\nexpect = []");
    let Kind::Case(case) = test.kind else { panic!("a case") };
    let Access::Restricted(Restricted { restriction, .. }) = case.event.account.access else {
        panic!("restricted")
    };
    assert_eq!(restriction, Restriction::movies_and_television(Rule::label("noAccess")));
    assert!(case.event.account.identified);
    assert_eq!(case.event.cause, Cause::MemberLeft);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = read(&text);
        let _ = read(&format!("format = 1\n{text}"));
    }

    #[test]
    fn no_damaged_file_makes_it_panic(at in 0_usize..2_000, put in "\\PC{0,6}", cut in 0_usize..40) {
        let mut text = GOOD.to_owned();
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = (at + cut).min(text.len());
        let end = (at..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(at);
        text.replace_range(at..end, &put);
        let _ = read(&text);
    }
}

const GOOD: &str = r#"
format = 1
settings = { label = "noAccess" }
[roles]
plus = { id = "900000101" }
[[case]]
name = "ä case"
cause = { role-removed = "plus" }
access = { granted = { libraries = ["Movies"] } }
since = "3 days ago"
expect = [{ restrict-to = { everything = { labels = "x" } } }, { tell = "text" }, "quiet"]
max-memory = "2 MiB"
[[story]]
[[story.step]]
after = "3 days"
cause = { role-added = { key = "plus", id = "1" } }
expect = ["invite", { wake-at = { tag = "t", due = "in 2 weeks" } }]
access = "granted"
[[story.step]]
roles = []
expect = "nothing"
"#;

#[test]
fn the_file_that_is_damaged_above_is_a_good_one() {
    assert!(read(GOOD).unwrap().iter().all(Result::is_ok));
}

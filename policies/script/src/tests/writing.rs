//! Every action and every rule, as a script writes it.

use rolarr_policy::contract::{
    Action, Combine, Filter, Grant, Message, Moment, Restriction, Rule, Timestamp, Wake,
};

use super::*;

#[track_caller]
fn gives(lines: &str, actions: impl IntoIterator<Item = Action>) {
    assert_eq!(decide(lines).actions, actions.into_iter().collect::<Vec<_>>(), "{lines}");
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn only(rule: Rule) -> Filter {
    Filter::Only(rule)
}

#[test]
fn every_action_can_be_written() {
    gives("invite()", [Action::Invite(Grant::default())]);
    gives(
        "invite([\"Movies\"])",
        [Action::Invite(Grant { libraries: Some(names(&["Movies"])), ..Grant::default() })],
    );
    gives(
        "invite(#{ libraries: \"Movies\", downloads: true, live_tv: false })",
        [Action::Invite(Grant {
            libraries: Some(names(&["Movies"])),
            downloads: Some(true),
            live_tv: Some(false),
        })],
    );
    gives("unrestrict()", [Action::Unrestrict]);
    gives("remove()", [Action::Remove]);
    gives("set_libraries([\"a\", \"b\"])", [Action::SetLibraries(names(&["a", "b"]))]);
    gives("tell(\"hello\")", [Action::Tell(Message { text: "hello".into(), moment: Moment::Now })]);
    gives(
        "tell_once_done(`hello ${event.role}`)",
        [Action::Tell(Message { text: "hello plus".into(), moment: Moment::OnceDone })],
    );
    gives("quiet()", [Action::Quiet]);
    let due = Timestamp(event().at.0 + 90 * 60_000);
    gives(
        "wake_at(\"x\", event.at + hours(1) + minutes(30))",
        [Action::WakeAt(Wake { tag: "x".into(), due })],
    );
    gives("cancel_wake(\"x\")", [Action::CancelWake("x".into())]);
    gives("set_memo(\"x\")", [Action::SetMemo("x".into())]);
    gives("set_memo(3)", [Action::SetMemo("3".into())]);
}

#[test]
fn every_restriction_can_be_written() {
    let to =
        |restriction: Restriction| [Action::RestrictTo(Restriction { end_streams: true, ..restriction })];
    let label = Rule::label("noAccess");
    gives("restrict_to(no_access())", to(Restriction::movies_and_television(label.clone())));
    gives("restrict_to(no_access(\"x\"))", to(Restriction::movies_and_television(Rule::label("x"))));
    gives("restrict_to(no_access(), \"everything\")", to(Restriction::everything(label.clone())));
    gives("restrict_to(no_access(), [\"everything\"])", to(Restriction::everything(label.clone())));
    gives(
        "restrict_to(no_access(), [\"music\", \"photos\"])",
        to(Restriction { music: only(label.clone()), photos: only(label.clone()), ..Restriction::default() }),
    );
    gives(
        "restrict_to(only_ratings([\"G\", \"PG\"]).and(not_labels(\"gore\")))",
        to(Restriction::movies_and_television(Rule {
            ratings: names(&["G", "PG"]),
            not_labels: names(&["gore"]),
            ..Rule::default()
        })),
    );
    gives(
        "restrict_to(#{ movies: not_ratings(\"R\"), television: clear_filter(), music: keep(), combine: \"narrow\", \
         downloads: false, live_tv: true, end_streams: false })",
        [Action::RestrictTo(Restriction {
            movies: only(Rule { not_ratings: names(&["R"]), ..Rule::default() }),
            television: Filter::Clear,
            combine: Combine::Narrow,
            downloads: Some(false),
            live_tv: Some(true),
            ..Restriction::default()
        })],
    );
    gives("restrict_to(only_labels([\"a\"]))", to(Restriction::movies_and_television(Rule::label("a"))));
}

#[test]
fn several_actions_nothing_and_a_reason() {
    let two = vec![Action::Unrestrict, Action::Quiet];
    assert_eq!(decide("[unrestrict(), quiet()]"), Decision::of(two.clone(), "the role `plus` was added"));
    assert_eq!(decide("[[unrestrict()], (), [[quiet()]]]").actions, two);
    assert_eq!(decide("[unrestrict(), quiet()].because(\"why\")"), Decision::of(two.clone(), "why"));
    assert_eq!(
        decide("[unrestrict().because(\"inner\"), quiet()].because(`has ${event.role}`)").reason,
        "has plus"
    );
    assert_eq!(decide("invite().because(\"a\").because(\"b\").because(3)").reason, "3");
    assert_eq!(decide("nothing()"), Decision::nothing("the role `plus` was added"));
    assert_eq!(decide("nothing(\"why\")"), Decision::nothing("why"));
    assert_eq!(decide(""), Decision::nothing("the role `plus` was added"));
    assert_eq!(decide("[]"), Decision::nothing("the role `plus` was added"));
    assert_eq!(decide("return;").actions, []);
}

#[test]
fn times_can_be_reckoned_with() {
    for line in [
        "event.at + days(1) > event.at",
        "event.at - days(1) < event.at",
        "(event.at + weeks(1)) - event.at == days(7)",
        "days(1) == hours(24)",
        "days(2) - hours(24) == 1 * days(1)",
        "(event.at + days(1) - event.at).days == 1",
        "`${event.at}` == \"2026-01-01 00:00 UTC\"",
        "event.at.date == \"2026-01-01\"",
        "event.at.discord == \"<t:1767225600:f>\"",
        "event.at.discord_relative == \"<t:1767225600:R>\"",
        "`${days(7)}` == \"7 days\"",
    ] {
        assert_eq!(decide(&format!("if {line} {{ quiet() }}")).actions, [Action::Quiet], "{line}");
    }
}

#[test]
fn print_and_debug_go_to_the_log() {
    let _ = rolarr_policy::log::take();
    decide("print(`has ${event.role}`);\ndebug(event.roles);\n()");
    let lines: Vec<String> =
        rolarr_policy::log::take().into_iter().map(|(level, text)| format!("{level:?} {text}")).collect();
    assert_eq!(lines, ["Info has plus", "Debug line 3: [\"plus\"]"]);
}

#[test]
fn a_mistake_that_is_caught_can_be_shown() {
    assert_eq!(
        decide("try { event.tag } catch (why) { return nothing(why); }").reason,
        "`event.tag` is there only if `event.cause` is `wake`; here it is `role-added`"
    );
}

#[test]
fn what_the_host_would_refuse_is_said_where_it_is_written() {
    for (lines, what) in [
        (
            "let due = event.at + days(400);\nwake_at(\"x\", due)",
            "`wake_at` can't be on 2027-02-05 00:00 UTC: it is more than a year",
        ),
        (
            "\nwake_at(\"x\", event.at)",
            "`wake_at` can't be on 2026-01-01 00:00 UTC: it is not after the event",
        ),
        (
            "let s = \"\"; s.pad(4097, \"y\");\nset_memo(s)",
            "`set_memo` takes 4096 bytes of text at most, and got 4097",
        ),
        ("let s = \"\"; s.pad(4097, \"y\");\nnothing(s)", "`because` takes 4096 bytes of text at most"),
        ("let s = \"\"; s.pad(1801, \"ä\");\ntell(s)", "`tell` takes 1800 characters at most, and got 1801"),
        ("\ntell_once_done(\" \")", "`tell_once_done` got an empty text"),
        ("\ninvite([])", "`invite` got an empty list of libraries: to share nothing, use `remove()`"),
        ("\ninvite(#{ libraries: [] })", "`invite` got an empty list of libraries"),
        ("\nset_libraries([])", "`set_libraries` got an empty list of libraries"),
    ] {
        let error = read(&deciding(lines)).unwrap().evaluate(&event()).unwrap_err();
        assert!(error.starts_with("my.rhai:3:") && error.contains(what), "{lines}: {error}");
    }
    for (lines, what) in [
        (
            "let a = []; for i in 0..65 { a.push(unrestrict()); } a",
            "`decide` returned 65 actions, and may return 64",
        ),
        (
            "let a = []; for i in 0..17 { a.push(wake_at(`t${i}`, event.at + days(1))); } a",
            "the member would have 17 wakes after this, and may have 16",
        ),
    ] {
        let error = read(&deciding(lines)).unwrap().evaluate(&event()).unwrap_err();
        assert!(error.starts_with("my.rhai:1:1: ") && error.contains(what), "{lines}: {error}");
    }
    let year = decide("let s = \"\"; s.pad(1800, \"ä\"); [wake_at(\"x\", event.at + days(366)), tell(s)]");
    assert_eq!(year.actions.len(), 2);
    let most = decide("let a = []; for i in 0..16 { a.push(wake_at(`t${i}`, event.at + days(1))); } a");
    assert_eq!(most.actions.len(), 16);
}

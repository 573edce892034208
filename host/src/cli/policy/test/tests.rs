use std::{path::Path, time::Duration};

use super::{
    Format, TestArgs,
    event::{Finding, StepReport},
    observed::Decide,
    story, watch,
};
use crate::{
    cli::policy::{
        cases::{self, Kind, Story},
        compiling,
    },
    domain::contract::{
        Access, AccountChange, Action, Cause, Decision, Event, Grant, Message, Progress, Restriction, Rule,
        Wake,
    },
    policy::{Engine, Evaluation, EvaluationError, Failure},
};

/// A policy in a few lines, without a sandbox.
struct Rules(fn(&Event) -> Result<Decision, Failure>);

impl Decide for Rules {
    fn decide(&self, event: &Event) -> Result<Evaluation, EvaluationError> {
        match self.0(event) {
            Ok(decision) => {
                Ok(Evaluation { decision, fuel: 100, memory: 200, took: Duration::ZERO, logs: Vec::new() })
            }
            Err(cause) => Err(EvaluationError {
                policy: "rules".into(),
                event: event.id.as_str().into(),
                cause,
                logs: Vec::new(),
                fuel: 0,
                took: Duration::ZERO,
            }),
        }
    }
}

const DAY: u64 = 86_400_000;

/// Who loses the last role is restricted after three days, unless a role comes back.
fn grace(event: &Event) -> Result<Decision, Failure> {
    let restriction = Restriction::everything(Rule::label("noAccess"));
    let actions = match (&event.cause, &event.account.access) {
        (Cause::RoleAdded(_), Access::Absent) => vec![Action::Invite(Grant::default())],
        (Cause::RoleAdded(_), _) => vec![Action::CancelWake("grace".into()), Action::Unrestrict],
        (Cause::RoleRemoved(_), Access::Granted(_)) if !event.member.has_any_role() => vec![
            Action::WakeAt(Wake { tag: "grace".into(), due: event.at.plus_millis(3 * DAY) }),
            Action::SetMemo("waiting".into()),
        ],
        (Cause::Wake(tag), Access::Granted(_)) if tag == "grace" => {
            vec![Action::RestrictTo(restriction), Action::SetMemo(String::new())]
        }
        (Cause::MemberLeft, _) => vec![Action::Remove],
        _ => Vec::new(),
    };
    Ok(Decision { actions, reason: "by the rules".into() })
}

/// Says what it sees of the account.
fn tell_all(event: &Event) -> Result<Decision, Failure> {
    let account = &event.account;
    let progress = serde_json::to_value(account.progress).unwrap();
    let text = format!(
        "{} at {} known {} access {}",
        crate::cli::policy::situation::cause(&event.cause),
        progress.as_str().unwrap(),
        account.identified,
        crate::cli::policy::situation::access(&account.access),
    );
    let mut actions = vec![Action::Tell(Message { text, ..Message::default() })];
    match event.cause {
        Cause::RoleAdded(_) => actions.push(Action::Invite(Grant::default())),
        Cause::RoleRemoved(_) => actions.push(Action::RestrictTo(Restriction::default())),
        Cause::MemberLeft => actions.push(Action::Remove),
        _ => {}
    }
    Ok(Decision { actions, reason: String::new() })
}

fn story(text: &str) -> Story {
    let file = cases::parse(format!("format = 1\n[[story]]\n{text}"), Path::new("story.toml")).unwrap();
    let test = file.tests.into_iter().next().unwrap().unwrap();
    match test.kind {
        Kind::Story(story) => *story,
        Kind::Case(_) => panic!("a story"),
    }
}

fn told(rules: fn(&Event) -> Result<Decision, Failure>, text: &str) -> (Result<(), String>, Vec<StepReport>) {
    let (outcome, steps, _) = story::tell(&Rules(rules), &story(text));
    (outcome, steps)
}

#[track_caller]
fn passes(rules: fn(&Event) -> Result<Decision, Failure>, text: &str) {
    let (outcome, steps) = told(rules, text);
    assert_eq!(outcome, Ok(()));
    for step in steps {
        assert_eq!(step.findings, [], "{:?}", step.happened);
    }
}

#[test]
fn a_wake_comes_by_itself_when_its_time_has_passed_and_not_before() {
    passes(
        grace,
        r#"
        [[story.step]]
        cause = { role-added = "plus" }
        expect = "invite"
        access = "granted"
        [[story.step]]
        cause = { account = "identified" }
        expect = []
        [[story.step]]
        after = "10 days"
        cause = { role-removed = "plus" }
        expect = [{ wake-at = { tag = "grace", due = "in 3 days" } }, { set-memo = "waiting" }]
        wakes = "grace"
        memo = "waiting"
        [[story.step]]
        after = "2 days 23 hours"
        expect = []
        wakes = ["grace"]
        [[story.step]]
        after = "1 hour"
        expect = [{ restrict-to = { everything = { labels = "noAccess" } } }, { set-memo = "" }]
        access = { restricted = { restriction = { everything = { labels = "noAccess" } } } }
        wakes = []
        memo = ""
        [[story.step]]
        roles = ["gold"]
        expect = [{ cancel-wake = "grace" }, "unrestrict"]
        access = { granted = {} }
        [[story.step]]
        cause = "member-left"
        expect = "remove"
        access = "absent"
        "#,
    );
}

#[test]
fn a_wake_that_is_cancelled_or_dropped_does_not_come() {
    let start = r#"
        access = "granted"
        roles = "plus"
        [[story.step]]
        cause = { role-removed = "plus" }
        expect = [{ wake-at = { tag = "grace", due = "in 3 days" } }, { set-memo = "waiting" }]
    "#;
    for (what, expect) in [
        ("cause = { role-added = 'plus' }", "[{ cancel-wake = 'grace' }, 'unrestrict']"),
        ("cause = 'member-left'", "'remove'"),
        ("cause = { account = 'removed-by-admin' }", "[]"),
    ] {
        passes(
            grace,
            &format!(
                "{start}\n[[story.step]]\nafter = '1 day'\n{what}\nexpect = {expect}\nwakes = []\n\
                 [[story.step]]\nafter = '30 days'\nexpect = []"
            ),
        );
    }
}

#[test]
fn a_wake_that_stands_at_the_start_comes_with_the_time_it_was_due() {
    let rules = |event: &Event| {
        let again = Action::WakeAt(Wake { tag: "tick".into(), due: event.at.plus_millis(DAY) });
        Ok(Decision { actions: vec![again], reason: String::new() })
    };
    // Each comes at its own time, so the last one is due a day after the last that came.
    passes(
        rules,
        r#"
        wakes = [{ tag = "tick", due = "in 1 day" }]
        [[story.step]]
        after = "2 days 12 hours"
        expect = [
            { wake-at = { tag = "tick", due = "in 1 day" } },
            { wake-at = { tag = "tick", due = 2026-01-04T00:00:00Z } },
        ]
        "#,
    );
}

#[test]
fn a_policy_that_wakes_itself_without_end_is_stopped() {
    let rules = |event: &Event| {
        let again = Action::WakeAt(Wake { tag: "tick".into(), due: event.at.plus_millis(1) });
        Ok(Decision { actions: vec![again], reason: String::new() })
    };
    let (outcome, _) = told(
        rules,
        "[[story.step]]\ncause = { review = 'asked' }\nexpect = [{ wake-at = { tag = 'tick', due = 'in 1 ms' } }]\n\
         [[story.step]]\nafter = '1 day'\nexpect = []",
    );
    assert_eq!(outcome.unwrap_err(), "step 2 (line 6): more than 1000 events followed while the time passed");
}

#[test]
fn several_roles_that_change_at_once_are_several_events_with_the_added_ones_first() {
    let (outcome, steps) = told(
        tell_all,
        r#"
        access = "granted"
        roles = ["bronze", "plus"]
        [[story.step]]
        roles = ["gold", "silver"]
        expect = []
        "#,
    );
    assert_eq!(outcome, Ok(()));
    insta::assert_snapshot!(steps[0].happened.join("\n"), @r"
    event: role `gold` added; access: granted; roles: `gold`, `silver`
    event: role `silver` added; access: granted; roles: `gold`, `silver`
    event: role `bronze` removed; access: granted; roles: `gold`, `silver`
    event: role `plus` removed; access: restricted; roles: `gold`, `silver`
    ");
}

#[test]
fn what_the_policy_sees_of_the_account_follows_the_bot() {
    let (outcome, steps) = told(
        tell_all,
        r#"
        [[story.step]]
        cause = { role-added = "plus" }
        expect = []
        [[story.step]]
        after = "24 hours"
        expect = []
        [[story.step]]
        after = "1 hour"
        cause = { account = "identified" }
        expect = []
        [[story.step]]
        after = "1 hour"
        cause = { account = "accepted" }
        expect = []
        [[story.step]]
        cause = { review = "asked" }
        expect = []
        [[story.step]]
        cause = { account = "left-service" }
        expect = []
        [[story.step]]
        cause = { role-added = "gold" }
        expect = []
        [[story.step]]
        cause = { account = "declined" }
        expect = []
        [[story.step]]
        roles = []
        expect = []
        [[story.step]]
        cause = { account = "removed-by-admin" }
        expect = []
        access = "absent"
        [[story.step]]
        cause = { review = "asked" }
        expect = []
        [[story.step]]
        cause = "member-left"
        expect = []
        "#,
    );
    assert_eq!(outcome, Ok(()));
    let seen: Vec<String> = steps
        .iter()
        .flat_map(|step| &step.decided)
        .filter_map(|(_, action)| match action {
            Action::Tell(message) => Some(message.text.clone()),
            _ => None,
        })
        .collect();
    insta::assert_snapshot!(seen.join("\n"));
    assert_eq!(steps[9].happened, ["account removed-by-admin: the policy is not asked"]);
}

#[test]
fn since_is_when_the_access_changed_its_case() {
    let rules = |event: &Event| {
        let since = event.account.since.map_or(0, |since| since.0);
        let actions = match event.cause {
            Cause::RoleAdded(_) => vec![Action::Invite(Grant::default())],
            _ => vec![Action::SetMemo(since.to_string())],
        };
        Ok(Decision { actions, reason: String::new() })
    };
    passes(
        rules,
        "at = 2026-05-01T00:00:00Z\nidentified = true\n[[story.step]]\nafter = '2 days'\ncause = { role-added = 'a' }\n\
         expect = 'invite'\n[[story.step]]\nafter = '1 day'\ncause = { review = 'asked' }\n\
         expect = [{ set-memo = '1777766400000' }]",
    );
}

#[test]
fn a_step_that_can_not_happen_is_an_error_of_the_story() {
    let step = |start: &str, what: &str| {
        told(grace, &format!("{start}\n[[story.step]]\n{what}\nexpect = []")).0.unwrap_err()
    };
    let errors = [
        step("", "cause = { role-removed = 'plus' }"),
        step("roles = 'plus'", "cause = { role-added = 'plus' }"),
        step("roles = 'plus'", "roles = ['plus']"),
        step("", "cause = { account = 'accepted' }"),
        step("", "cause = { account = 'left-service' }"),
        step("", "cause = { account = 'ask-expired' }"),
        step("access = 'granted'", "cause = { account = 'identified' }"),
    ];
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn an_event_that_stays_undecided_ends_the_story_and_fails_it() {
    let rules = |event: &Event| match event.cause {
        Cause::MemberLeft => Err(Failure::Trap("it panicked or aborted".into())),
        _ => Ok(Decision::nothing("")),
    };
    let (outcome, steps) = told(
        rules,
        "[[story.step]]\ncause = 'member-left'\nexpect = []\n[[story.step]]\nafter = '1 day'\nexpect = []",
    );
    assert_eq!(outcome, Ok(()));
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].findings, [Finding::Undecided("it crashed: it panicked or aborted".to_owned())]);
}

#[test]
fn a_clock_that_ran_out_is_no_verdict() {
    let rules = |_: &Event| Err(Failure::OutOfTime { limit: Duration::from_secs(1), name: "clock" });
    let (outcome, _) = told(rules, "[[story.step]]\ncause = 'member-left'\nexpect = []");
    assert!(outcome.unwrap_err().contains("ran out of time"));
}

#[test]
fn what_an_event_costs_can_be_limited() {
    let (_, steps) = told(
        grace,
        "[[story.step]]\ncause = 'member-left'\nexpect = 'remove'\nmax-fuel = 99\nmax-memory = '199 B'\n\
         max-actions = 0\n[[story.step]]\nroles = ['plus']\nexpect = 'invite'\nmax-fuel = 100\nmax-memory = 200\n\
         max-actions = 1",
    );
    assert_eq!(
        steps[0].findings,
        [
            Finding::Over { what: "fuel", most: 99, found: 100 },
            Finding::Over { what: "bytes of memory", most: 199, found: 200 },
            Finding::Over { what: "actions", most: 0, found: 1 },
        ]
    );
    assert_eq!(steps[1].findings, []);
}

#[test]
fn the_questions_end_is_an_event_as_it_is_for_the_bot() {
    let rules = |event: &Event| {
        let expired = event.cause == Cause::Account(AccountChange::AskExpired);
        let actions = match event.cause {
            Cause::RoleAdded(_) => vec![Action::Invite(Grant::default())],
            _ if expired && event.account.progress == Progress::AskExpired => vec![Action::Quiet],
            _ => Vec::new(),
        };
        Ok(Decision { actions, reason: String::new() })
    };
    passes(
        rules,
        "[[story.step]]\nroles = 'plus'\nexpect = 'invite'\n[[story.step]]\nafter = '23 hours 59 minutes'\nexpect = []\n\
         [[story.step]]\nafter = '1 minute'\nexpect = 'quiet'\n[[story.step]]\nafter = '3 days'\nexpect = []",
    );
}

#[test]
fn a_script_that_is_edited_is_tested_again_without_being_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("invites.rhai");
    let write = |action: &str| std::fs::write(&script, format!("fn decide(event) {{ {action} }}")).unwrap();
    write("invite()");
    let cases = folder.path().join("cases.toml");
    let case = "format = 1\n[[case]]\ncause = { role-added = 'plus' }\nexpect = 'invite'\n";
    std::fs::write(&cases, case).unwrap();
    let args = TestArgs {
        policy: Some(script.display().to_string()),
        settings: None,
        names: Vec::new(),
        watch: true,
        update: false,
        quiet: false,
        coverage: false,
        format: Format::Human,
        output: None,
        paths: vec![folder.path().to_owned()],
    };
    let cache = tempfile::tempdir().unwrap();
    let engine = Engine::new(compiling::settings(Some(cache.path().to_owned()))).unwrap();
    let mut out = Vec::new();
    let mut round = 0;
    let exit = args
        .again_and_again(&engine, &mut out, false, |watched, before| {
            assert!(watched.contains(&script) && watched.contains(&cases), "{watched:?}");
            assert_eq!(&watch::Stamp::of(watched, &args.paths), before);
            round += 1;
            match round {
                1 => write("remove(); not a script"),
                2 => write("quiet()"),
                3 => std::fs::write(folder.path().join("more.toml"), case).unwrap(),
                4 => write("invite().because(`again`)"),
                _ => return false,
            }
            watch::wait(watched, &args.paths, before);
            true
        })
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    let totals: Vec<&str> = text.lines().filter(|line| line.contains(" passed, ")).collect();
    assert_eq!(
        totals,
        [
            "1 passed, 0 failed",
            "0 passed, 0 failed, 1 error",
            "0 passed, 1 failed",
            "0 passed, 2 failed",
            "2 passed, 0 failed"
        ],
        "{text}"
    );
    assert_eq!(exit, 0);
    let snapshots = std::fs::read_dir(cache.path().join("snapshots")).map_or(0, Iterator::count);
    assert_eq!(snapshots, 0, "nothing was compiled for the script");
}

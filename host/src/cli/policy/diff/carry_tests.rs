//! Members followed through policies that are functions of the test.

use rolarr_policy::{
    contract::{Action, Decision, Grant, Member, Restriction, Role, Rule},
    recording::{Expected, RecordedPolicy},
};

use super::*;
use crate::cli::policy::diff::{
    report::{Mode, Report},
    side::{About, Decides},
    text,
};

const START: u64 = 1_790_000_000_000;
const DAY: u64 = 86_400_000;

/// A policy that is a function.
struct Native(&'static str, fn(&Event) -> Decision);

impl Decides for Native {
    fn about(&self) -> About {
        About { given: self.0.to_owned(), name: Some(self.0.to_owned()), version: None, digest: None }
    }

    fn name(&self, _: &Recording) -> Option<String> {
        Some(self.0.to_owned())
    }

    fn decide(&self, _: &Recording, event: &Event) -> Result<Answer, String> {
        Ok(Answer::Decided((self.1)(event)))
    }
}

fn restrict() -> Action {
    Action::RestrictTo(Restriction::movies_and_television(Rule::label("noAccess")))
}

/// Restricts at once.
fn strict(event: &Event) -> Decision {
    match &event.cause {
        Cause::RoleAdded(_) if event.account.access.is_absent() => {
            Decision::of([Action::Invite(Grant::default())], "has the role")
        }
        Cause::RoleAdded(_) => Decision::of([Action::Unrestrict], "has the role again"),
        Cause::RoleRemoved(_) => Decision::of([restrict()], "lost the role"),
        Cause::MemberLeft => Decision::of([Action::Remove], "left"),
        _ => Decision::nothing("nothing"),
    }
}

/// Restricts after three days, and counts what it did in its memo.
fn patient(event: &Event) -> Decision {
    let memo = Action::SetMemo(format!("{}x", event.account.memo));
    match &event.cause {
        Cause::RoleRemoved(_) => {
            let wake = Wake { tag: "grace".to_owned(), due: event.at.plus_millis(3 * DAY) };
            Decision::of([Action::WakeAt(wake), memo], "three days of grace")
        }
        Cause::Wake(tag) if tag == "grace" => Decision::of([restrict(), memo], "the time of grace is over"),
        Cause::RoleAdded(_) => {
            let mut decision = strict(event);
            decision.actions.push(Action::CancelWake("grace".to_owned()));
            decision
        }
        _ => strict(event),
    }
}

fn policy(name: &'static str, decide: fn(&Event) -> Decision) -> Side {
    Side::Policy(Box::new(Native(name, decide)))
}

fn role() -> Role {
    Role { id: "900000100".into(), key: "plus".to_owned(), name: "Plus".to_owned() }
}

/// What is recorded of one member whom this policy decided, event by event: causes with their days, and what the
/// member had at the beginning.
fn story(of: fn(&Event) -> Decision, name: &str, start: Access, steps: &[(u64, Cause)]) -> Vec<Recording> {
    let mut carried = Carried { access: start, ..Carried::default() };
    let mut recordings = Vec::new();
    let mut record = |carried: &mut Carried, at: Timestamp, cause: Cause| {
        let mut event = Event::new(cause);
        event.id = format!("{:012}", recordings.len() + 1);
        event.at = at;
        event.guild = "900000010".into();
        event.member = Member { id: "900000021".into(), username: "ada".to_owned(), ..Member::default() };
        event.account.identified = true;
        let event = seen_by(carried, &event);
        let decision = of(&event);
        carried.follow(&decision.actions, at);
        recordings.push(Recording {
            format: Default::default(),
            name: None,
            policy: Some(RecordedPolicy { name: name.to_owned(), ..RecordedPolicy::default() }),
            settings: None,
            event,
            decision: Some(Expected::from(decision)),
        });
    };
    for (day, cause) in steps {
        let at = Timestamp(START + day * DAY);
        while let Some(wake) = carried.take_due(at) {
            record(&mut carried, wake.due, Cause::Wake(wake.tag));
        }
        record(&mut carried, at, cause.clone());
    }
    recordings
}

fn compared(sides: &[Side; 2], recordings: Vec<Recording>) -> Tally {
    let mut tally = Tally::new(9);
    let mut followers = Followers::default();
    let end = recordings.last().unwrap().event.at;
    for (place, recording) in recordings.into_iter().enumerate() {
        followers.follow(sides, recording, 1, place as u64 + 1, &mut tally);
    }
    followers.finish(sides, end, &mut tally);
    assert_eq!(tally.problems.keys().collect::<Vec<_>>(), Vec::<&String>::new());
    tally
}

/// The differences of access: what, how often, for how many days, and how many last.
fn differences(tally: &Tally) -> Vec<(&str, u64, u64, u64)> {
    tally
        .groups
        .iter()
        .filter(|((kind, _), _)| *kind == Kind::Access)
        .map(|((_, what), group)| (what.as_str(), group.times, group.millis / DAY, group.lasting))
        .collect()
}

fn granted() -> Access {
    Access::Granted(Grant::default())
}

fn ups_and_downs() -> Vec<(u64, Cause)> {
    vec![
        (0, Cause::RoleRemoved(role())),
        // Back within the time of grace, then gone for longer than it, then back.
        (1, Cause::RoleAdded(role())),
        (10, Cause::RoleRemoved(role())),
        (20, Cause::RoleAdded(role())),
        (30, Cause::RoleRemoved(role())),
        (31, Cause::Account(rolarr_policy::contract::AccountChange::Accepted)),
    ]
}

#[test]
fn a_policy_does_not_differ_from_itself_nor_from_what_it_decided() {
    for (name, decide) in [("strict", strict as fn(&Event) -> Decision), ("patient", patient)] {
        let recordings = story(decide, name, granted(), &ups_and_downs());
        for old in [policy(name, decide), Side::Recorded] {
            let tally = compared(&[old, policy(name, decide)], recordings.clone());
            assert_eq!(differences(&tally), [], "{name}");
            assert_eq!((tally.taken_up, tally.same), (0, recordings.len() as u64), "{name}");
        }
    }
}

#[test]
fn each_policy_has_its_own_wakes_and_the_difference_lasts_until_they_are_due() {
    let sides = [policy("strict", strict), policy("patient", patient)];
    let tally = compared(&sides, story(strict, "strict", granted(), &ups_and_downs()));
    // One day, then three days, then one more until the end of what was recorded.
    assert_eq!(differences(&tally), [("restricted -> granted", 3, 5, 1)]);
    let (_, group) = tally.groups.first_key_value().unwrap();
    let events: Vec<&str> = group.examples.values().map(|example| example.event.as_str()).collect();
    assert_eq!(events, ["000000000001", "000000000003", "000000000005"]);
    let [old, new] = sides.map(|side| side.about());
    let mut text = Vec::new();
    text::write(&mut text, &Report::new(Mode::Carry, old, new, tally)).unwrap();
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find(|line| line.contains("->")).unwrap();
    let page = include_str!("../../../../../docs/comparing-policies.md");
    assert!(page.contains(&format!("```text\n{line}\n```")), "{line}");
}

#[test]
fn recorded_wakes_are_those_of_the_recorded_policy_only() {
    let recordings = story(patient, "patient", granted(), &ups_and_downs());
    assert!(recordings.iter().any(|recording| matches!(recording.event.cause, Cause::Wake(_))));
    let tally = compared(&[Side::Recorded, policy("strict", strict)], recordings.clone());
    assert_eq!(differences(&tally), [("granted -> restricted", 3, 5, 1)]);
    // A story that begins with a wake: it belongs to the policy of that name alone.
    let rest: Vec<Recording> = recordings
        .into_iter()
        .skip_while(|recording| !matches!(recording.event.cause, Cause::Wake(_)))
        .collect();
    let tally = compared(&[Side::Recorded, policy("patient", patient)], rest.clone());
    assert_eq!(differences(&tally), []);
    let tally = compared(&[Side::Recorded, policy("other", patient)], rest);
    assert_eq!(differences(&tally)[0].0, "restricted -> granted");
}

#[test]
fn what_an_administrator_removed_is_taken_up_by_both() {
    let mut recordings = story(strict, "strict", granted(), &[(0, Cause::RoleRemoved(role()))]);
    let mut next = story(strict, "strict", Access::Absent, &[(5, Cause::RoleAdded(role()))]);
    next[0].event.id = "000000000009".to_owned();
    recordings.append(&mut next);
    let tally = compared(&[policy("strict", strict), policy("patient", patient)], recordings);
    assert_eq!(tally.taken_up, 1);
    assert_eq!(differences(&tally), [("restricted -> granted", 1, 3, 0)]);
}

#[test]
fn wakes_without_end_are_said_and_the_rest_is_compared() {
    fn restless(event: &Event) -> Decision {
        let wake = Wake { tag: "again".to_owned(), due: event.at.plus_millis(1) };
        Decision::of([Action::WakeAt(wake)], "again and again")
    }
    let recordings =
        story(strict, "strict", granted(), &[(0, Cause::RoleRemoved(role())), (1, Cause::RoleAdded(role()))]);
    let mut tally = Tally::new(3);
    let mut followers = Followers::default();
    let sides = [policy("strict", strict), policy("restless", restless)];
    for (place, recording) in recordings.into_iter().enumerate() {
        followers.follow(&sides, recording, 1, place as u64 + 1, &mut tally);
    }
    followers.finish(&sides, Timestamp(START + 2 * DAY), &mut tally);
    let problems: Vec<&String> = tally.problems.keys().collect();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("`restless`") && problems[0].contains("900000021"), "{problems:?}");
    assert_eq!(differences(&tally), [("restricted -> granted", 1, 1, 0)]);
}

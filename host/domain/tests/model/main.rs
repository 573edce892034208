//! The state machines of an account and of its reconciliation, checked exhaustively within bounds.
//!
//! Every order of decisions, holds, approvals, acts of other people at Plex, outcomes of requests (applied, refused,
//! applied without an answer, applied late), reads (new, old, alternating) and crashes is tried, up to the numbers in
//! [`system::Budget`]. `ROLARR_MODEL=large` takes larger bounds.
#![expect(clippy::panic, reason = "a story that goes wrong is a failed test")]

mod account;
mod bot;
mod mutation;
mod system;
mod world;

use account::Account;
use mutation::Mutation;
use stateright::{Checker, HasDiscoveries, Model};
use system::{Budget, System};

fn large() -> bool {
    std::env::var("ROLARR_MODEL").is_ok_and(|bounds| bounds == "large")
}

fn check(name: &str, system: System) {
    let budget = system.budget;
    let started = std::time::Instant::now();
    let checker = system.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!(
        "{name}: {budget:?}: {} states, {} of them different, depth {}, {} s",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        started.elapsed().as_secs(),
    );
    for (property, path) in checker.discoveries() {
        if !property.starts_with("access ") {
            let story: Vec<String> =
                path.into_actions().iter().map(|action| format!("  {action:?}")).collect();
            panic!("{name}: not so: {property}:\n{}", story.join("\n"));
        }
    }
}

fn one(start: Account, budget: Budget, limit: u8) -> System {
    System { budget, start: vec![start], limit, without: None }
}

#[test]
fn one_member_without_a_share_meets_every_property() {
    let more = u8::from(large());
    let budget = Budget { decisions: 2 + more, faults: 1 + more, others: 1, crashes: 1 };
    check("one member, new", one(Account::unknown(), budget, u8::MAX));
}

#[test]
fn one_member_with_a_filter_of_the_owners_meets_every_property() {
    let more = u8::from(large());
    let budget = Budget { decisions: 2 + more, faults: 1 + more, others: 1, crashes: 1 };
    check("one member, with a filter", one(Account::with_share("label=Kids"), budget, u8::MAX));
}

#[test]
fn one_member_hidden_by_another_bot_meets_every_property() {
    let more = u8::from(large());
    let budget = Budget { decisions: 2 + more, faults: 1, others: more, crashes: more };
    check("one member, hidden before", one(Account::hidden_by_another(), budget, u8::MAX));
}

#[test]
fn one_member_whose_access_is_held_meets_every_property() {
    let more = u8::from(large());
    let budget = Budget { decisions: 2 + more, faults: 1, others: 1, crashes: more };
    check("one member, held", one(Account::with_share("label=Kids"), budget, 0));
}

#[test]
fn two_members_of_whom_the_second_is_held_meet_every_property() {
    let more = u8::from(large());
    let budget = Budget { decisions: 2 + more, faults: 1, others: 0, crashes: 0 };
    let start = vec![Account::with_share("label=Kids"), Account::with_share("")];
    check("two members", System { budget, start, limit: 1, without: None });
}

/// Without any one of the rules something goes wrong: so the check has teeth, and no rule is there for nothing.
#[test]
fn each_rule_that_is_left_out_gives_a_story_that_goes_wrong() {
    let mut idle = Vec::new();
    for mutation in Mutation::ALL {
        match story(mutation) {
            Some((property, steps)) => println!("without {mutation:?}: not so: {property}:\n{steps}"),
            None => idle.push(mutation),
        }
    }
    assert!(idle.is_empty(), "nothing goes wrong without {idle:?}");
}

fn story(without: Mutation) -> Option<(&'static str, String)> {
    let budget = Budget { decisions: 3, faults: 2, others: 1, crashes: 0 };
    let starts = [
        (Account::with_share("label=Kids"), u8::MAX),
        (Account::unknown(), u8::MAX),
        (Account::hidden_by_another(), u8::MAX),
        (Account::with_share("label=Kids"), 0),
    ];
    for (start, limit) in starts {
        let system = System { budget, start: vec![start], limit, without: Some(without) };
        let checker = system
            .checker()
            .threads(2)
            .target_state_count(3_000_000)
            .finish_when(HasDiscoveries::AnyFailures)
            .spawn_bfs()
            .join();
        for (property, path) in checker.discoveries() {
            if !property.starts_with("access ") {
                let steps: Vec<String> =
                    path.into_actions().iter().map(|action| format!("    {action:?}")).collect();
                return Some((property, steps.join("\n")));
            }
        }
    }
    None
}

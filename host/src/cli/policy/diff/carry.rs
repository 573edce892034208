//! Members carried along: each side has its own access, memo and wakes, and its wakes are due in between.

use std::collections::HashMap;

use rolarr_policy::{
    contract::{Access, Account, Cause, Event, Origin, Progress, Timestamp, Wake},
    recording::Recording,
};

use super::{
    side::{Answer, Side},
    tally::{Example, Group, Kind, Tally, Told, transition},
};
use crate::{cli::words, pipeline::desired::member_state::Carried};

/// More wakes than this between two events of one member are without end.
const MOST_WAKES: usize = 1_000;

/// Everybody who is followed by one thread.
#[derive(Default)]
pub(super) struct Followers(HashMap<u64, Follower>);

/// One member.
struct Follower {
    /// The last recording, for what is known when a wake is due.
    last: Recording,
    /// Its place among all.
    place: u64,
    sides: [Carried; 2],
    /// What the recorded decisions make of the member.
    recorded: Option<Carried>,
    /// How the access differs now.
    spell: Option<Spell>,
}

/// A time in which the access differs. It counts once it has lasted: of what happens at the same moment, one comes
/// first here.
struct Spell {
    label: String,
    since: Timestamp,
    place: u64,
    example: Example,
}

impl Followers {
    /// Takes the next recording of a member.
    pub(super) fn follow(
        &mut self,
        sides: &[Side; 2],
        recording: Recording,
        member: u64,
        place: u64,
        tally: &mut Tally,
    ) {
        if recording.decision.is_none() && sides.iter().any(|side| matches!(side, Side::Recorded)) {
            // Nobody knows how it went on.
            return tally.problem(format!("event {}: no decision is recorded", recording.event.id));
        }
        tally.saw(&recording.event, member);
        let start = || Follower::begin(sides, &recording, place);
        let follower = self.0.entry(member).or_insert_with(start);
        let run = &mut Run { sides, member, tally };
        if follower.place != place {
            follower.advance(run, recording.event.at);
            if follower.changed_otherwise(&recording.event) {
                run.tally.taken_up += 1;
                follower.sides = Follower::begin(sides, &recording, place).sides;
            }
            follower.last = recording;
            follower.place = place;
        }
        follower.step(run);
    }

    /// Lets the time go on to the end for everybody.
    pub(super) fn finish(mut self, sides: &[Side; 2], until: Timestamp, tally: &mut Tally) {
        let mut all: Vec<(u64, Follower)> = self.0.drain().collect();
        all.sort_by_key(|(_, follower)| follower.place);
        for (member, mut follower) in all {
            let run = &mut Run { sides, member, tally };
            follower.advance(run, until);
            if let Some(spell) = follower.spell.take() {
                spell.count(run, until).lasting += 1;
            }
        }
    }
}

impl Spell {
    /// Counts it, with the time until then.
    fn count<'a>(self, run: &'a mut Run<'_>, until: Timestamp) -> &'a mut Group {
        let Self { label, since, place, example } = self;
        let group = run.tally.differs(Kind::Access, label, run.member, place, || example);
        group.millis += until.0.saturating_sub(since.0);
        group
    }
}

/// What a step works with.
struct Run<'a> {
    sides: &'a [Side; 2],
    member: u64,
    tally: &'a mut Tally,
}

impl Follower {
    /// Both begin with what was recorded. Wakes belong to the policy that asked for them: another one does not get
    /// them, as in the bot.
    fn begin(sides: &[Side; 2], recording: &Recording, place: u64) -> Self {
        let account = &recording.event.account;
        let mut wakes = account.wakes.clone();
        if let Cause::Wake(tag) = &recording.event.cause {
            // It was taken out when it became due.
            wakes.insert(0, Wake { tag: tag.clone(), due: recording.event.at });
        }
        let of = |side: &Side| {
            let theirs = match (side, &recording.policy) {
                (Side::Policy(policy), Some(recorded)) => {
                    policy.name(recording).is_some_and(|name| name == recorded.name)
                }
                _ => true,
            };
            Carried {
                access: account.access.clone(),
                since: account.since,
                memo: account.memo.clone(),
                wakes: if theirs { wakes.clone() } else { Vec::new() },
            }
        };
        let [old, new] = sides;
        Self { last: recording.clone(), place, sides: [of(old), of(new)], recorded: None, spell: None }
    }

    /// Whether the access is another one in the recordings than the recorded decisions make it: an administrator
    /// removed the member, or there are events in between that were not recorded.
    fn changed_otherwise(&self, event: &Event) -> bool {
        self.recorded.as_ref().is_some_and(|recorded| recorded.access != event.account.access)
    }

    /// The recorded event itself.
    fn step(&mut self, run: &mut Run<'_>) {
        let event = self.last.event.clone();
        let mut told = [Told::default(), Told::default()];
        let is_wake = matches!(event.cause, Cause::Wake(_));
        if is_wake {
            // A policy has wakes of its own.
            self.advance(run, event.at);
        }
        let sides = run.sides;
        for (index, (side, told)) in sides.iter().zip(&mut told).enumerate() {
            let Some(carried) = self.sides.get_mut(index) else { continue };
            let at = event.at;
            match side {
                Side::Recorded => {
                    *carried = of_account(&event.account);
                    if let Some(answer) = ask(side, &self.last, &event, run.tally) {
                        *told = follow(carried, &answer, at);
                    }
                }
                Side::Policy(_) if is_wake => {}
                Side::Policy(_) => {
                    let seen = seen_by(carried, &event);
                    if let Some(answer) = ask(side, &self.last, &seen, run.tally) {
                        *told = follow(carried, &answer, at);
                    }
                }
            }
        }
        self.recorded = self.last.decision.as_ref().map(|decision| {
            let mut recorded = of_account(&event.account);
            recorded.follow(&decision.actions, event.at);
            recorded
        });
        let failed = |told: &Told| told.undecided.is_some();
        let [old, new] = &told;
        if failed(old) != failed(new) {
            let label = if failed(new) { "decided -> undecided" } else { "undecided -> decided" };
            let example = || self.example(event.at, words::cause(&event.cause), told.clone());
            run.tally.differs(Kind::Undecided, label.to_owned(), run.member, self.place, example);
        } else if failed(old) {
            run.tally.undecided_by_both += 1;
        }
        let differs = self.look(run, event.at, &words::cause(&event.cause), told);
        if !differs {
            run.tally.same += 1;
        }
    }

    /// Decides all wakes that are due until then, of both sides in the order of their times.
    fn advance(&mut self, run: &mut Run<'_>, until: Timestamp) {
        for _ in 0..MOST_WAKES {
            let next = |index: usize| {
                let is_policy = matches!(run.sides.get(index), Some(Side::Policy(_)));
                let wake = self.sides.get(index).and_then(|carried| carried.wakes.first());
                wake.filter(|wake| is_policy && wake.due <= until).map(|wake| (wake.due, index))
            };
            let Some((due, index)) = next(0).into_iter().chain(next(1)).min() else { return };
            let (Some(side), Some(carried)) = (run.sides.get(index), self.sides.get_mut(index)) else {
                return;
            };
            let Some(wake) = carried.take_due(due) else { return };
            let mut event = seen_by(carried, &self.last.event);
            event.at = due;
            event.origin = Origin::Timer;
            event.cause = Cause::Wake(wake.tag);
            event.facts = Vec::new();
            let cause = words::cause(&event.cause);
            let mut told = [Told::default(), Told::default()];
            if let Some(answer) = ask(side, &self.last, &event, run.tally)
                && let Some(told) = told.get_mut(index)
            {
                *told = follow(carried, &answer, due);
            }
            self.look(run, due, &cause, told);
        }
        for (side, carried) in run.sides.iter().zip(&mut self.sides) {
            let endless = carried.wakes.first().is_some_and(|wake| wake.due <= until);
            if endless && let Side::Policy(policy) = side {
                run.tally.problem(format!(
                    "policy `{}` asks for more than {MOST_WAKES} wakes between two events of member {}: they are \
                     dropped",
                    policy.about().given,
                    self.last.event.member.id
                ));
                carried.wakes.clear();
            }
        }
    }

    /// Takes note of whether the access differs now.
    fn look(&mut self, run: &mut Run<'_>, at: Timestamp, cause: &str, told: [Told; 2]) -> bool {
        let [old, new] = &self.sides;
        let label = (old.access != new.access).then(|| transition(None, &old.access, &new.access));
        if label.as_deref() == self.spell.as_ref().map(|spell| spell.label.as_str()) {
            return label.is_some();
        }
        if let Some(spell) = self.spell.take_if(|spell| spell.since < at) {
            spell.count(run, at);
        }
        let (place, example) = (self.place, self.example(at, cause.to_owned(), told));
        self.spell = label.map(|label| Spell { label, since: at, place, example });
        self.spell.is_some()
    }

    fn example(&self, at: Timestamp, cause: String, [old, new]: [Told; 2]) -> Example {
        let event = &self.last.event;
        Example {
            event: event.id.clone(),
            at: at.0,
            member: event.member.id.0.clone(),
            username: event.member.username.clone(),
            cause,
            before: words::case(&event.account.access).to_owned(),
            old,
            new,
        }
    }
}

/// What a side says; none if that can't be told.
fn ask(side: &Side, recording: &Recording, event: &Event, tally: &mut Tally) -> Option<Answer> {
    side.answer(recording, event).map_err(|problem| tally.problem(problem)).ok()
}

/// Carries out what a side says.
fn follow(carried: &mut Carried, answer: &Answer, at: Timestamp) -> Told {
    if let Answer::Decided(decision) = answer {
        carried.follow(&decision.actions, at);
    }
    Told::from(answer)
}

fn of_account(account: &Account) -> Carried {
    Carried {
        access: account.access.clone(),
        since: account.since,
        memo: account.memo.clone(),
        wakes: account.wakes.clone(),
    }
}

/// The event as it would have been for a member with this access.
fn seen_by(carried: &Carried, event: &Event) -> Event {
    let recorded = &event.account;
    let same = std::mem::discriminant(&carried.access) == std::mem::discriminant(&recorded.access);
    let progress = match &carried.access {
        _ if same => recorded.progress,
        Access::Granted(_) if !recorded.identified => Progress::Asking,
        _ => Progress::Settled,
    };
    let account = Account {
        access: carried.access.clone(),
        progress,
        identified: recorded.identified,
        since: carried.since,
        wakes: carried.wakes.clone(),
        memo: carried.memo.clone(),
    };
    Event { account, ..event.clone() }
}

#[cfg(test)]
#[path = "carry_tests.rs"]
mod tests;

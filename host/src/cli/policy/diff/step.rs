//! One step: each recorded event through both, from the recorded state.

use rolarr_policy::{apply_all, contract::Access, recording::Recording};

use super::{
    side::{Answer, Side},
    tally::{Example, Kind, Tally, Told, other_actions, transition},
};
use crate::cli::words;

/// Compares what both make of one recording.
pub(super) fn compare(sides: &[Side; 2], recording: &Recording, member: u64, place: u64, tally: &mut Tally) {
    let event = &recording.event;
    let [old, new] = sides;
    let (old, new) = match (old.answer(recording, event), new.answer(recording, event)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => return tally.problem(problem),
        (Err(one), Err(other)) => {
            if one != other {
                tally.problem(one);
            }
            return tally.problem(other);
        }
    };
    tally.saw(event, member);
    let Some((kind, label)) = differ(&event.account.access, &old, &new) else {
        match (&old, &new) {
            (Answer::Undecided(_), Answer::Undecided(_)) => tally.undecided_by_both += 1,
            _ => tally.same += 1,
        }
        return;
    };
    tally.differs(kind, label, member, place, || Example {
        event: event.id.clone(),
        at: event.at.0,
        member: event.member.id.0.clone(),
        username: event.member.username.clone(),
        cause: words::cause(&event.cause),
        before: words::case(&event.account.access).to_owned(),
        old: Told::from(&old),
        new: Told::from(&new),
    });
}

/// How two answers differ; none if they don't, or if neither is a decision.
pub(super) fn differ(before: &Access, old: &Answer, new: &Answer) -> Option<(Kind, String)> {
    match (old, new) {
        (Answer::Undecided(_), Answer::Undecided(_)) => None,
        (Answer::Undecided(_), Answer::Decided(_)) => {
            Some((Kind::Undecided, "undecided -> decided".to_owned()))
        }
        (Answer::Decided(_), Answer::Undecided(_)) => {
            Some((Kind::Undecided, "decided -> undecided".to_owned()))
        }
        (Answer::Decided(old), Answer::Decided(new)) => {
            let (then, now) = (apply_all(before, &old.actions), apply_all(before, &new.actions));
            if then != now {
                Some((Kind::Access, transition(Some(before), &then, &now)))
            } else if old.actions != new.actions {
                Some((Kind::Actions, other_actions(&old.actions, &new.actions)))
            } else if old.reason != new.reason {
                Some((Kind::Reason, "another reason".to_owned()))
            } else {
                None
            }
        }
    }
}

//! What each action makes of a member's access.

use crate::contract::{Access, Action, Grant, Restricted};

/// Advances a member's access by one action. This is the whole rule: the host, the stories that policies
/// are tested with, and the comparison of two policies all use this function.
///
/// | action | absent | granted(L) | restricted(L, R) |
/// |---|---|---|---|
/// | `invite(g)` | granted(g) | granted(g over L) | granted(g over L) |
/// | `unrestrict` | absent | same | granted(L) |
/// | `restrict-to(r)` | absent | restricted(L, r) | restricted(L, r) |
/// | `set-libraries(l)` | absent | granted(L with l) | restricted(L with l, R) |
/// | `remove` | absent | absent | absent |
///
/// `g over L` takes each field of `g` that says something, and the others from `L`. All other actions
/// leave the access as it is.
#[must_use]
pub fn apply(access: &Access, action: &Action) -> Access {
    match (action, access) {
        (Action::Invite(grant), Access::Absent) => Access::Granted(grant.clone()),
        (Action::Invite(grant), Access::Granted(held))
        | (Action::Invite(grant), Access::Restricted(Restricted { before: held, .. })) => {
            Access::Granted(over(grant, held))
        }
        (Action::Unrestrict, Access::Restricted(restricted)) => Access::Granted(restricted.before.clone()),
        (Action::RestrictTo(restriction), Access::Granted(held))
        | (Action::RestrictTo(restriction), Access::Restricted(Restricted { before: held, .. })) => {
            Access::Restricted(Restricted { before: held.clone(), restriction: restriction.clone() })
        }
        (Action::SetLibraries(libraries), Access::Granted(held)) => Access::Granted(with(libraries, held)),
        (Action::SetLibraries(libraries), Access::Restricted(restricted)) => Access::Restricted(Restricted {
            before: with(libraries, &restricted.before),
            restriction: restricted.restriction.clone(),
        }),
        (Action::Remove, _) => Access::Absent,
        (
            Action::Unrestrict
            | Action::RestrictTo(_)
            | Action::SetLibraries(_)
            | Action::Tell(_)
            | Action::Quiet
            | Action::WakeAt(_)
            | Action::CancelWake(_)
            | Action::SetMemo(_)
            | Action::Other(_),
            same,
        ) => same.clone(),
    }
}

/// Advances a member's access by all actions of a decision, from left to right.
#[must_use]
pub fn apply_all(access: &Access, actions: &[Action]) -> Access {
    actions.iter().fold(access.clone(), |access, action| apply(&access, action))
}

fn over(grant: &Grant, held: &Grant) -> Grant {
    Grant {
        libraries: grant.libraries.clone().or_else(|| held.libraries.clone()),
        downloads: grant.downloads.or(held.downloads),
        live_tv: grant.live_tv.or(held.live_tv),
    }
}

fn with(libraries: &[String], held: &Grant) -> Grant {
    Grant { libraries: Some(libraries.to_vec()), ..held.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Extension, Message, Restriction, Rule, Wake};

    fn names(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// The grant that is held before.
    fn held() -> Grant {
        Grant { libraries: names(&["Movies"]), downloads: Some(true), live_tv: None }
    }

    /// The restriction that holds before.
    fn old() -> Restriction {
        Restriction::movies_and_television(Rule::label("old"))
    }

    fn new() -> Restriction {
        Restriction::everything(Rule::label("new"))
    }

    fn restricted(before: Grant, restriction: Restriction) -> Access {
        Access::Restricted(Restricted { before, restriction })
    }

    /// What the action makes of absent, granted and restricted.
    #[track_caller]
    fn check(action: Action, from_absent: Access, from_granted: Access, from_restricted: Access) {
        assert_eq!(apply(&Access::Absent, &action), from_absent, "{action:?} on absent");
        assert_eq!(apply(&Access::Granted(held()), &action), from_granted, "{action:?} on granted");
        assert_eq!(apply(&restricted(held(), old()), &action), from_restricted, "{action:?} on restricted");
    }

    #[test]
    fn an_invite_that_says_nothing_keeps_what_was_held() {
        check(
            Action::Invite(Grant::default()),
            Access::Granted(Grant::default()),
            Access::Granted(held()),
            Access::Granted(held()),
        );
    }

    #[test]
    fn an_invite_goes_over_what_was_held_field_by_field() {
        let grant = Grant { libraries: names(&["Shows"]), downloads: None, live_tv: Some(true) };
        let over = Grant { libraries: names(&["Shows"]), downloads: Some(true), live_tv: Some(true) };
        check(
            Action::Invite(grant.clone()),
            Access::Granted(grant),
            Access::Granted(over.clone()),
            Access::Granted(over),
        );
    }

    #[test]
    fn unrestrict_gives_back_what_was_there_before() {
        check(Action::Unrestrict, Access::Absent, Access::Granted(held()), Access::Granted(held()));
    }

    #[test]
    fn a_restriction_never_gives_access_and_replaces_an_earlier_one() {
        check(
            Action::RestrictTo(new()),
            Access::Absent,
            restricted(held(), new()),
            restricted(held(), new()),
        );
    }

    #[test]
    fn set_libraries_changes_the_libraries_and_nothing_else() {
        let with = Grant { libraries: names(&["Shows"]), ..held() };
        check(
            Action::SetLibraries(vec!["Shows".into()]),
            Access::Absent,
            Access::Granted(with.clone()),
            restricted(with, old()),
        );
    }

    #[test]
    fn remove_leaves_nothing() {
        check(Action::Remove, Access::Absent, Access::Absent, Access::Absent);
    }

    #[test]
    fn the_other_actions_leave_the_access_as_it_is() {
        for action in [
            Action::Tell(Message { text: "hello".into(), ..Message::default() }),
            Action::Quiet,
            Action::WakeAt(Wake { tag: "later".into(), ..Wake::default() }),
            Action::CancelWake("later".into()),
            Action::SetMemo("remember".into()),
            Action::Other(Extension { name: "unknown".into(), json: "{}".into() }),
        ] {
            check(action, Access::Absent, Access::Granted(held()), restricted(held(), old()));
        }
    }

    #[test]
    fn the_actions_of_a_decision_go_from_left_to_right() {
        let actions = [Action::Invite(held()), Action::RestrictTo(old())];
        assert_eq!(apply_all(&Access::Absent, &actions), restricted(held(), old()));
        let actions = [Action::RestrictTo(old()), Action::Invite(held())];
        assert_eq!(apply_all(&Access::Absent, &actions), Access::Granted(held()));
        assert_eq!(apply_all(&Access::Granted(held()), &[]), Access::Granted(held()));
    }
}

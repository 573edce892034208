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

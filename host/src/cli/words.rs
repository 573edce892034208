//! The contract's words as people read them.

use rolarr_policy::contract::{
    Access, AccountChange, Cause, Event, Filter, Grant, Origin, Progress, Review, Role,
};

use crate::policy::printable;

/// What happened, in a few words.
pub(super) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::RoleAdded(role) => format!("got the role `{}`", printable(&role.key)),
        Cause::RoleRemoved(role) => format!("lost the role `{}`", printable(&role.key)),
        Cause::MemberLeft => "left the Discord server".to_owned(),
        Cause::Wake(tag) => format!("the wake `{}` was due", printable(tag)),
        Cause::Account(change) => match change {
            AccountChange::Identified => "gave an e-mail address",
            AccountChange::AskExpired => "gave no e-mail address in time",
            AccountChange::Accepted => "accepted the invitation",
            AccountChange::Declined => "declined the invitation",
            AccountChange::LeftService => "has no share any more",
            AccountChange::RemovedByAdmin => "was removed by an administrator",
        }
        .to_owned(),
        Cause::Review(review) => match review {
            Review::PolicyChanged => "looked at again: another policy took over",
            Review::RolesChanged => "looked at again: other roles are tracked",
            Review::Retry => "looked at again: an earlier event stayed undecided",
            Review::Asked => "looked at again: an administrator asked",
        }
        .to_owned(),
        Cause::Other(other) => format!("`{}`", printable(&other.name)),
    }
}

/// How the host came to know.
pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Live => "as it happened",
        Origin::Sweep => "found by comparing the members: it happened earlier",
        Origin::Timer => "by the clock",
        Origin::Administrator => "an administrator's command",
    }
}

/// The case of an access.
pub(super) const fn case(access: &Access) -> &'static str {
    match access {
        Access::Absent => "absent",
        Access::Granted(_) => "granted",
        Access::Restricted(_) => "restricted",
    }
}

/// An access with what it allows.
pub(super) fn access(access: &Access) -> String {
    match access {
        Access::Absent => "absent".to_owned(),
        Access::Granted(grant) => format!("granted{}", of_grant(grant)),
        Access::Restricted(restricted) => {
            let r = &restricted.restriction;
            let media = [
                ("movies", &r.movies),
                ("television", &r.television),
                ("music", &r.music),
                ("photos", &r.photos),
            ];
            let closed: Vec<&str> = media
                .into_iter()
                .filter(|(_, filter)| matches!(filter, Filter::Only(_)))
                .map(|(name, _)| name)
                .collect();
            let closed = if closed.is_empty() { "nothing".to_owned() } else { closed.join(", ") };
            format!("restricted: filters on {closed}; granted before{}", of_grant(&restricted.before))
        }
    }
}

fn of_grant(grant: &Grant) -> String {
    let mut parts = Vec::new();
    if let Some(libraries) = &grant.libraries {
        parts.push(format!("libraries {}", printable(&libraries.join(", "))));
    }
    let switch = |name: &str, on: bool| format!("{}{name}", if on { "" } else { "no " });
    parts.extend(grant.downloads.map(|on| switch("downloads", on)));
    parts.extend(grant.live_tv.map(|on| switch("live television", on)));
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}

/// How far the host had got.
pub(super) fn progress(progress: Progress) -> &'static str {
    match progress {
        Progress::Settled => "Plex agrees",
        Progress::Working => "the bot is at it",
        Progress::Asking => "asked for the e-mail address",
        Progress::AskExpired => "asked for the e-mail address, no answer in time",
        Progress::Invited => "invited, not accepted yet",
        Progress::Declined => "the invitation was declined",
        Progress::Lost => "the share was ended by somebody else",
        Progress::Held => "held for an administrator",
        Progress::Parked => "Plex refuses",
    }
}

/// The keys of roles: `plus`, `gold`; or "none".
pub(super) fn keys(roles: &[Role]) -> String {
    let keys: Vec<String> = roles.iter().map(|role| format!("`{}`", printable(&role.key))).collect();
    if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
}

/// Who it is about: the id, and the name if there is one.
pub(super) fn member(event: &Event) -> String {
    let id = printable(&event.member.id.0);
    if event.member.username.is_empty() {
        id
    } else {
        format!("{id} ({})", printable(&event.member.username))
    }
}

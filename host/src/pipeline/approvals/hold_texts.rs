//! What administrators are told of changes on hold.

use crate::{
    domain::UserId,
    pipeline::{
        approvals::verdict::{Done, Verdict},
        seam::millis,
        settings::Brake,
    },
    store::{HoldReason, HoldRow},
};

/// So many members are named in one message.
pub(in crate::pipeline) const NAMED: usize = 40;

/// Those who are held, and why. Administrators decide on it.
pub(in crate::pipeline) fn held(concerned: &[(HoldRow, UserId)], brake: Brake) -> String {
    let count = concerned.len();
    let who = if count == 1 { "one member".to_owned() } else { format!("{count} members") };
    let mut reasons: Vec<String> = Vec::new();
    for (hold, _) in concerned {
        let reason = match (hold.reason, &hold.role) {
            (HoldReason::RoleDeleted, role) => {
                format!("the role `{}` was deleted on Discord", role.as_deref().unwrap_or("?"))
            }
            (HoldReason::TooMany, _) => {
                format!("more than {} members would lose something within {}", brake.members, span(brake))
            }
            (HoldReason::Drift, _) => format!(
                "Plex was changed by hand for more than {} members, and changing it back takes something from them",
                brake.members
            ),
            (HoldReason::GuildUnserved, _) => {
                "a Discord server was taken out of the configuration, and they would lose what it gave them"
                    .to_owned()
            }
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let users: Vec<UserId> = concerned.iter().map(|(_, user)| *user).collect();
    format!(
        "**I hold back the access of {who}**: {}. Nothing changes for them until an administrator decides: \
         `/rolarr approve` lets it happen, `/rolarr reject` leaves them what they have. Concerned: {}.",
        reasons.join("; "),
        names(&users)
    )
}

fn span(brake: Brake) -> String {
    let minutes = millis(brake.window).div_ceil(60_000);
    match (minutes / 60, minutes % 60) {
        (1, 0) => "an hour".to_owned(),
        (hours, 0) => format!("{hours} hours"),
        _ if minutes == 1 => "a minute".to_owned(),
        _ => format!("{minutes} minutes"),
    }
}

fn names(users: &[UserId]) -> String {
    let mut names: Vec<String> = users.iter().take(NAMED).map(|user| format!("<@{user}>")).collect();
    if users.len() > NAMED {
        names.push(format!("and {} more (`rolarr holds list` has all)", users.len() - NAMED));
    }
    names.join(", ")
}

/// What an administrator decided on those who were held.
pub(in crate::pipeline) fn decided_on_holds(
    verdict: Verdict,
    by: Option<UserId>,
    users: &[UserId],
) -> String {
    let by = by.map_or_else(|| "On the command line".to_owned(), |by| format!("<@{by}>"));
    let what = match verdict {
        Verdict::Approve => "approved: their access shrinks now",
        Verdict::Reject => "rejected: they keep the access that they have",
    };
    format!("{by} {what}. Concerned: {}.", names(users))
}

/// The answer to `/rolarr approve` and `/rolarr reject`, and to the orders that say the same.
pub(in crate::pipeline) fn holds_decided(verdict: Verdict, done: &Done) -> String {
    let mut said = holds_said(verdict, done);
    if !done.listed.is_empty() {
        let again = match verdict {
            Verdict::Approve => "`/rolarr approve`",
            Verdict::Reject => "`/rolarr reject`",
        };
        said = format!(
            "{said} Held, and not shown to an administrator before: {}. Say {again} again to decide on them.",
            names(&done.listed)
        );
        said = said.trim_start().to_owned();
    }
    let unread = match done.unread.len() {
        0 => return said,
        1 => "What is stored of one member who is held can't be read: they stay held.".to_owned(),
        count => format!("What is stored of {count} members who are held can't be read: they stay held."),
    };
    if done.members.is_empty() && done.waiting == 0 { unread } else { format!("{said} {unread}") }
}

fn holds_said(verdict: Verdict, done: &Done) -> String {
    let decided = match (verdict, done.members.len()) {
        (_, 0) if done.waiting == 0 && !done.listed.is_empty() => return "Nothing is decided.".to_owned(),
        (_, 0) if done.waiting == 0 => return "Nobody is held.".to_owned(),
        (_, 0) => String::new(),
        (Verdict::Approve, 1) => "Approved: the access of 1 member shrinks now.".to_owned(),
        (Verdict::Approve, count) => format!("Approved: the access of {count} members shrinks now."),
        (Verdict::Reject, 1) => "Rejected: 1 member keeps the access that they have.".to_owned(),
        (Verdict::Reject, count) => format!("Rejected: {count} members keep the access that they have."),
    };
    let more = if decided.is_empty() { "" } else { " more" };
    let waiting = match done.waiting {
        0 => return decided,
        1 => format!("1{more} is held since the last message and waits: you are told of them soon."),
        count => {
            format!("{count}{more} are held since the last message and wait: you are told of them soon.")
        }
    };
    if decided.is_empty() { format!("Nothing is decided: {waiting}") } else { format!("{decided} {waiting}") }
}

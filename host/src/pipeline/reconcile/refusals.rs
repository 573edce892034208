//! What follows when Plex refuses a request: it is tried again some times over hours, and then the account is parked.

use std::time::Duration;

use crate::{
    domain::{
        AuditKind,
        account::{ParkReason, Parked},
        contract::Access,
    },
    pipeline::{
        context::Context,
        reconcile::job::{Job, end},
        seam::millis,
        texts,
    },
    plex::PlexError,
    store::StoreError,
};

/// Plex refuses what was asked. Some refusals pass by themselves, so it is tried again some times over hours. One
/// that lasts is told at the second try, and at the last one the account is parked.
pub(super) async fn refused(
    job: Job<'_>,
    core: &Context,
    event: &str,
    error: &PlexError,
) -> Result<(), StoreError> {
    let refusals = job.account.refusals as usize;
    let settings = core.settings();
    let again = &settings.timings.refused_again;
    let Some(pause) = again.get(refusals) else { return park(job, core, event, error).await };
    let (now, due) = (core.seam.now(), core.after(*pause));
    let again_in = span(*pause);
    tracing::warn!(event, refusals, %error, again_in, "Plex refuses; trying again");
    let text = format!(
        "{error}. Some refusals pass by themselves: I try {left} more {times}, next in {again_in}.",
        left = again.len() - refusals,
        times = if again.len() - refusals == 1 { "time" } else { "times" },
    );
    end(job, move |tx, account| {
        account.refuse(due);
        if refusals == 1 {
            tx.audit(
                now,
                account.decided_by,
                account.user,
                AuditKind::Delayed,
                &texts::about(account.user, &text),
            )?;
        }
        Ok(())
    })
    .await
}

/// A refusal that repeating can't mend: the account waits for an administrator or a new decision, or for a token
/// that is valid, which concerns everybody and is told for everybody.
pub(super) async fn park(
    job: Job<'_>,
    core: &Context,
    event: &str,
    error: &PlexError,
) -> Result<(), StoreError> {
    let words = error.to_string();
    tracing::error!(event, %error, "parked");
    let is_token = matches!(error, PlexError::Unauthorized);
    if is_token {
        core.token_refused();
    }
    let (now, access) = (core.seam.now(), job.access.clone());
    end(job, move |tx, account| {
        let text = texts::about(account.user, &next_step(&words, account.user.is_some(), &access));
        let why = if is_token { ParkReason::Token } else { ParkReason::Refused };
        account.park(Parked { why, words });
        if is_token {
            Ok(())
        } else {
            tx.audit(now, account.decided_by, account.user, AuditKind::Parked, &text)
        }
    })
    .await?;
    if is_token {
        // It may have been found to work again before this account was parked: then it is asked for anew.
        core.token_refused();
    }
    Ok(())
}

/// What administrators are told of a refusal that lasts, and what they can do.
fn next_step(words: &str, is_member: bool, access: &Access) -> String {
    let again = match (access, is_member) {
        (Access::Granted(_), true) => {
            "use `/plex invite` with their address and the member, or take the role away and give it again"
        }
        (Access::Granted(_), false) => "use `/plex invite` with the address again",
        (Access::Restricted(_), true) => {
            "give the member the role and take it away again, or use `/plex remove` with their address"
        }
        (Access::Restricted(_), false) | (Access::Absent, _) => "use `/plex remove` with the address",
    };
    format!("{words}. I gave up on it for now. Mend what Plex complains of; then {again}.")
}

/// A length of time in words.
fn span(time: Duration) -> String {
    let minutes = millis(time).div_ceil(60_000);
    match (minutes / 60, minutes % 60) {
        (0, 1) => "a minute".to_owned(),
        (0, _) => format!("{minutes} minutes"),
        (1, 0) => "an hour".to_owned(),
        (hours, 0) => format!("{hours} hours"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

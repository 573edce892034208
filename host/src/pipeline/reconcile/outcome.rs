//! What work on an account came to: stored, told, and tried again where that helps.

use crate::{
    domain::{
        AuditKind, EventId, Timestamp,
        account::{Account, Held, HeldReason, Message, Messages},
        contract::Access,
    },
    pipeline::{
        context::Context,
        reconcile::{
            job::{Job, Next, Trouble, end},
            refusals,
        },
        texts,
    },
    plex::PlexError,
    store::{StoreError, Tx, Work},
};

/// After so many failures in a row that are not Plex being away, an administrator is told.
const PATIENCE: u32 = 6;

/// Stores how work on an account ended.
pub(super) async fn store(job: Job<'_>, result: Result<Next, Trouble>) -> Result<(), StoreError> {
    let core = job.core;
    let event = job.account.decided_by.map(EventId::padded).unwrap_or_default();
    let attempts = job.account.attempts;
    match result {
        Ok(Some(due)) if job.is_unclear => {
            tracing::debug!(event, "Plex does not show yet whether it agrees");
            end(job, move |_, account| {
                account.look_at(due);
                Ok(())
            })
            .await
        }
        Ok(due) => {
            let (access, hidden) = (job.access.clone(), job.hidden);
            let (now, server) = (core.seam.now(), core.settings().server.name.clone());
            end(job, move |tx, account| {
                if account.agree(due) && tx.drop_drift_of(account.id)? {
                    let text = texts::about(account.user, texts::SET_AGAIN);
                    tx.audit(now, account.decided_by, account.user, AuditKind::Drift, &text)?;
                }
                // Nothing is told that isn't so: they still see nothing.
                let deceives = hidden && matches!(access, Access::Granted(_));
                if deceives { Ok(()) } else { tell(tx, account, &access, now, &server) }
            })
            .await?;
            match due {
                None => tracing::info!(event, "Plex agrees"),
                // An invitation that is out is looked at every minute, for weeks.
                Some(_) => tracing::debug!(event, "Plex agrees so far"),
            }
            Ok(())
        }
        Err(Trouble::Overtaken) => {
            core.signals.reconcile.notify_one();
            Ok(())
        }
        Err(Trouble::Store(error)) => Err(error),
        Err(Trouble::Hold(held)) => {
            tracing::warn!(event, reason = held.why.word(), why = held.words, "held for an administrator");
            hold(job, held, None).await
        }
        Err(Trouble::NoLibrary(words)) => {
            tracing::warn!(event, why = words, "a library is missing; looking again later");
            let due = core.after(core.settings().timings.retry_longest);
            hold(job, Held { why: HeldReason::NoLibrary, words }, Some(due)).await
        }
        Err(Trouble::Plex(error @ PlexError::Unauthorized)) => {
            refusals::park(job, core, &event, &error).await
        }
        Err(Trouble::Plex(error @ PlexError::Refused { .. })) => {
            refusals::refused(job, core, &event, &error).await
        }
        Err(Trouble::Missing(what)) => {
            // It is no failure of this account's, so it is not counted among them.
            let due = core.retry_at(attempts.max(PATIENCE), None);
            // That the list is missing is told by itself, once.
            tracing::info!(
                event,
                attempts,
                what,
                "what is to be done needs a list of plex.tv's; trying again"
            );
            end(job, move |_, account| {
                account.look_at(due);
                Ok(())
            })
            .await
        }
        Err(Trouble::Plex(error)) => fails(job, core, &event, &error).await,
    }
}

/// The account waits for an administrator, or until it is looked at again. That is told once.
async fn hold(job: Job<'_>, held: Held, due: Option<Timestamp>) -> Result<(), StoreError> {
    let now = job.core.seam.now();
    end(job, move |tx, account| {
        let text = texts::about(account.user, &held.words);
        if account.hold(held, due) {
            tx.audit(now, account.decided_by, account.user, AuditKind::Held, &text)
        } else {
            Ok(())
        }
    })
    .await
}

/// Plex did not do what was asked, and may do it later.
async fn fails(job: Job<'_>, core: &Context, event: &str, error: &PlexError) -> Result<(), StoreError> {
    let attempts = job.account.attempts;
    let at_least = match error {
        PlexError::RateLimited { retry_after } => *retry_after,
        _ => None,
    };
    let due = core.retry_at(attempts, at_least);
    tracing::warn!(event, attempts, %error, "Plex does not agree yet; trying again");
    // A limit is nobody's to mend; anything else that lasts may be.
    let tells = attempts == PATIENCE && !matches!(error, PlexError::RateLimited { .. }) && core.looks.tells();
    let told = tells.then(|| {
        let what = format!("Plex does not agree after {PATIENCE} tries ({error}). I keep trying.");
        if core.looks.fail() {
            format!("{what} Everybody's changes wait for that.")
        } else {
            texts::about(job.account.user, &what)
        }
    });
    later(job, due, told).await
}

/// The work is done again then.
async fn later(job: Job<'_>, due: Timestamp, told: Option<String>) -> Result<(), StoreError> {
    let now = job.core.seam.now();
    end(job, move |tx, account| {
        account.retry(due);
        let Some(text) = told else { return Ok(()) };
        tx.audit(now, account.decided_by, account.user, AuditKind::Delayed, &text)
    })
    .await
}

/// Tells the member what changed since they were last told.
fn tell(
    tx: &Tx<'_>,
    account: &mut Account,
    access: &Access,
    now: Timestamp,
    server: &str,
) -> Result<(), StoreError> {
    let Messages { own, policys } = account.tell(access);
    if let Some(own) = own {
        let text = match own {
            Message::Restored => texts::restored(server),
            Message::InvitedAgain => texts::invited_again(server),
            Message::Restricted => texts::restricted(server),
            Message::Withdrawn => texts::withdrawn(server),
        }
        .text;
        tx.add_task(account.decided_by, account.user, &Work::Tell { text }, now)?;
    }
    if let Some((event, text)) = policys {
        tx.add_task(Some(event), account.user, &Work::Tell { text }, now)?;
    }
    Ok(())
}

//! What a decision changes at once: the member's access, and with it what should be true at Plex, which
//! question is open and which messages go out. All of it is one transaction.

use crate::{
    domain::{
        AuditKind, Timestamp,
        contract::{Access, Action, Wake},
    },
    pipeline::{
        approvals::{limit, settling},
        decisions::pace,
        desired::{
            member_state::{Carried, Followed, LEAST_WAKE},
            state::{Change, Outcome, grant_of, tell_now},
        },
        settings::Settings,
        texts,
    },
    store::{DecisionRow, EventRow, EventState, GrantRow, StoreError, Tx, WakeRow},
};

/// Stores a decision and what follows from it. True if an e-mail address was forgotten.
pub(in crate::pipeline) fn carry_out(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    event: &EventRow,
    decision: &DecisionRow,
) -> Result<bool, StoreError> {
    let (guild, user) = (event.event.guild, event.event.user);
    tx.put_decision(decision)?;
    tx.close_event(event.id, EventState::Decided, None)?;
    let before = tx.grants(user)?;
    let old = grant_of(tx, guild, user)?;
    let wakes = tx.wakes(guild, user)?;
    let mut carried = Carried {
        access: old.access,
        since: old.since,
        memo: old.memo,
        wakes: wakes.into_iter().map(|wake| Wake { tag: wake.tag, due: wake.due }).collect(),
    };
    let stood: Vec<String> = carried.wakes.iter().map(|wake| wake.tag.clone()).collect();
    let Followed { opens, moved, quiet, told_now, tell, asked, deferred } =
        carried.follow(&decision.actions, now);
    for tag in stood.iter().filter(|tag| carried.wakes.iter().all(|wake| wake.tag != **tag)) {
        tx.drop_wake(guild, user, tag)?;
    }
    forget_wakes_that_came(tx, event, decision)?;
    // A policy of another name may have taken over since this one was asked: it does not know these wakes.
    let decides = asked.is_empty() || tx.name_in_force()?.is_none_or(|name| name == decision.policy);
    for wake in carried.wakes.into_iter().filter(|wake| decides && asked.contains(&wake.tag)) {
        let policy = decision.policy.clone();
        pace::put_wake(tx, now, &WakeRow { guild, user, tag: wake.tag, due: wake.due, policy })?;
    }
    if !deferred.is_empty() {
        let text = format!(
            "<@{user}>: `wake-at` asked for less than {} seconds from now ({}): it comes after that time.",
            LEAST_WAKE / 1_000,
            deferred.join(", ")
        );
        tracing::warn!(event = event.id.padded(), "the policy asked to be woken too soon: it is woken later");
        tx.remark(now, Some(event.id), Some(user), AuditKind::Policy, &text)?;
    }
    let told_now = pace::messages(tx, settings, now, (guild, user), told_now)?;
    let tell = pace::messages(tx, settings, now, (guild, user), tell.into_iter().collect())?.pop();
    let grant = GrantRow { guild, access: carried.access, since: carried.since, memo: carried.memo };
    tx.put_grant(user, &grant)?;
    let waits = settling::waits(&event.event);
    let change = Change { opens, quiet, tell, told_now, waits, ..Change::of(event.id, guild, user) };
    let outcome = if moved || change.tell.is_some() {
        advance(tx, settings, now, &before, &change)?
    } else {
        tell_now(tx, now, &change)?;
        if let Some(account) = tx.account_of(user)?
            && let Some(hold) = tx.hold(account.id)?
        {
            limit::release(tx, settings, now, &hold)?;
        }
        Outcome::Free
    };
    if !decision.actions.is_empty() {
        let text = texts::decided(user, decision);
        match outcome {
            // One message names everybody who is held.
            Outcome::Held => tx.remark(now, Some(event.id), Some(user), AuditKind::Decision, &text)?,
            Outcome::Settles => settling::report(tx, user, event.id, text)?,
            // Nothing changed for them: it stands in the journal.
            Outcome::Unchanged => {}
            Outcome::Free | Outcome::Forgot => {
                tx.audit(now, Some(event.id), Some(user), AuditKind::Decision, &text)?;
            }
        }
    }
    Ok(outcome == Outcome::Forgot)
}

/// Wakes that have come and were not decided yet go the way of those that are still to come: one that is cancelled or
/// asked for again is not wanted, and a removal ends them all.
fn forget_wakes_that_came(tx: &Tx<'_>, event: &EventRow, decision: &DecisionRow) -> Result<(), StoreError> {
    let (guild, user) = (event.event.guild, event.event.user);
    for action in &decision.actions {
        let tag = match action {
            Action::WakeAt(wake) => Some(wake.tag.as_str()),
            Action::CancelWake(tag) => Some(tag.as_str()),
            Action::Remove => None,
            _ => continue,
        };
        tx.skip_waiting_wakes_of(guild, user, tag, event.id)?;
        match tag {
            Some(tag) => tx.drop_shelved_wake(guild, user, tag, &decision.policy)?,
            None => tx.drop_shelved_wakes(guild, user)?,
        }
    }
    Ok(())
}

/// Takes note of what should be true now, and lets the other workers know by what it writes; unless the
/// brake holds it. `before` is what the guilds had decided before.
pub(in crate::pipeline) fn advance(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    before: &[GrantRow],
    change: &Change,
) -> Result<Outcome, StoreError> {
    let mut account = match tx.account_of(change.user)? {
        Some(account) => account,
        None => {
            let grants = tx.grants(change.user)?;
            if grants.iter().all(|grant| grant.access == Access::Absent) {
                tell_now(tx, now, change)?;
                return Ok(Outcome::Free);
            }
            tx.new_account(Some(change.user))?
        }
    };
    account.decide(change.event, change.quiet, change.tell.clone());
    settling::go_on(tx, settings, now, account, before, change)
}

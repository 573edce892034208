//! The settling time: what a decision takes away is decided at once, and carried out a little later, so that a role
//! that flickers costs nothing.
//!
//! The decision stands in the journal, the member's access advances, and wakes and memo follow it. Only the host's
//! effects wait: at Plex, on the question for the address, and in messages. What gives goes its way at once, and so
//! does what follows from leaving, from a wake, or from an administrator.

use tokio::sync::Notify;

use crate::{
    domain::{
        AccountId, AuditKind, EventId, GuildId, Timestamp, UserId,
        contract::{Cause, Origin},
    },
    pipeline::{
        approvals::limit::{self, Judged},
        context::Context,
        desired::state::{self, Change, Outcome},
        memory::quarantine::Whose,
        protection::current::Protection,
        runtime::worker::Worker,
        seam::millis,
        settings::Settings,
    },
    store::{Account, GrantRow, NewEvent, SettlingRow, StoreError, Tx},
};

/// So many accounts are gone on with in one step.
const ABREAST: u32 = 50;

/// How long after the wait an account that it still shows for is looked at again, in milliseconds.
const ROUND: u64 = 1_000;

/// However often something more is taken away meanwhile, it waits so many settling times at most.
const MOST: u32 = 6;

/// Whether what a decision on this event takes away waits.
pub(in crate::pipeline) fn waits(event: &NewEvent) -> bool {
    let at_once = matches!(event.cause, Cause::MemberLeft | Cause::Wake(_));
    !at_once && event.origin != Origin::Administrator
}

/// Goes on with a change of what should be true: now, after the settling time, or when an administrator says so.
/// `was` is what the guilds had decided before it.
pub(in crate::pipeline) fn go_on(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    mut account: Account,
    was: &[GrantRow],
    change: &Change,
) -> Result<Outcome, StoreError> {
    let waiting = tx.settling(account.id)?;
    let stood = limit::stood(settings, waiting.as_ref(), was);
    let is = state::desired(tx, settings, &account)?;
    let takes = limit::takes(settings, &stood, &is);
    match limit::judge(tx, settings, now, &account, waiting.as_ref(), was, change)? {
        Judged::Held => {
            if let Some(waiting) = waiting {
                hand_over(tx, now, waiting, account.id)?;
            }
            account.rest();
            tx.put_account(&account)?;
            return Ok(Outcome::Held);
        }
        Judged::Lifts(hold) => {
            let returned = !hold.announced && is == limit::together(settings, &hold.before);
            if hold.changed.plus_millis(millis(settings.timings.settle)) > now {
                tx.discount_shrink(change.user, hold.since)?;
            }
            return done(tx, settings, now, account, change, returned);
        }
        Judged::Free => {}
    }
    let settle = settings.timings.settle;
    match waiting {
        Some(waiting) if !takes => {
            tracing::info!(event = change.event.padded(), "what was about to be taken away is there again");
            tx.drop_settling(account.id)?;
            tx.discount_shrink(change.user, waiting.since)?;
            let returned = is == limit::together(settings, &waiting.before);
            done(tx, settings, now, account, change, returned)
        }
        Some(waiting) if change.waits => {
            let mut waiting = waiting;
            let latest = waiting.since.plus_millis(millis(settle.saturating_mul(MOST)));
            if limit::takes(settings, &limit::served(settings, was), &is) {
                waiting.due = waiting.due.max(now.plus_millis(millis(settle)).min(latest));
            }
            waiting.event = change.event;
            waiting.tell.extend(change.told_now.iter().cloned());
            put(tx, account, &waiting)?;
            Ok(Outcome::Settles)
        }
        Some(waiting) => {
            // This can't wait, and what waits goes with it.
            tx.drop_settling(account.id)?;
            report_all(tx, now, change.user, &waiting)?;
            let earlier =
                Change { told_now: waiting.tell, ..Change::of(waiting.event, change.guild, change.user) };
            let outcome = done(tx, settings, now, account, change, false)?;
            state::tell_now(tx, now, &earlier)?;
            Ok(outcome)
        }
        None if takes && change.waits && !settle.is_zero() => {
            let waiting = SettlingRow {
                account: account.id,
                event: change.event,
                since: now,
                due: now.plus_millis(millis(settle)),
                before: stood,
                tell: change.told_now.clone(),
                reports: Vec::new(),
            };
            put(tx, account, &waiting)?;
            Ok(Outcome::Settles)
        }
        None => done(tx, settings, now, account, change, false),
    }
}

/// Stores what waits. The account is looked at when it does no longer.
fn put(tx: &Tx<'_>, mut account: Account, waiting: &SettlingRow) -> Result<(), StoreError> {
    account.look_at(waiting.due);
    tx.put_account(&account)?;
    tx.put_settling(waiting)
}

/// A change is carried out now. Where it only brings back what stood before, there is nothing to say of it.
fn done(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    mut account: Account,
    change: &Change,
    returned: bool,
) -> Result<Outcome, StoreError> {
    if returned {
        account.return_unchanged();
    }
    let forgot = limit::lift(tx, settings, now, account, change)?;
    if returned {
        return Ok(Outcome::Unchanged);
    }
    state::tell_now(tx, now, change)?;
    Ok(if forgot { Outcome::Forgot } else { Outcome::Free })
}

/// What administrators are told of a decision waits with its effects.
pub(in crate::pipeline) fn report(
    tx: &Tx<'_>,
    user: UserId,
    event: EventId,
    text: String,
) -> Result<(), StoreError> {
    let Some(account) = tx.account_of(user)? else { return Ok(()) };
    let Some(mut waiting) = tx.settling(account.id)? else { return Ok(()) };
    waiting.reports.push((event, text));
    tx.put_settling(&waiting)
}

fn report_all(tx: &Tx<'_>, now: Timestamp, user: UserId, waiting: &SettlingRow) -> Result<(), StoreError> {
    for (event, text) in &waiting.reports {
        tx.audit(now, Some(*event), Some(user), AuditKind::Decision, text)?;
    }
    Ok(())
}

/// What waited is held now, with its messages.
fn hand_over(
    tx: &Tx<'_>,
    now: Timestamp,
    waiting: SettlingRow,
    account: AccountId,
) -> Result<(), StoreError> {
    tx.drop_settling(account)?;
    let Some(mut hold) = tx.hold(account)? else { return Ok(()) };
    let later = std::mem::replace(&mut hold.tell, waiting.tell);
    hold.tell.extend(later);
    hold.before = waiting.before;
    tx.put_hold(&hold)?;
    let user = tx.user_of(account)?;
    for (event, text) in waiting.reports {
        tx.remark(now, Some(event), user, AuditKind::Decision, &text)?;
    }
    Ok(())
}

/// An account is due while what was decided for it waits: it is looked at once that is over.
pub(in crate::pipeline) async fn wait(
    core: &Context,
    id: AccountId,
    until: Timestamp,
) -> Result<(), StoreError> {
    // Not before another round: the wait is ended elsewhere, perhaps at this moment.
    let until = until.max(core.seam.now()).plus_millis(ROUND);
    core.store
        .write(move |tx| if tx.settles_at(id)?.is_some() { tx.postpone(id, until) } else { Ok(()) })
        .await
}

/// Carries out what has waited for the settling time.
pub(in crate::pipeline) struct Settling;

impl Worker for Settling {
    const NAME: &'static str = "settling";

    fn signal(context: &Context) -> &Notify {
        &context.signals.settling
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        loop {
            let now = core.seam.now();
            let over = core.store.read(move |tx| tx.settled_by(now, ABREAST)).await?;
            if over.is_empty() {
                return core.store.read(|tx| tx.next_settled()).await;
            }
            let mut forgot = false;
            for account in over {
                let (settings, protection) = (core.settings(), Protection::of(core));
                let ended = core
                    .store
                    .write(move |tx| tx.apart(|tx| end(tx, &settings, &protection, now, account)))
                    .await?;
                match ended {
                    Ok(one) => forgot |= one,
                    Err(error) => core.put_aside(Whose::Settling(account), &error).await?,
                }
            }
            if forgot {
                core.scrub().await?;
            }
        }
    }
}

/// The wait of one account is over. True if an e-mail address was forgotten.
fn end(
    tx: &Tx<'_>,
    settings: &Settings,
    protection: &Protection,
    now: Timestamp,
    id: AccountId,
) -> Result<bool, StoreError> {
    let Some(waiting) = tx.settling(id)?.filter(|waiting| waiting.due <= now) else { return Ok(false) };
    let Some(mut account) = tx.account(id)? else { return Ok(false) };
    if tx.hold(id)?.is_some() {
        hand_over(tx, now, waiting, id)?;
        account.rest();
        tx.put_account(&account)?;
        return Ok(false);
    }
    tx.drop_settling(id)?;
    account.next_generation();
    let Some(user) = account.user else { return Ok(false) };
    let guild = tx.event(waiting.event)?.map_or(GuildId(0), |row| row.event.guild);
    let change = Change { told_now: waiting.tell.clone(), ..Change::of(waiting.event, guild, user) };
    let untouched = protection.why_of(user, &tx.memberships(user)?).is_some();
    let forgot = limit::lift(tx, settings, now, account, &change)?;
    // Whoever is protected by now is not touched, and so not told either.
    if !untouched {
        report_all(tx, now, user, &waiting)?;
        state::tell_now(tx, now, &change)?;
    }
    Ok(forgot)
}

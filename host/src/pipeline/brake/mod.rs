//! The brake: when the access of many members would shrink at once, or the role that gave it was deleted,
//! it does not until an administrator says so.
//!
//! What was decided stands, and only its way to Plex waits. So a hold ends by itself when the decisions no
//! longer take anything away, and never turns into action by itself.

mod start;
mod verdict;

use std::{collections::BTreeMap, time::Duration};

pub(super) use start::begin;
pub(super) use verdict::{Done, Verdict, Whom, announce};

use super::{
    access::most_generous,
    effects::{self, Change},
    seam::millis,
    settings::Settings,
    shrink::shrinks,
};
use crate::{
    domain::{
        EventId, GuildId, RoleId, Timestamp, UserId,
        contract::{Access, Cause, Grant},
    },
    store::{Account, GrantRow, HoldReason, HoldRow, Stage, StoreError, Told, Tx},
};

/// How long the message about those who are held waits for more of them.
const GATHER: Duration = Duration::from_secs(10);

/// How long at most.
const GATHER_LONGEST: Duration = Duration::from_secs(120);

/// Judges a change of what was decided for a member: true if it is held. `before` is what the guilds had
/// decided before it.
pub(super) fn holds(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    account: &Account,
    before: &[GrantRow],
    change: &Change,
) -> Result<bool, StoreError> {
    let is = effects::desired(tx, settings, account)?;
    if let Some(mut hold) = tx.hold(account.id)? {
        if takes(settings, &hold.before, &is) {
            tx.count_shrink(change.user, now)?;
            hold.tell.extend(change.told_now.iter().cloned());
            tx.put_hold(&hold)?;
            return Ok(true);
        }
        tx.drop_hold(account.id)?;
        tracing::info!(event = change.event.padded(), "nothing would shrink any more: the hold is lifted");
        return Ok(false);
    }
    let before = served(settings, before);
    if !has_something(account) || !takes(settings, &before, &is) {
        return Ok(false);
    }
    tx.count_shrink(change.user, now)?;
    let (reason, role) = match lost_with_a_role(tx, change.user)? {
        Some(role) => (HoldReason::RoleDeleted, Some(role)),
        None if too_many(tx, settings, now)? => (HoldReason::TooMany, None),
        None => return Ok(false),
    };
    tracing::warn!(event = change.event.padded(), reason = reason.word(), "held for an administrator");
    let hold = HoldRow {
        role,
        tell: change.told_now.clone(),
        ..fresh(account, Some(change.event), reason, before, now)
    };
    put(tx, now, &hold)?;
    Ok(true)
}

/// Judges that what somebody changed at Plex is changed back and a member has less by that: true if it is held.
pub(super) fn holds_correction(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    account: &Account,
) -> Result<bool, StoreError> {
    // What an administrator gave an address by itself names nothing that setting it again could take away.
    let Some(user) = account.user else { return Ok(false) };
    tx.count_shrink(user, now)?;
    if !too_many(tx, settings, now)? {
        return Ok(false);
    }
    let before = served(settings, &tx.grants(user)?);
    put(tx, now, &fresh(account, account.decided_by, HoldReason::Drift, before, now))?;
    Ok(true)
}

/// Judges what waits for a member whose protection ends: what was decided before it began and was not carried
/// out goes its way, unless the brake holds it. `event` is what ended it, and the guild where it did. `deleted` is the role that protected them, if it was deleted:
/// then whatever is decided now is held as well.
pub(super) fn unprotected(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    user: UserId,
    event: (Option<EventId>, GuildId),
    deleted: Option<String>,
) -> Result<(), StoreError> {
    let Some(account) = tx.account_of(user)? else { return Ok(()) };
    if tx.hold(account.id)?.is_some() {
        return Ok(());
    }
    let stands = stands(&account, served(settings, &tx.grants(user)?), event.1);
    let is = effects::desired(tx, settings, &account)?;
    let shrinks = has_something(&account) && takes(settings, &stands, &is);
    if shrinks {
        tx.count_shrink(user, now)?;
    }
    let reason = match &deleted {
        Some(_) if has_something(&account) => HoldReason::RoleDeleted,
        None if shrinks && too_many(tx, settings, now)? => HoldReason::TooMany,
        // What happened meanwhile is decided first: it may say otherwise.
        _ => return tx.make_due(user, now.plus_millis(millis(GATHER))),
    };
    let hold = HoldRow { role: deleted, ..fresh(&account, event.0, reason, stands, now) };
    put(tx, now, &hold)?;
    tx.put_account(&Account { due: None, ..account })
}

/// What stands at Plex where what was decided is not carried out yet.
fn stands(account: &Account, decided: Vec<(GuildId, Access)>, guild: GuildId) -> Vec<(GuildId, Access)> {
    let mut stands = decided;
    if account.told != Told::Restricted {
        for (_, access) in &mut stands {
            if let Access::Restricted(restricted) = access {
                *access = Access::Granted(restricted.before.clone());
            }
        }
    }
    if stands.iter().all(|(_, access)| *access == Access::Absent) {
        stands.retain(|(of, _)| *of != guild);
        stands.push((guild, Access::Granted(Grant::default())));
    }
    stands
}

/// Lifts a hold that has become idle: what is decided takes nothing away any more, or there is nothing to be
/// taken.
pub(super) fn release(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    hold: &HoldRow,
) -> Result<(), StoreError> {
    let Some(account) = tx.account(hold.account)? else { return Ok(()) };
    let is = effects::desired(tx, settings, &account)?;
    let applies = match hold.reason {
        // A comparison with Plex tells whether there is still anything to correct.
        HoldReason::Drift => true,
        _ => has_something(&account) && takes(settings, &hold.before, &is),
    };
    if applies {
        return Ok(());
    }
    tracing::info!(account = %account.id, "nothing would shrink any more: the hold is lifted");
    tx.drop_hold(account.id)?;
    tx.put_account(&Account { due: Some(now), wish: account.wish + 1, ..account })
}

/// A hold of which nobody was told yet.
fn fresh(
    account: &Account,
    event: Option<EventId>,
    reason: HoldReason,
    before: Vec<(GuildId, Access)>,
    now: Timestamp,
) -> HoldRow {
    HoldRow {
        account: account.id,
        event,
        reason,
        role: None,
        since: now,
        before,
        tell: Vec::new(),
        announced: false,
        shown: false,
        ordered: None,
    }
}

/// Stores a hold, and has administrators told of it together with those that come at the same time.
fn put(tx: &Tx<'_>, now: Timestamp, hold: &HoldRow) -> Result<(), StoreError> {
    tx.put_hold(hold)?;
    let first = tx.first_unannounced_hold()?.unwrap_or(now);
    let due = now.plus_millis(millis(GATHER)).min(first.plus_millis(millis(GATHER_LONGEST)));
    tx.announce_at(due.max(now))
}

/// Whether there is anything at Plex that could be taken away.
fn has_something(account: &Account) -> bool {
    match account.stage {
        // What is being taken away may be there still.
        Stage::Inviting | Stage::Invited | Stage::Joined | Stage::Leaving => true,
        Stage::None | Stage::Declined | Stage::Lost => false,
    }
}

fn too_many(tx: &Tx<'_>, settings: &Settings, now: Timestamp) -> Result<bool, StoreError> {
    Ok(shrunk(tx, settings, now)? > u64::from(settings.brake.members))
}

/// Whose access shrank within the window, or was to.
fn shrunk(tx: &Tx<'_>, settings: &Settings, now: Timestamp) -> Result<u64, StoreError> {
    tx.shrunk_since(Timestamp(now.0.saturating_sub(millis(settings.brake.window))))
}

/// How many members' access may still shrink now before the rest is held.
pub(super) fn still_free(tx: &Tx<'_>, settings: &Settings, now: Timestamp) -> Result<u64, StoreError> {
    Ok(u64::from(settings.brake.members).saturating_sub(shrunk(tx, settings, now)?))
}

/// A deleted role with which the member lost the last that they had in some guild; none if they got a tracked
/// role there since, or an administrator decided on it.
fn lost_with_a_role(tx: &Tx<'_>, user: UserId) -> Result<Option<String>, StoreError> {
    let deleted = tx.every_deleted_role()?;
    if deleted.is_empty() {
        return Ok(None);
    }
    let settled = tx.settled(user)?;
    let mut lost: BTreeMap<GuildId, String> = BTreeMap::new();
    for row in tx.story(user)?.into_iter().filter(|row| row.id > settled) {
        let guild = row.event.guild;
        match &row.event.cause {
            Cause::RoleAdded(_) => {
                lost.remove(&guild);
            }
            Cause::RoleRemoved(role) => {
                let is = |(of, id, _): &&(GuildId, RoleId, String)| *of == guild && role.id == (*id).into();
                if let Some((.., key)) = deleted.iter().find(is) {
                    lost.insert(guild, key.clone());
                }
            }
            _ => {}
        }
    }
    Ok(lost.into_values().next())
}

/// What the guilds that are served had decided.
fn served(settings: &Settings, decided: &[GrantRow]) -> Vec<(GuildId, Access)> {
    let served = decided.iter().filter(|grant| settings.guild(grant.guild).is_some());
    served.map(|grant| (grant.guild, grant.access.clone())).collect()
}

/// Whether a member has less by what `is` than by what the guilds had decided.
fn takes(settings: &Settings, before: &[(GuildId, Access)], is: &Access) -> bool {
    shrinks(&together(settings, before), is, &settings.library_names())
}

fn together(settings: &Settings, decided: &[(GuildId, Access)]) -> Access {
    most_generous(decided.iter().map(|(_, access)| access), &settings.shared_names())
}

//! The brake: when the access of many members would shrink at once, or the role that gave it was deleted,
//! it does not until an administrator says so.
//!
//! What was decided stands, and only its way to Plex waits. So a hold ends by itself when the decisions no
//! longer take anything away, and never turns into action by itself.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    domain::{
        AccountId, EventId, GuildId, Timestamp, UserId,
        contract::{Access, Cause, Grant},
    },
    pipeline::{
        desired::{
            merge::most_generous,
            reduction::shrinks,
            state::{self, Change},
        },
        seam::millis,
        settings::Settings,
    },
    store::{Account, DeletedRole, GrantRow, HoldReason, HoldRow, SettlingRow, Stage, StoreError, Told, Tx},
};

/// How long the message about those who are held waits for more of them.
const GATHER: Duration = Duration::from_secs(10);

/// How long at most.
const GATHER_LONGEST: Duration = Duration::from_secs(120);

/// What the brake says of a change of what was decided for a member.
#[derive(Debug)]
pub(in crate::pipeline) enum Judged {
    /// It may go its way.
    Free,
    /// It is held.
    Held,
    /// It may go its way, and what held the account up to now is to be lifted: see [`lift`].
    Lifts(HoldRow),
}

/// Judges a change of what was decided for a member. `waiting` is what was decided earlier and waits for the settling
/// time, and `was` what the guilds had decided just before this change.
pub(in crate::pipeline) fn judge(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    account: &Account,
    waiting: Option<&SettlingRow>,
    was: &[GrantRow],
    change: &Change,
) -> Result<Judged, StoreError> {
    let is = state::desired(tx, settings, account)?;
    // What a comparison with Plex found is one thing, and what is decided is another: what a decision takes is a hold of
    // its own in the place of the comparison's, which nobody was shown yet.
    let (drift, decided) = match tx.hold(account.id)? {
        Some(hold) if hold.reason == HoldReason::Drift => (Some(hold), None),
        other => (None, other),
    };
    if let Some(mut hold) = decided {
        if !takes(settings, &hold.before, &is) {
            tracing::info!(
                event = change.event.padded(),
                "nothing would shrink any more: the hold is lifted"
            );
            return Ok(Judged::Lifts(hold));
        }
        tx.count_shrink(change.user, now, hold.since)?;
        hold.tell.extend(change.told_now.iter().cloned());
        if together(settings, &served(settings, was)) == is {
            tx.put_hold(&hold)?;
        } else {
            put(tx, settings, now, &anew(hold, now))?;
        }
        return Ok(Judged::Held);
    }
    let stood = stood(settings, waiting, was);
    if !has_something(account) || !takes(settings, &stood, &is) {
        return Ok(drift.map_or(Judged::Free, Judged::Lifts));
    }
    let is_held = drift.is_some();
    let pending = waiting.map(|waiting| waiting.since).or(drift.map(|hold| hold.since));
    tx.count_shrink(change.user, now, pending.unwrap_or(now))?;
    let (reason, role) = match lost_with_a_role(tx, change.user)? {
        Some(role) => (HoldReason::RoleDeleted, Some(role)),
        // What is held does not begin by itself because something more is decided.
        None if is_held || too_many(tx, settings, now)? => (HoldReason::TooMany, None),
        None => return Ok(Judged::Free),
    };
    tracing::warn!(event = change.event.padded(), reason = reason.word(), "held for an administrator");
    let hold = HoldRow {
        role,
        tell: change.told_now.clone(),
        ..fresh(account, Some(change.event), reason, stood, now)
    };
    put(tx, settings, now, &hold)?;
    Ok(Judged::Held)
}

/// What the guilds had decided when it was last carried out.
pub(super) fn stood(
    settings: &Settings,
    waiting: Option<&SettlingRow>,
    was: &[GrantRow],
) -> Vec<(GuildId, Access)> {
    waiting.map_or_else(|| served(settings, was), |waiting| waiting.before.clone())
}

/// Drops what holds an account, and goes on with what is decided for it. This is how a hold ends, whatever ends
/// it: what it held would be forgotten otherwise. True if an e-mail address was forgotten.
pub(in crate::pipeline) fn lift(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    account: Account,
    change: &Change,
) -> Result<bool, StoreError> {
    tx.drop_hold(account.id)?;
    state::pursue(tx, settings, now, account, change)
}

/// The same where nothing new is decided: what held the account has become idle.
pub(in crate::pipeline) fn lift_idle(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    mut account: Account,
) -> Result<bool, StoreError> {
    account.next_generation();
    let Some(user) = account.user else {
        tx.drop_hold(account.id)?;
        account.look_at(now);
        tx.put_account(&account)?;
        return Ok(false);
    };
    let event = account.decided_by.unwrap_or(EventId(0));
    let guild = tx.event(event)?.map_or(GuildId(0), |row| row.event.guild);
    lift(tx, settings, now, account, &Change::of(event, guild, user))
}

/// An administrator's command is about an account: it outweighs what is held and what waits there. The command
/// goes on with the account.
pub(in crate::pipeline) fn overrule(tx: &Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    tx.drop_hold(account)?;
    tx.drop_settling(account)?;
    Ok(())
}

/// What is held has become something else: administrators have to be shown that.
pub(super) fn anew(hold: HoldRow, now: Timestamp) -> HoldRow {
    HoldRow { announced: false, shown: false, ordered: None, changed: now, told_by: None, ..hold }
}

/// Judges that what somebody changed at Plex is changed back and a member has less by that: true if it is held.
pub(in crate::pipeline) fn holds_correction(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    account: &Account,
) -> Result<bool, StoreError> {
    // What an administrator gave an address by itself names nothing that setting it again could take away.
    let Some(user) = account.user else { return Ok(false) };
    tx.count_shrink(user, now, now)?;
    if !too_many(tx, settings, now)? {
        return Ok(false);
    }
    let before = served(settings, &tx.grants(user)?);
    put(tx, settings, now, &fresh(account, account.decided_by, HoldReason::Drift, before, now))?;
    Ok(true)
}

/// Judges what waits for a member whose protection ends: what was decided before it began and was not carried
/// out goes its way, unless the brake holds it. `event` is what ended it, and the guild where it did. `deleted` is the role that protected them, if it was deleted:
/// then whatever is decided now is held as well.
pub(in crate::pipeline) fn unprotected(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    user: UserId,
    event: (Option<EventId>, GuildId),
    deleted: Option<String>,
) -> Result<(), StoreError> {
    let Some(mut account) = tx.account_of(user)? else { return Ok(()) };
    // What waits for the settling time goes its way after it.
    if tx.hold(account.id)?.is_some() || tx.settles_at(account.id)?.is_some() {
        return Ok(());
    }
    let stands = stands(&account, served(settings, &tx.grants(user)?), event.1);
    let is = state::desired(tx, settings, &account)?;
    let shrinks = has_something(&account) && takes(settings, &stands, &is);
    if shrinks {
        tx.count_shrink(user, now, now)?;
    }
    let reason = match &deleted {
        Some(_) if has_something(&account) => HoldReason::RoleDeleted,
        None if shrinks && too_many(tx, settings, now)? => HoldReason::TooMany,
        // What happened meanwhile is decided first: it may say otherwise.
        _ => return tx.make_due(user, now.plus_millis(millis(GATHER))),
    };
    let hold = HoldRow { role: deleted, ..fresh(&account, event.0, reason, stands, now) };
    put(tx, settings, now, &hold)?;
    account.rest();
    tx.put_account(&account)
}

/// What stands at Plex where what was decided is not carried out yet.
pub(super) fn stands(
    account: &Account,
    decided: Vec<(GuildId, Access)>,
    guild: GuildId,
) -> Vec<(GuildId, Access)> {
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
pub(in crate::pipeline) fn release(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    hold: &HoldRow,
) -> Result<(), StoreError> {
    let Some(account) = tx.account(hold.account)? else { return Ok(()) };
    let is = state::desired(tx, settings, &account)?;
    let applies = match hold.reason {
        // A comparison with Plex tells whether there is still anything to correct.
        HoldReason::Drift => true,
        _ => has_something(&account) && takes(settings, &hold.before, &is),
    };
    if applies {
        return Ok(());
    }
    tracing::info!(account = %account.id, "nothing would shrink any more: the hold is lifted");
    lift_idle(tx, settings, now, account).map(drop)
}

/// A hold of which nobody was told yet.
pub(super) fn fresh(
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
        changed: now,
        told_by: None,
    }
}

/// Stores a hold, and has administrators told of it together with those that come at the same time, if it lasts
/// for the settling time.
pub(super) fn put(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    hold: &HoldRow,
) -> Result<(), StoreError> {
    tx.put_hold(hold)?;
    let settle = settings.timings.settle;
    let first = tx.first_unannounced_hold()?.unwrap_or(now);
    let gathered = now.plus_millis(millis(GATHER.max(settle)));
    let longest = first.plus_millis(millis(GATHER_LONGEST.saturating_add(settle)));
    tx.announce_at(gathered.min(longest).max(now))
}

/// Whether there is anything at Plex that could be taken away.
pub(super) fn has_something(account: &Account) -> bool {
    match account.stage {
        // What is being taken away may be there still.
        Stage::Inviting | Stage::Invited | Stage::Joined | Stage::Leaving => true,
        Stage::None | Stage::Declined | Stage::Lost => false,
    }
}

pub(super) fn too_many(tx: &Tx<'_>, settings: &Settings, now: Timestamp) -> Result<bool, StoreError> {
    Ok(shrunk(tx, settings, now)? > u64::from(settings.brake.members))
}

/// Whose access shrank within the window, or was to.
pub(super) fn shrunk(tx: &Tx<'_>, settings: &Settings, now: Timestamp) -> Result<u64, StoreError> {
    tx.shrunk_since(Timestamp(now.0.saturating_sub(millis(settings.brake.window))))
}

/// How many members' access may still shrink now before the rest is held.
pub(in crate::pipeline) fn still_free(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
) -> Result<u64, StoreError> {
    Ok(u64::from(settings.brake.members).saturating_sub(shrunk(tx, settings, now)?))
}

/// A deleted role with which the member lost the last that they had in some guild; none if they got a tracked
/// role there since, or an administrator decided on it.
pub(super) fn lost_with_a_role(tx: &Tx<'_>, user: UserId) -> Result<Option<String>, StoreError> {
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
                // Whoever lost it before it was deleted did not lose it by that.
                let is = |gone: &&DeletedRole| {
                    gone.guild == guild && role.id == gone.role.into() && row.event.at >= gone.since
                };
                if let Some(gone) = deleted.iter().find(is) {
                    lost.insert(guild, gone.key.clone());
                }
            }
            _ => {}
        }
    }
    Ok(lost.into_values().next())
}

/// What the guilds that are served had decided.
pub(in crate::pipeline) fn served(settings: &Settings, decided: &[GrantRow]) -> Vec<(GuildId, Access)> {
    let served = decided.iter().filter(|grant| settings.guild(grant.guild).is_some());
    served.map(|grant| (grant.guild, grant.access.clone())).collect()
}

/// Whether a member has less by what `is` than by what the guilds had decided.
pub(in crate::pipeline) fn takes(settings: &Settings, before: &[(GuildId, Access)], is: &Access) -> bool {
    shrinks(&together(settings, before), is, &settings.library_names())
}

pub(in crate::pipeline) fn together(settings: &Settings, decided: &[(GuildId, Access)]) -> Access {
    most_generous(decided.iter().map(|(_, access)| access), &settings.shared_names())
}

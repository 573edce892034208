//! The brake: when the access of many members would shrink at once, or the role that gave it was deleted,
//! it does not until an administrator says so.
//!
//! What was decided stands, and only its way to Plex waits. So a hold ends by itself when the decisions no
//! longer take anything away, and never turns into action by itself.

use std::time::Duration;

use super::{
    access::most_generous,
    core::Core,
    effects::{self, Change},
    seam::millis,
    settings::Settings,
    shrink::shrinks,
    texts,
};
use crate::{
    domain::{
        GuildId, RoleId, Timestamp, UserId,
        contract::{Access, Cause, Origin, Review},
    },
    store::{Account, Answer, EventState, GrantRow, HoldReason, HoldRow, NewEvent, Stage, StoreError, Tx},
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
    let default = settings.shared_names();
    if let Some(mut hold) = tx.hold(account.id)? {
        if shrinks(&effective(settings, &hold.before), &is, &default) {
            tx.count_shrink(change.user, now)?;
            hold.tell.extend(change.told_now.iter().cloned());
            tx.put_hold(&hold)?;
            return Ok(true);
        }
        tx.drop_hold(account.id)?;
        tracing::info!(event = change.event.padded(), "nothing would shrink any more: the hold is lifted");
        return Ok(false);
    }
    let before: Vec<(GuildId, Access)> =
        before.iter().map(|grant| (grant.guild, grant.access.clone())).collect();
    if !has_something(account) || !shrinks(&effective(settings, &before), &is, &default) {
        return Ok(false);
    }
    tx.count_shrink(change.user, now)?;
    let (reason, role) = match lost_with_a_role(tx, change)? {
        Some(role) => (HoldReason::RoleDeleted, Some(role)),
        None if too_many(tx, settings, now)? => (HoldReason::TooMany, None),
        None => return Ok(false),
    };
    tracing::warn!(event = change.event.padded(), reason = reason.word(), "held for an administrator");
    put(
        tx,
        now,
        HoldRow {
            account: account.id,
            event: Some(change.event),
            reason,
            role,
            since: now,
            before,
            tell: change.told_now.clone(),
            announced: false,
        },
    )?;
    Ok(true)
}

/// Judges that what somebody changed at Plex is changed back and a member has less by that: true if it is held.
pub(super) fn holds_correction(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    account: &Account,
) -> Result<bool, StoreError> {
    let Some(user) = account.user else { return Ok(false) };
    tx.count_shrink(user, now)?;
    if !too_many(tx, settings, now)? {
        return Ok(false);
    }
    let before = tx.grants(user)?.into_iter().map(|grant| (grant.guild, grant.access)).collect();
    put(
        tx,
        now,
        HoldRow {
            account: account.id,
            event: account.decided_by,
            reason: HoldReason::Drift,
            role: None,
            since: now,
            before,
            tell: Vec::new(),
            announced: false,
        },
    )?;
    Ok(true)
}

/// Stores a hold, and has administrators told of it together with those that come at the same time.
fn put(tx: &Tx<'_>, now: Timestamp, hold: HoldRow) -> Result<(), StoreError> {
    tx.put_hold(&hold)?;
    let first = tx.first_unannounced_hold()?.unwrap_or(now);
    let due = now.plus_millis(millis(GATHER)).min(first.plus_millis(millis(GATHER_LONGEST)));
    tx.announce_at(due.max(now))
}

/// Whether there is anything at Plex that could be taken away.
fn has_something(account: &Account) -> bool {
    match account.stage {
        Stage::Inviting | Stage::Invited | Stage::Joined => true,
        Stage::None | Stage::Leaving | Stage::Declined | Stage::Lost => false,
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

/// The deleted role with which the member lost the last that they had; none if they got a tracked role since,
/// or lost none of these.
fn lost_with_a_role(tx: &Tx<'_>, change: &Change) -> Result<Option<String>, StoreError> {
    let deleted = tx.deleted_roles(change.guild)?;
    if deleted.is_empty() {
        return Ok(None);
    }
    let mut lost = None;
    for row in tx.story(change.user)? {
        if row.event.guild != change.guild {
            continue;
        }
        match &row.event.cause {
            Cause::RoleAdded(_) => lost = None,
            Cause::RoleRemoved(role) => {
                if let Some((_, key)) = deleted.iter().find(|(id, _)| role.id == (*id).into()) {
                    lost = Some(key.clone());
                }
            }
            _ => {}
        }
    }
    Ok(lost)
}

fn effective(settings: &Settings, decided: &[(GuildId, Access)]) -> Access {
    let served = decided.iter().filter(|(guild, _)| settings.guild(*guild).is_some());
    most_generous(served.map(|(_, access)| access), &settings.shared_names())
}

/// What an administrator decides on those who are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Their access shrinks.
    Approve,
    /// What was decided before goes on.
    Reject,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Those whom it concerns.
    pub(super) members: Vec<UserId>,
    /// An e-mail address was forgotten.
    pub(super) forgot: bool,
}

impl Core {
    /// Carries out what an administrator decided on those who are held.
    pub(super) async fn decide_holds(
        &self,
        verdict: Verdict,
        only: Option<UserId>,
        by: Option<UserId>,
        order: Option<i64>,
    ) -> Result<Done, StoreError> {
        let (now, settings) = (self.seam.now(), self.settings.clone());
        let done = self
            .store
            .write(move |tx| {
                let done = carry_out(tx, &settings, now, verdict, only, by)?;
                if let Some(order) = order {
                    let count = done.members.len();
                    let answer = Answer::Done(texts::holds_decided(verdict == Verdict::Approve, count));
                    tx.answer_order(order, now, &answer)?;
                }
                Ok(done)
            })
            .await?;
        self.signals.converge.notify_one();
        self.signals.messages.notify_one();
        self.signals.deadlines.notify_one();
        if done.forgot {
            self.scrub().await?;
        }
        Ok(done)
    }
}

fn carry_out(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    verdict: Verdict,
    only: Option<UserId>,
    by: Option<UserId>,
) -> Result<Done, StoreError> {
    let mut done = Done::default();
    let approved = verdict == Verdict::Approve;
    for hold in tx.holds()? {
        let Some(account) = tx.account(hold.account)? else { continue };
        let Some(user) = account.user.filter(|user| only.is_none_or(|only| only == *user)) else { continue };
        tx.drop_hold(account.id)?;
        if approved {
            done.forgot |= approve(tx, settings, now, account, &hold, user)?;
        } else {
            done.forgot |= reject(tx, settings, now, account, &hold, user)?;
        }
        done.members.push(user);
    }
    if approved && only.is_none() {
        tx.settle_deleted_roles()?;
        // Whoever comes next is counted anew: what came before was looked at.
        tx.forget_shrinks()?;
    }
    if !done.members.is_empty() {
        tx.audit(now, None, by, "command", &texts::decided_on_holds(approved, by, &done.members))?;
    }
    Ok(done)
}

fn approve(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    mut account: Account,
    hold: &HoldRow,
    user: UserId,
) -> Result<bool, StoreError> {
    for text in &hold.tell {
        tx.add_task(hold.event, Some(user), &crate::store::Work::Tell { text: text.clone() }, now)?;
    }
    account.wish += 1;
    account.mend = hold.reason == HoldReason::Drift;
    let event = account.decided_by.or(hold.event).unwrap_or(crate::domain::EventId(0));
    let guild = tx.event(event)?.map_or(GuildId(0), |row| row.event.guild);
    effects::pursue(tx, settings, now, account, &Change::of(event, guild, user))
}

/// What was decided before goes on, wherever what was decided since takes something away.
fn reject(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    mut account: Account,
    hold: &HoldRow,
    user: UserId,
) -> Result<bool, StoreError> {
    if hold.reason == HoldReason::Drift {
        tx.accept_drift(account.id)?;
    }
    let default = settings.shared_names();
    let mut guild = hold.before.first().map_or(GuildId(0), |(guild, _)| *guild);
    for (of, before) in &hold.before {
        let mut grant = effects::grant_of(tx, *of, user)?;
        if shrinks(before, &grant.access, &default) {
            grant.access = before.clone();
            grant.since = Some(now);
            tx.put_grant(user, &grant)?;
            guild = *of;
        }
    }
    let event = tx.journal(&NewEvent {
        at: now,
        origin: Origin::Administrator,
        guild,
        user,
        cause: Cause::Review(Review::Asked),
        roles: held_roles(tx, settings, guild, user)?,
        state: EventState::Noted,
        remark: Some(
            "an administrator rejected that access shrinks: what was decided before goes on".to_owned(),
        ),
    })?;
    account.wish += 1;
    account.decided_by = Some(event);
    account.tell = None;
    effects::pursue(tx, settings, now, account, &Change::of(event, guild, user))
}

fn held_roles(
    tx: &Tx<'_>,
    settings: &Settings,
    guild: GuildId,
    user: UserId,
) -> Result<Vec<RoleId>, StoreError> {
    let member = tx.member(guild, user)?.filter(|member| member.present);
    let held = member.map(|member| member.roles).unwrap_or_default();
    Ok(settings.guild(guild).map(|guild| guild.tracked(&held)).unwrap_or_default())
}

/// What administrators are told of those who are held and were not named yet; none if there is nobody.
pub(super) fn announce(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let mut concerned: Vec<(HoldRow, UserId)> = Vec::new();
    for hold in tx.holds()? {
        let user = tx.account(hold.account)?.and_then(|account| account.user);
        if let (false, Some(user)) = (hold.announced, user) {
            concerned.push((hold, user));
        }
    }
    if concerned.is_empty() {
        return Ok(None);
    }
    let text = texts::held(&concerned, settings.brake);
    tx.announce_holds()?;
    tx.remark(now, None, None, "held", &text)?;
    Ok(Some(text))
}

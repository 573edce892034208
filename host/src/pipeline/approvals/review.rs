//! What an administrator decides on those who are held.

use crate::{
    domain::{
        AuditKind, EventId, GuildId, RoleId, TaskId, Timestamp, UserId,
        contract::{Access, Cause, Origin, Review},
    },
    pipeline::{
        approvals::{
            hold_texts,
            limit::{lift, takes, together},
            verdict::{Done, Verdict, Whom},
        },
        context::Context,
        desired::{
            member_state::Carried,
            reduction::shrinks,
            state::{self, Change},
        },
        memory::quarantine::Whose,
        seam::millis,
        settings::Settings,
    },
    store::{Account, Answer, EventState, GrantRow, HoldReason, HoldRow, NewEvent, StoreError, Tx, Work},
};

impl Context {
    /// Carries out what an administrator decided on those who are held.
    pub(in crate::pipeline) async fn decide_holds(
        &self,
        verdict: Verdict,
        whom: Whom,
        by: Option<UserId>,
    ) -> Result<Done, StoreError> {
        let (now, settings) = (self.seam.now(), self.settings());
        let done = self
            .store
            .write(move |tx| {
                let done = carry_out(tx, &settings, now, verdict, whom, by)?;
                if let Whom::Ordered { order, .. } = whom {
                    tx.answer_order(order, now, &Answer::Done(hold_texts::holds_decided(verdict, &done)))?;
                }
                Ok(done)
            })
            .await?;
        self.put_all_aside(&done.unread).await?;
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
    whom: Whom,
    by: Option<UserId>,
) -> Result<Done, StoreError> {
    let mut done = Done::default();
    let mut unshown: Vec<(HoldRow, UserId)> = Vec::new();
    for hold in tx.holds()? {
        let hold = match hold {
            Ok(hold) => hold,
            Err(account) => {
                if whom.may_have(tx.user_of(account)?) {
                    done.unread.push((Whose::Account(account), StoreError::Unreadable("a hold")));
                }
                continue;
            }
        };
        let Some(user) = tx.user_of(hold.account)? else { continue };
        if !whom.reach().has(tx, user)? {
            continue;
        }
        if !whom.has(&hold, user) {
            if whom.is_everybody() && !hold.shown {
                done.waiting += 1;
                unshown.push((hold, user));
            }
            continue;
        }
        match tx.apart(|tx| decide_one(tx, settings, now, verdict, &hold, user))? {
            Ok(forgot) => {
                done.forgot |= forgot;
                done.members.push(user);
            }
            Err(error) => done.unread.push((Whose::Account(hold.account), error)),
        }
    }
    if matches!(whom, Whom::Shown(_)) {
        // Without a channel, or where it takes no messages, this answer is what shows them.
        let untold = |hold: &HoldRow| settings.audit_channel.is_none() || hold.announced;
        for (hold, user) in unshown.into_iter().filter(|(hold, _)| untold(hold)).take(hold_texts::NAMED) {
            tx.show_hold(hold.account)?;
            done.listed.push(user);
        }
        done.waiting -= done.listed.len();
    }
    if done.members.is_empty() {
        return Ok(done);
    }
    if verdict == Verdict::Approve && whom.is_everybody() {
        // Whoever comes next is counted anew: what came before was looked at.
        tx.forget_shrinks()?;
    }
    tx.audit(now, None, by, AuditKind::Command, &hold_texts::decided_on_holds(verdict, by, &done.members))?;
    Ok(done)
}

/// True if an e-mail address was forgotten.
fn decide_one(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    verdict: Verdict,
    hold: &HoldRow,
    user: UserId,
) -> Result<bool, StoreError> {
    let Some(account) = tx.account(hold.account)? else { return Ok(false) };
    let forgot = match verdict {
        Verdict::Approve => approve(tx, settings, now, account, hold, user)?,
        Verdict::Reject => reject(tx, settings, now, account, hold, user)?,
    };
    tx.settle(user)?;
    Ok(forgot)
}

fn approve(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    mut account: Account,
    hold: &HoldRow,
    user: UserId,
) -> Result<bool, StoreError> {
    account.approve(hold.reason == HoldReason::Drift);
    if hold.reason == HoldReason::GuildUnserved {
        void_unserved(tx, settings, now, hold, user)?;
    }
    let event = account.decided_by.or(hold.event).unwrap_or(EventId(0));
    let guild = tx.event(event)?.map_or(GuildId(0), |row| row.event.guild);
    let change = Change { told_now: hold.tell.clone(), ..Change::of(event, guild, user) };
    let forgot = lift(tx, settings, now, account, &change)?;
    state::tell_now(tx, now, &change)?;
    Ok(forgot)
}

/// What guilds that are not served any more gave is taken away for good: a guild that is served again later begins
/// from no access, and not from one that nothing at Plex agrees with.
fn void_unserved(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    hold: &HoldRow,
    user: UserId,
) -> Result<(), StoreError> {
    let gone = hold.before.iter().map(|(guild, _)| *guild).filter(|guild| settings.guild(*guild).is_none());
    for guild in gone {
        let GrantRow { access, since, memo, .. } = state::grant_of(tx, guild, user)?;
        let mut carried = Carried { access, since, memo, wakes: Vec::new() };
        carried.void(now);
        tx.drop_wakes(guild, user)?;
        let Carried { access, since, memo, .. } = carried;
        tx.put_grant(user, &GrantRow { guild, access, since, memo })?;
    }
    Ok(())
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
    let all = settings.library_names();
    let mut guild = hold.before.first().map_or(GuildId(0), |(guild, _)| *guild);
    for (of, before) in &hold.before {
        let grant = state::grant_of(tx, *of, user)?;
        if shrinks(before, &grant.access, &all) {
            restore(tx, user, grant, before.clone(), now)?;
            guild = *of;
        }
    }
    if takes(settings, &hold.before, &state::desired(tx, settings, &account)?) {
        // The guild that gave it is not served any more: another one gives it from now on.
        guild = home(tx, settings, user)?.unwrap_or(guild);
        let grant = state::grant_of(tx, guild, user)?;
        restore(tx, user, grant, together(settings, &hold.before), now)?;
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
    account.reject(event);
    lift(tx, settings, now, account, &Change::of(event, guild, user))
}

fn restore(
    tx: &Tx<'_>,
    user: UserId,
    grant: GrantRow,
    access: Access,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.put_grant(user, &GrantRow { access, since: Some(now), ..grant })
}

/// A guild that is served, one in which the person is a member before others.
fn home(tx: &Tx<'_>, settings: &Settings, user: UserId) -> Result<Option<GuildId>, StoreError> {
    let known = tx.memberships(user)?;
    let is_member = |guild: &GuildId| known.iter().any(|member| member.guild == *guild && member.present);
    let mut served = settings.guilds.iter().map(|guild| guild.id);
    let first = served.clone().next();
    Ok(served.find(is_member).or(first))
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

/// What became of the message about those who are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Announced {
    /// It is written: it is to be sent.
    Written,
    /// Nobody is to be named yet: it waits.
    Later,
    /// There is nobody to be named.
    Nobody,
}

/// Writes what administrators are told of those who are held and were not named yet, as the message `by`. What has
/// not outlasted the settling time yet is named later.
pub(in crate::pipeline) fn announce(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    by: TaskId,
) -> Result<Announced, StoreError> {
    let settle = millis(settings.timings.settle);
    let mut concerned: Vec<(HoldRow, UserId)> = Vec::new();
    let mut next: Option<Timestamp> = None;
    for hold in tx.holds()? {
        let hold = match hold {
            Ok(hold) => hold,
            // One that can't be read holds all the same. It is told of by itself, and was shown to nobody.
            Err(account) => {
                tx.announce_hold(account, None)?;
                continue;
            }
        };
        if hold.announced {
            continue;
        }
        let Some(user) = tx.user_of(hold.account)? else {
            tx.announce_hold(hold.account, None)?;
            continue;
        };
        let outlasts = hold.changed.plus_millis(settle);
        if outlasts > now {
            next = Some(next.map_or(outlasts, |next| next.min(outlasts)));
            continue;
        }
        tx.announce_hold(hold.account, Some(by))?;
        concerned.push((hold, user));
    }
    if !concerned.is_empty() {
        let text = hold_texts::held(&concerned, settings.brake);
        tx.remark(now, None, None, AuditKind::Held, &text)?;
        tx.rewrite_task(by, &Work::Audit { text })?;
    }
    if let Some(next) = next {
        // Where somebody was named this task is that message from here on, and the next one is another.
        tx.announce_at(next)?;
    }
    Ok(match next {
        _ if !concerned.is_empty() => Announced::Written,
        Some(_) => Announced::Later,
        None => Announced::Nobody,
    })
}

//! What an administrator decides on those who are held.

use super::{takes, together};
use crate::{
    domain::{
        EventId, GuildId, RoleId, Timestamp, UserId,
        contract::{Access, Cause, Origin, Review},
    },
    pipeline::{
        core::Core,
        effects::{self, Change},
        settings::Settings,
        shrink::shrinks,
        texts,
        unreadable::{Unread, Whose},
    },
    store::{Account, Answer, EventState, GrantRow, HoldReason, HoldRow, NewEvent, StoreError, Tx, Work},
};

/// What an administrator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Verdict {
    /// Their access shrinks.
    Approve,
    /// What was decided before goes on.
    Reject,
}

/// On whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Whom {
    /// On everybody of whom administrators were shown that they are held.
    Shown,
    /// On one member.
    Member(UserId),
    /// On those whom this order from the command line is about.
    Ordered {
        /// The order.
        order: i64,
        /// It is about everybody who had been shown.
        all: bool,
    },
}

impl Whom {
    fn has(self, hold: &HoldRow, user: UserId) -> bool {
        match self {
            Self::Shown => hold.shown,
            Self::Member(only) => only == user,
            Self::Ordered { order, .. } => hold.ordered == Some(order),
        }
    }

    /// Whether a hold that can't be read may be meant.
    fn may_have(self, user: Option<UserId>) -> bool {
        match self {
            Self::Member(only) => user == Some(only),
            Self::Shown | Self::Ordered { .. } => self.is_everybody(),
        }
    }

    /// Nobody in particular is meant.
    fn is_everybody(self) -> bool {
        matches!(self, Self::Shown | Self::Ordered { all: true, .. })
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Done {
    /// Those whom it concerns.
    pub(in crate::pipeline) members: Vec<UserId>,
    /// So many more are held, of whom administrators were not shown it yet.
    pub(in crate::pipeline) waiting: usize,
    /// An e-mail address was forgotten.
    forgot: bool,
    /// Who is held and can't be read: nothing is decided on them.
    pub(in crate::pipeline) unread: Unread,
}

impl Core {
    /// Carries out what an administrator decided on those who are held.
    pub(in crate::pipeline) async fn decide_holds(
        &self,
        verdict: Verdict,
        whom: Whom,
        by: Option<UserId>,
    ) -> Result<Done, StoreError> {
        let (now, settings) = (self.seam.now(), self.settings.clone());
        let done = self
            .store
            .write(move |tx| {
                let done = carry_out(tx, &settings, now, verdict, whom, by)?;
                if let Whom::Ordered { order, .. } = whom {
                    tx.answer_order(order, now, &Answer::Done(texts::holds_decided(verdict, &done)))?;
                }
                Ok(done)
            })
            .await?;
        self.signals.converge.notify_one();
        self.signals.messages.notify_one();
        self.signals.deadlines.notify_one();
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
        if !whom.has(&hold, user) {
            done.waiting += usize::from(whom.is_everybody() && !hold.shown);
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
    if done.members.is_empty() {
        return Ok(done);
    }
    if verdict == Verdict::Approve && whom.is_everybody() {
        // Whoever comes next is counted anew: what came before was looked at.
        tx.forget_shrinks()?;
    }
    tx.audit(now, None, by, "command", &texts::decided_on_holds(verdict, by, &done.members))?;
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
    tx.drop_hold(account.id)?;
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
    for text in &hold.tell {
        tx.add_task(hold.event, Some(user), &Work::Tell { text: text.clone() }, now)?;
    }
    account.wish += 1;
    account.mend = hold.reason == HoldReason::Drift;
    let event = account.decided_by.or(hold.event).unwrap_or(EventId(0));
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
    let all = settings.library_names();
    let mut guild = hold.before.first().map_or(GuildId(0), |(guild, _)| *guild);
    for (of, before) in &hold.before {
        let grant = effects::grant_of(tx, *of, user)?;
        if shrinks(before, &grant.access, &all) {
            restore(tx, user, grant, before.clone(), now)?;
            guild = *of;
        }
    }
    if takes(settings, &hold.before, &effects::desired(tx, settings, &account)?) {
        // The guild that gave it is not served any more: another one gives it from now on.
        guild = home(tx, settings, user)?.unwrap_or(guild);
        let grant = effects::grant_of(tx, guild, user)?;
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
    account.wish += 1;
    account.decided_by = Some(event);
    account.tell = None;
    effects::pursue(tx, settings, now, account, &Change::of(event, guild, user))
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

/// What administrators are told of those who are held and were not named yet; none if there is nobody.
pub(in crate::pipeline) fn announce(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let mut concerned: Vec<(HoldRow, UserId)> = Vec::new();
    // One that can't be read holds all the same. It is told of by itself, and was shown to nobody.
    for hold in tx.holds()?.into_iter().flatten().filter(|hold| !hold.announced) {
        if let Some(user) = tx.user_of(hold.account)? {
            tx.show_hold(hold.account)?;
            concerned.push((hold, user));
        }
    }
    tx.announce_holds()?;
    if concerned.is_empty() {
        return Ok(None);
    }
    let text = texts::held(&concerned, settings.brake);
    tx.remark(now, None, None, "held", &text)?;
    Ok(Some(text))
}

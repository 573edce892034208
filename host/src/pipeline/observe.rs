//! Observe: a hint becomes an event in the journal, if the member really changed.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::{
    changes::Changes,
    core::Core,
    hints::Pending,
    ports::{DiscordError, Presence, Said, Snapshot},
    roles::Unknown,
    seam::Step,
    worker::Worker,
};
use crate::{
    domain::{
        EventId, GuildId, RoleId, Timestamp, UserId,
        contract::{Cause, Origin, Review},
    },
    store::{EventState, MemberRow, NewEvent, StoreError, Tx},
};

/// Above so many members of a guild at once the gateway is asked instead of one request for each.
const MANY: usize = 20;

/// Discord's limit for one request by ids.
const BY_ID: usize = 100;

/// So many members are read over REST at the same time.
const ABREAST: usize = 4;

/// Looks at the members for whom there is a hint.
pub(super) struct Observer;

impl Worker for Observer {
    const NAME: &'static str = "observe";

    fn signal(core: &Core) -> &tokio::sync::Notify {
        &core.signals.observe
    }

    async fn round(core: &Arc<Core>) -> Result<Option<Timestamp>, StoreError> {
        let (due, next) = core.hints.due(core.seam.now());
        if due.is_empty() {
            return Ok(next);
        }
        let mut by_guild: std::collections::BTreeMap<GuildId, Vec<(UserId, Pending)>> = Default::default();
        for (guild, user, pending) in due {
            by_guild.entry(guild).or_default().push((user, pending));
        }
        for (guild, members) in by_guild {
            if core.store.read(move |tx| tx.adopted(guild)).await?.is_none() {
                // The guild is being listed for the first time: a member who is not stored yet is not new.
                for (user, pending) in members {
                    let due = core.after(std::time::Duration::from_secs(1));
                    core.hints.again(guild, user, Pending { due, ..pending });
                }
                continue;
            }
            let members = changed(core, guild, members).await?;
            if members.len() > MANY {
                for chunk in members.chunks(BY_ID) {
                    ask_gateway(core, guild, chunk).await?;
                }
            } else {
                let mut reads = stream::iter(members)
                    .map(|(user, pending)| async move {
                        let answer = core.discord.member(guild, user).await;
                        settle(core, guild, user, pending, answer, Instant::now()).await
                    })
                    .buffered(ABREAST);
                while let Some(settled) = reads.next().await {
                    settled?;
                }
            }
        }
        // Hints may have come meanwhile.
        Ok(Some(core.seam.now()))
    }
}

/// Drops the hints that say what is stored already: most member updates are about something else.
async fn changed(
    core: &Core,
    guild: GuildId,
    members: Vec<(UserId, Pending)>,
) -> Result<Vec<(UserId, Pending)>, StoreError> {
    let users: Vec<UserId> = members.iter().map(|(user, _)| *user).collect();
    let stored = core
        .store
        .read(move |tx| users.iter().map(|user| tx.member(guild, *user)).collect::<Result<Vec<_>, _>>())
        .await?;
    let mut left = Vec::new();
    for ((user, pending), stored) in members.into_iter().zip(stored) {
        let known = match (&pending.said, &stored) {
            (Said::Member(said), Some(stored)) => same(stored, said),
            (Said::Left, Some(stored)) => !stored.present,
            // Somebody who was never seen, and a gateway that says that they left.
            (Said::Left, None) => true,
            _ => false,
        };
        if known {
            core.hints.done(guild, user, &pending);
        } else {
            left.push((user, pending));
        }
    }
    Ok(left)
}

async fn ask_gateway(core: &Core, guild: GuildId, chunk: &[(UserId, Pending)]) -> Result<(), StoreError> {
    let users: Vec<UserId> = chunk.iter().map(|(user, _)| *user).collect();
    let answer = core.discord.members_by_id(guild, &users).await;
    let read_at = Instant::now();
    match answer {
        Ok(answers) => {
            for (user, pending) in chunk {
                let answer = answers.iter().find(|(id, _)| id == user).map(|(_, presence)| presence.clone());
                let answer = answer.ok_or_else(|| DiscordError::Unavailable {
                    what: "the list lacks a member that was asked for".to_owned(),
                });
                settle(core, guild, *user, pending.clone(), answer, read_at).await?;
            }
        }
        Err(error) => {
            for (user, pending) in chunk {
                settle(core, guild, *user, pending.clone(), Err(error.clone()), read_at).await?;
            }
        }
    }
    Ok(())
}

/// Compares what Discord answered with what is stored, journals the difference, and decides whether the
/// answer can be the last word on this hint.
async fn settle(
    core: &Core,
    guild: GuildId,
    user: UserId,
    pending: Pending,
    answer: Result<Presence, DiscordError>,
    read_at: Instant,
) -> Result<(), StoreError> {
    let known = match answer {
        Ok(Presence::Member(read)) => match core.look_at_roles(guild, &[&read], read_at).await {
            Ok(()) => Ok(Presence::Member(read)),
            Err(Unknown::Store(error)) => return Err(error),
            Err(Unknown::Discord(error)) => Err(error),
        },
        other => other,
    };
    let presence = match known {
        Ok(presence) => presence,
        Err(DiscordError::NotFound { .. } | DiscordError::Refused { .. }) => {
            // An unknown guild, a missing permission: this says nothing about the member.
            tracing::warn!(%guild, %user, "the member can't be read; the next full comparison catches up");
            core.hints.done(guild, user, &pending);
            return Ok(());
        }
        Err(DiscordError::RateLimited { retry_after }) => {
            let due = core.retry_at(pending.failed, Some(retry_after));
            core.hints.again(guild, user, Pending { due, failed: pending.failed + 1, ..pending });
            return Ok(());
        }
        // A token that is refused for good ends the bot. Until then this says nothing about the member.
        Err(error @ (DiscordError::Unavailable { .. } | DiscordError::Unauthorized)) => {
            tracing::debug!(%guild, %user, %error, "the member can't be read yet");
            let due = core.retry_at(pending.failed, None);
            core.hints.again(guild, user, Pending { due, failed: pending.failed + 1, ..pending });
            return Ok(());
        }
    };
    core.seam.reach(Step::MemberRead).await;
    let agrees = match (&pending.said, &presence) {
        (Said::Unclear, _) | (Said::Left, Presence::Gone) => true,
        (Said::Member(said), Presence::Member(read)) => said.roles == read.roles,
        (Said::Left, Presence::Member(_)) | (Said::Member(_), Presence::Gone) => false,
    };
    journal(core, guild, user, presence, pending.origin).await?;
    match core.settings.timings.reread.get(pending.contradicted) {
        // The answer may be older than what the gateway said.
        Some(pause) if !agrees => {
            let due = core.after(*pause);
            core.hints.again(guild, user, Pending { due, contradicted: pending.contradicted + 1, ..pending });
        }
        _ => core.hints.done(guild, user, &pending),
    }
    Ok(())
}

/// Stores what was read, and the events that it makes, in one transaction.
async fn journal(
    core: &Core,
    guild: GuildId,
    user: UserId,
    presence: Presence,
    origin: Origin,
) -> Result<(), StoreError> {
    let now = core.seam.now();
    let seen = Seen::new(core, guild);
    let events = core
        .store
        .write(move |tx| {
            let stored = tx.member(guild, user)?;
            match presence {
                Presence::Member(read) => seen.take_in(tx, stored.as_ref(), &read, origin, now),
                Presence::Gone => match stored {
                    Some(stored) if stored.present => seen.take_out(tx, stored, origin, now),
                    _ => Ok(Vec::new()),
                },
            }
        })
        .await?;
    announce(core, guild, user, &events).await;
    Ok(())
}

/// Tells the next worker, and the log.
pub(super) async fn announce(core: &Core, guild: GuildId, user: UserId, events: &[EventId]) {
    if events.is_empty() {
        return;
    }
    for event in events {
        tracing::info!(event = event.padded(), %guild, %user, "a member changed");
    }
    core.seam.reach(Step::EventJournaled).await;
    core.signals.decide.notify_one();
}

/// Whether what is stored is what was read.
pub(super) fn same(stored: &MemberRow, read: &Snapshot) -> bool {
    stored.present && stored.roles == read.roles && stored.screening == read.screening
}

/// What taking in a member needs to know of the guild.
#[derive(Clone)]
pub(super) struct Seen {
    guild: GuildId,
    tracked: Vec<(RoleId, crate::domain::contract::Role)>,
    protected_members: std::collections::BTreeSet<UserId>,
    protected_roles: std::collections::BTreeSet<RoleId>,
    owner: Option<UserId>,
}

impl Seen {
    pub(super) fn new(core: &Core, guild: GuildId) -> Self {
        let ids: Vec<RoleId> = core
            .settings
            .guild(guild)
            .map(|settings| settings.roles.iter().map(|role| role.id).collect())
            .unwrap_or_default();
        let tracked = ids
            .iter()
            .filter_map(|id| core.roles(guild, &[*id]).into_iter().next().map(|role| (*id, role)))
            .collect();
        Self {
            guild,
            tracked,
            protected_members: core.settings.protected_members.clone(),
            protected_roles: core.settings.protected_roles.clone(),
            owner: core.owner_of(guild),
        }
    }

    /// The tracked ones among these roles, sorted by key.
    pub(super) fn tracked(&self, roles: &[RoleId]) -> Vec<RoleId> {
        self.tracked.iter().map(|(id, _)| *id).filter(|id| roles.contains(id)).collect()
    }

    /// All tracked roles.
    pub(super) fn all(&self) -> Vec<RoleId> {
        self.tracked.iter().map(|(id, _)| *id).collect()
    }

    /// Why this member is nobody's business; none if they are.
    pub(super) fn untouchable(&self, user: UserId, roles: &[RoleId]) -> Option<&'static str> {
        if self.owner == Some(user) {
            Some("the guild's owner is never touched")
        } else if self.protected_members.contains(&user) {
            Some("this member is protected")
        } else if roles.iter().any(|role| self.protected_roles.contains(role)) {
            Some("a role of this member is protected")
        } else {
            None
        }
    }

    /// A member as Discord shows them: stores them, and an event for each tracked role that came or went. Each
    /// event carries the roles after the whole change.
    pub(super) fn take_in(
        &self,
        tx: &Tx<'_>,
        stored: Option<&MemberRow>,
        read: &Snapshot,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Vec<EventId>, StoreError> {
        let before: &[RoleId] =
            stored.filter(|stored| stored.present).map(|stored| stored.roles.as_slice()).unwrap_or_default();
        tx.put_member(&self.row(read, now))?;
        if read.bot {
            return Ok(Vec::new());
        }
        let remark = self.untouchable(read.user, &read.roles);
        let roles = self.tracked(&read.roles);
        let mut changes =
            Changes::of(&self.tracked, |(id, _)| before.contains(id), |(id, _)| read.roles.contains(id));
        if changes.removed.len() > 1 {
            // What was lost with a deleted role is held, and so is what follows it.
            let deleted = tx.deleted_roles(self.guild)?;
            changes.removed.sort_by_key(|(id, _)| !deleted.iter().any(|(role, _)| role == id));
        }
        let mut causes = changes.causes(|(_, role)| role);
        let was_protected = !before.is_empty() && self.untouchable(read.user, before).is_some();
        if was_protected && remark.is_none() {
            // What happened while they were protected was skipped: the present roles decide, and what was
            // decided before is carried out now.
            tx.make_due(read.user, now)?;
            if causes.is_empty() {
                causes.push(Cause::Review(Review::RolesChanged));
            }
        }
        causes
            .into_iter()
            .map(|cause| self.write(tx, read.user, cause, &roles, remark, origin, now))
            .collect()
    }

    /// A role that is tracked only now, held by a member who was taken in earlier.
    pub(super) fn newly_tracked(
        &self,
        tx: &Tx<'_>,
        member: &MemberRow,
        role: RoleId,
        now: Timestamp,
    ) -> Result<Option<EventId>, StoreError> {
        let Some((_, contract)) = self.tracked.iter().find(|(id, _)| *id == role) else { return Ok(None) };
        if member.bot || !member.roles.contains(&role) {
            return Ok(None);
        }
        let remark = self.untouchable(member.user, &member.roles);
        let roles = self.tracked(&member.roles);
        let cause = Cause::RoleAdded(contract.clone());
        self.write(tx, member.user, cause, &roles, remark, Origin::Sweep, now).map(Some)
    }

    /// A person who is no member any more.
    fn take_out(
        &self,
        tx: &Tx<'_>,
        stored: MemberRow,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Vec<EventId>, StoreError> {
        let remark = self.untouchable(stored.user, &stored.roles);
        let user = stored.user;
        let bot = stored.bot;
        tx.put_member(&MemberRow { present: false, roles: Vec::new(), seen_at: now, ..stored })?;
        if bot {
            return Ok(Vec::new());
        }
        Ok(vec![self.write(tx, user, Cause::MemberLeft, &[], remark, origin, now)?])
    }

    #[expect(clippy::too_many_arguments, reason = "each is a column of the row that is written")]
    fn write(
        &self,
        tx: &Tx<'_>,
        user: UserId,
        cause: Cause,
        roles: &[RoleId],
        remark: Option<&str>,
        origin: Origin,
        now: Timestamp,
    ) -> Result<EventId, StoreError> {
        tx.journal(&NewEvent {
            at: now,
            origin,
            guild: self.guild,
            user,
            cause,
            roles: roles.to_vec(),
            state: if remark.is_some() { EventState::Skipped } else { EventState::Waiting },
            remark: remark.map(ToOwned::to_owned),
        })
    }

    /// The row for a member as Discord shows them.
    pub(super) fn row(&self, read: &Snapshot, now: Timestamp) -> MemberRow {
        MemberRow {
            guild: self.guild,
            user: read.user,
            username: read.username.clone(),
            roles: read.roles.clone(),
            joined_at: read.joined_at,
            screening: read.screening,
            bot: read.bot,
            present: true,
            seen_at: now,
        }
    }
}

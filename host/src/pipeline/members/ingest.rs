//! What a guild's members are judged by when Discord shows them, and the events that it makes.

use crate::{
    domain::{
        EventId, GuildId, RoleId, Timestamp, UserId,
        contract::{Cause, Origin, Review},
    },
    pipeline::{
        approvals::limit,
        context::Context,
        members::{protection_ended, role_diff::Changes},
        ports::Snapshot,
        protection::current::Protection,
    },
    store::{EventState, MemberRow, NewEvent, StoreError, Tx},
};

/// What taking in a member needs to know of the guild.
#[derive(Clone)]
pub(in crate::pipeline) struct Seen {
    guild: GuildId,
    tracked: Vec<(RoleId, crate::domain::contract::Role)>,
    protection: Protection,
    /// When this run of the bot began: with it a role may have become tracked.
    began: Timestamp,
}

impl Seen {
    pub(in crate::pipeline) fn new(core: &Context, guild: GuildId) -> Self {
        let ids: Vec<RoleId> = core
            .settings()
            .guild(guild)
            .map(|settings| settings.roles.iter().map(|role| role.id).collect())
            .unwrap_or_default();
        let tracked = ids
            .iter()
            .filter_map(|id| core.roles(guild, &[*id]).into_iter().next().map(|role| (*id, role)))
            .collect();
        Self { guild, tracked, protection: Protection::of(core), began: core.began }
    }

    /// The guild.
    pub(in crate::pipeline) fn guild(&self) -> GuildId {
        self.guild
    }

    /// The tracked ones among these roles, sorted by key.
    pub(in crate::pipeline) fn tracked(&self, roles: &[RoleId]) -> Vec<RoleId> {
        self.tracked.iter().map(|(id, _)| *id).filter(|id| roles.contains(id)).collect()
    }

    /// All tracked roles.
    pub(in crate::pipeline) fn all(&self) -> Vec<RoleId> {
        self.tracked.iter().map(|(id, _)| *id).collect()
    }

    /// Why a person whom Discord shows with these roles here is nobody's business; none if they are.
    fn untouchable(&self, user: UserId, known: &[MemberRow], roles: &[RoleId]) -> Option<&'static str> {
        let elsewhere = known.iter().filter(|member| member.guild != self.guild);
        let elsewhere = elsewhere.map(|member| (member.guild, member.roles.as_slice()));
        self.protection.why(user, elsewhere.chain([(self.guild, roles)]))
    }

    /// A member as Discord shows them: stores them, and an event for each tracked role that came or went. Each
    /// event carries the roles after the whole change.
    pub(in crate::pipeline) fn take_in(
        &self,
        tx: &Tx<'_>,
        stored: Option<&MemberRow>,
        read: &Snapshot,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Vec<EventId>, StoreError> {
        let before: &[RoleId] =
            stored.filter(|stored| stored.present).map(|stored| stored.roles.as_slice()).unwrap_or_default();
        let known = tx.memberships(read.user)?;
        tx.put_member(&self.row(read, now))?;
        if read.bot {
            return Ok(Vec::new());
        }
        let remark = self.untouchable(read.user, &known, &read.roles);
        let roles = self.tracked(&read.roles);
        let mut changes =
            Changes::of(&self.tracked, |(id, _)| before.contains(id), |(id, _)| read.roles.contains(id));
        if changes.removed.len() > 1 {
            // What was lost with a deleted role is held, and so is what follows it.
            let deleted = tx.deleted_roles(self.guild)?;
            changes.removed.sort_by_key(|(id, _)| !deleted.iter().any(|(role, _)| role == id));
        }
        let mut causes = changes.causes(|(_, role)| role);
        let ends =
            !before.is_empty() && remark.is_none() && self.untouchable(read.user, &known, before).is_some();
        if ends && causes.is_empty() {
            // What happened while they were protected was skipped: the present roles decide.
            causes.push(Cause::Review(Review::RolesChanged));
        }
        let mut events = Vec::new();
        for cause in causes {
            events.push(self.write(tx, read.user, cause, &roles, remark, origin, now)?);
        }
        if ends && let Some(event) = events.first() {
            let deleted = self.deleted_protection(tx, before, &read.roles)?;
            self.end_protection(tx, read.user, &known, *event, deleted, origin, now)?;
        }
        Ok(events)
    }

    /// The protected role that a member lost by its deletion.
    fn deleted_protection(
        &self,
        tx: &Tx<'_>,
        before: &[RoleId],
        roles: &[RoleId],
    ) -> Result<Option<String>, StoreError> {
        let protected = &self.protection.settings().protected_roles;
        let deleted = tx.deleted_roles(self.guild)?;
        let lost = deleted
            .into_iter()
            .find(|(role, _)| protected.contains(role) && before.contains(role) && !roles.contains(role));
        Ok(lost.map(|(_, name)| name))
    }

    /// A person is protected no longer: what waits for them is carried out or held, and the other guilds look
    /// at what they skipped.
    #[expect(clippy::too_many_arguments, reason = "each is a fact about the change")]
    fn end_protection(
        &self,
        tx: &Tx<'_>,
        user: UserId,
        known: &[MemberRow],
        event: EventId,
        deleted: Option<String>,
        origin: Origin,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let settings = self.protection.settings();
        limit::unprotected(tx, settings, now, user, (Some(event), self.guild), deleted)?;
        let others = known.iter().filter(|member| member.guild != self.guild);
        protection_ended::look_anew(tx, settings, user, others, origin, now)?;
        Ok(())
    }

    /// A role that is tracked only now, held by a member who was taken in earlier.
    pub(in crate::pipeline) fn newly_tracked(
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
        // Whoever got it since it is in the configuration has an event for that already.
        let same = |other: &crate::domain::contract::Role| other.id == contract.id;
        let mut story = tx.story(member.user)?.into_iter().rev().take_while(|row| row.event.at >= self.began);
        let last = story.find_map(|row| match row.event.cause {
            Cause::RoleAdded(role) if row.event.guild == self.guild && same(&role) => Some(true),
            Cause::RoleRemoved(role) if row.event.guild == self.guild && same(&role) => Some(false),
            Cause::MemberLeft if row.event.guild == self.guild => Some(false),
            _ => None,
        });
        if last == Some(true) {
            return Ok(None);
        }
        let remark = self.untouchable(member.user, &tx.memberships(member.user)?, &member.roles);
        let roles = self.tracked(&member.roles);
        let cause = Cause::RoleAdded(contract.clone());
        self.write(tx, member.user, cause, &roles, remark, Origin::Sweep, now).map(Some)
    }

    /// A person who is no member any more.
    pub(in crate::pipeline) fn take_out(
        &self,
        tx: &Tx<'_>,
        stored: MemberRow,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Vec<EventId>, StoreError> {
        let user = stored.user;
        let known = tx.memberships(user)?;
        let remark = self.untouchable(user, &known, &stored.roles);
        let ends = remark.is_some() && self.untouchable(user, &known, &[]).is_none();
        let bot = stored.bot;
        tx.put_member(&MemberRow { present: false, roles: Vec::new(), seen_at: now, ..stored })?;
        if bot {
            return Ok(Vec::new());
        }
        // What protected them ends with it: then it counts as anybody's leaving does.
        let remark = remark.filter(|_| !ends);
        let event = self.write(tx, user, Cause::MemberLeft, &[], remark, origin, now)?;
        if ends {
            self.end_protection(tx, user, &known, event, None, origin, now)?;
        }
        Ok(vec![event])
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
    pub(in crate::pipeline) fn row(&self, read: &Snapshot, now: Timestamp) -> MemberRow {
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

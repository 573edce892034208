//! Whom the configuration names as protected, and who owns the guilds: kept in the database, so that a start knows
//! the owner of a guild that it can't see, and who is protected no longer.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{GuildId, RoleId, UserId},
    pipeline::settings::Settings,
    store::{MemberRow, StoreError, Tx},
};

/// The fact that it is kept under.
const PROTECTED: &str = "protected";

/// What protects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::pipeline) struct Protected {
    /// Members who are never touched.
    pub(in crate::pipeline) members: BTreeSet<UserId>,
    /// Roles whose holders are never touched.
    pub(in crate::pipeline) roles: BTreeSet<RoleId>,
    /// The guilds that are served, in which these roles count, and who owns each, as Discord showed it last.
    pub(in crate::pipeline) guilds: BTreeMap<GuildId, Option<UserId>>,
}

impl Protected {
    /// What the configuration says, with these owners.
    pub(in crate::pipeline) fn by(settings: &Settings, owner: impl Fn(GuildId) -> Option<UserId>) -> Self {
        Self {
            members: settings.protected_members.clone(),
            roles: settings.protected_roles.clone(),
            guilds: settings.guilds.iter().map(|guild| (guild.id, owner(guild.id))).collect(),
        }
    }

    /// What was true last; none if that was never stored.
    pub(in crate::pipeline) fn stored(tx: &Tx<'_>) -> Result<Option<Self>, StoreError> {
        let Some(text) = tx.fact(PROTECTED)? else { return Ok(None) };
        let read = serde_json::from_str(&text);
        if let Err(error) = &read {
            tracing::error!(%error, "it can't be read who was protected: who is so no longer is not caught up");
        }
        Ok(read.ok())
    }

    /// Remembers it.
    pub(in crate::pipeline) fn store(&self, tx: &Tx<'_>) -> Result<(), StoreError> {
        let text = serde_json::to_string(self)
            .map_err(|_| StoreError::Unreadable("a value that can't be written as JSON"))?;
        tx.put_fact(PROTECTED, &text)
    }

    /// Who owns a guild; none if Discord never showed it.
    pub(in crate::pipeline) fn owner(&self, guild: GuildId) -> Option<UserId> {
        self.guilds.get(&guild).copied().flatten()
    }

    /// The owners.
    pub(in crate::pipeline) fn owners(&self) -> BTreeSet<UserId> {
        self.guilds.values().copied().flatten().collect()
    }

    /// Why a person is nobody's business, by the roles that they hold in each guild; none if they are.
    pub(in crate::pipeline) fn why<'a>(
        &self,
        user: UserId,
        held: impl IntoIterator<Item = (GuildId, &'a [RoleId])>,
    ) -> Option<&'static str> {
        if self.guilds.values().any(|owner| *owner == Some(user)) {
            return Some("the guild's owner is never touched");
        }
        if self.members.contains(&user) {
            return Some("this member is protected");
        }
        let protects = |roles: &[RoleId]| roles.iter().any(|role| self.roles.contains(role));
        held.into_iter()
            .any(|(guild, roles)| self.guilds.contains_key(&guild) && protects(roles))
            .then_some("a role of this member is protected")
    }

    /// The same, by what is stored of them.
    pub(in crate::pipeline) fn why_of(
        &self,
        user: UserId,
        memberships: &[MemberRow],
    ) -> Option<&'static str> {
        self.why(user, memberships.iter().map(|member| (member.guild, member.roles.as_slice())))
    }
}

/// Whether the bot can go on with a guild that Discord does not show it: it was taken in completely before, and it is
/// known who owns it.
///
/// # Errors
/// [`StoreError`].
pub fn knows_guild(tx: &Tx<'_>, guild: GuildId) -> Result<bool, StoreError> {
    let owner = Protected::stored(tx)?.and_then(|protected| protected.owner(guild));
    Ok(owner.is_some() && tx.adopted(guild)?.is_some())
}

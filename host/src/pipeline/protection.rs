//! Who is never touched: the guilds' owners, and whom the configuration protects. Whoever is protected in one
//! guild is in all of them, because a person has one account.

use std::collections::BTreeSet;

use super::{core::Core, settings::Settings};
use crate::{
    domain::{GuildId, RoleId, UserId},
    store::MemberRow,
};

/// Who is never touched.
#[derive(Clone)]
pub(super) struct Protection {
    settings: Settings,
    owners: BTreeSet<UserId>,
}

impl Protection {
    /// As it is now.
    pub(super) fn of(core: &Core) -> Self {
        let settings = core.settings.clone();
        let owners = settings.guilds.iter().filter_map(|guild| core.owner_of(guild.id)).collect();
        Self { settings, owners }
    }

    /// What the pipeline goes by.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Why a person is nobody's business, by the roles that they hold in each guild; none if they are.
    pub(super) fn why<'a>(
        &self,
        user: UserId,
        held: impl IntoIterator<Item = (GuildId, &'a [RoleId])>,
    ) -> Option<&'static str> {
        if self.owners.contains(&user) {
            return Some("the guild's owner is never touched");
        }
        if self.settings.protected_members.contains(&user) {
            return Some("this member is protected");
        }
        let protects =
            |roles: &[RoleId]| roles.iter().any(|role| self.settings.protected_roles.contains(role));
        held.into_iter()
            .any(|(guild, roles)| self.settings.guild(guild).is_some() && protects(roles))
            .then_some("a role of this member is protected")
    }

    /// The same, by what is stored of them.
    pub(super) fn why_of(&self, user: UserId, memberships: &[MemberRow]) -> Option<&'static str> {
        self.why(user, memberships.iter().map(|member| (member.guild, member.roles.as_slice())))
    }
}

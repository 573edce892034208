//! Who is never touched: the guilds' owners, and whom the configuration protects. Whoever is protected in one
//! guild is in all of them, because a person has one account.

use std::sync::Arc;

use crate::{
    domain::{GuildId, RoleId, UserId},
    pipeline::{context::Context, protection::rules::Protected, settings::Settings},
    store::MemberRow,
};

/// Who is never touched.
#[derive(Clone)]
pub(in crate::pipeline) struct Protection {
    settings: Arc<Settings>,
    protected: Protected,
}

impl Protection {
    /// As it is now.
    pub(in crate::pipeline) fn of(core: &Context) -> Self {
        let settings = core.settings();
        let protected = Protected::by(&settings, |guild| core.owner_of(guild));
        Self { settings, protected }
    }

    /// What the pipeline goes by.
    pub(in crate::pipeline) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Why a person is nobody's business, by the roles that they hold in each guild; none if they are.
    pub(in crate::pipeline) fn why<'a>(
        &self,
        user: UserId,
        held: impl IntoIterator<Item = (GuildId, &'a [RoleId])>,
    ) -> Option<&'static str> {
        self.protected.why(user, held)
    }

    /// The same, by what is stored of them.
    pub(in crate::pipeline) fn why_of(
        &self,
        user: UserId,
        memberships: &[MemberRow],
    ) -> Option<&'static str> {
        self.protected.why_of(user, memberships)
    }
}

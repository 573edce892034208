//! What an administrator decides on changes on hold, for whom, and what came of it.

use crate::{
    domain::{GuildId, UserId},
    pipeline::memory::quarantine::Unread,
    store::{HoldRow, StoreError, Tx},
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
    Shown(Reach),
    /// On one member.
    Member(UserId, Reach),
    /// On those whom this order from the command line is about.
    Ordered {
        /// The order.
        order: i64,
        /// It is about everybody who had been shown.
        all: bool,
    },
}

/// Whose members an administrator decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Reach {
    /// Everybody's.
    Everywhere,
    /// Those of one guild.
    Guild(GuildId),
}

impl Reach {
    /// Whether a person is or was a member there.
    pub(in crate::pipeline) fn has(self, tx: &Tx<'_>, user: UserId) -> Result<bool, StoreError> {
        match self {
            Self::Everywhere => Ok(true),
            Self::Guild(guild) => tx.is_known_in(guild, user),
        }
    }
}

impl Whom {
    pub(super) fn has(self, hold: &HoldRow, user: UserId) -> bool {
        match self {
            Self::Shown(_) => hold.shown,
            Self::Member(only, _) => only == user,
            Self::Ordered { order, .. } => hold.ordered == Some(order),
        }
    }

    /// Whether a hold that can't be read may be meant.
    pub(super) fn may_have(self, user: Option<UserId>) -> bool {
        match self {
            Self::Member(only, _) => user == Some(only),
            Self::Shown(_) | Self::Ordered { .. } => self.is_everybody(),
        }
    }

    /// Nobody in particular is meant.
    pub(super) fn is_everybody(self) -> bool {
        matches!(self, Self::Shown(_) | Self::Ordered { all: true, .. })
    }

    pub(super) fn reach(self) -> Reach {
        match self {
            Self::Shown(reach) | Self::Member(_, reach) => reach,
            Self::Ordered { .. } => Reach::Everywhere,
        }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Done {
    /// Those whom it concerns.
    pub(in crate::pipeline) members: Vec<UserId>,
    /// So many more are held, of whom administrators were not shown it yet.
    pub(in crate::pipeline) waiting: usize,
    /// Those among them whom no message will show soon: the answer names them.
    pub(in crate::pipeline) listed: Vec<UserId>,
    /// An e-mail address was forgotten.
    pub(super) forgot: bool,
    /// Who is held and can't be read: nothing is decided on them.
    pub(in crate::pipeline) unread: Unread,
}

//! One complete look at whom the owner shares with.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{sync::Mutex, time::Instant};

use crate::{
    domain::{
        Email, PlexAccountId, ShareId, Timestamp,
        account::Account,
        reconcile::share::{Stage, Standing as Seen},
    },
    pipeline::memory::lists::{Absences, List, Missing, of_friends},
    plex::{Friend, FriendShare, Invite, Plex, PlexError, Share},
};

/// What Plex showed at one moment: all of the friends, or it would not be here, and of the other lists all of those
/// that are not missing.
#[derive(Debug)]
pub(in crate::pipeline) struct Look {
    /// When the first of its reads began.
    pub(in crate::pipeline) began: Timestamp,
    pub(in crate::pipeline) friends: Vec<Friend>,
    pub(in crate::pipeline) invites: Vec<Invite>,
    pub(in crate::pipeline) shares: Vec<Share>,
    /// What could not be had.
    pub(in crate::pipeline) missing: Vec<Missing>,
}

/// The last look, for those who come at the same time.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Looks {
    pub(in crate::pipeline) last: Mutex<Option<Taken>>,
    /// The last one failed: that concerns everybody.
    pub(in crate::pipeline) failing: AtomicBool,
    /// Administrators were told that they fail.
    pub(in crate::pipeline) told: AtomicBool,
    /// Single lists that are missing.
    pub(in crate::pipeline) absences: Absences,
}

impl Looks {
    /// Whether an administrator is to be told that one account's work fails: once for all accounts while
    /// nothing can be seen at Plex.
    pub(in crate::pipeline) fn tells(&self) -> bool {
        !self.failing.load(Ordering::Relaxed) || !self.told.swap(true, Ordering::Relaxed)
    }

    /// Whether nothing can be seen at Plex.
    pub(in crate::pipeline) fn fail(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}

/// A look, and when it began by the clock that never goes back.
#[derive(Debug)]
pub(in crate::pipeline) struct Taken {
    pub(in crate::pipeline) began: Instant,
    pub(in crate::pipeline) look: Arc<Look>,
}

/// How one account stands at Plex.
pub(in crate::pipeline) enum Standing<'a> {
    /// The share is accepted.
    Joined { friend: &'a Friend, share: &'a FriendShare },
    /// An invitation is out, or a share that was not accepted.
    Pending { share: Option<ShareId>, invite: Option<&'a Invite> },
    /// Neither.
    Absent,
    /// The share is not accepted; whether an invitation is out can't be told, because this list is missing.
    Unclear(&'a Missing),
}

impl Look {
    pub(in crate::pipeline) async fn take(
        plex: &Plex,
        machine: &crate::domain::MachineId,
        began: Timestamp,
    ) -> Result<Self, PlexError> {
        let mut missing = Vec::new();
        // Invitations first: one that is accepted between two of these reads is then seen twice, not never.
        let invites = tolerate(List::Invitations, plex.invites().await, &mut missing)?;
        let mut shares = tolerate(List::Shares, plex.shares(machine).await, &mut missing)?;
        let away = |missing: &Missing| matches!(missing.why, PlexError::Unavailable { .. });
        if missing.len() > 1 && missing.iter().all(away) {
            // Where all of Plex is away, the friends are too, and nothing else is asked for. They are read once more
            // as the last, like ever.
            plex.users().await.map_err(of_friends)?;
        }
        // Whether the list of shares has the pending ones in it depends on the route and the day.
        for pending in tolerate(List::PendingShares, plex.pending_shares().await, &mut missing)? {
            let known = shares.iter().any(|share| share.id == pending.share.id);
            if pending.machine == *machine && !known {
                shares.push(pending.share);
            }
        }
        let friends = plex.users().await.map_err(of_friends)?;
        Ok(Self { began, friends, invites, shares, missing })
    }

    /// Makes sure that nothing is missing.
    pub(in crate::pipeline) fn whole(&self) -> Result<(), &Missing> {
        self.missing.first().map_or(Ok(()), Err)
    }

    /// Makes sure that a list is there.
    pub(in crate::pipeline) fn needs(&self, list: List) -> Result<(), &Missing> {
        let missing = self.missing.iter().find(|missing| missing.list == list);
        missing.map_or(Ok(()), Err)
    }

    /// Whether the shares of the server, with their libraries, are there.
    pub(in crate::pipeline) fn has_shares(&self) -> bool {
        self.needs(List::Shares).is_ok()
    }

    /// Whether any of the owner's servers is shared with somebody who has this address, or an invitation to one is
    /// out. A friend with whom nothing is shared has nothing that could be taken over.
    pub(in crate::pipeline) fn is_shared_with(&self, email: &Email) -> bool {
        self.friends.iter().any(|friend| !friend.shares.is_empty() && friend.names.has(email))
            || self.invites.iter().any(|invite| invite.names.has(email))
            || self.shares.iter().any(|share| share.names.has(email))
    }

    /// A member of the owner's Plex Home, or a managed account, with this address.
    pub(in crate::pipeline) fn at_home(&self, email: &Email) -> bool {
        self.friends.iter().any(|friend| friend.home && friend.names.has(email))
    }

    /// A friend by account.
    pub(in crate::pipeline) fn friend(&self, id: PlexAccountId) -> Option<&Friend> {
        self.friends.iter().find(|friend| friend.id == id)
    }
}

/// A list that may be missing, as others may too: the friends decide whether there is a look. Where the token is
/// refused or Plex asks to wait, no other list is asked for.
pub(in crate::pipeline) fn tolerate<T>(
    list: List,
    read: Result<Vec<T>, PlexError>,
    missing: &mut Vec<Missing>,
) -> Result<Vec<T>, PlexError> {
    match read {
        Ok(entries) => Ok(entries),
        Err(error @ (PlexError::Unauthorized | PlexError::RateLimited { .. })) => Err(error),
        Err(why) => {
            missing.push(Missing { list, why });
            Ok(Vec::new())
        }
    }
}

/// Several Plex accounts match the address that the member gave.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("several Plex accounts have the address or user name that was given. Nothing was changed.")]
pub(in crate::pipeline) struct SeveralMatch;

impl<'a> Standing<'a> {
    /// The same for the state machine.
    pub(in crate::pipeline) fn seen(&self, account: &Account) -> Result<Seen, &'a Missing> {
        match self {
            Self::Absent => Ok(Seen::Absent),
            Self::Joined { .. } => Ok(Seen::Joined),
            Self::Pending { share, invite } => Ok(Seen::Pending {
                invitation: invite.is_some(),
                known: account.share.is_none() || *share == account.share,
            }),
            Self::Unclear(missing) => Err(missing),
        }
    }
}

/// How an account stands in a look.
pub(in crate::pipeline) fn standing<'l>(
    look: &'l Look,
    account: &Account,
    server: &crate::plex::Server,
) -> Result<Standing<'l>, SeveralMatch> {
    let ours = |share: &&FriendShare| share.machine == server.machine;
    let row = look.shares.iter().find(|row| Some(row.id) == account.share);
    let by_share = look.friends.iter().find(|friend| {
        let has = |share: &FriendShare| Some(share.id) == account.share && share.machine == server.machine;
        friend.shares.iter().any(has) || row.is_some_and(|row| row.accepted && row.account == Some(friend.id))
    });
    let by_account = || account.plex_account.and_then(|id| look.friend(id));
    // Once the account is known, somebody else's share under the address is somebody else's.
    let by_address = || {
        let Some(email) = account.email.as_ref().filter(|_| account.plex_account.is_none()) else {
            return Ok(None);
        };
        let mut matches = look.friends.iter().filter(|friend| friend.names.has(email));
        let first = matches.next();
        if matches.next().is_some() { Err(SeveralMatch) } else { Ok(first) }
    };
    let friend = match by_share.or_else(by_account) {
        Some(friend) => Some(friend),
        None => by_address()?,
    };
    let found = friend.and_then(|friend| friend.shares.iter().find(ours).map(|share| (friend, share)));
    if let Some((friend, share)) = found
        && !share.pending
    {
        return Ok(Standing::Joined { friend, share });
    }
    if let Some(missing) = look.missing.first()
        && !was_accepted(look, account)
    {
        return Ok(Standing::Unclear(missing));
    }
    let email = account.email.as_ref();
    let invite = look.invites.iter().find(|invite| {
        let named = email.is_some_and(|email| invite.names.has(email) || email.is(&invite.id));
        named && invite.servers.contains(&server.name)
    });
    let pending_row = row.filter(|row| !row.accepted).or_else(|| {
        look.shares.iter().find(|row| !row.accepted && email.is_some_and(|email| row.names.has(email)))
    });
    let pending_share = found.map(|(_, share)| share.id).or_else(|| pending_row.map(|row| row.id));
    if invite.is_some() || pending_share.is_some() {
        return Ok(Standing::Pending { share: pending_share, invite });
    }
    Ok(Standing::Absent)
}

/// Whether the account's share was accepted at some time, so that no invitation to it is out.
pub(in crate::pipeline) fn was_accepted(look: &Look, account: &Account) -> bool {
    match account.stage {
        Stage::Joined => true,
        // Somebody who is a friend still may have been invited anew.
        Stage::Leaving => account.plex_account.is_some_and(|id| look.friend(id).is_none()),
        Stage::None | Stage::Inviting | Stage::Invited | Stage::Declined | Stage::Lost => false,
    }
}

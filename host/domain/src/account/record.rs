//! What is stored of an account.

use crate::{
    AccountId, Email, EventId, PlexAccountId, ShareId, Timestamp, UserId,
    contract::Grant,
    reconcile::share::{ShareState, Stage},
    words::words,
};

words! {
    /// What a member was last told of their access.
    Told {
        /// Nothing.
        Nothing = "nothing",
        /// That an invitation is out.
        Invited = "invited",
        /// That they have access.
        Granted = "granted",
        /// That it is restricted.
        Restricted = "restricted",
    }
}

words! {
    /// Why nothing is done at Plex for an account until something else happens.
    ParkReason {
        /// Plex does not accept the token. This ends when it accepts one.
        Token = "token",
        /// Plex refuses what was asked for this account.
        Refused = "refused",
    }
}

/// A refusal of Plex's that repeating can't mend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parked {
    /// Why, for the program.
    pub why: ParkReason,
    /// Why, for people: Plex's words.
    pub words: String,
}

words! {
    /// Why an administrator must decide before anything is done for an account.
    HeldReason {
        /// The address belongs to the Plex owner or to somebody in their Plex Home.
        OwnersAddress = "owners-address",
        /// The owner shares with this address already.
        SharedAlready = "shared-already",
        /// The address belongs to another member.
        OthersAddress = "others-address",
        /// The Plex account or the share belongs to another member.
        OthersShare = "others-share",
        /// The Plex account belongs to the owner's Plex Home.
        OwnersHome = "owners-home",
        /// An invitation was begun without an address.
        NoAddress = "no-address",
        /// A filter can't be made stricter without losing what the owner set.
        CannotRestrict = "cannot-restrict",
        /// Plex shows several shares for it.
        Ambiguous = "ambiguous",
        /// A library that is named does not exist. The account is looked at again by itself.
        NoLibrary = "no-library",
        /// An earlier version stored it, without a reason.
        Earlier = "earlier",
    }
}

/// An administrator must decide first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// Why, for the program.
    pub why: HeldReason,
    /// Why, for people.
    pub words: String,
}

/// Everything that is stored of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number.
    pub id: AccountId,
    /// The member; none if an administrator invited a bare address.
    pub user: Option<UserId>,
    /// The address.
    pub email: Option<Email>,
    /// An address that the member gave and that somebody else's share stands against.
    pub claim: Option<Email>,
    /// An address that the member gave in place of the one that is invited. It is taken up once the invitation to that
    /// one is withdrawn.
    pub correction: Option<Email>,
    /// How often they did so since an invitation was accepted.
    pub corrections: u32,
    /// The Plex account, once the invitation was accepted.
    pub plex_account: Option<PlexAccountId>,
    /// The share, once it was seen.
    pub share: Option<ShareId>,
    /// How far the share has got.
    pub stage: Stage,
    /// What an administrator granted to a bare address.
    pub granted: Option<Grant>,
    /// The event whose decision allows one share to be created; none once it was used.
    pub invite_for: Option<EventId>,
    /// A share that Rolarr did not create may be taken over.
    pub adopt: bool,
    /// The last event whose decision concerns this account.
    pub decided_by: Option<EventId>,
    /// An administrator must decide first.
    pub held: Option<Held>,
    /// A refusal that repeating can't mend.
    pub parked: Option<Parked>,
    /// What the member was last told.
    pub told: Told,
    /// The policy wants no messages for this event's decision.
    pub quiet_for: Option<EventId>,
    /// A message of the policy's that waits until Plex agrees with this event's decision.
    pub tell: Option<(EventId, String)>,
    /// When to look at Plex again.
    pub due: Option<Timestamp>,
    /// How often in a row that failed.
    pub attempts: u32,
    /// How often in a row Plex refused it.
    pub refusals: u32,
    /// Rises whenever what should be true changes. Work on an older generation stops.
    pub generation: u64,
    /// What somebody else changed at Plex is to be written over, once.
    pub mend: bool,
    /// An invitation to the address was sent at some time, or a share of theirs taken over.
    pub invited: bool,
    /// A command of an administrator's is being carried out: it goes before protection.
    pub commanded: bool,
    /// Until when an invitation that was sent may still appear at Plex.
    pub created_until: Option<Timestamp>,
    /// Until when a request that ended the share may still take effect, or its old state may still show.
    pub ended_until: Option<Timestamp>,
    /// Until when a filter, permission or list of libraries that was sent may still take effect, or an old one show.
    pub written_until: Option<Timestamp>,
    /// When the first of the reads began that show no share although there should be one.
    pub absent_since: Option<Timestamp>,
    /// When running streams are to be ended once more: a filter reaches the server some time after plex.tv took it.
    pub streams_due: Option<Timestamp>,
}

impl Record {
    /// An account of which nothing is known yet.
    #[must_use]
    pub const fn new(id: AccountId, user: Option<UserId>) -> Self {
        Self {
            id,
            user,
            email: None,
            claim: None,
            correction: None,
            corrections: 0,
            plex_account: None,
            share: None,
            stage: Stage::None,
            granted: None,
            invite_for: None,
            adopt: false,
            decided_by: None,
            held: None,
            parked: None,
            told: Told::Nothing,
            quiet_for: None,
            tell: None,
            due: None,
            attempts: 0,
            refusals: 0,
            generation: 0,
            mend: false,
            invited: false,
            commanded: false,
            created_until: None,
            ended_until: None,
            written_until: None,
            absent_since: None,
            streams_due: None,
        }
    }

    /// What is known of the share.
    #[must_use]
    pub fn share_state(&self) -> ShareState {
        ShareState {
            stage: self.stage,
            may_invite: self.invite_for.is_some() || self.adopt,
            created_until: self.created_until,
            ended_until: self.ended_until,
            absent_since: self.absent_since,
        }
    }

    /// Whether an address was given, also one that is held.
    #[must_use]
    pub const fn has_address(&self) -> bool {
        self.email.is_some() || self.claim.is_some()
    }

    /// Whether nothing is known by which the person could be found at Plex.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        !self.has_address() && self.plex_account.is_none()
    }
}

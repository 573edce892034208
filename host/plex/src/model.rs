//! What plex.tv and the server say, in our words.

use std::{fmt, time::Duration};

use rolarr_domain::{Changes, Email, MachineId, PlexAccountId, SectionId, Sections, Settings, ShareId};

/// The account whose token is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its id.
    pub id: PlexAccountId,
    /// Whether it has a Plex Pass, without which plex.tv applies no label filters.
    pub plex_pass: bool,
    /// Its names and address, for recognising them in what people type.
    pub names: Names,
}

/// What identifies a person at plex.tv to other people. `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// May be empty: managed accounts have none, and pending invitees may have none.
    pub email: String,
    /// May be empty.
    pub username: String,
    /// What Plex shows.
    pub title: String,
}

impl Names {
    /// Whether the address is this person's.
    #[must_use]
    pub fn has(&self, email: &Email) -> bool {
        email.is(&self.email) || email.is(&self.username)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names(…)")
    }
}

/// A Plex server that the owner owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its identifier (`clientIdentifier` of the resource).
    pub machine: MachineId,
    /// Its name.
    pub name: String,
}

/// The type of media of a library, which decides the filter that governs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LibraryKind {
    /// `movie`: governed by `filterMovies`.
    Movies,
    /// `show`: governed by `filterTelevision`.
    Television,
    /// `artist`: governed by `filterMusic`.
    Music,
    /// `photo`: governed by `filterPhotos`.
    Photos,
    /// A type that no filter governs.
    Other,
}

/// A library of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// plex.tv's number for it.
    pub id: SectionId,
    /// The server's own key for it.
    pub key: u64,
    /// Its name.
    pub title: String,
    /// Its type of media.
    pub kind: LibraryKind,
}

/// A person with whom something of the owner's is shared: a `User` of `GET /api/users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Friend {
    /// Their Plex account.
    pub id: PlexAccountId,
    /// Who they are.
    pub names: Names,
    /// A member of the owner's Plex Home, or a managed account: never touched.
    pub home: bool,
    /// What they may see and do, on all servers of the owner.
    pub settings: Settings,
    /// Which of the owner's servers are shared with them.
    pub shares: Vec<FriendShare>,
}

/// One server shared with a friend: a `Server` within a `User`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FriendShare {
    /// The share.
    pub id: ShareId,
    /// The server.
    pub machine: MachineId,
    /// Not accepted yet.
    pub pending: bool,
    /// All libraries, future ones included.
    pub all_libraries: bool,
}

/// A share as the server's owner sees it, accepted or not: a `SharedServer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The share.
    pub id: ShareId,
    /// The person's account; none while an address without an account is invited.
    pub account: Option<PlexAccountId>,
    /// Who they are.
    pub names: Names,
    /// The invitation was accepted.
    pub accepted: bool,
    /// The libraries that are shared, by plex.tv's number.
    pub libraries: Vec<SectionId>,
    /// All libraries, future ones included.
    pub all_libraries: bool,
}

/// An invitation that is out.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    /// plex.tv's id of it: a number, or the e-mail address itself if that has no Plex account.
    pub id: String,
    /// Whom it went to.
    pub names: Names,
    /// Whether it makes the person a friend, a home member, a user of a server: echoed when cancelling.
    pub friend: bool,
    /// See `friend`.
    pub home: bool,
    /// See `friend`.
    pub server: bool,
    /// The names of the servers in it.
    pub servers: Vec<String>,
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite").field("servers", &self.servers).finish_non_exhaustive()
    }
}

/// Whom to invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invitee {
    /// By e-mail address, with or without a Plex account.
    Address(Email),
    /// A person who is a friend already, by account.
    Account(PlexAccountId),
}

/// A share to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewShare {
    /// The server.
    pub machine: MachineId,
    /// Which of its libraries.
    pub sections: Sections,
    /// With whom.
    pub to: Invitee,
    /// What is set for the person from the beginning, where plex.tv takes it with an invitation: filters and
    /// [`rolarr_domain::Field::Downloads`]. What is not named is off or empty. Only for an address: what is set for somebody
    /// who is a friend already stays as it is.
    pub settings: Changes,
}

/// A share that was not accepted yet, with its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingShare {
    /// The server.
    pub machine: MachineId,
    /// The share.
    pub share: Share,
}

/// Something that the server plays at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What `terminate` takes: `Session@id`, not `sessionKey`.
    pub id: String,
    /// Who watches: `User@id`. The owner shows as 1.
    pub account: PlexAccountId,
}

/// A text of plex.tv's in which the person's address, name and title were replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted(pub(crate) String);

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Redacted {
    /// A text of our own, which names nobody.
    #[must_use]
    pub fn ours(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

/// plex.tv or the server did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlexError {
    /// 401 in plex.tv's own form, or 422 with "Invalid token". Nothing works until there is a valid token.
    #[error("Plex does not accept the token: sign in again and put the new token into the configuration")]
    Unauthorized,
    /// This server is shared with that person already, or an invitation is out.
    #[error("the server is shared with this person already")]
    AlreadyShared,
    /// plex.tv does not take the address for one that can be invited.
    #[error("Plex does not accept the address")]
    InvalidAddress,
    /// It does not exist (any more): 404.
    #[error("Plex does not know it")]
    NotFound,
    /// A list that is read is not there (any more): 404 or 410.
    #[error("plex.tv has no such list (any more) (status {status})")]
    NoSuchList {
        /// The HTTP status.
        status: u16,
    },
    /// A refusal in Plex's own form: other 4xx.
    #[error("Plex refuses (status {status}): {words}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Plex's own words.
        words: Redacted,
    },
    /// A refusal that is not in Plex's own form, for example the page of a proxy: an outage, whatever its status.
    #[error("the answer did not come from Plex itself (status {status})")]
    NotPlex {
        /// The HTTP status.
        status: u16,
    },
    /// 429.
    #[error("Plex asks to wait")]
    RateLimited {
        /// The `Retry-After` header, at most a minute.
        retry_after: Option<Duration>,
    },
    /// No connection, or 5xx, or an answer that is not what the route answers.
    #[error("Plex can't be reached or is at fault: {what}")]
    Unavailable {
        /// What happened.
        what: String,
        /// The request may have had its effect all the same.
        maybe_applied: bool,
    },
    /// The write was accepted, and the fields still read otherwise, by every route that there is.
    #[error("Plex accepted the change and does not show it")]
    NotTaken,
}

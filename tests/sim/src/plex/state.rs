//! The things that plex.tv and the Plex server know of.

use std::{collections::BTreeSet, net::SocketAddr};

use serde::Serialize;

use super::settings::Settings;

/// A Plex account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its number.
    pub id: u64,
    /// Its other id: 16 hexadecimal digits.
    pub uuid: String,
    /// Empty for managed accounts.
    pub username: String,
    /// Empty for managed accounts.
    pub email: String,
    /// What Plex shows; need not be unique.
    pub title: String,
    /// Its token.
    pub token: String,
    /// A managed account of a Plex Home.
    pub restricted: bool,
    /// The restriction profile of a managed account ("little_kid", "older_kid", "teen").
    pub profile: Option<String>,
}

/// What ties a person to the owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tie {
    /// They are in the owner's Plex Home.
    pub home: bool,
    /// What the owner set for them.
    pub settings: Settings,
}

/// A Plex server that the owner owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaServer {
    /// plex.tv's number for it (`serverId`).
    pub id: u64,
    /// Its `machineIdentifier`.
    pub machine: String,
    /// Its name.
    pub name: String,
    /// The owner's token for it (`accessToken` of the resource).
    pub token: String,
    /// Its libraries.
    pub libraries: Vec<Library>,
    /// Where it listens, if it does.
    pub address: Option<SocketAddr>,
}

/// A library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// plex.tv's number for it, about nine digits: not the key.
    pub id: u64,
    /// The server's own key.
    pub key: u64,
    /// Its name.
    pub title: String,
    /// `movie`, `show`, `artist` or `photo`.
    pub kind: String,
    /// What is in it.
    pub items: Vec<Item>,
}

/// A film, a series, an artist or an album of photos.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Its title.
    pub title: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its content rating.
    pub rating: String,
}

/// Which libraries a share holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Libraries {
    /// All, future ones included.
    All,
    /// These, by plex.tv's numbers. May be none.
    These(BTreeSet<u64>),
}

/// Whom something was offered to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invitee {
    /// A Plex account.
    Account(u64),
    /// An address that has no account.
    Address(String),
}

/// That a server was offered to a person, at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// When it was asked for: earlier, if it had its effect late.
    pub asked_ms: u64,
    /// What was typed, or the person's address.
    pub to: String,
    /// The number of the share, which may have ended since.
    pub share: u64,
}

/// A server shared with a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Its number.
    pub id: u64,
    /// The server's `machineIdentifier`.
    pub machine: String,
    /// With whom.
    pub with: Invitee,
    /// What the owner typed.
    pub typed: String,
    /// What is shared.
    pub libraries: Libraries,
    /// When it was offered, in milliseconds since 1970.
    pub invited_at: u64,
    /// When it was accepted. None: it is pending.
    pub accepted_at: Option<u64>,
}

/// An invitation that is out: one per person, with all servers that were offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invite {
    /// To whom.
    pub to: Invitee,
    /// What the owner typed.
    pub typed: String,
    /// When, in milliseconds since 1970.
    pub created_at: u64,
    /// Accepting it makes them a friend.
    pub friend: bool,
    /// The shares that it holds.
    pub shares: Vec<u64>,
    /// What will be set for them once they accept.
    pub settings: Settings,
}

impl Invite {
    /// plex.tv's id of it: the account's number, or the address itself.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.to {
            Invitee::Account(account) => account.to_string(),
            Invitee::Address(address) => address.clone(),
        }
    }
}

/// Something that a server plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// `Session@id`: what terminating takes.
    pub id: String,
    /// `sessionKey`: what terminating does not take.
    pub key: u64,
    /// The server's `machineIdentifier`.
    pub machine: String,
    /// Who watches.
    pub account: u64,
    /// What.
    pub title: String,
    /// The library's type.
    pub kind: String,
}

/// Where reports about plex.tv differ, or where it was seen to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// A cancelled invitation leaves its row among the shares, so that the next one is refused with
    /// "already sharing" until that row is deleted as well.
    pub cancel_leaves_share: bool,
    /// v1's list of shares shows pending ones too.
    pub v1_lists_pending: bool,
    /// A new share with somebody who is a friend already needs no acceptance.
    pub friends_need_not_accept: bool,
    /// A share has another number once it is accepted than the invitation had.
    pub accepted_as_another: bool,
    /// The list of libraries is cut off after so many, as was seen for moments.
    pub sections_shown: Option<usize>,
    /// An invitation that names a library which the server does not have is refused with 404, instead of leaving it
    /// out.
    pub refuses_unknown_libraries: bool,
    /// How many friends the owner may have.
    pub friend_limit: Option<usize>,
    /// The list of friends leaves the filters out. The settings of one person have them.
    pub friends_lack_filters: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            cancel_leaves_share: false,
            v1_lists_pending: true,
            friends_need_not_accept: false,
            accepted_as_another: false,
            sections_shown: None,
            refuses_unknown_libraries: false,
            friend_limit: None,
            friends_lack_filters: false,
        }
    }
}

impl Account {
    /// Whether this is its number, its address or its username.
    #[must_use]
    pub fn answers_to(&self, who: &str) -> bool {
        let same = |name: &str| !name.is_empty() && name.to_lowercase() == who.to_lowercase();
        self.id.to_string() == who || same(&self.email) || same(&self.username)
    }
}

impl Share {
    /// Whether it is this account's.
    #[must_use]
    pub fn is_with(&self, account: u64) -> bool {
        self.with == Invitee::Account(account)
    }

    /// Whether it holds a library, by plex.tv's number.
    #[must_use]
    pub fn holds(&self, library: u64) -> bool {
        match &self.libraries {
            Libraries::All => true,
            Libraries::These(these) => these.contains(&library),
        }
    }
}

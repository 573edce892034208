//! What plex.tv and the Plex server know: one owner and everybody around them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use super::{filter, settings::Settings};

/// A Plex account.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Libraries {
    /// All, future ones included.
    All,
    /// These, by plex.tv's numbers. May be none.
    These(BTreeSet<u64>),
}

/// Whom something was offered to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invitee {
    /// A Plex account.
    Account(u64),
    /// An address that has no account.
    Address(String),
}

/// A server shared with a person.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The list of libraries is cut off after so many, as was seen for moments.
    pub sections_shown: Option<usize>,
    /// How many friends the owner may have.
    pub friend_limit: Option<usize>,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            cancel_leaves_share: false,
            v1_lists_pending: true,
            friends_need_not_accept: false,
            sections_shown: None,
            friend_limit: None,
        }
    }
}

/// Everything that plex.tv and the server know.
#[derive(Clone, Debug)]
pub struct World {
    /// The owner's account.
    pub owner: Account,
    /// Whether the owner's token is accepted.
    pub token_valid: bool,
    /// Whether the owner has a Plex Pass: without it, filters are stored and not applied.
    pub plex_pass: bool,
    /// The owner's servers. The first is the one that the server's address stands for.
    pub servers: Vec<MediaServer>,
    /// All other accounts.
    pub people: BTreeMap<u64, Account>,
    /// Friends and members of the Plex Home.
    pub ties: BTreeMap<u64, Tie>,
    /// All shares, accepted or not.
    pub shares: BTreeMap<u64, Share>,
    /// All invitations that are out.
    pub invites: Vec<Invite>,
    /// What is played now.
    pub sessions: Vec<Session>,
    /// What each account has watched, oldest first. The server keeps it whatever becomes of the share.
    pub history: BTreeMap<u64, Vec<String>>,
    /// How plex.tv misbehaves.
    pub quirks: Quirks,
    next: u64,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Owner,
    Person(u64),
}

impl World {
    /// An owner without servers and friends.
    #[must_use]
    pub fn new(email: &str, username: &str, title: &str, token: &str) -> Self {
        let owner = Account {
            id: 900_000_000,
            uuid: uuid(900_000_000),
            username: username.to_owned(),
            email: email.to_owned(),
            title: title.to_owned(),
            token: token.to_owned(),
            restricted: false,
            profile: None,
        };
        Self {
            owner,
            token_valid: true,
            plex_pass: true,
            servers: Vec::new(),
            people: BTreeMap::new(),
            ties: BTreeMap::new(),
            shares: BTreeMap::new(),
            invites: Vec::new(),
            sessions: Vec::new(),
            history: BTreeMap::new(),
            quirks: Quirks::default(),
            next: 900_000_001,
        }
    }

    /// A number that nothing else has.
    pub(crate) fn fresh(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    /// Adds a server with libraries, each a title and a type (`movie`, `show`, `artist`, `photo`). The
    /// server's own keys count from 1.
    pub fn add_server(&mut self, machine: &str, name: &str, libraries: &[(&str, &str)]) {
        let id = self.fresh();
        let libraries = libraries
            .iter()
            .zip(1..)
            .map(|((title, kind), key)| Library {
                id: self.fresh(),
                key,
                title: (*title).to_owned(),
                kind: (*kind).to_owned(),
                items: Vec::new(),
            })
            .collect();
        self.servers.push(MediaServer {
            id,
            machine: machine.to_owned(),
            name: name.to_owned(),
            token: format!("server-token-{id}"),
            libraries,
            address: None,
        });
    }

    /// Puts an item into a library, by the library's title on whatever server has it.
    pub fn add_item(&mut self, library: &str, title: &str, labels: &[&str], rating: &str) {
        let item = Item {
            title: title.to_owned(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            rating: rating.to_owned(),
        };
        let all = self.servers.iter_mut().flat_map(|server| &mut server.libraries);
        if let Some(found) = all.into_iter().find(|candidate| candidate.title == library) {
            found.items.push(item);
        }
    }

    /// Adds an account that has nothing to do with the owner yet.
    pub fn add_person(&mut self, email: &str, username: &str, title: &str) -> u64 {
        let id = self.fresh();
        let account = Account {
            id,
            uuid: uuid(id),
            username: username.to_owned(),
            email: email.to_owned(),
            title: title.to_owned(),
            token: format!("person-token-{id}"),
            restricted: false,
            profile: None,
        };
        self.people.insert(id, account);
        id
    }

    /// Adds a managed account to the owner's Plex Home, without username and address.
    pub fn add_managed(&mut self, title: &str, profile: Option<&str>) -> u64 {
        let id = self.add_person("", "", title);
        if let Some(account) = self.people.get_mut(&id) {
            account.restricted = true;
            account.profile = profile.map(str::to_owned);
        }
        self.ties.insert(id, Tie { home: true, settings: Settings::initial() });
        id
    }

    /// A server by its `machineIdentifier`.
    #[must_use]
    pub fn server(&self, machine: &str) -> Option<&MediaServer> {
        self.servers.iter().find(|server| server.machine == machine)
    }

    /// An account by number, address or username; the latter two in any case.
    #[must_use]
    pub fn find_person(&self, who: &str) -> Option<&Account> {
        self.people.values().find(|account| account.answers_to(who))
    }

    /// Whose plex.tv token the request carries.
    pub(crate) fn caller(&self, token: &str) -> Option<Caller> {
        if token.is_empty() {
            return None;
        }
        if self.token_valid && token == self.owner.token {
            return Some(Caller::Owner);
        }
        let person = self.people.values().find(|account| account.token == token)?;
        Some(Caller::Person(person.id))
    }

    /// The titles that an account sees on all servers that are shared with it, with filters applied.
    #[must_use]
    pub fn visible_items(&self, account: u64) -> Vec<String> {
        let shares =
            self.shares.values().filter(|share| share.is_with(account) && share.accepted_at.is_some());
        let mut titles = Vec::new();
        for share in shares {
            let libraries = self.server(&share.machine).map(|server| server.libraries.as_slice());
            for library in libraries.unwrap_or_default().iter().filter(|library| share.holds(library.id)) {
                let seen = library.items.iter().filter(|item| self.sees(account, library, item));
                titles.extend(seen.map(|item| item.title.clone()));
            }
        }
        titles.sort();
        titles
    }

    fn sees(&self, account: u64, library: &Library, item: &Item) -> bool {
        let Some(tie) = self.ties.get(&account) else { return false };
        if !self.plex_pass {
            return true;
        }
        let field = match library.kind.as_str() {
            "movie" => "filterMovies",
            "show" => "filterTelevision",
            "artist" => "filterMusic",
            "photo" => "filterPhotos",
            _ => "",
        };
        filter::admits(tie.settings.filter(field), item)
            && filter::admits(tie.settings.filter("filterAll"), item)
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

fn uuid(id: u64) -> String {
    format!("{id:016x}")
}

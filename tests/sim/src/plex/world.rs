//! Everything that plex.tv and the Plex server know: one owner and everybody around them.

use std::collections::BTreeMap;

use super::{
    filter,
    settings::Settings,
    state::{Account, Invite, Item, Libraries, Library, MediaServer, Offered, Quirks, Session, Share, Tie},
};

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
    /// The servers that were offered to people since the beginning, oldest first.
    pub offered: Vec<Offered>,
    /// The same by the share's number, with shares that have ended.
    pub offered_as: BTreeMap<u64, String>,
    /// All invitations that are out.
    pub invites: Vec<Invite>,
    /// What is played now.
    pub sessions: Vec<Session>,
    /// What each account has watched, oldest first. The server keeps it whatever becomes of the share.
    pub history: BTreeMap<u64, Vec<String>>,
    /// How plex.tv misbehaves.
    pub quirks: Quirks,
    /// When the request was made that has its effect at this moment, if that is late.
    pub(crate) asked_ms: Option<u64>,
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
            offered: Vec::new(),
            offered_as: BTreeMap::new(),
            invites: Vec::new(),
            sessions: Vec::new(),
            history: BTreeMap::new(),
            quirks: Quirks::default(),
            asked_ms: None,
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

    /// The owner adds a library to a server; its number at plex.tv. None if there is no such server.
    pub fn add_library(&mut self, machine: &str, title: &str, kind: &str) -> Option<u64> {
        let id = self.fresh();
        let server = self.servers.iter_mut().find(|server| server.machine == machine)?;
        let key = server.libraries.iter().map(|library| library.key).max().unwrap_or(0) + 1;
        let library = Library { id, key, title: title.to_owned(), kind: kind.to_owned(), items: Vec::new() };
        server.libraries.push(library);
        Some(id)
    }

    /// The owner deletes a library: no share holds it any more. Its number; none if there is no such library.
    pub fn remove_library(&mut self, machine: &str, title: &str) -> Option<u64> {
        let server = self.servers.iter_mut().find(|server| server.machine == machine)?;
        let id = server.libraries.iter().find(|library| library.title == title)?.id;
        server.libraries.retain(|library| library.id != id);
        for share in self.shares.values_mut() {
            if let Libraries::These(these) = &mut share.libraries {
                these.remove(&id);
            }
        }
        Some(id)
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

fn uuid(id: u64) -> String {
    format!("{id:016x}")
}

//! What people do in a story, and what can be seen of them.

use std::{collections::BTreeMap, fmt};

use super::{
    sample::MACHINE,
    settings::{Settings, WrongValue},
    sharing::{Named, Offer},
    sim::PlexSim,
    state::{Account, Invite, Invitee, Libraries, Library, Session, Share, Tie},
};

/// How much later than plex.tv the server learns of a filter, in milliseconds.
pub const SERVER_LAG_MS: u64 = 25_000;

/// Something in a story can't happen, because what it needs is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible(pub &'static str);

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Impossible {}

impl PlexSim {
    /// The person accepts the invitation that went to this address, username or account number. An address
    /// without an account gets one.
    ///
    /// # Errors
    /// If no invitation is out, or the account has a share of that server already.
    pub fn person_accepts(&mut self, now_ms: u64, who: &str) -> Result<u64, Impossible> {
        let invite = self.invite_to(who)?;
        let to = self.world.invites.get(invite).map(|invite| invite.to.clone());
        let account = match to {
            Some(Invitee::Account(account)) => account,
            _ => {
                let name = who.split('@').next().unwrap_or(who).to_owned();
                self.world.add_person(who, &name, &name)
            }
        };
        self.accept(now_ms, invite, account)
    }

    /// The person accepts it with another account than the one it went to.
    ///
    /// # Errors
    /// If no invitation is out, or the account does not exist or has a share of that server already.
    pub fn person_accepts_as(&mut self, now_ms: u64, who: &str, account: u64) -> Result<u64, Impossible> {
        let invite = self.invite_to(who)?;
        if !self.world.people.contains_key(&account) {
            return Err(Impossible("there is no such account"));
        }
        self.accept(now_ms, invite, account)
    }

    /// The person declines: the invitation and its shares are gone.
    ///
    /// # Errors
    /// If no invitation is out.
    pub fn person_declines(&mut self, who: &str) -> Result<(), Impossible> {
        let invite = self.invite_to(who)?;
        self.world.decline(invite);
        Ok(())
    }

    /// The person leaves all servers that are shared with them, and stays a friend.
    ///
    /// # Errors
    /// If nothing is shared with them.
    pub fn person_leaves_share(&mut self, account: u64) -> Result<(), Impossible> {
        let accepted = |share: &&Share| share.is_with(account) && share.accepted_at.is_some();
        let shares: Vec<u64> = self.world.shares.values().filter(accepted).map(|share| share.id).collect();
        if shares.is_empty() {
            return Err(Impossible("nothing is shared with this account"));
        }
        for share in shares {
            self.world.remove_share(share);
        }
        Ok(())
    }

    /// The owner sets a filter or permission by hand: `filterMovies` to a text, `allowTuners` to a number.
    ///
    /// # Errors
    /// If the account is no friend's, or the field can't hold the value.
    pub fn owner_sets_filter(&mut self, account: u64, field: &str, value: &str) -> Result<(), Impossible> {
        let tie = self.world.ties.get_mut(&account).ok_or(Impossible("this account is no friend's"))?;
        let wrong = |WrongValue| Impossible("the field can't hold this");
        tie.settings.set(field, &serde_json::Value::from(value)).map_err(wrong)
    }

    /// The owner has shared a server with an account long ago, and they accepted. No libraries: all.
    ///
    /// # Errors
    /// If the account, the server or a library does not exist.
    pub fn owner_shares_with(
        &mut self,
        now_ms: u64,
        account: u64,
        machine: &str,
        libraries: &[&str],
    ) -> Result<u64, Impossible> {
        let world = &mut self.world;
        let person = world.people.get(&account).ok_or(Impossible("there is no such account"))?;
        let typed = person.email.clone();
        let server = world.server(machine).ok_or(Impossible("there is no such server"))?;
        let number = |title: &&str| server.libraries.iter().find(|library| library.title == **title);
        let found: Vec<&Library> = libraries.iter().filter_map(number).collect();
        if found.len() != libraries.len() {
            return Err(Impossible("there is no such library"));
        }
        let libraries = if found.is_empty() {
            Libraries::All
        } else {
            Libraries::These(found.iter().map(|library| library.id).collect())
        };
        world.ties.entry(account).or_insert(Tie { home: false, settings: Settings::initial() });
        let id = world.fresh();
        let share = Share {
            id,
            machine: machine.to_owned(),
            with: Invitee::Account(account),
            typed,
            libraries,
            invited_at: now_ms,
            accepted_at: Some(now_ms),
        };
        world.shares.insert(id, share);
        Ok(id)
    }

    /// The owner invites an account to a server by hand, to all libraries; the number of the share.
    ///
    /// # Errors
    /// If the account or the server does not exist, or the server is shared with them already.
    pub fn owner_invites(&mut self, now_ms: u64, account: u64, machine: &str) -> Result<u64, Impossible> {
        let person = self.world.people.get(&account).ok_or(Impossible("there is no such account"))?;
        let offer = Offer {
            machine: machine.to_owned(),
            to: Named::Typed(person.email.clone()),
            libraries: Vec::new(),
            settings: serde_json::Value::Null,
            strict: false,
        };
        let refused = |_| Impossible("the server is shared with them already, or does not exist");
        let share = self.world.offer(now_ms, &offer).map_err(refused)?;
        // Only what is asked for over the interface counts as offered.
        self.world.offered.retain(|offered| offered.share != share);
        self.world.offered_as.remove(&share);
        Ok(share)
    }

    /// The owner ends the friendship by hand, and with it all shares.
    ///
    /// # Errors
    /// If the account is no friend's.
    pub fn owner_unfriends(&mut self, account: u64) -> Result<(), Impossible> {
        if self.world.unfriend(account) { Ok(()) } else { Err(Impossible("this account is no friend's")) }
    }

    /// The owner ends the share of a server by hand; the friendship stays.
    ///
    /// # Errors
    /// If that server is not shared with them.
    pub fn owner_ends_share(&mut self, account: u64, machine: &str) -> Result<(), Impossible> {
        let is = |share: &&Share| share.machine == machine && share.is_with(account);
        let share = self.world.shares.values().find(is).map(|share| share.id);
        let share = share.ok_or(Impossible("the server is not shared with them"))?;
        self.world.remove_share(share);
        Ok(())
    }

    /// An account (the owner's too) begins to watch something; the session's id. What they have once watched
    /// stays in their history.
    ///
    /// # Errors
    /// If there is no such title, or they can't see it.
    pub fn start_stream(&mut self, account: u64, title: &str) -> Result<String, Impossible> {
        let owner = account == self.world.owner.id;
        if !owner && !self.world.visible_items(account).iter().any(|seen| seen == title) {
            return Err(Impossible("they can't see this title"));
        }
        self.play(account, title)
    }

    fn play(&mut self, account: u64, title: &str) -> Result<String, Impossible> {
        let place = self.world.servers.iter().find_map(|server| {
            let holds = |library: &&Library| library.items.iter().any(|item| item.title == title);
            let library = server.libraries.iter().find(holds)?;
            Some((server.machine.clone(), library.kind.clone()))
        });
        let (machine, kind) = place.ok_or(Impossible("there is no such title"))?;
        let key = self.world.fresh();
        let id = format!("session-{key}");
        let title = title.to_owned();
        self.world.history.entry(account).or_default().push(title.clone());
        self.world.sessions.push(Session { id: id.clone(), key, machine, account, title, kind });
        Ok(id)
    }

    /// An account begins to watch something that it saw until moments ago: a filter reaches the server later than
    /// plex.tv. Returns the session's id.
    ///
    /// # Errors
    /// If they see the title still, or no filter took it from them within [`SERVER_LAG_MS`].
    pub fn start_stream_before_the_filter(
        &mut self,
        now_ms: u64,
        account: u64,
        title: &str,
    ) -> Result<String, Impossible> {
        if self.world.visible_items(account).iter().any(|seen| seen == title) {
            return Err(Impossible("they see this title still"));
        }
        let shared =
            self.world.shares.values().any(|share| {
                share.machine == MACHINE && share.is_with(account) && share.accepted_at.is_some()
            });
        let lost = self
            .sight_changes
            .iter()
            .rfind(|change| change.account == account && change.lost.iter().any(|lost| lost == title));
        match lost {
            Some(change) if shared && now_ms < change.at_ms + SERVER_LAG_MS => self.play(account, title),
            _ => Err(Impossible("the server knows that they can't see this title")),
        }
    }

    /// Whether plex.tv accepts the owner's token from now on.
    pub fn set_token_valid(&mut self, valid: bool) {
        self.world.token_valid = valid;
    }

    /// What ties a friend or Home member to the owner; none if nothing does.
    #[must_use]
    pub fn friend(&self, account: u64) -> Option<&Tie> {
        self.world.ties.get(&account)
    }

    /// The filters of a friend that are not empty, by name.
    #[must_use]
    pub fn filters(&self, account: u64) -> BTreeMap<&'static str, String> {
        let Some(tie) = self.friend(account) else { return BTreeMap::new() };
        let filters = super::settings::FILTERS.map(|name| (name, tie.settings.filter(name).to_owned()));
        filters.into_iter().filter(|(_, filter)| !filter.is_empty()).collect()
    }

    /// The first share, accepted or not, with an address, a username or an account number.
    #[must_use]
    pub fn share_of(&self, who: &str) -> Option<&Share> {
        let account = self.world.find_person(who).map(|person| person.id);
        self.world.shares.values().find(|share| match &share.with {
            Invitee::Account(with) => Some(*with) == account,
            Invitee::Address(address) => address.to_lowercase() == who.to_lowercase(),
        })
    }

    /// The invitations that are out.
    #[must_use]
    pub fn invites(&self) -> &[Invite] {
        &self.world.invites
    }

    /// An account by address, username or number.
    #[must_use]
    pub fn account(&self, who: &str) -> Option<&Account> {
        self.world.find_person(who)
    }

    /// The titles that an account can see now, sorted.
    #[must_use]
    pub fn visible_items(&self, account: u64) -> Vec<String> {
        self.world.visible_items(account)
    }

    /// What an account has watched, oldest first.
    #[must_use]
    pub fn history(&self, account: u64) -> &[String] {
        self.world.history.get(&account).map(Vec::as_slice).unwrap_or_default()
    }

    /// What is played now.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        &self.world.sessions
    }

    fn invite_to(&self, who: &str) -> Result<usize, Impossible> {
        let account = self.world.find_person(who).map(|person| person.id);
        let wanted = |invite: &Invite| match &invite.to {
            Invitee::Account(to) => Some(*to) == account,
            Invitee::Address(address) => address.to_lowercase() == who.to_lowercase(),
        };
        self.world.invites.iter().position(wanted).ok_or(Impossible("no invitation is out to them"))
    }

    fn accept(&mut self, now_ms: u64, invite: usize, account: u64) -> Result<u64, Impossible> {
        let refused = |_| Impossible("the account has a share of this server already");
        self.world.accept(now_ms, invite, account).map_err(refused)?;
        Ok(account)
    }
}

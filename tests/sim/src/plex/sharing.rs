//! What plex.tv does when servers are offered, accepted and taken away.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    refusal::Refusal,
    settings::Settings,
    state::{Invite, Invitee, Libraries, Offered, Share, Tie},
    world::World,
};

/// Whom a request names.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    /// By address or username.
    Typed(String),
    /// By account number.
    Number(u64),
}

/// A server offered to a person.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) machine: String,
    pub(crate) to: Named,
    /// Empty: all.
    pub(crate) libraries: Vec<u64>,
    /// An object of settings, or null.
    pub(crate) settings: Value,
    /// A library that the server does not have is an error instead of being left out.
    pub(crate) strict: bool,
}

/// What a cancellation names, as flags in its query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) friend: bool,
    pub(crate) server: bool,
}

impl World {
    /// Offers a server to a person; the number of the new share.
    pub(crate) fn offer(&mut self, now_ms: u64, offer: &Offer) -> Result<u64, Refusal> {
        let libraries = self.choose(&offer.machine, &offer.libraries, offer.strict)?;
        let (to, typed) = self.resolve(&offer.to)?;
        if let Some(share) = self.share_of_server(&offer.machine, &to) {
            let name = self.name_of(&share.with);
            return Err(Refusal::AlreadySharing { name });
        }
        let tie = match &to {
            Invitee::Account(account) => self.ties.get(account),
            Invitee::Address(_) => None,
        };
        let friend = tie.is_none();
        if friend
            && self.quirks.friend_limit.is_some_and(|limit| self.ties.len() + self.invites.len() >= limit)
        {
            return Err(Refusal::FriendLimit);
        }
        let mut settings = tie.map_or_else(Settings::initial, |tie| tie.settings.clone());
        if !offer.settings.is_null() {
            settings.merge(&offer.settings).map_err(|_| Refusal::Malformed("Invalid sharing settings"))?;
        }
        let at_once = !friend && self.quirks.friends_need_not_accept;
        let id = self.fresh();
        let share = Share {
            id,
            machine: offer.machine.clone(),
            with: to.clone(),
            typed: typed.clone(),
            libraries,
            invited_at: now_ms,
            accepted_at: at_once.then_some(now_ms),
        };
        let asked_ms = self.asked_ms.unwrap_or(now_ms);
        self.offered.push(Offered { at_ms: now_ms, asked_ms, to: typed.clone(), share: id });
        self.offered_as.insert(id, typed.clone());
        self.shares.insert(id, share);
        if let Invitee::Account(account) = &to
            && let Some(tie) = self.ties.get_mut(account)
        {
            tie.settings = settings.clone();
        }
        if at_once {
            return Ok(id);
        }
        if let Some(invite) = self.invites.iter_mut().find(|invite| same(&invite.to, &to)) {
            invite.shares.push(id);
            invite.settings = settings;
        } else {
            let invite = Invite { to, typed, created_at: now_ms, friend, shares: vec![id], settings };
            self.invites.push(invite);
        }
        Ok(id)
    }

    /// Changes which libraries a share holds. None at all ends it, as plex.tv takes it.
    pub(crate) fn relibrary(&mut self, share: u64, libraries: &[u64], strict: bool) -> Result<(), Refusal> {
        let machine = self.shares.get(&share).ok_or(Refusal::NotFound)?.machine.clone();
        if libraries.is_empty() {
            self.remove_share(share);
            return Ok(());
        }
        let libraries = self.choose(&machine, libraries, strict)?;
        if let Some(share) = self.shares.get_mut(&share) {
            share.libraries = libraries;
        }
        Ok(())
    }

    /// An invitation is accepted, with whatever account the person is signed in to.
    pub(crate) fn accept(&mut self, now_ms: u64, invite: usize, account: u64) -> Result<(), Refusal> {
        let shares = self.invites.get(invite).ok_or(Refusal::NotFound)?.shares.clone();
        for share in &shares {
            let machine = self.shares.get(share).map(|share| share.machine.as_str()).unwrap_or_default();
            let twice = self
                .shares
                .values()
                .any(|other| other.id != *share && other.machine == machine && other.is_with(account));
            if twice {
                return Err(Refusal::AlreadySharing { name: self.name_of(&Invitee::Account(account)) });
            }
        }
        let invite = self.invites.remove(invite);
        for mut id in shares {
            if self.quirks.accepted_as_another
                && let Some(mut share) = self.shares.remove(&id)
            {
                id = self.fresh();
                share.id = id;
                self.offered_as.insert(id, share.typed.clone());
                self.shares.insert(id, share);
            }
            if let Some(share) = self.shares.get_mut(&id) {
                share.with = Invitee::Account(account);
                share.accepted_at = Some(now_ms);
            }
        }
        self.ties.entry(account).or_insert(Tie { home: false, settings: invite.settings });
        Ok(())
    }

    /// An invitation is declined: it and its shares are gone.
    pub(crate) fn decline(&mut self, invite: usize) {
        if invite < self.invites.len() {
            let invite = self.invites.remove(invite);
            for share in invite.shares {
                self.shares.remove(&share);
            }
        }
    }

    /// The owner takes an invitation back, or the part of it that is named.
    pub(crate) fn cancel(&mut self, id: &str, parts: Parts) -> Result<(), Refusal> {
        let wanted = id.to_lowercase();
        let index = self.invites.iter().position(|invite| invite.id().to_lowercase() == wanted);
        let index = index.ok_or(Refusal::NotFound)?;
        if !parts.server {
            if !parts.friend {
                return Err(Refusal::Malformed("Nothing to cancel"));
            }
            if let Some(invite) = self.invites.get_mut(index) {
                invite.friend = false;
            }
            return Ok(());
        }
        let invite = self.invites.remove(index);
        if !self.quirks.cancel_leaves_share {
            for share in invite.shares {
                self.shares.remove(&share);
            }
        }
        Ok(())
    }

    /// Ends one share; false if there is none. Friendship and settings stay.
    pub(crate) fn remove_share(&mut self, id: u64) -> bool {
        let existed = self.shares.remove(&id).is_some();
        for invite in &mut self.invites {
            invite.shares.retain(|share| *share != id);
        }
        self.invites.retain(|invite| !invite.shares.is_empty());
        existed
    }

    /// Ends the friendship and all shares; false if there is none.
    pub(crate) fn unfriend(&mut self, account: u64) -> bool {
        if self.ties.remove(&account).is_none() {
            return false;
        }
        let shares: Vec<u64> =
            self.shares.values().filter(|share| share.is_with(account)).map(|share| share.id).collect();
        for share in shares {
            self.remove_share(share);
        }
        true
    }

    /// What is set for whoever a share is with.
    pub(crate) fn settings_of(&self, share: &Share) -> Settings {
        if let Invitee::Account(account) = &share.with
            && let Some(tie) = self.ties.get(account)
        {
            return tie.settings.clone();
        }
        let invite = self.invites.iter().find(|invite| invite.shares.contains(&share.id));
        invite.map_or_else(Settings::initial, |invite| invite.settings.clone())
    }

    /// Changes the settings of a friend; refused for managed accounts with a profile.
    pub(crate) fn set(
        &mut self,
        account: u64,
        change: impl FnOnce(&mut Settings) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let restrained = self.people.get(&account).filter(|person| person.profile.is_some());
        if let Some(person) = restrained {
            return Err(Refusal::Profile { name: person.title.clone() });
        }
        change(&mut self.ties.get_mut(&account).ok_or(Refusal::NotFound)?.settings)
    }

    /// What plex.tv calls somebody.
    pub(crate) fn name_of(&self, who: &Invitee) -> String {
        match who {
            Invitee::Account(account) => {
                self.people.get(account).map(|person| person.title.clone()).unwrap_or_default()
            }
            Invitee::Address(address) => address.clone(),
        }
    }

    fn share_of_server(&self, machine: &str, with: &Invitee) -> Option<&Share> {
        self.shares.values().find(|share| share.machine == machine && same(&share.with, with))
    }

    fn choose(&self, machine: &str, wanted: &[u64], strict: bool) -> Result<Libraries, Refusal> {
        let server = self.server(machine).ok_or(Refusal::NotFound)?;
        if wanted.is_empty() {
            return Ok(Libraries::All);
        }
        let known: BTreeSet<u64> = server.libraries.iter().map(|library| library.id).collect();
        if strict && wanted.iter().any(|id| !known.contains(id)) {
            return Err(Refusal::NotFound);
        }
        Ok(Libraries::These(wanted.iter().copied().filter(|id| known.contains(id)).collect()))
    }

    fn resolve(&self, named: &Named) -> Result<(Invitee, String), Refusal> {
        match named {
            Named::Number(number) => {
                let person = self.people.get(number).ok_or(Refusal::NotFound)?;
                if !self.ties.contains_key(number) {
                    return Err(Refusal::NotFound);
                }
                Ok((Invitee::Account(*number), person.email.clone()))
            }
            Named::Typed(typed) => {
                let typed = typed.trim();
                let wanted = typed.to_lowercase();
                let is = |name: &str| !name.is_empty() && name.to_lowercase() == wanted;
                if is(&self.owner.email) || is(&self.owner.username) {
                    return Err(Refusal::InvalidInvitee);
                }
                if let Some(person) = self.people.values().find(|who| is(&who.email) || is(&who.username)) {
                    return Ok((Invitee::Account(person.id), typed.to_owned()));
                }
                let plausible = typed.split_once('@').is_some_and(|(local, domain)| {
                    !local.is_empty() && domain.contains('.') && !domain.contains('@')
                });
                if !plausible || typed.contains(char::is_whitespace) {
                    return Err(Refusal::InvalidInvitee);
                }
                Ok((Invitee::Address(typed.to_owned()), typed.to_owned()))
            }
        }
    }
}

fn same(one: &Invitee, other: &Invitee) -> bool {
    match (one, other) {
        (Invitee::Account(one), Invitee::Account(other)) => one == other,
        (Invitee::Address(one), Invitee::Address(other)) => one.to_lowercase() == other.to_lowercase(),
        _ => false,
    }
}

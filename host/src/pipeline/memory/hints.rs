//! Members who may have changed, each at most once, until they were looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    domain::{GuildId, Timestamp, UserId, contract::Origin},
    pipeline::ports::Said,
};

/// A member who is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pipeline) struct Pending {
    pub(in crate::pipeline) said: Said,
    pub(in crate::pipeline) origin: Origin,
    /// When to look.
    pub(in crate::pipeline) due: Timestamp,
    /// How often Discord's answer contradicted what the gateway said.
    pub(in crate::pipeline) contradicted: usize,
    /// How often Discord gave no answer.
    pub(in crate::pipeline) failed: u32,
    /// Tells this hint from a later one for the same member.
    pub(in crate::pipeline) turn: u64,
}

/// Bounded by the number of members: a second hint for a member replaces the first.
#[derive(Clone, Debug, Default)]
pub(in crate::pipeline) struct Hints {
    inner: Arc<Mutex<Inner>>,
}

/// While this lives, whoever is heard of in a guild is remembered, also where the hint turns out to say what is
/// stored already: a list that is being read may be older than that.
#[derive(Debug)]
pub(in crate::pipeline) struct Listening {
    hints: Hints,
    guild: GuildId,
}

/// A moment among hints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::pipeline) struct Turn(u64);

impl Listening {
    /// This moment.
    pub(in crate::pipeline) fn now(&self) -> Turn {
        Turn(self.hints.inner.lock().unwrap_or_else(PoisonError::into_inner).turn)
    }

    /// Who was heard of since a moment.
    pub(in crate::pipeline) fn heard_since(&self, since: Turn) -> BTreeSet<UserId> {
        self.hints.heard_since(self.guild, since)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut inner = self.hints.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.heard.remove(&self.guild);
    }
}

#[derive(Debug, Default)]
struct Inner {
    pending: BTreeMap<(GuildId, UserId), Pending>,
    turn: u64,
    /// Who was heard of, and when last, in the guilds that are listened to.
    heard: BTreeMap<GuildId, BTreeMap<UserId, u64>>,
}

impl Hints {
    /// A member may have changed.
    pub(in crate::pipeline) fn add(
        &self,
        guild: GuildId,
        user: UserId,
        said: Said,
        origin: Origin,
        due: Timestamp,
    ) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.turn += 1;
        let turn = inner.turn;
        if let Some(heard) = inner.heard.get_mut(&guild) {
            heard.insert(user, turn);
        }
        inner.pending.insert((guild, user), Pending { said, origin, due, contradicted: 0, failed: 0, turn });
    }

    /// Remembers from now on who is heard of in a guild. A guild is listened to by one at a time.
    pub(in crate::pipeline) fn listen(&self, guild: GuildId) -> Listening {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.heard.insert(guild, BTreeMap::new());
        Listening { hints: self.clone(), guild }
    }

    /// Who was heard of in a guild that is listened to, since a moment.
    pub(in crate::pipeline) fn heard_since(&self, guild: GuildId, since: Turn) -> BTreeSet<UserId> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = inner.heard.get(&guild).into_iter().flatten();
        heard.filter(|(_, turn)| **turn > since.0).map(|(user, _)| *user).collect()
    }

    /// Those who are due, and when the next one is.
    pub(in crate::pipeline) fn due(
        &self,
        now: Timestamp,
    ) -> (Vec<(GuildId, UserId, Pending)>, Option<Timestamp>) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let due = inner
            .pending
            .iter()
            .filter(|(_, pending)| pending.due <= now)
            .map(|((guild, user), pending)| (*guild, *user, pending.clone()))
            .collect();
        let next = inner.pending.values().map(|pending| pending.due).filter(|due| *due > now).min();
        (due, next)
    }

    /// A hint was dealt with, unless a later one came meanwhile.
    pub(in crate::pipeline) fn done(&self, guild: GuildId, user: UserId, dealt_with: &Pending) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.pending.get(&(guild, user)).is_some_and(|pending| pending.turn == dealt_with.turn) {
            inner.pending.remove(&(guild, user));
        }
    }

    /// A hint is to be looked at again later, unless a later one came meanwhile.
    pub(in crate::pipeline) fn again(&self, guild: GuildId, user: UserId, later: Pending) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pending) = inner.pending.get_mut(&(guild, user))
            && pending.turn == later.turn
        {
            *pending = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUILD: GuildId = GuildId(1);
    const ANN: UserId = UserId(2);

    #[test]
    fn a_second_hint_for_a_member_replaces_the_first() {
        let hints = Hints::default();
        hints.add(GUILD, ANN, Said::Left, Origin::Live, Timestamp(0));
        hints.add(GUILD, ANN, Said::Unclear, Origin::Live, Timestamp(0));
        let (due, _) = hints.due(Timestamp(0));
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].2.said, Said::Unclear);
    }

    #[test]
    fn a_hint_that_comes_while_the_first_is_dealt_with_stays() {
        let hints = Hints::default();
        hints.add(GUILD, ANN, Said::Unclear, Origin::Live, Timestamp(0));
        let (due, _) = hints.due(Timestamp(0));
        hints.add(GUILD, ANN, Said::Left, Origin::Live, Timestamp(0));
        hints.done(GUILD, ANN, &due[0].2);
        hints.again(GUILD, ANN, Pending { due: Timestamp(99), ..due[0].2.clone() });
        let (due, next) = hints.due(Timestamp(0));
        assert_eq!(due[0].2.said, Said::Left);
        assert_eq!(next, None);
    }

    #[test]
    fn whoever_is_heard_of_while_a_guild_is_listened_to_is_remembered_though_the_hint_is_done_with() {
        let hints = Hints::default();
        hints.add(GUILD, UserId(1), Said::Left, Origin::Live, Timestamp(0));
        let listening = hints.listen(GUILD);
        let before = listening.now();
        hints.add(GUILD, ANN, Said::Unclear, Origin::Live, Timestamp(0));
        hints.add(GuildId(2), UserId(3), Said::Unclear, Origin::Live, Timestamp(0));
        let (due, _) = hints.due(Timestamp(0));
        due.iter().for_each(|(guild, user, pending)| hints.done(*guild, *user, pending));
        assert_eq!(listening.heard_since(before), [ANN].into());
        assert!(listening.heard_since(listening.now()).is_empty());
        drop(listening);
        hints.add(GUILD, ANN, Said::Unclear, Origin::Live, Timestamp(0));
        assert!(hints.heard_since(GUILD, before).is_empty(), "nobody listens any more");
    }

    #[test]
    fn what_is_not_due_yet_waits() {
        let hints = Hints::default();
        hints.add(GUILD, ANN, Said::Unclear, Origin::Live, Timestamp(5));
        assert_eq!(hints.due(Timestamp(4)), (vec![], Some(Timestamp(5))));
    }
}

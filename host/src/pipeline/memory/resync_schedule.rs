//! Which guilds are to be compared with the database, and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    domain::{GuildId, Timestamp, UserId},
    pipeline::{seam::millis, settings::Settings},
};

/// However often something on the gateway can't be read, the guilds are compared for it at most once in this time.
const GAPS_APART: Duration = Duration::from_secs(300);

/// A list that has fewer members than Discord says is believed when it came so often, one after the other, with the same
/// number: Discord's number is approximate.
const BELIEVED: u32 = 3;

/// One member in so many may be missing from a list: people come and go while it is read.
const TOLERANCE: u64 = 100;

/// Which guilds are to be compared, and when.
#[derive(Debug)]
pub(in crate::pipeline) struct ResyncSchedule(pub(in crate::pipeline) Mutex<State>);

#[derive(Debug, Default)]
pub(in crate::pipeline) struct State {
    /// What was asked for.
    pub(in crate::pipeline) wanted: BTreeMap<GuildId, Timestamp>,
    /// When each guild was last compared whole, or when this began.
    pub(in crate::pipeline) swept: BTreeMap<GuildId, Timestamp>,
    /// When guilds were last compared because something on the gateway could not be read.
    pub(in crate::pipeline) gap: Option<Timestamp>,
    /// How often in a row a guild could not be listed.
    pub(in crate::pipeline) failures: BTreeMap<GuildId, u32>,
    /// How often Discord said that a guild is not there for the bot, since it last showed it.
    pub(in crate::pipeline) not_there: BTreeMap<GuildId, u32>,
    /// The lists of a guild that have fewer members than Discord says: their number, and how often it came. The first
    /// list, or those in which somebody was looked for.
    pub(in crate::pipeline) short: BTreeMap<(GuildId, Option<UserId>), (u64, u32)>,
    /// The guilds that the bot is no member of any more, as far as administrators were told.
    pub(in crate::pipeline) gone: BTreeSet<GuildId>,
}

impl State {
    fn is_whole(
        &mut self,
        guild: GuildId,
        whom: Option<UserId>,
        members: u64,
        unread: u64,
        shown: u64,
    ) -> bool {
        if members == 0 {
            return false;
        }
        // Without a number of Discord's, nothing says that a single list is whole.
        if unread == 0 && shown > 0 && members.saturating_add(shown / TOLERANCE) >= shown {
            self.short.remove(&(guild, whom));
            return true;
        }
        let (before, times) = self.short.entry((guild, whom)).or_insert((members, 0));
        *times = if *before == members { times.saturating_add(1) } else { 1 };
        *before = members;
        *times >= BELIEVED
    }
}

impl ResyncSchedule {
    pub(in crate::pipeline) fn new(settings: &Settings, now: Timestamp) -> Self {
        let swept = settings.guilds.iter().map(|guild| (guild.id, now)).collect();
        Self(Mutex::new(State { swept, ..State::default() }))
    }

    pub(in crate::pipeline) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A guild is to be compared then, or earlier if that is wanted already.
    pub(in crate::pipeline) fn want(&self, guild: GuildId, at: Timestamp) {
        let mut state = self.state();
        let due = state.wanted.entry(guild).or_insert(at);
        *due = at.min(*due);
    }

    /// Takes the guilds that are to be compared now. What is asked for from here on counts as new.
    pub(in crate::pipeline) fn take_due(&self, now: Timestamp, every: Duration) -> Vec<GuildId> {
        let mut state = self.state();
        let overdue = state.swept.iter().filter(|(_, last)| last.plus_millis(millis(every)) <= now);
        // What failed has its own time.
        let overdue: Vec<GuildId> =
            overdue.map(|(guild, _)| *guild).filter(|guild| !state.failures.contains_key(guild)).collect();
        let mut due: BTreeSet<GuildId> = overdue.into_iter().collect();
        due.extend(state.wanted.iter().filter(|(_, at)| **at <= now).map(|(guild, _)| *guild));
        state.wanted.retain(|guild, _| !due.contains(guild));
        due.into_iter().collect()
    }

    /// When the next guild is to be compared.
    pub(in crate::pipeline) fn next(&self, now: Timestamp, every: Duration) -> Option<Timestamp> {
        let state = self.state();
        let regular =
            state.swept.values().map(|last| last.plus_millis(millis(every))).filter(|due| *due > now);
        state.wanted.values().copied().chain(regular).min()
    }

    /// A guild was compared whole.
    pub(in crate::pipeline) fn done(&self, guild: GuildId, now: Timestamp) {
        let mut state = self.state();
        state.swept.insert(guild, now);
        state.failures.remove(&guild);
        state.gone.remove(&guild);
    }

    /// Whether a first list of so many members is whole, as Discord shows the guild. An empty one never is: the bot
    /// itself is a member. With some who can't be read, it is only if the same list comes again and again.
    pub(in crate::pipeline) fn is_whole(
        &self,
        guild: GuildId,
        members: u64,
        unread: u64,
        shown: u64,
    ) -> bool {
        self.state().is_whole(guild, None, members, unread, shown)
    }

    /// Whether a list of so many members is whole, on which somebody does not stand. If it is, they are no member.
    pub(in crate::pipeline) fn lacks(&self, guild: GuildId, user: UserId, members: u64, shown: u64) -> bool {
        let mut state = self.state();
        let is_whole = state.is_whole(guild, Some(user), members, 0, shown);
        if is_whole {
            state.short.remove(&(guild, Some(user)));
        }
        is_whole
    }

    /// Somebody stands on the list of a guild.
    pub(in crate::pipeline) fn is_listed(&self, guild: GuildId, user: UserId) {
        self.state().short.remove(&(guild, Some(user)));
    }

    /// Discord showed a guild: the bot is a member.
    pub(in crate::pipeline) fn is_shown(&self, guild: GuildId) {
        self.state().not_there.remove(&guild);
    }

    /// Discord said that a guild is not there for the bot: how often it did since it last showed it.
    pub(in crate::pipeline) fn not_there(&self, guild: GuildId) -> u32 {
        let mut state = self.state();
        let times = state.not_there.entry(guild).or_default();
        *times = times.saturating_add(1);
        *times
    }

    /// A guild could not be listed: how often in a row that happened before.
    pub(in crate::pipeline) fn failed(&self, guild: GuildId) -> u32 {
        let mut state = self.state();
        let failures = state.failures.entry(guild).or_default();
        let before = *failures;
        *failures = before.saturating_add(1);
        before
    }

    /// When guilds may be compared because something on the gateway can't be read.
    pub(in crate::pipeline) fn gap_at(&self, now: Timestamp) -> Timestamp {
        let mut state = self.state();
        let at = match state.gap {
            // One is on its way already.
            Some(last) if last > now => last,
            Some(last) => last.plus_millis(millis(GAPS_APART)).max(now),
            None => now,
        };
        state.gap = Some(at);
        at
    }

    /// Notes that the bot is no member of a guild any more. False if that is known.
    pub(in crate::pipeline) fn is_gone(&self, guild: GuildId) -> bool {
        self.state().gone.insert(guild)
    }

    pub(in crate::pipeline) fn is_there(&self, guild: GuildId) {
        self.state().gone.remove(&guild);
    }
}

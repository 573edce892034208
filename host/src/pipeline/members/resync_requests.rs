//! Which guilds are to be compared with what is stored, and when.

use std::time::Duration;

use crate::{
    domain::{AuditKind, GuildId, Timestamp},
    pipeline::context::Context,
    store::StoreError,
};

/// After a new session Discord sends each guild. One that is not there after this time is compared all the same:
/// so it is noticed when the bot was removed from it meanwhile.
const GUILDS_COME: Duration = Duration::from_secs(3);

/// The first pauses between tries to list a guild are left out: a list that can't be had is not urgent.
const FIRST_PAUSE: u32 = 4;

impl Context {
    /// Has a guild compared with what is stored.
    pub(in crate::pipeline) fn resync(&self, guild: GuildId) {
        self.resync_at(guild, self.seam.now());
    }

    fn resync_at(&self, guild: GuildId, at: Timestamp) {
        if self.settings().guild(guild).is_some() {
            self.resyncs.want(guild, at);
            self.signals.resync.notify_one();
        }
    }

    /// The same for all guilds.
    pub(in crate::pipeline) fn resync_all(&self) {
        for guild in &self.settings().guilds {
            self.resync(guild.id);
        }
    }

    /// A new session began: each guild is compared once it comes.
    pub(in crate::pipeline) fn resync_after_session(&self) {
        for guild in &self.settings().guilds {
            self.resync_at(guild.id, self.after(GUILDS_COME));
        }
    }

    /// Something on the gateway could not be read, whatever it was about.
    pub(in crate::pipeline) fn resync_after_gap(&self) {
        let at = self.resyncs.gap_at(self.seam.now());
        for guild in &self.settings().guilds {
            self.resync_at(guild.id, at);
        }
    }

    /// A guild could not be listed: it is tried again, less and less often.
    pub(in crate::pipeline) fn resync_failed(&self, guild: GuildId, at_least: Option<Duration>) {
        let before = self.resyncs.failed(guild);
        self.resyncs.want(guild, self.retry_at(before.saturating_add(FIRST_PAUSE), at_least));
    }

    /// The bot is no member of a guild any more. Administrators are told once, until it is one again.
    pub(in crate::pipeline) async fn guild_gone(&self, guild: GuildId) -> Result<(), StoreError> {
        if self.settings().guild(guild).is_none() || !self.resyncs.is_gone(guild) {
            return Ok(());
        }
        tracing::error!(%guild, "the bot was removed from the guild; nothing is changed for its members");
        let now = self.seam.now();
        let text = "I am no member of a Discord server any more that I should serve. Nothing is changed for its \
                    members.";
        let told = self.store.write(move |tx| tx.audit(now, None, None, AuditKind::Alarm, text)).await;
        if told.is_err() {
            self.resyncs.is_there(guild);
        }
        told
    }
}

//! A session: what one IDENTIFY began. It has the sequence numbers and what was sent under them.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{ConnectionId, SESSION_LIFE_MS};
use crate::discord::ids::GuildId;

/// How many payloads are kept for a resume.
const KEPT: usize = 5000;

/// Which session, in the order of their beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::discord) struct SessionKey(pub(super) u64);

/// Where a session's connection is.
#[derive(Clone, Debug)]
enum Attached {
    /// On this connection.
    To(ConnectionId),
    /// On none, since this time.
    Nowhere { last: ConnectionId, since_ms: u64 },
}

/// One session.
#[derive(Clone, Debug)]
pub(in crate::discord) struct Session {
    /// What the client calls it.
    pub(super) id: String,
    /// What it wants to hear.
    pub(in crate::discord) intents: u64,
    /// Which shard it is, of how many.
    shard: (u64, u64),
    attached: Attached,
    sequence: u64,
    sent: VecDeque<(u64, String)>,
}

impl Session {
    pub(super) fn new(id: String, intents: u64, shard: (u64, u64), connection: ConnectionId) -> Self {
        Self { id, intents, shard, attached: Attached::To(connection), sequence: 0, sent: VecDeque::new() }
    }

    /// The connection it has now.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self.attached {
            Attached::To(connection) => Some(connection),
            Attached::Nowhere { .. } => None,
        }
    }

    /// The connection it has or had.
    pub(super) fn last_connection(&self) -> Option<ConnectionId> {
        match self.attached {
            Attached::To(connection) | Attached::Nowhere { last: connection, .. } => Some(connection),
        }
    }

    /// It loses this connection, if it has it.
    pub(super) fn detach(&mut self, connection: ConnectionId, now_ms: u64) {
        if self.connection() == Some(connection) {
            self.attached = Attached::Nowhere { last: connection, since_ms: now_ms };
        }
    }

    pub(super) fn attach(&mut self, connection: ConnectionId) {
        self.attached = Attached::To(connection);
    }

    /// Whether it can't be resumed any more.
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        match self.attached {
            Attached::To(_) => false,
            Attached::Nowhere { since_ms, .. } => now_ms.saturating_sub(since_ms) > SESSION_LIFE_MS,
        }
    }

    /// Whether events of this guild belong to its shard.
    pub(super) fn has_guild(&self, guild: GuildId) -> bool {
        (guild.0 >> 22) % self.shard.1 == self.shard.0
    }

    /// Whether direct messages belong to its shard.
    pub(super) fn has_direct_messages(&self) -> bool {
        self.shard.0 == 0
    }

    /// Which shard it is, as IDENTIFY and READY write it.
    pub(super) fn shard(&self) -> Value {
        json!([self.shard.0, self.shard.1])
    }

    /// Gives an event its number, keeps it for a resume, and returns its text.
    pub(super) fn number(&mut self, name: &str, data: &Value) -> String {
        self.sequence += 1;
        let text = json!({"op": 0, "s": self.sequence, "t": name, "d": data}).to_string();
        self.sent.push_back((self.sequence, text.clone()));
        if self.sent.len() > KEPT {
            self.sent.pop_front();
        }
        text
    }

    /// The newest number.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What came after this number; none if some of it is no longer kept.
    pub(super) fn since(&self, sequence: u64) -> Option<Vec<String>> {
        let oldest = self.sent.front().map_or(self.sequence + 1, |(number, _)| *number);
        if sequence + 1 < oldest {
            return None;
        }
        let missed = self.sent.iter().filter(|(number, _)| *number > sequence);
        Some(missed.map(|(_, text)| text.clone()).collect())
    }
}

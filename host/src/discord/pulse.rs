//! Tells whether a session's thread is alive, and gives it a push if it is not.
//!
//! serenity's runner spins without ever yielding once a connection was closed with 4003, 4010 or 4011 or
//! without a code, until its next heartbeat fails. Nothing else in its thread runs meanwhile. But it looks for
//! messages in each turn, and ends if one can't be sent on the connection.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serenity::{
    gateway::{ChunkGuildFilter, ShardMessenger},
    model::id::{GuildId, UserId},
};
use tokio::time::{Instant, sleep};

/// How often a live thread beats.
const BEAT: Duration = Duration::from_millis(500);
/// How long a thread that is alive may be silent on a busy machine.
const SILENCE: Duration = Duration::from_secs(4);
/// How long a push may take to have its effect.
const AFTER_PUSH: Duration = Duration::from_secs(4);

/// The pulse of one session's thread.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    beats: AtomicU64,
    messenger: Mutex<Option<ShardMessenger>>,
}

impl Pulse {
    /// From now on the runner behind this messenger can be pushed.
    pub(super) fn of(&self, messenger: ShardMessenger) {
        *self.messenger.lock().unwrap_or_else(PoisonError::into_inner) = Some(messenger);
    }

    /// Beats for as long as it is polled: in the session's thread.
    pub(super) async fn beat(&self) {
        loop {
            self.beats.fetch_add(1, Ordering::Relaxed);
            sleep(BEAT).await;
        }
    }

    /// Ends when the thread is stuck and a push did not help: in another thread.
    pub(super) async fn stopped(&self) {
        let (mut last, mut since, mut pushed) = (0, Instant::now(), false);
        loop {
            sleep(BEAT).await;
            let beats = self.beats.load(Ordering::Relaxed);
            if beats != last {
                (last, since, pushed) = (beats, Instant::now(), false);
            } else if pushed && since.elapsed() >= SILENCE + AFTER_PUSH {
                return;
            } else if !pushed && since.elapsed() >= SILENCE {
                self.push();
                pushed = true;
            }
        }
    }

    /// Ends a runner whose connection is closed. On a live connection it is a question about a guild that
    /// does not exist, and changes nothing.
    pub(super) fn push(&self) {
        let messenger = self.messenger.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(messenger) = messenger {
            let nobody = ChunkGuildFilter::UserIds(vec![UserId::new(1)]);
            messenger.chunk_guild(GuildId::new(1), Some(1), false, nobody, None);
        }
    }
}

//! The one place where the pipeline meets time, chance and threads.
//!
//! Waiting always goes through tokio's timer, which a test can pause and advance. The wall clock is read
//! here and nowhere else.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

use crate::domain::Timestamp;

/// Named points between which a crash may fall. A test stops the process at each of them in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A member was read, and nothing is stored yet.
    MemberRead,
    /// The event stands in the journal.
    EventJournaled,
    /// The policy answered, and nothing is stored yet.
    PolicyAnswered,
    /// The decision stands, nothing of it is done.
    DecisionStored,
    /// The e-mail address that a member gave is stored.
    AddressStored,
    /// Plex was looked at, nothing is done.
    PlexObserved,
    /// It is stored that an invitation is about to be sent.
    InviteIntended,
    /// The invitation was sent, and that is not stored yet.
    InviteSent,
    /// It is stored that the invitation is out.
    InviteRecorded,
    /// The invitation was withdrawn, and that is not stored yet.
    InviteWithdrawn,
    /// It is stored that the invitation was accepted.
    AcceptanceRecorded,
    /// The owner's values are stored, nothing is written.
    FieldsIntended,
    /// The fields were written, and that is not stored yet.
    FieldsWritten,
    /// It is stored that the fields were written.
    FieldsRecorded,
    /// The share was ended, and that is not stored yet.
    ShareEnded,
    /// It is stored that the share is gone, and the address is forgotten.
    AbsenceRecorded,
    /// It is stored that a message is about to be sent.
    MessageIntended,
    /// The message was sent, and that is not stored yet.
    MessageSent,
    /// It is stored that the message was sent.
    MessageRecorded,
}

impl Step {
    /// All of them, in the order of the way from event to effect.
    pub const ALL: [Self; 19] = [
        Self::MemberRead,
        Self::EventJournaled,
        Self::PolicyAnswered,
        Self::DecisionStored,
        Self::AddressStored,
        Self::PlexObserved,
        Self::InviteIntended,
        Self::InviteSent,
        Self::InviteRecorded,
        Self::InviteWithdrawn,
        Self::AcceptanceRecorded,
        Self::FieldsIntended,
        Self::FieldsWritten,
        Self::FieldsRecorded,
        Self::ShareEnded,
        Self::AbsenceRecorded,
        Self::MessageIntended,
        Self::MessageSent,
        Self::MessageRecorded,
    ];

    /// Its name, in words joined by hyphens.
    #[must_use]
    pub fn name(self) -> String {
        let mut name = String::new();
        for (at, letter) in format!("{self:?}").char_indices() {
            if letter.is_ascii_uppercase() && at > 0 {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }
}

/// What a watcher of steps returns: it may never be ready, which stands for a crash at that step.
pub type Reached = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Is told of each step before the pipeline goes on.
pub type Watcher = Arc<dyn Fn(Step) -> Reached + Send + Sync>;

#[derive(Clone)]
enum Clock {
    System,
    /// Follows tokio's timer from a fixed beginning.
    Virtual {
        beginning: Timestamp,
        since: Instant,
        /// By how much the wall clock is wrong, in milliseconds.
        wrong_by: Arc<AtomicI64>,
    },
}

/// Time, chance and threads.
#[derive(Clone)]
pub struct Seam {
    clock: Clock,
    chance: Arc<Mutex<fastrand::Rng>>,
    watcher: Option<Watcher>,
    threads: bool,
}

impl Seam {
    /// The real clock, real chance, and threads for work that would block.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: Clock::System,
            chance: Arc::new(Mutex::new(fastrand::Rng::new())),
            watcher: None,
            threads: true,
        }
    }

    /// Virtual time that begins at `beginning` and follows tokio's timer, chance from a seed, and no
    /// threads: the same seed gives the same run.
    #[must_use]
    pub fn seeded(seed: u64, beginning: Timestamp) -> Self {
        Self {
            clock: Clock::Virtual { beginning, since: Instant::now(), wrong_by: Arc::default() },
            chance: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            watcher: None,
            threads: false,
        }
    }

    /// The same with somebody who is told of each step.
    #[must_use]
    pub fn watched(mut self, watcher: Watcher) -> Self {
        self.watcher = Some(watcher);
        self
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.clock {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(millis(since))
            }
            Clock::Virtual { beginning, since, wrong_by } => {
                let right = beginning.plus_millis(millis(since.elapsed()));
                Timestamp(right.0.saturating_add_signed(wrong_by.load(Ordering::Relaxed)))
            }
        }
    }

    /// The time of day by a clock that nobody sets. The same as [`Self::now`] but for a virtual clock that
    /// [`Self::set_wrong`] changed.
    #[must_use]
    pub fn right(&self) -> Timestamp {
        match &self.clock {
            Clock::System => self.now(),
            Clock::Virtual { beginning, since, .. } => beginning.plus_millis(millis(since.elapsed())),
        }
    }

    /// From now on a virtual wall clock is wrong by so many milliseconds.
    pub fn set_wrong(&self, by: i64) {
        if let Clock::Virtual { wrong_by, .. } = &self.clock {
            wrong_by.store(by, Ordering::Relaxed);
        }
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Waits until a time of day; for ever if there is none.
    pub async fn sleep_until(&self, at: Option<Timestamp>) {
        match at {
            None => std::future::pending().await,
            Some(at) => {
                // A wall clock that was set back must not make us sleep for years: look again each hour.
                let left = at.0.saturating_sub(self.now().0).min(3_600_000);
                self.sleep(Duration::from_millis(left)).await;
            }
        }
    }

    /// A number by chance.
    #[must_use]
    pub fn random(&self) -> u64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).u64(..)
    }

    /// Runs work that takes the processor for a while, beside the runtime where there are threads.
    pub async fn compute<T, F>(&self, work: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if self.threads { tokio::task::spawn_blocking(work).await.ok() } else { Some(work()) }
    }

    /// Says that a step was reached.
    pub async fn reach(&self, step: Step) {
        if let Some(watcher) = &self.watcher {
            watcher(step).await;
        }
    }
}

/// A duration in whole milliseconds.
pub(in crate::pipeline) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Seam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seam")
    }
}

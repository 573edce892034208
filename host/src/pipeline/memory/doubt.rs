//! Whether the wall clock is believed.

use std::{
    sync::{Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use tokio::time::Instant;

/// Discord is asked for the time at most once in this time.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// What is known of the wall clock.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Clock {
    /// It differs from Discord's.
    pub(in crate::pipeline) doubted: AtomicBool,
    /// Times that an earlier, wrong clock wrote were brought back.
    pub(in crate::pipeline) corrected: AtomicBool,
    /// Discord could not be asked last: what is known of its clock may be too old.
    pub(in crate::pipeline) unsure: AtomicBool,
    pub(in crate::pipeline) asked: Mutex<Option<Instant>>,
    /// One worker at a time compares the clocks: administrators are told once.
    pub(in crate::pipeline) checking: tokio::sync::Mutex<()>,
}

impl Clock {
    /// Whether Discord may be asked for the time.
    pub(in crate::pipeline) fn asks(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let may = asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY);
        if may {
            *asked = Some(Instant::now());
        }
        may
    }
}

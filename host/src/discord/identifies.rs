//! How soon a new session may begin.
//!
//! Discord allows 1,000 identifies in 24 hours; with one more it ends all sessions, resets the token and
//! writes to the owner (Discord's documentation, "Identifying"). serenity alone would try every five seconds
//! for ever.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Identifies within [`WINDOW`] after which we wait for the oldest to leave it. What an earlier process sent
/// is not known here.
const MOST: usize = 900;
/// The window in which Discord counts.
const WINDOW: Duration = Duration::from_secs(24 * 3600);
/// The longest that failures in a row make us wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// A session that lasted so long was no failure.
const SOUND: Duration = Duration::from_secs(600);

/// Counts identifies and failures.
#[derive(Debug)]
pub(super) struct Identifies {
    first_wait: Duration,
    failures: u32,
    sent: VecDeque<Instant>,
}

impl Identifies {
    /// `first_wait` is how long to wait after a session that ended, and it doubles with each failure.
    pub(super) fn new(first_wait: Duration) -> Self {
        Self { first_wait, failures: 0, sent: VecDeque::new() }
    }

    /// A session is over, or none came about. `identified` is whether an identify was sent.
    pub(super) fn ended(&mut self, began: Instant, now: Instant, identified: bool) {
        if identified {
            self.sent.push_back(began);
        }
        if identified && now.duration_since(began) >= SOUND {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
    }

    /// How long to wait before the next one. `jitter` is a random number from 0 to 1.
    pub(super) fn wait(&mut self, now: Instant, jitter: f64) -> Duration {
        while self.sent.front().is_some_and(|at| now.duration_since(*at) >= WINDOW) {
            self.sent.pop_front();
        }
        if let (Some(oldest), true) = (self.sent.front(), self.sent.len() >= MOST) {
            return (*oldest + WINDOW).duration_since(now);
        }
        let Some(doubled) = self.failures.checked_sub(1) else { return Duration::ZERO };
        let wait = self.first_wait.saturating_mul(2_u32.saturating_pow(doubled)).min(LONGEST_WAIT);
        // Never less than the first wait, which keeps to one identify per five seconds.
        wait.mul_f64(1.0 - 0.5 * jitter.clamp(0.0, 1.0)).max(self.first_wait.min(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Duration = Duration::from_secs(5);

    /// How many identifies a day of sessions that last so long each takes.
    fn in_a_day(each: Duration) -> usize {
        let mut identifies = Identifies::new(FIVE);
        let start = Instant::now();
        let (mut now, mut count) = (start, 0);
        while now.duration_since(start) < WINDOW {
            now += identifies.wait(now, 1.0);
            identifies.ended(now, now + each, true);
            now += each;
            count += 1;
        }
        count
    }

    #[test]
    fn a_day_has_never_more_than_discord_allows() {
        for seconds in [0, 1, 5, 60, 599, 600, 3600] {
            let count = in_a_day(Duration::from_secs(seconds));
            assert!(count <= MOST, "{count} with sessions of {seconds} s");
        }
    }

    #[test]
    fn the_first_session_begins_at_once() {
        assert_eq!(Identifies::new(FIVE).wait(Instant::now(), 0.5), Duration::ZERO);
    }

    #[test]
    fn failures_wait_longer_and_a_sound_session_forgives_them() {
        let mut identifies = Identifies::new(FIVE);
        let now = Instant::now();
        identifies.ended(now, now, true);
        assert_eq!(identifies.wait(now, 0.0), FIVE);
        for _ in 0..40 {
            identifies.ended(now, now, false);
        }
        assert_eq!(identifies.wait(now, 0.0), LONGEST_WAIT);
        identifies.ended(now, now + SOUND, true);
        assert_eq!(identifies.wait(now + SOUND, 0.0), FIVE);
    }

    #[test]
    fn beyond_the_budget_the_oldest_must_leave_the_window() {
        let mut identifies = Identifies::new(Duration::ZERO);
        let now = Instant::now();
        for _ in 0..MOST {
            identifies.ended(now, now, true);
        }
        assert_eq!(identifies.wait(now, 0.5), WINDOW);
        assert_eq!(identifies.wait(now + WINDOW, 0.5), Duration::ZERO);
    }
}

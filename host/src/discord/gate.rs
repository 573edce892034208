//! Paces the reconnects that serenity's runner makes by itself.
//!
//! After a lost connection the runner resumes its session at once, however often in a row: a gateway that accepts
//! each connection and ends it is connected to a thousand times a second. Before each connection the runner reads
//! the gateway's address behind a lock. The gate holds that lock, sees by the runner's silence that it waits there,
//! and lets it through after a backoff. Discord asks for a pause of one to five seconds after an invalid session
//! (op 9); the runner does not say why it connects again, so that pause comes before every resume.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep, sleep_until},
};

/// How often the gate looks at the runner.
const LOOK: Duration = Duration::from_millis(50);
/// A runner that was not polled for so long waits at the gate: otherwise it wakes every 500 ms.
const STILL: Duration = Duration::from_millis(700);
/// The longest pause between two reconnects, before jitter.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// A connection that lasted so long was no failure.
const SOUND: Duration = Duration::from_secs(300);

/// The gate in front of the gateway's address.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    address: Arc<Mutex<String>>,
    polls: Arc<AtomicU64>,
}

impl Gate {
    /// A gate that is open until [`Gate::guard`] runs.
    pub(super) fn new(address: String) -> Self {
        Self { address: Arc::new(Mutex::new(address)), polls: Arc::default() }
    }

    /// The address, for serenity.
    pub(super) fn address(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.address)
    }

    /// Runs the runner so that the gate sees whether it moves.
    pub(super) async fn watch<T>(&self, runner: impl Future<Output = T>) -> T {
        let mut runner = pin!(runner);
        poll_fn(|context| {
            self.polls.fetch_add(1, Ordering::Relaxed);
            runner.as_mut().poll(context)
        })
        .await
    }

    /// Holds the gate for as long as it is polled. `passed` is called for each reconnect, with how many there were
    /// in a row.
    pub(super) async fn guard(&self, first_wait: Duration, passed: impl Fn(u32)) {
        let mut backoff = Backoff::new(first_wait, Instant::now());
        let mut held = Arc::clone(&self.address).lock_owned().await;
        loop {
            let since = self.still().await;
            sleep_until(since + backoff.wait(since, fastrand::f64())).await;
            drop(held);
            // The lock is fair: it went to the runner if that waited.
            held = match Arc::clone(&self.address).try_lock_owned() {
                Ok(nobody_waited) => nobody_waited,
                Err(_) => {
                    passed(backoff.passed(Instant::now()));
                    Arc::clone(&self.address).lock_owned().await
                }
            };
        }
    }

    /// Waits until the runner does not move, and returns since when.
    async fn still(&self) -> Instant {
        let (mut last, mut since) = (self.polls.load(Ordering::Relaxed), Instant::now());
        loop {
            sleep(LOOK).await;
            let polls = self.polls.load(Ordering::Relaxed);
            if polls != last {
                (last, since) = (polls, Instant::now());
            } else if since.elapsed() >= STILL {
                return since;
            }
        }
    }
}

/// The pauses before reconnects: they double with each one that did not last.
#[derive(Debug)]
struct Backoff {
    first_wait: Duration,
    in_a_row: u32,
    last: Instant,
}

impl Backoff {
    fn new(first_wait: Duration, connected: Instant) -> Self {
        Self { first_wait, in_a_row: 0, last: connected }
    }

    /// How long after `lost` the next reconnect may begin. `jitter` is a random number from 0 to 1.
    fn wait(&mut self, lost: Instant, jitter: f64) -> Duration {
        if lost.saturating_duration_since(self.last) >= SOUND {
            self.in_a_row = 0;
        }
        let longest = self.first_wait.saturating_mul(2_u32.saturating_pow(self.in_a_row)).min(LONGEST_WAIT);
        // For the first one a fifth of it to all of it: one to five seconds. Later ones at least half.
        let least = if self.in_a_row == 0 { 0.2 } else { 0.5 };
        longest.mul_f64(least + (1.0 - least) * jitter.clamp(0.0, 1.0))
    }

    /// A reconnect begins. Returns how many there were in a row.
    fn passed(&mut self, now: Instant) -> u32 {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.last = now;
        self.in_a_row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Duration = Duration::from_secs(5);

    #[test]
    fn the_first_pause_is_one_to_five_seconds() {
        let now = Instant::now();
        let mut backoff = Backoff::new(FIVE, now);
        assert_eq!(backoff.wait(now, 0.0), Duration::from_secs(1));
        assert_eq!(backoff.wait(now, 1.0), FIVE);
    }

    #[test]
    fn connections_that_do_not_last_are_followed_by_longer_pauses() {
        let now = Instant::now();
        let mut backoff = Backoff::new(FIVE, now);
        for _ in 0..40 {
            backoff.passed(now);
        }
        assert_eq!(backoff.wait(now, 1.0), LONGEST_WAIT);
        // The pause itself is no time during which the connection lasted.
        assert_eq!(backoff.wait(now + Duration::from_secs(1), 1.0), LONGEST_WAIT);
        assert_eq!(backoff.wait(now + SOUND, 1.0), FIVE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_runner_that_connects_in_a_loop_is_let_through_rarely() {
        let gate = Gate::new("ws://127.0.0.1:9".to_owned());
        let (counted, address) = (Arc::new(AtomicU64::new(0)), gate.address());
        let count = Arc::clone(&counted);
        let guarded = gate.clone();
        let guard = tokio::spawn(async move { guarded.guard(FIVE, |_| {}).await });
        sleep(LOOK).await;
        let watched = gate.clone();
        let runner = tokio::spawn(async move {
            watched
                .watch(async {
                    loop {
                        drop(address.lock().await.clone());
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                })
                .await
        });
        sleep(Duration::from_secs(600)).await;
        let passed = counted.load(Ordering::Relaxed);
        assert!((5..20).contains(&passed), "{passed} connections in ten minutes");
        guard.abort();
        runner.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_runner_that_moves_is_not_let_through() {
        let gate = Gate::new(String::new());
        let passed = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&passed);
        let watched = gate.watch(async {
            for _ in 0..100 {
                sleep(Duration::from_millis(500)).await;
            }
        });
        tokio::select! {
            () = watched => {}
            () = gate.guard(FIVE, move |_| { count.fetch_add(1, Ordering::Relaxed); }) => {}
        }
        assert_eq!(passed.load(Ordering::Relaxed), 0);
    }
}

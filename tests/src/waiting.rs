//! Waiting, always with a limit, and never longer than needed.

use std::time::{Duration, Instant};

use crate::World;

/// Far more than anything takes on a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(15);
/// Nothing happened for so long: nothing will.
const QUIET: Duration = Duration::from_millis(300);

impl World {
    /// Waits until something is true.
    ///
    /// # Panics
    /// If it does not become true in good time, or the bot ends before; with everything that is known.
    pub async fn eventually(&self, what: &str, condition: impl Fn() -> bool) {
        self.eventually_some(what, || condition().then_some(())).await;
    }

    /// Waits until there is something.
    ///
    /// # Panics
    /// If it does not come in good time, or the bot ends before; with everything that is known.
    pub async fn eventually_some<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                !self.bot.as_ref().is_some_and(crate::bot::Bot::has_ended),
                "the bot ended before it was true that {what}\n{}",
                self.report()
            );
            assert!(began.elapsed() < PATIENCE, "it is not true that {what}\n{}", self.report());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the bot has nothing left to do, and for a moment does nothing.
    ///
    /// # Panics
    /// If that does not come in good time.
    pub async fn quiet(&self) {
        if let Err(open) = self.rests(PATIENCE).await {
            panic!("the bot does not rest: {open:?}\n{}", self.report());
        }
    }

    /// Waits so long until the bot has nothing left to do, and for a moment does nothing.
    ///
    /// # Errors
    /// What is still to be done by then.
    pub async fn rests(&self, patience: Duration) -> Result<(), Vec<String>> {
        let began = Instant::now();
        let mut since = Instant::now();
        let mut known = self.traces();
        loop {
            let open = self.database().map(|database| database.open_work()).unwrap_or_default();
            let now = self.traces();
            if !open.is_empty() || now != known {
                since = Instant::now();
                known = now;
            }
            if since.elapsed() >= QUIET {
                return Ok(());
            }
            if began.elapsed() >= patience {
                return Err(open);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How much was written at Plex, asked of Discord and journaled so far.
    fn traces(&self) -> (usize, usize, Vec<String>) {
        let journal = self.database().map(|database| database.rows("SELECT max(id) FROM events"));
        (
            self.plex(|sim, _| sim.writes().len()),
            self.discord(|sim, _| sim.requests().len()),
            journal.unwrap_or_default(),
        )
    }
}

//! How far it is, on a terminal.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use crate::cli::moment::grouped;

/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(100);

/// How wide the bar is.
const WIDTH: usize = 30;

/// A line that tells how far it is. Nothing where the standard error is no terminal.
pub(super) struct Progress {
    shown: bool,
    began: Instant,
    last: Option<Instant>,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self { shown: std::io::stderr().is_terminal(), began: Instant::now(), last: None }
    }

    /// So many events are read, and this share of all, from 0 to 1.
    pub(super) fn reached(&mut self, events: u64, share: impl FnOnce() -> f64) {
        let now = Instant::now();
        if !self.shown || self.last.is_some_and(|last| now - last < EVERY) {
            return;
        }
        self.last = Some(now);
        let line = line(events, share(), now - self.began);
        // A terminal that is gone is no reason to stop.
        let _ = write!(std::io::stderr(), "\r{line}\u{1b}[K");
    }

    /// The line goes away.
    pub(super) fn finish(self) {
        if self.shown && self.last.is_some() {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

/// The line: a bar, how much is done, and how long it may still take.
fn line(events: u64, share: f64, took: Duration) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share between 0 and 1, for people"
    )]
    let (filled, percent) = ((share * WIDTH as f64) as usize, (share * 100.0) as u64);
    let filled = filled.min(WIDTH);
    let bar: String =
        std::iter::repeat_n('█', filled).chain(std::iter::repeat_n('░', WIDTH - filled)).collect();
    let left = if share > 0.02 {
        let left = took.as_secs_f64() * (1.0 - share) / share;
        format!(", {left:.0} s left")
    } else {
        String::new()
    };
    format!("{bar} {percent:>3}%  {} events{left}", grouped(events))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_far_it_is_and_how_long_it_may_take() {
        assert_eq!(
            line(50_000, 0.5, Duration::from_secs(8)),
            "███████████████░░░░░░░░░░░░░░░  50%  50,000 events, 8 s left"
        );
        assert_eq!(line(0, 0.0, Duration::ZERO), "░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   0%  0 events");
        assert!(line(1, 1.0, Duration::ZERO).contains("100%"));
    }
}

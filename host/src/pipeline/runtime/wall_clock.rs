//! The wall clock is not believed alone: a clock that is years ahead would end every question, fire every wake and
//! delete the journal. Discord says with each answer what time it is.

use std::{sync::atomic::Ordering, time::Duration};

use crate::{
    domain::{AuditKind, Timestamp},
    pipeline::{context::Context, texts},
    store::{Furthest, StoreError},
};

/// So far the two clocks may differ, in milliseconds.
const FAR: u64 = 10 * 60_000;

/// A day more than anything waits.
const DAY: Duration = Duration::from_secs(86_400);

impl Context {
    /// Whether what the wall clock says can be acted on where that can't be taken back.
    pub(in crate::pipeline) async fn believes_clock(&self) -> Result<bool, StoreError> {
        let _one = self.clock.checking.lock().await;
        let far = |theirs: Timestamp| theirs.0.abs_diff(self.seam.now().0) > FAR;
        let clock = &self.clock;
        if self.discord.clock().is_some_and(far) {
            // The computer may have slept, and with it the clock by which Discord's was carried on.
            if clock.asks() {
                let asked = self.discord.ask_time().await;
                if let Err(error) = &asked {
                    tracing::debug!(%error, "Discord does not tell the time");
                }
                clock.unsure.store(asked.is_err(), Ordering::Relaxed);
            }
            if clock.unsure.load(Ordering::Relaxed) {
                return Ok(!clock.doubted.load(Ordering::Relaxed));
            }
        }
        let theirs = self.discord.clock();
        let wrong = theirs.is_some_and(far);
        let now = self.seam.now();
        let was_wrong = clock.doubted.load(Ordering::Relaxed);
        if wrong != was_wrong {
            let text = if wrong { texts::CLOCK_IS_WRONG } else { texts::CLOCK_IS_RIGHT };
            if wrong {
                tracing::error!("{text}");
            } else {
                tracing::info!("{text}");
            }
            self.store.write(move |tx| tx.audit(now, None, None, AuditKind::Alarm, text)).await?;
            clock.doubted.store(wrong, Ordering::Relaxed);
            clock.corrected.store(false, Ordering::Relaxed);
        }
        if theirs.is_some() && !wrong && !clock.corrected.load(Ordering::Relaxed) {
            let furthest = self.furthest(was_wrong);
            let changed = self.store.write(move |tx| tx.correct_times(now, furthest)).await?;
            clock.corrected.store(true, Ordering::Relaxed);
            if changed > 0 {
                tracing::warn!(changed, "times that a wrong clock had written were brought back");
            }
        }
        Ok(!wrong)
    }

    /// How far away times may lie. If the clock was wrong until now, what was put off meanwhile is looked at now.
    fn furthest(&self, was_wrong: bool) -> Furthest {
        let settings = self.settings();
        let timings = &settings.timings;
        let refused = timings.refused_again.iter().max().copied().unwrap_or_default();
        let soon = [timings.retry_longest * 2, timings.check_pending].into_iter().max().unwrap_or_default();
        let again = soon.max(refused) + DAY;
        Furthest {
            again,
            soon: if was_wrong { soon } else { again },
            late: timings.late.max(timings.stale).max(timings.streams),
            settle: timings.settle,
            prompt: timings.prompt,
        }
    }
}

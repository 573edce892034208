//! Old rows are dropped once a day, and what was forgotten is removed from the database's log.

use std::time::Duration;

use tokio::sync::Notify;

use crate::{
    domain::Timestamp,
    pipeline::{context::Context, runtime::worker::Worker, seam::millis},
    store::StoreError,
};

/// How long after another program kept the database's log from being emptied that is tried again.
const SCRUB_AGAIN: Duration = Duration::from_secs(10);

/// Time between two looks at whether a day has passed. The wall clock may be set, and a computer may sleep.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// A day, in milliseconds.
const DAY: u64 = 24 * 3_600_000;

/// Keeps the database small and clean.
#[derive(Default)]
pub(in crate::pipeline) struct Housekeeping {
    /// When old rows were last dropped.
    pruned: Option<Timestamp>,
}

impl Worker for Housekeeping {
    const NAME: &'static str = "housekeeping";

    fn signal(context: &Context) -> &Notify {
        &context.signals.housekeeping
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let mut next = core.after(LOOK_EVERY);
        if !core.scrub_again().await? {
            next = core.after(SCRUB_AGAIN);
        }
        if !core.believes_clock().await? {
            return Ok(Some(next.min(core.after(core.settings().timings.notice))));
        }
        let now = core.seam.now();
        // A time that lies ahead was written by a clock that was wrong.
        if self.pruned.is_none_or(|pruned| now.0.abs_diff(pruned.0) >= DAY) {
            let old = Timestamp(now.0.saturating_sub(millis(core.settings().timings.keep_decisions)));
            core.store.write(move |tx| tx.prune(old)).await?;
            self.pruned = Some(now);
        }
        Ok(Some(next))
    }
}

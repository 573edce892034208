//! How each part of the pipeline runs: rounds of work, and sleep until the next is due.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{domain::Timestamp, pipeline::context::Context, store::StoreError};

/// How long a round that is under way may take after the stop was asked for. What it has not finished then
/// is taken up at the next start: every step is safe to be cut off at.
const GRACE: Duration = Duration::from_secs(5);

/// A part of the pipeline. It owns what no other part needs to know. None of that outlives a restart.
pub(in crate::pipeline) trait Worker {
    /// Its name in the log.
    const NAME: &'static str;

    /// What wakes it.
    fn signal(context: &Context) -> &Notify;

    /// Does what is due, and says when the next thing is.
    ///
    /// # Errors
    /// Only what the database says: every other failure belongs to one member and is dealt with there.
    fn round(
        &mut self,
        context: &Context,
    ) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
}

/// Runs a worker until the stop, or until the database is closed.
pub(in crate::pipeline) async fn run<W: Worker>(mut worker: W, core: Arc<Context>, stop: CancellationToken) {
    let mut failures = 0;
    loop {
        let round = tokio::select! {
            biased;
            round = worker.round(&core) => round,
            () = cut_off(&core, &stop) => return,
        };
        let next = match round {
            Ok(next) => {
                failures = 0;
                next
            }
            Err(error @ StoreError::Closed) => {
                // Its threads ended: no round of this process will have it again, and the next start has.
                tracing::error!(worker = W::NAME, %error, "the database's threads ended, and so does the bot");
                return;
            }
            Err(error) => {
                tracing::error!(worker = W::NAME, %error, "the database failed; nothing is lost, trying again");
                let next = core.retry_at(failures, None);
                failures += 1;
                // The next round starts from what the database holds; a signal would only make it hurry.
                tokio::select! {
                    biased;
                    () = core.seam.sleep_until(Some(next)) => continue,
                    () = stop.cancelled() => return,
                }
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = W::signal(&core).notified() => {}
            () = core.seam.sleep_until(next) => {}
        }
    }
}

async fn cut_off(core: &Context, stop: &CancellationToken) {
    stop.cancelled().await;
    core.seam.sleep(GRACE).await;
}

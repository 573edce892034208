//! Being asked to stop: once politely, twice firmly.

use std::io;

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Runs something until it ends. The first signal to stop cancels its token; the second gives up on it.
///
/// # Errors
/// What it fails with; and if it was given up on.
pub(super) async fn until_stopped<F, W>(work: W) -> anyhow::Result<()>
where
    W: FnOnce(CancellationToken) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let mut signals = Signals::new().context("signals can't be listened to")?;
    let stop = CancellationToken::new();
    let work = work(stop.clone());
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = signals.next() => {}
    }
    info!("stopping; once more stops without waiting");
    stop.cancel();
    tokio::select! {
        done = &mut work => done,
        () = signals.next() => bail!("stopped before everything was ended; the next start takes it up again"),
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

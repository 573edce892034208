//! Being asked to stop: once politely, twice firmly.

use std::io;

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Runs something until it ends. The first signal to stop cancels its token; the second gives up on it.
///
/// # Errors
/// What it fails with; and if it was given up on.
pub(super) async fn until_stopped<F, W, T>(work: W) -> anyhow::Result<T>
where
    W: FnOnce(CancellationToken) -> F,
    F: Future<Output = anyhow::Result<T>>,
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::process::{self, Command};

    use super::*;

    fn ask_to_stop() {
        // The shell's own `kill`: the program is not everywhere.
        let id = process::id().to_string();
        let asked = Command::new("sh").args(["-c", r#"kill -TERM "$0""#, &id]).status().unwrap();
        assert!(asked.success());
    }

    // One test for both: a signal reaches everybody in the process who listens.
    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_ends() {
        let patient = until_stopped(|stop| async move {
            ask_to_stop();
            stop.cancelled().await;
            Ok(())
        });
        assert!(patient.await.is_ok());

        let stuck = until_stopped(|stop| async move {
            ask_to_stop();
            stop.cancelled().await;
            ask_to_stop();
            std::future::pending::<anyhow::Result<()>>().await
        });
        assert!(stuck.await.unwrap_err().to_string().contains("stopped before"));

        let failed: anyhow::Result<()> = until_stopped(|_| async { bail!("no way") }).await;
        assert_eq!(failed.unwrap_err().to_string(), "no way");
    }
}

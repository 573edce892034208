//! What signals ask of the bot: to load the policy anew, and to stop, once politely, twice firmly.

use std::io;

use anyhow::{Context, bail};
use tracing::info;

use crate::bot::Asked;

/// Runs something until it ends. SIGHUP asks it to load the policy anew. The first signal to stop asks it to
/// end; the second gives up on it.
///
/// # Errors
/// What it fails with; and if it was given up on.
pub(super) async fn until_stopped<F, W, T>(work: W) -> anyhow::Result<T>
where
    W: FnOnce(Asked) -> F,
    F: Future<Output = anyhow::Result<T>>,
{
    let mut signals = Signals::new().context("signals can't be listened to")?;
    let asked = Asked::default();
    let work = work(asked.clone());
    tokio::pin!(work);
    loop {
        let signal = tokio::select! {
            done = &mut work => return done,
            signal = signals.next() => signal,
        };
        match signal {
            Signal::Reload => asked.reload.notify_one(),
            Signal::Stop if asked.stop.is_cancelled() => {
                bail!("stopped before everything was ended; the next start takes it up again")
            }
            Signal::Stop => {
                info!("stopping; once more stops without waiting");
                asked.stop.cancel();
            }
        }
    }
}

/// What a signal asks for.
enum Signal {
    Stop,
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no such signal"))]
    Reload,
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
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

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
        Signal::Stop
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::process::{self, Command};

    use super::*;

    fn send(signal: &str) {
        // The shell's own `kill`: the program is not everywhere.
        let id = process::id().to_string();
        let asked = Command::new("sh").args(["-c", r#"kill "$0" "$1""#, signal, &id]).status().unwrap();
        assert!(asked.success());
    }

    fn ask_to_stop() {
        send("-TERM");
    }

    // One test for both: a signal reaches everybody in the process who listens.
    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_ends_and_a_hangup_reloads() {
        let patient = until_stopped(|asked| async move {
            for _ in 0..2 {
                send("-HUP");
                asked.reload.notified().await;
            }
            assert!(!asked.stop.is_cancelled());
            ask_to_stop();
            asked.stop.cancelled().await;
            Ok(())
        });
        assert!(patient.await.is_ok());

        let stuck = until_stopped(|asked| async move {
            ask_to_stop();
            asked.stop.cancelled().await;
            ask_to_stop();
            std::future::pending::<anyhow::Result<()>>().await
        });
        assert!(stuck.await.unwrap_err().to_string().contains("stopped before"));

        let failed: anyhow::Result<()> = until_stopped(|_| async { bail!("no way") }).await;
        assert_eq!(failed.unwrap_err().to_string(), "no way");
    }
}

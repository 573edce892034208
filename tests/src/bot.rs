//! The whole bot, in the process of the test.

use std::path::Path;

use rolarr::{config::Config, pipeline::Seam, policy::Loader};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The bot at work. It ends when it is dropped.
#[derive(Debug)]
pub struct Bot {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Bot {
    /// Starts the bot with a configuration file.
    #[must_use]
    pub fn start(configuration: &Path) -> Self {
        let config = Config::load(configuration).unwrap();
        // For whoever looks into a failure: with RUST_LOG the bot's log goes to the standard error output.
        if let Ok(wanted) = std::env::var("RUST_LOG") {
            // Another test of this process may have set it up.
            let _ = rolarr::cli::logging::start(config.log, Some(&wanted), false);
        }
        let asked = rolarr::bot::Asked::default();
        let stop = asked.stop.clone();
        let task = tokio::spawn(rolarr::bot::run_with(config, Seam::system(), asked, Loader::InThisProcess));
        Self { stop, task }
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// What it ended with.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        (&mut self.task).await.expect("the bot panicked")
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// What it ended with.
    pub async fn ended(mut self) -> anyhow::Result<()> {
        (&mut self.task).await.expect("the bot panicked")
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

//! `rolarr run`: the bot itself.

use std::{env, io, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Config;

use super::{CliError, Color, Exit, logging, stop};

/// How long what is left running may take once everything else has ended.
const LINGER: Duration = Duration::from_secs(5);

/// Run the bot until it is stopped
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "config.toml")]
    config: PathBuf,
}

impl Run {
    pub(super) fn execute(self, color: Color) -> Result<Exit, CliError> {
        let config = Config::load(&self.config)?;
        let rust_log = env::var("RUST_LOG").ok();
        logging::start(config.log, rust_log.as_deref(), color.applies_to(&io::stderr())).map_err(
            |error| {
                CliError::misconfigured(error)
                    .hinted("write it like `info` or `warn,rolarr=debug`, or unset it")
            },
        )?;
        for warning in &config.warnings {
            warn!("{warning}");
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("the threads of the program can't be started")?;
        let done = runtime.block_on(stop::until_stopped(|stop| run(config, stop)));
        runtime.shutdown_timeout(LINGER);
        done?;
        Ok(Exit::Done)
    }
}

/// Runs the bot until `stop` is cancelled, then ends what it began.
///
/// # Errors
/// What keeps the bot from working at all. A [`ConfigError`](crate::config::ConfigError) if what the
/// configuration names does not exist.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    info!(file = %config.file.display(), "the configuration is in order");
    stop.cancel();
    Ok(())
}

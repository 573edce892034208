//! `rolarr run`: the bot itself.

use std::{env, io, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use tracing::warn;

use crate::{bot, config::Config, pipeline::Seam};

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
        let done = runtime.block_on(stop::until_stopped(|asked| bot::run(config, Seam::system(), asked)));
        runtime.shutdown_timeout(LINGER);
        done?;
        Ok(Exit::Done)
    }
}

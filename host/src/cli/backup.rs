//! `rolarr backup`: a copy of the database.

use std::{io::Write, path::PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::{CliError, Exit, output};
use crate::{config::Config, files, store};

/// Copy the database into a file, also while the bot runs
///
/// To restore it: stop the bot, put the copy in the place of the database, delete the files beside it whose names
/// end in `-wal` and `-shm`, and start the bot again. What happened since is caught up by comparing the members.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to make
    file: PathBuf,
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "config.toml")]
    config: PathBuf,
    /// Replace the file if it is there already
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(super) fn execute(self) -> Result<Exit, CliError> {
        let Self { file, config, force } = self;
        let from = Config::load(&config)?.store.path;
        if !from.exists() {
            let error = anyhow!("there is no database `{}`", files::shown(&from));
            return Err(CliError::failed(error)
                .hinted("the bot makes it when it first starts: is this its configuration?"));
        }
        let shown = files::shown(&file);
        if let (Ok(database), Ok(there)) = (from.canonicalize(), file.canonicalize())
            && database == there
        {
            return Err(CliError::failed(anyhow!("`{shown}` is the database itself"))
                .hinted("name another file for the copy"));
        }
        if file.exists() && !force {
            return Err(CliError::failed(anyhow!("`{shown}` is there already"))
                .hinted("name another file, or replace it with `--force`"));
        }
        let existing = if force { store::Existing::Replace } else { store::Existing::Keep };
        store::backup(&from, &file, existing)
            .with_context(|| format!("the database `{}` was not copied to `{shown}`", files::shown(&from)))?;
        let said = format!(
            "The database was copied to `{shown}`. It holds the members' e-mail addresses, and keeps those that are \
             forgotten later: keep it to yourself, and delete it when it is of no use any more."
        );
        writeln!(output::stdout(), "{said}").map_err(anyhow::Error::from)?;
        Ok(Exit::Done)
    }
}

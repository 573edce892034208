//! `rolarr invite-missing`: members who had the role before Rolarr came.

use std::path::PathBuf;

use clap::Args;

use super::{
    CliError, Exit,
    order::Desk,
    plan::{self, Consent},
};
use crate::{config::Config, store::Scope};

/// Ask those who hold a tracked role and were never asked for an address
///
/// Members who had the role when the bot first started are taken in as they are. This shows who they are, and
/// then has the policy decide about them as if an administrator asked for each. The bot must be running.
#[derive(Debug, Args)]
pub(super) struct InviteMissing {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "config.toml")]
    config: PathBuf,
    /// Only show who they are
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

impl InviteMissing {
    pub(super) fn execute(self) -> Result<Exit, CliError> {
        let desk = Desk::open(&Config::load(&self.config)?.store.path)?;
        plan::carry_out(&desk, Scope::NeverAsked, Consent::of(self.dry_run, self.yes))
    }
}

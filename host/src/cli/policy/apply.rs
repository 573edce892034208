//! `rolarr policy apply`.

use std::path::PathBuf;

use clap::Args;

use crate::{
    cli::{
        CliError, Exit,
        order::Desk,
        plan::{self, Consent},
    },
    config::Config,
    store::Scope,
};

/// Show what the policy would decide about every member now, and let it
///
/// Nothing happens to anybody because a policy or its settings changed. This asks the policy about each member,
/// shows for whom something would follow, and then has it decide. The brake holds what takes access from too
/// many. The bot must be running.
#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "config.toml")]
    config: PathBuf,
    /// Only show what would follow
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

impl ApplyArgs {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        let desk = Desk::open(&Config::load(&self.config)?.store.path)?;
        plan::carry_out(&desk, Scope::Everybody, Consent::of(self.dry_run, self.yes))
    }
}

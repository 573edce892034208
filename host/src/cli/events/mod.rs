//! `rolarr events …`: what happened, what was decided, and recordings of it.

mod export;
mod list;
mod names;
mod pseudonyms;
mod redact;
mod show;
#[cfg(test)]
mod tests;
mod which;

use std::io::Write;

use clap::{Args, Subcommand};

use super::{CliError, Exit, output};
use crate::{domain::Timestamp, pipeline::Seam};

/// Look at what was decided, and export it as recorded events
///
/// The database is only read, also while the bot runs.
#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Show(show::Show),
    Export(export::Export),
}

impl Events {
    pub(super) fn execute(self) -> Result<Exit, CliError> {
        self.run(&mut output::stdout(), &mut output::stderr(), Seam::system().now())
    }

    fn run(self, out: &mut dyn Write, notes: &mut dyn Write, now: Timestamp) -> Result<Exit, CliError> {
        match self.action {
            Action::List(list) => list.run(out, now),
            Action::Show(show) => show.run(out, notes),
            Action::Export(export) => export.run(out, notes, now),
        }
    }
}

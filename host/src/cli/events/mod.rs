//! `rolarr events …`: what happened, what was decided, and recordings of it.

mod export;
mod list;
mod names;
mod pseudonyms;
mod redact;
mod show;
#[cfg(test)]
mod tests;

use std::io::Write;

use clap::{Args, Subcommand};

use super::{CliError, Exit, moment::Moment, output};
use crate::{
    domain::{Timestamp, UserId},
    pipeline::Seam,
    store::Span,
};

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

/// Which events.
#[derive(Debug, Args)]
struct Which {
    /// Only what was noticed since then: a date (2026-11-01), a time (2026-11-01T18:30:00Z), or an age (90d, 12h)
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Only what was noticed before then
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// Only this member: the id on Discord
    #[arg(long, value_name = "ID")]
    member: Option<UserId>,
}

impl Which {
    fn span(&self, now: Timestamp) -> Span {
        let Self { since, until, member } = self;
        let seen = |moment: &Option<Moment>| moment.map(|moment| moment.seen_from(now));
        Span { since: seen(since), until: seen(until), member: *member }
    }
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

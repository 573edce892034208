//! `rolarr policy …`: what an author and an operator do with a policy before anybody's access depends on
//! it.

mod apply;
mod bench;
mod build;
mod cases;
mod check;
pub(super) mod compiling;
mod diff;
pub(super) mod difference;
mod force;
mod language;
mod logs;
mod manifest;
mod named;
mod new;
mod node;
mod not_done;
mod recordings;
pub(super) mod settings;
mod shadow;
mod situation;
mod test;

use std::process::ExitCode;

use super::{
    CliError, Color,
    output::{self, Output},
};

/// Make, build, check, test and compare policies, and say which one decides.
#[derive(Debug, clap::Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PolicyCommand {
    New(new::NewArgs),
    Build(build::BuildArgs),
    Check(check::CheckArgs),
    Test(test::TestArgs),
    Diff(diff::DiffArgs),
    Bench(bench::BenchArgs),
    Reload(force::ReloadArgs),
    Rollback(force::RollbackArgs),
    History(force::HistoryArgs),
    Apply(apply::ApplyArgs),
    Shadow(shadow::ShadowArgs),
}

impl PolicyArgs {
    /// Runs the command and says how the process should end.
    ///
    /// # Errors
    ///
    /// The command could not be carried out at all, for example because the output is closed.
    pub fn run(self, color: Color) -> Result<ExitCode, CliError> {
        let out = output::stdout;
        match self.command {
            PolicyCommand::New(args) => args.run(&mut out()).map(ExitCode::from),
            PolicyCommand::Build(args) => args.run(&mut out()).map(ExitCode::from),
            PolicyCommand::Check(args) => Ok(args.run(&mut out()).map(ExitCode::from)?),
            PolicyCommand::Test(args) => {
                let mut out = Output::colored(std::io::stdout().lock(), color);
                let color = out.has_colors();
                Ok(args.run(&mut out, color).map(ExitCode::from)?)
            }
            PolicyCommand::Diff(args) => args.run(&mut out()).map(ExitCode::from),
            PolicyCommand::Bench(args) => args.run(&mut out()).map(ExitCode::from),
            PolicyCommand::Reload(args) => args.run().map(ExitCode::from),
            PolicyCommand::Rollback(args) => args.run().map(ExitCode::from),
            PolicyCommand::History(args) => args.run().map(ExitCode::from),
            PolicyCommand::Apply(args) => args.run().map(ExitCode::from),
            PolicyCommand::Shadow(args) => args.run().map(ExitCode::from),
        }
    }
}

#[cfg(test)]
mod odd_texts;
#[cfg(test)]
pub(super) mod tests;

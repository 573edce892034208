//! `rolarr policy …`: what an author and an operator do with a policy before anybody's access depends on
//! it.

mod apply;
mod bench;
mod build;
mod cases;
mod check;
mod compiling;
mod diff;
pub(super) mod difference;
mod force;
mod language;
mod logs;
mod manifest;
mod named;
mod new;
mod node;
mod recordings;
mod shadow;
mod situation;
mod test;

use std::{io::Write, process::ExitCode};

use serde_json::{Map, Value, json};

use super::{
    CliError, Color,
    output::{self, Output},
    words,
};
use crate::domain::json::to_string_pretty;

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

/// What could not be done, of a command that ends with 1 when it found something. Whoever reads its output as JSON
/// is told there, too.
fn not_done(error: CliError, json: bool, out: &mut dyn Write) -> CliError {
    if json {
        // What went wrong first is more important than that nobody reads.
        let _ = writeln!(
            out,
            "{}",
            to_string_pretty(&json!({ "problem": words::clean(&error.message()) })).unwrap_or_default()
        );
    }
    error.not_done()
}

/// Settings as they stand on the command line: a JSON object.
pub(super) fn parse_settings(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(settings)) => Ok(settings),
        Ok(_) => Err("settings are a JSON object, for example '{\"label\": \"noAccess\"}'".to_owned()),
        Err(error) => Err(format!("not valid JSON: {error}")),
    }
}

#[cfg(test)]
mod odd_texts;
#[cfg(test)]
pub(super) mod tests;

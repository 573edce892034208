//! `rolarr policy …`: what an author and an operator do with a policy before anybody's access depends on
//! it.

mod apply;
mod bench;
mod check;
mod diff;
pub(super) mod difference;
mod force;
mod shadow;
mod cases;
mod check;
mod difference;
mod situation;
mod build;
mod check;
mod difference;
mod language;
mod new;
mod test;

use std::process::ExitCode;

use serde_json::{Map, Value};

use super::CliError;

/// Check and test policies, and say which one decides.
use super::Color;

/// Check and test policies.
use super::error::CliError;

/// Make, build, check and test policies.
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
    Reload(force::ReloadArgs),
    Rollback(force::RollbackArgs),
    History(force::HistoryArgs),
    Apply(apply::ApplyArgs),
    Shadow(shadow::ShadowArgs),
    Diff(diff::DiffArgs),
    Bench(bench::BenchArgs),
}

impl PolicyArgs {
    /// Runs the command and says how the process should end.
    ///
    /// # Errors
    ///
    /// The command could not be carried out at all, for example because the output is closed.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let out = || std::io::stdout().lock();
        match self.command {
            PolicyCommand::Check(args) => Ok(args.run(&mut out()).map(ExitCode::from)?),
            PolicyCommand::Test(args) => Ok(args.run(&mut out()).map(ExitCode::from)?),
            PolicyCommand::Reload(args) => args.run().map(ExitCode::from),
            PolicyCommand::Rollback(args) => args.run().map(ExitCode::from),
            PolicyCommand::History(args) => args.run().map(ExitCode::from),
            PolicyCommand::Apply(args) => args.run().map(ExitCode::from),
            PolicyCommand::Shadow(args) => args.run().map(ExitCode::from),
            PolicyCommand::Diff(args) => Ok(args.run(&mut out()).map(ExitCode::from)?),
            PolicyCommand::Bench(args) => Ok(args.run(&mut out()).map(ExitCode::from)?),
    pub fn run(&self, color: Color) -> anyhow::Result<ExitCode> {
    pub fn run(&self) -> Result<ExitCode, CliError> {
        let mut out = std::io::stdout().lock();
        let color = color.applies_to(&out);
        match &self.command {
            PolicyCommand::Check(args) => args.run(&mut out),
            PolicyCommand::Test(args) => args.run(&mut out, color),
            PolicyCommand::New(args) => args.run(&mut out),
            PolicyCommand::Build(args) => args.run(&mut out),
            PolicyCommand::Check(args) => args.run(&mut out).map_err(CliError::from),
            PolicyCommand::Test(args) => args.run(&mut out).map_err(CliError::from),
        }
    }
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
pub(super) mod tests;

//! `rolarr policy …`: what an author and an operator do with a policy before anybody's access depends on
//! it.

mod build;
mod check;
mod difference;
mod language;
mod new;
mod test;

use std::process::ExitCode;

use serde_json::{Map, Value};

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
}

impl PolicyArgs {
    /// Runs the command and says how the process should end.
    ///
    /// # Errors
    ///
    /// The command could not be carried out at all, for example because the output is closed.
    pub fn run(&self) -> Result<ExitCode, CliError> {
        let mut out = std::io::stdout().lock();
        match &self.command {
            PolicyCommand::New(args) => args.run(&mut out),
            PolicyCommand::Build(args) => args.run(&mut out),
            PolicyCommand::Check(args) => args.run(&mut out).map_err(CliError::from),
            PolicyCommand::Test(args) => args.run(&mut out).map_err(CliError::from),
        }
        .map(ExitCode::from)
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
mod tests;

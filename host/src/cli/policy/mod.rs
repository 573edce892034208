//! `rolarr policy …`: what an author and an operator do with a policy before anybody's access depends on
//! it.

mod cases;
mod check;
mod compiling;
mod difference;
mod situation;
mod test;

use std::process::ExitCode;

use serde_json::{Map, Value};

use super::Color;

/// Check and test policies.
#[derive(Debug, clap::Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PolicyCommand {
    Check(check::CheckArgs),
    Test(test::TestArgs),
}

impl PolicyArgs {
    /// Runs the command and says how the process should end.
    ///
    /// # Errors
    ///
    /// The command could not be carried out at all, for example because the output is closed.
    pub fn run(&self, color: Color) -> anyhow::Result<ExitCode> {
        let mut out = std::io::stdout().lock();
        let color = color.applies_to(&out);
        match &self.command {
            PolicyCommand::Check(args) => args.run(&mut out),
            PolicyCommand::Test(args) => args.run(&mut out, color),
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

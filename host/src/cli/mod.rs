//! The command line: one file per command. The doc comments of the argument structs are the help texts.

mod backup;
mod color;
mod demo;
mod error;
mod holds;
pub mod logging;
pub mod policy;
pub mod run;
mod stop;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use color::Color;
pub use error::{CliError, Exit};

/// Keeps access to a Plex server in step with Discord roles
#[derive(Debug, Parser)]
#[command(name = "rolarr", version, propagate_version = false, arg_required_else_help = true)]
struct Cli {
    /// When to color what is printed: `auto` (the default; NO_COLOR is respected), `always` or `never`
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true
    )]
    color: Color,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Demo(demo::Demo),
    Holds(holds::Holds),
    Backup(backup::Backup),
    Policy(policy::PolicyArgs),
}

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return error::usage(&error),
    };
    let done = match cli.command {
        Command::Run(run) => run.execute(cli.color).map(ExitCode::from),
        Command::Demo(demo) => demo.execute(cli.color).map(ExitCode::from),
        Command::Backup(backup) => backup.execute().map(ExitCode::from),
        Command::Holds(holds) => holds.execute().map(ExitCode::from),
        Command::Policy(policy) => policy.run(),
    };
    error::exit(done)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_help_text() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}

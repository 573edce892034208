//! The command line: one file per command. The doc comments of the argument structs are the help texts.

mod backup;
mod color;
mod demo;
mod error;
mod events;
#[cfg(test)]
mod fixture;
mod holds;
mod invite_missing;
mod journal;
pub mod logging;
mod moment;
mod order;
mod output;
mod plan;
pub mod policy;
pub mod run;
mod stop;
mod whole_file;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{panics, policy::loader};

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
    InviteMissing(invite_missing::InviteMissing),
    Events(events::Events),
    Policy(policy::PolicyArgs),
}

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    panics::set_up();
    // Before anything else: it must not depend on how this program is used by people.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == loader::COMMAND) {
        return loader::serve(arguments);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return error::usage(&error),
    };
    let done = match cli.command {
        Command::Run(run) => run.execute(cli.color).map(ExitCode::from),
        Command::Demo(demo) => demo.execute(cli.color).map(ExitCode::from),
        Command::Backup(backup) => backup.execute().map(ExitCode::from),
        Command::Events(events) => events.execute().map(ExitCode::from),
        Command::Holds(holds) => holds.execute().map(ExitCode::from),
        Command::InviteMissing(missing) => missing.execute().map(ExitCode::from),
        Command::Policy(policy) => policy.run(cli.color),
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

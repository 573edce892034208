//! How a command fails: what is printed, and the exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::output;
use crate::{config::ConfigError, discord::Fatal, domain::printable_lines};

/// What the process says to its caller. These are all the exit codes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The command line, the configuration, or the bot's application at Discord is wrong: a new start would
    /// give the same. Of commands that compare or measure: it could not be done.
    Misconfigured = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that failed, and what to do next.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    error: anyhow::Error,
    hints: Vec<String>,
}

impl CliError {
    /// The command failed.
    #[must_use]
    pub fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Failed, error: error.into(), hints: Vec::new() }
    }

    /// The command line or the configuration is wrong.
    #[must_use]
    pub fn misconfigured(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Misconfigured, error: error.into(), hints: Vec::new() }
    }

    /// The same with something to do about it.
    #[must_use]
    pub fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same for a command that ends with 1 when it was done and found something: what could not be done ends
    /// with 2 there.
    #[must_use]
    pub fn not_done(self) -> Self {
        Self { exit: Exit::Misconfigured, ..self }
    }

    /// The error with all its causes in one line.
    #[must_use]
    pub fn message(&self) -> String {
        format!("{:#}", self.error)
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What a person reads: the error with all its causes in one line, then the hints.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "error: {}", printable_lines(&self.message()))?;
        self.hints.iter().try_for_each(|hint| writeln!(out, "hint: {}", printable_lines(hint)))
    }

    /// Whoever read the output stopped reading: that is their right, and no failure.
    fn is_closed_output(&self) -> bool {
        let closed = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        };
        self.error.chain().any(closed)
    }
}

impl From<anyhow::Error> for CliError {
    /// A failure; a mistake in the configuration if it was caused by one, or by what only its owner can mend
    /// at Discord.
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<ConfigError>().map(|mistake| mistake.hint().to_owned()) {
            Some(hint) => Self::misconfigured(error).hinted(hint),
            None if error.downcast_ref::<Fatal>().is_some_and(is_for_good) => Self::misconfigured(error),
            None => Self::failed(error),
        }
    }
}

/// Whether Discord would not let in the next start either. Discord counts the starts: who makes more than
/// 1,000 a day loses the token.
fn is_for_good(fatal: &Fatal) -> bool {
    match fatal {
        Fatal::Token | Fatal::UnknownIntents | Fatal::RefusedIntents => true,
        Fatal::Broken(_) => false,
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::from(anyhow::Error::from(error))
    }
}

/// Prints what went wrong, if anything did, and gives the exit code.
pub(super) fn exit(done: Result<ExitCode, CliError>) -> ExitCode {
    match done {
        Ok(exit) => exit,
        Err(error) if error.is_closed_output() => Exit::Done.into(),
        Err(error) => {
            // There is nobody left to tell if this fails.
            let _ = error.write(&mut io::stderr().lock());
            error.exit().into()
        }
    }
}

/// Prints the help, the version, or what is wrong with the command line.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let printed = if error.use_stderr() {
        // It repeats arguments, in which anything may stand.
        write!(output::stderr(), "{}", error.render())
    } else {
        error.print()
    };
    match (error.use_stderr(), printed) {
        (true, _) => Exit::Misconfigured.into(),
        (false, Err(error)) => exit(Err(CliError::failed(error))),
        (false, Ok(())) => Exit::Done.into(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    fn printed(error: &CliError) -> String {
        let mut out = Vec::new();
        error.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_that_is_named_in_an_error_acts_on_a_terminal() {
        let name = "\u{1b}]0;x\u{7}\u{202e}\u{9b}2J\u{61c}";
        let error = CliError::failed(anyhow::anyhow!("`{name}` is wrong\n  second line")).hinted(name);
        let text = printed(&error);
        assert!(!text.chars().any(|c| c != '\n' && crate::domain::is_unseen(c)), "{text:?}");
        assert_eq!(text.lines().count(), 3);
    }

    fn mistake() -> ConfigError {
        ConfigError::new("config.toml", None, "`token` is missing", "add it")
    }

    #[test]
    fn a_failure_is_printed_with_its_causes_and_hints() {
        let error = Err::<(), _>(io::Error::other("disk full")).context("can't write `a`").unwrap_err();
        let error = CliError::from(error).hinted("make room");
        assert_eq!(printed(&error), "error: can't write `a`: disk full\nhint: make room\n");
        assert_eq!(error.exit(), Exit::Failed);
    }

    #[test]
    fn a_mistake_in_the_configuration_has_an_exit_code_of_its_own() {
        let direct = CliError::from(mistake());
        assert_eq!(printed(&direct), "error: config.toml: `token` is missing\nhint: add it\n");
        assert_eq!(direct.exit(), Exit::Misconfigured);
        let wrapped = CliError::from(anyhow::Error::from(mistake()).context("can't start"));
        assert_eq!(printed(&wrapped), "error: can't start: config.toml: `token` is missing\nhint: add it\n");
        assert_eq!(wrapped.exit(), Exit::Misconfigured);
    }

    #[test]
    fn what_discord_refuses_for_good_is_no_reason_to_start_again() {
        let exit = |fatal: Fatal| CliError::from(anyhow::Error::from(fatal).context("Discord")).exit();
        for fatal in [Fatal::Token, Fatal::UnknownIntents, Fatal::RefusedIntents] {
            assert_eq!(exit(fatal.clone()), Exit::Misconfigured, "{fatal}");
        }
        assert_eq!(exit(Fatal::Broken("event queue")), Exit::Failed);
    }

    #[test]
    fn a_reader_who_stops_reading_is_no_failure() {
        let error = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("can't print");
        assert!(CliError::from(error).is_closed_output());
        assert!(!CliError::from(mistake()).is_closed_output());
    }
}

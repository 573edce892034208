//! The bot as a process: what it prints, how it ends.

#[cfg(test)]
mod backup;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod holds;
#[cfg(test)]
mod instance;
#[cfg(test)]
mod mistakes;
#[cfg(unix)]
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod secrecy;

#[cfg(test)]
use rolarr_tests::{World, process::Process};

/// The program, which is `rolarr` unless it is told to watch steps.
#[cfg(test)]
const PROGRAM: &str = env!("CARGO_BIN_EXE_rolarr-steps");

/// Starts `rolarr run` with the world's configuration.
#[cfg(test)]
fn run(world: &World, environment: &[(&str, &str)]) -> Process {
    let config = world.configuration();
    Process::start(PROGRAM, &["run".as_ref(), "--config".as_ref(), config.as_os_str()], environment)
}

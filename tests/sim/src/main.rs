//! `rolarr-sim`: the simulators as a program, for clients in other languages.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let simulator = std::env::args().nth(1);
    let ended = match simulator.as_deref() {
        Some("discord") => rolarr_sim::discord::cli::run().await,
        Some("plex") => rolarr_sim::plex::cli::run().await,
        _ => {
            eprintln!("usage: rolarr-sim discord|plex");
            return ExitCode::from(2);
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rolarr-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

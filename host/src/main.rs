//! The `rolarr` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    rolarr::cli::main()
}

//! What a command that looks for something could not do.

use std::io::Write;

use serde_json::json;

use crate::{
    cli::{CliError, words},
    domain::json::to_string_pretty,
};

/// What could not be done, of a command that ends with 1 when it found something. Whoever reads its output as JSON
/// is told there, too.
pub(super) fn not_done(error: CliError, json: bool, out: &mut dyn Write) -> CliError {
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

//! What a policy logged, line by line.

use std::io::{self, Write};

use crate::policy::LogLine;

/// Writes each line with its level.
pub(super) fn write(out: &mut dyn Write, logs: &[LogLine]) -> io::Result<()> {
    for line in logs {
        let level = format!("{:?}", line.level).to_lowercase();
        writeln!(out, "  log {level:<9} {}", line.text)?;
    }
    Ok(())
}

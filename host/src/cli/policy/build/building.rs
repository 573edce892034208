//! One build, as the languages see it.

use std::io::Write;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::cli::error::CliError;

/// What a build step gave, or what somebody has to do first.
pub(super) type Built<T> = Result<T, CliError>;

/// One build.
pub(super) struct Building<'a> {
    /// The policy's folder, as the machine knows it.
    pub(super) folder: &'a Path,
    /// The same as the author wrote it.
    pub(super) shown: &'a Path,
    pub(super) out: &'a mut dyn Write,
    /// Asked to end.
    pub(super) stop: &'a CancellationToken,
}

impl Building<'_> {
    /// Tells the author what is going on.
    pub(super) fn say(&mut self, text: &str) -> Built<()> {
        writeln!(self.out, "{text}").and_then(|()| self.out.flush()).map_err(CliError::failed)
    }
}

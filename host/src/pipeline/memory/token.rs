//! Whether Plex accepts the token.

use std::time::Duration;

use crate::domain::Timestamp;

/// A token that worked for so long counts as one that works: when it is refused after that, administrators
/// are told anew, and the pauses begin with the first.
pub(in crate::pipeline) const CALM: Duration = Duration::from_secs(3600);

/// How the token stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::pipeline) struct Token {
    pub(in crate::pipeline) refused: bool,
    /// Administrators are to be told of it, and that is not stored yet.
    pub(in crate::pipeline) untold: bool,
    /// When it is asked for next, while it is refused.
    pub(in crate::pipeline) next: Option<Timestamp>,
    /// How often it was asked for or refused since it last worked for a while.
    pub(in crate::pipeline) attempts: u32,
    /// Since when it works again.
    pub(in crate::pipeline) accepted: Option<Timestamp>,
}

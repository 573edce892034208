//! What should be true for a member at Plex. These are pure functions.

pub(super) mod merge;
pub mod progress;
pub(super) mod reduction;

//! What should be true for a member at Plex. What several guilds decided is merged, and what takes something away is told apart.

pub mod member_state;
pub(super) mod merge;
pub mod progress;
pub(super) mod reduction;
pub(super) mod state;

//! The filter strings with which plex.tv restricts what a person sees.

mod text;
mod write;

pub use text::{Filter, Join, Meaning, NotAFilter, Part};
pub use write::{CannotCarry, CannotNarrow, narrow, only};

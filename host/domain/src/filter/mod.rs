//! The filter strings with which plex.tv restricts what a person sees.

mod conditions;
mod encoding;
mod text;
mod write;

pub use conditions::{Conditions, hides_everything};
pub use text::{Filter, Join, Meaning, NotAFilter, Part};
pub use write::{CannotCarry, CannotNarrow, narrow, only, rules};

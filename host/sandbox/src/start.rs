//! Where the events of a policy start from.

use serde::{Deserialize, Serialize};

/// Where the events of a policy start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// From the memory that `configure` left behind, if the policy is of a kind that it can be read out of: an event
    /// is quick. Loading takes longer, because this makes a component that must be compiled.
    #[default]
    Snapshot,
    /// From `configure`, which runs for every event: an event is slower. Loading compiles nothing but the module
    /// itself, which for every script is the same; so a script that was edited is ready at once.
    Configure,
}

//! What the policy decides about an event, and what follows from it at once.

pub(super) mod apply;
pub(super) mod decider;
pub(super) mod pace;
pub(super) mod timers;
pub(super) mod undecided;

//! Which policy decides.
//!
//! A policy is swapped while events go on: the new one is loaded and tried on the last recorded events beside
//! the old one, and takes over between two decisions. Anything that fails leaves the old one in force. A swap
//! by itself changes nothing for anybody: that takes `plan`, which asks the policy about every member, and
//! goes through the brake.
//!
//! | Part | What is there |
//! |---|---|
//! | `source` | where policies come from |
//! | `swap` | a new policy takes over, or an earlier one again |
//! | `watch` | the policy's file is looked at, so that a change of it is taken in |
//! | `plan` | what the policy would decide about every member, and letting it |
//! | `shadow` | a candidate that is asked about each event and has no effect |

mod plan;
mod shadow;
mod source;
mod swap;
mod watch;

use std::sync::{Mutex, PoisonError, RwLock};

pub use source::{Configured, Loaded, Policies, Stamp};

pub(super) use shadow::Shadower;
pub(super) use swap::Why;
pub(super) use watch::Watch;

use crate::policy::Policy;

/// The policies of a pipeline.
pub(super) struct InForce {
    source: std::sync::Arc<dyn Policies>,
    active: RwLock<Policy>,
    candidate: RwLock<Option<Policy>>,
    /// The digest of what the configuration named when it was last read.
    configured: Mutex<String>,
    /// One swap at a time.
    swapping: tokio::sync::Mutex<()>,
    watched: Mutex<watch::Watched>,
}

impl InForce {
    pub(super) fn new(source: std::sync::Arc<dyn Policies>, active: Policy) -> Self {
        Self {
            watched: Mutex::new(watch::Watched::default()),
            configured: Mutex::new(active.digest().to_owned()),
            source,
            active: RwLock::new(active),
            candidate: RwLock::default(),
            swapping: tokio::sync::Mutex::new(()),
        }
    }

    /// The policy that decides now.
    pub(super) fn active(&self) -> Policy {
        self.active.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The policy that is asked too, without effect.
    pub(super) fn candidate(&self) -> Option<Policy> {
        self.candidate.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

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
//! | `ordered` | orders to let another policy take over |
//! | `watch` | the policy's file is looked at, so that a change of it is taken in |
//! | `plan` | what the policy would decide about every member, and letting it |
//! | `names` | what a policy names is held against what there is |
//! | `shadow` | a candidate that is asked about each event and has no effect |

mod names;
mod ordered;
mod plan;
mod shadow;
mod source;
mod swap;
mod watch;

use std::sync::{
    Mutex, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

pub use source::{Configured, Loaded, Policies, Stamp};

pub(super) use names::NameCheck;
pub(super) use ordered::Swapper;
pub(super) use shadow::Shadower;
pub(super) use swap::Why;
pub(super) use watch::Watch;

use crate::policy::Policy;

/// The policies of a pipeline.
pub(super) struct InForce {
    source: std::sync::Arc<dyn Policies>,
    active: RwLock<Policy>,
    candidate: RwLock<Option<Policy>>,
    named: Mutex<Named>,
    /// One swap at a time.
    swapping: tokio::sync::Mutex<()>,
    /// Grows when somebody wants something else than what is being loaded.
    wishes: AtomicU64,
    /// The bot ends.
    closed: AtomicBool,
    watched: Mutex<watch::Watched>,
}

/// Which policy somebody wants.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Wish(u64);

/// What the configuration named when it was last read.
struct Named {
    /// Its digest.
    digest: String,
    /// It was tried, and did not take over.
    refused: bool,
}

impl InForce {
    pub(super) fn new(source: std::sync::Arc<dyn Policies>, active: Policy) -> Self {
        Self {
            watched: Mutex::new(watch::Watched::default()),
            named: Mutex::new(Named { digest: active.digest().to_owned(), refused: false }),
            source,
            active: RwLock::new(active),
            candidate: RwLock::default(),
            swapping: tokio::sync::Mutex::new(()),
            wishes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// What is wanted now, to see later whether it still is.
    fn wish(&self) -> Wish {
        Wish(self.wishes.load(Ordering::SeqCst))
    }

    /// Something else is wanted than what is being loaded, which is given up.
    fn wish_for_another(&self) -> Wish {
        let wish = Wish(self.wishes.fetch_add(1, Ordering::SeqCst) + 1);
        self.source.give_up();
        wish
    }

    /// Why a wish is not to be fulfilled any more, if that is so.
    fn is_past(&self, wish: Wish) -> Option<&'static str> {
        if self.closed.load(Ordering::SeqCst) {
            return Some("The policy was not changed: the bot was stopped before it was loaded.");
        }
        (self.wish() != wish).then_some(
            "The policy was not changed: before it was loaded, somebody asked for an earlier one instead.",
        )
    }

    /// The bot ends: nothing is loaded any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.source.close();
    }

    /// The configuration names this one, which could not take over or does.
    fn names(&self, digest: &str, refused: bool) {
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) =
            Named { digest: digest.to_owned(), refused };
    }

    /// The digest of what the configuration named when it was last read.
    fn configured(&self) -> String {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).digest.clone()
    }

    /// The configuration named this one before, and it decided until somebody went back to an earlier one.
    fn is_gone_back_from(&self, digest: &str) -> bool {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.digest == digest && !named.refused
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

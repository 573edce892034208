//! The policy that decides now, and whether another one was asked for meanwhile.

use std::sync::{
    Mutex, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::watch::Watched;
use crate::{pipeline::ports::policy_source::Policies, policy::Policy};

/// The policies of a pipeline.
pub(in crate::pipeline) struct InForce {
    pub(super) source: std::sync::Arc<dyn Policies>,
    pub(super) active: RwLock<Policy>,
    pub(super) candidate: RwLock<Option<Policy>>,
    pub(super) named: Mutex<Named>,
    /// One swap at a time.
    pub(super) swapping: tokio::sync::Mutex<()>,
    /// Grows when somebody wants something else than what is being loaded.
    pub(super) wishes: AtomicU64,
    /// The bot ends.
    pub(super) closed: AtomicBool,
    pub(super) watched: Mutex<Watched>,
}

/// Which policy somebody wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish(u64);

/// What the configuration named when it was last read.
pub(super) struct Named {
    /// Its digest.
    pub(super) digest: String,
    /// It was tried, and did not take over.
    pub(super) refused: bool,
}

impl InForce {
    pub(in crate::pipeline) fn new(source: std::sync::Arc<dyn Policies>, active: Policy) -> Self {
        Self {
            watched: Mutex::new(Watched::default()),
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
    pub(super) fn wish(&self) -> Wish {
        Wish(self.wishes.load(Ordering::SeqCst))
    }

    /// Something else is wanted than what is being loaded, which is given up.
    pub(super) fn wish_for_another(&self) -> Wish {
        let wish = Wish(self.wishes.fetch_add(1, Ordering::SeqCst) + 1);
        self.source.give_up();
        wish
    }

    /// Why a wish is not to be fulfilled any more, if that is so.
    pub(super) fn is_past(&self, wish: Wish) -> Option<&'static str> {
        if self.closed.load(Ordering::SeqCst) {
            return Some("The policy was not changed: the bot was stopped before it was loaded.");
        }
        (self.wish() != wish).then_some(
            "The policy was not changed: before it was loaded, somebody asked for an earlier one instead.",
        )
    }

    /// The bot ends: nothing is loaded any more.
    pub(in crate::pipeline) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.source.close();
    }

    /// The configuration names this one, which could not take over or does.
    pub(super) fn names(&self, digest: &str, refused: bool) {
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) =
            Named { digest: digest.to_owned(), refused };
    }

    /// The digest of what the configuration named when it was last read.
    pub(super) fn configured(&self) -> String {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).digest.clone()
    }

    /// The configuration named this one before, and it decided until somebody went back to an earlier one.
    pub(super) fn is_gone_back_from(&self, digest: &str) -> bool {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.digest == digest && !named.refused
    }

    /// The policy that decides now.
    pub(in crate::pipeline) fn active(&self) -> Policy {
        self.active.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The policy that is asked too, without effect.
    pub(in crate::pipeline) fn candidate(&self) -> Option<Policy> {
        self.candidate.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

//! The policy that decides now, and whether another one was asked for meanwhile.

use std::sync::{
    Arc, Mutex, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::{
    pipeline::ports::policy_source::{Policies, Stamp},
    policy::Policy,
};

/// What was seen of the files.
#[derive(Default)]
pub(in crate::pipeline) struct Watched {
    /// What was loaded, or refused.
    pub(in crate::pipeline) taken: Option<Stamp>,
    /// What was seen last. A file that is being written looks different each time.
    pub(in crate::pipeline) last: Option<Stamp>,
    pub(in crate::pipeline) asked: AtomicBool,
}

impl Watched {
    /// The files were loaded, or refused, as they are now.
    pub(in crate::pipeline) fn take(&mut self, stamp: Option<Stamp>) {
        self.taken = stamp;
    }
}

/// The policies of a pipeline.
pub(in crate::pipeline) struct ActivePolicy {
    pub(in crate::pipeline) source: Arc<dyn Policies>,
    pub(in crate::pipeline) active: Arc<RwLock<Policy>>,
    pub(in crate::pipeline) candidate: RwLock<Option<Policy>>,
    pub(in crate::pipeline) named: Mutex<Named>,
    /// One swap at a time.
    pub(in crate::pipeline) swapping: tokio::sync::Mutex<()>,
    /// Rises when somebody asks for another policy than the one that is being loaded.
    pub(in crate::pipeline) generation: AtomicU64,
    /// The bot ends.
    pub(in crate::pipeline) closed: AtomicBool,
    pub(in crate::pipeline) watched: Mutex<Watched>,
}

/// Which policy is wanted: a counter that rises when somebody asks for another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) struct Generation(pub(in crate::pipeline) u64);

/// What the configuration named when it was last read.
pub(in crate::pipeline) struct Named {
    /// Its digest.
    pub(in crate::pipeline) digest: String,
    /// It was tried, and did not take over.
    pub(in crate::pipeline) refused: bool,
}

impl ActivePolicy {
    pub(in crate::pipeline) fn new(source: Arc<dyn Policies>, active: Policy) -> Self {
        Self {
            watched: Mutex::new(Watched::default()),
            named: Mutex::new(Named { digest: active.digest().to_owned(), refused: false }),
            source,
            active: Arc::new(RwLock::new(active)),
            candidate: RwLock::default(),
            swapping: tokio::sync::Mutex::new(()),
            generation: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// What is wanted now, so that it can be seen later whether that has changed.
    pub(in crate::pipeline) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::SeqCst))
    }

    /// Another policy is wanted: what is being loaded is given up.
    pub(in crate::pipeline) fn next_generation(&self) -> Generation {
        let generation = Generation(self.generation.fetch_add(1, Ordering::SeqCst) + 1);
        self.source.give_up();
        generation
    }

    /// Why what was wanted then is not wanted any more, if that is so.
    pub(in crate::pipeline) fn is_past(&self, generation: Generation) -> Option<&'static str> {
        if self.closed.load(Ordering::SeqCst) {
            return Some("The policy was not changed: the bot was stopped before it was loaded.");
        }
        (self.generation() != generation).then_some(
            "The policy was not changed: before it was loaded, somebody asked for an earlier one instead.",
        )
    }

    /// The bot ends: nothing is loaded any more.
    pub(in crate::pipeline) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.source.close();
    }

    /// The configuration names this one, which could not take over or does.
    pub(in crate::pipeline) fn names(&self, digest: &str, refused: bool) {
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) =
            Named { digest: digest.to_owned(), refused };
    }

    /// The digest of what the configuration named when it was last read.
    pub(in crate::pipeline) fn configured(&self) -> String {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).digest.clone()
    }

    /// The configuration named this one before, and it decided until somebody went back to an earlier one.
    pub(in crate::pipeline) fn is_gone_back_from(&self, digest: &str) -> bool {
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

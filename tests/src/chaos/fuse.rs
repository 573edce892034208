//! A kill: nobody gets beyond a numbered step.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use rolarr::pipeline::{Reached, Watcher};
use tokio::sync::Notify;

use crate::inprocess::Gate;

/// Counts steps, and stops everything at the one that it was set to.
#[derive(Clone, Debug, Default)]
pub(super) struct Fuse {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Steps left, plus one; 0: not set.
    left: AtomicU64,
    blown: AtomicBool,
    heard: Notify,
    /// The step at which it blew.
    at: Mutex<String>,
}

impl Inner {
    fn reach(&self, step: impl FnOnce() -> String) -> Reached {
        let left = self.left.load(Ordering::SeqCst);
        if left > 0 {
            self.left.store(left - 1, Ordering::SeqCst);
            if left == 1 {
                *self.at.lock().unwrap_or_else(PoisonError::into_inner) = step();
                self.blown.store(true, Ordering::SeqCst);
                self.heard.notify_waiters();
            }
        }
        let stopped = self.blown.load(Ordering::SeqCst);
        Box::pin(async move {
            if stopped {
                std::future::pending::<()>().await;
            }
        })
    }
}

impl Fuse {
    /// Sets it: so many more steps.
    pub(super) fn set(&self, steps: u64) {
        self.inner.left.store(steps + 1, Ordering::SeqCst);
    }

    /// Whether everything stands still.
    pub(super) fn is_blown(&self) -> bool {
        self.inner.blown.load(Ordering::SeqCst)
    }

    /// The step at which it blew.
    pub(super) fn step(&self) -> String {
        self.inner.at.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until everything stands still.
    pub(super) async fn blows(&self) {
        loop {
            let heard = self.inner.heard.notified();
            if self.is_blown() {
                return;
            }
            heard.await;
        }
    }

    /// For the next run.
    pub(super) fn reset(&self) {
        self.inner.left.store(0, Ordering::SeqCst);
        self.inner.blown.store(false, Ordering::SeqCst);
    }

    /// What the pipeline tells of each step.
    pub(super) fn watcher(&self) -> Watcher {
        let inner = Arc::clone(&self.inner);
        Arc::new(move |step| inner.reach(|| step.name()))
    }

    /// Each request is a step too, before it goes out and after it was answered.
    pub(super) fn gate(&self) -> Gate {
        let inner = Arc::clone(&self.inner);
        Arc::new(move |place| inner.reach(|| place.to_owned()))
    }
}

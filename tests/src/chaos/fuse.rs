//! A kill: nobody gets beyond a numbered step.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use rolarr::pipeline::Watcher;
use tokio::sync::Notify;

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
        Arc::new(move |_| {
            let left = inner.left.load(Ordering::SeqCst);
            if left > 0 {
                inner.left.store(left - 1, Ordering::SeqCst);
                if left == 1 {
                    inner.blown.store(true, Ordering::SeqCst);
                    inner.heard.notify_waiters();
                }
            }
            let stopped = inner.blown.load(Ordering::SeqCst);
            Box::pin(async move {
                if stopped {
                    std::future::pending::<()>().await;
                }
            })
        })
    }
}

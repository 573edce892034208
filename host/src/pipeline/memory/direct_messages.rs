//! How Discord takes direct messages.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How Discord takes direct messages as a whole.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct DirectMessages {
    /// How often in a row they were too many.
    pub(in crate::pipeline) refused: AtomicU32,
    /// Administrators were told since one last went out.
    pub(in crate::pipeline) told: AtomicBool,
}

impl DirectMessages {
    /// One went out.
    pub(in crate::pipeline) fn work(&self) {
        self.refused.store(0, Ordering::Relaxed);
        self.told.store(false, Ordering::Relaxed);
    }

    /// They are too many. Returns how often that was said in a row before.
    pub(in crate::pipeline) fn refused(&self) -> u32 {
        self.refused.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether administrators are to be told: once until one goes out again.
    pub(in crate::pipeline) fn tells(&self) -> bool {
        !self.told.swap(true, Ordering::Relaxed)
    }
}

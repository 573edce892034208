//! The policy's files are looked at, so that a change of them is taken in.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    domain::Timestamp,
    pipeline::{context::Context, policies::reload::Why, runtime::worker::Worker},
    store::StoreError,
};

/// How often.
const EVERY: Duration = Duration::from_millis(400);

/// Looks at the policy's files.
pub(in crate::pipeline) struct Watch;

impl Worker for Watch {
    const NAME: &'static str = "policy-watch";

    fn signal(core: &Context) -> &Notify {
        &core.signals.policies
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let source = Arc::clone(&core.policies.source);
        let stamp = core.seam.compute(move || source.stamp()).await.flatten();
        let (asked, changed) = {
            let mut watched = core.policies.watched.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = watched.asked.swap(false, Ordering::Relaxed);
            // At the first look nothing has changed yet.
            let before = watched.taken.or(stamp);
            let rests = watched.last == stamp;
            watched.last = stamp;
            let changed = stamp.is_some() && before != stamp && rests;
            if asked || changed || watched.taken.is_none() {
                watched.taken = stamp;
            }
            (asked, changed)
        };
        if asked || changed {
            let why = if asked { Why::Asked } else { Why::FileChanged };
            // Of a failure the audit channel and the log have it already.
            if let Ok(said) = core.reload_policy(why, None).await? {
                tracing::info!("{said}");
            }
        }
        Ok(stamp.map(|_| core.after(EVERY)))
    }
}

impl Context {
    /// Has the policy loaded anew, soon.
    pub(in crate::pipeline) fn ask_for_reload(&self) {
        let watched = self.policies.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.asked.store(true, Ordering::Relaxed);
        drop(watched);
        self.signals.policies.notify_one();
    }
}

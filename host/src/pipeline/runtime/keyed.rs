//! Work that is due for many accounts or members: one piece at a time for each, several side by side. One that is slow
//! keeps no other waiting, and one whose rows can't be read is put aside.

use std::{
    collections::{BTreeSet, VecDeque},
    future::Future,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::Notify;

use crate::{
    domain::Timestamp,
    pipeline::{context::Context, memory::quarantine::Whose},
    store::StoreError,
};

/// A kind of work that is done key by key.
pub(in crate::pipeline) trait Keyed {
    /// What the work is about.
    type Key: Copy + Ord + Send;

    /// Number of keys that are worked on at the same time.
    const ABREAST: usize;

    /// Number of keys that are read at a time, more than [`Self::ABREAST`]. They are read again when no more than
    /// [`Self::ABREAST`] are left.
    const BATCH: u32;

    /// What says that another key may be due.
    fn signal(context: &Context) -> &Notify;

    /// Keys that are due, at most so many, and when the next one is. Those that are worked on are due still.
    ///
    /// # Errors
    /// [`StoreError`] if the database can't be read.
    fn due(
        context: &Context,
        most: u32,
    ) -> impl Future<Output = Result<(Vec<Self::Key>, Option<Timestamp>), StoreError>> + Send;

    /// Does the work that is due for a key.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if a row of this key can't be read. Every other error ends the round.
    fn work_on(context: &Context, key: Self::Key) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What is put aside where a row of this key can't be read.
    fn quarantined(key: Self::Key) -> Whose;
}

/// Works on everything that is due, also on what becomes due meanwhile. Returns when the next is.
///
/// # Errors
/// [`StoreError`], except for rows that can't be read.
pub(in crate::pipeline) async fn round<K: Keyed>(context: &Context) -> Result<Option<Timestamp>, StoreError> {
    let mut work = FuturesUnordered::new();
    let mut under_way = BTreeSet::new();
    let (mut queue, mut next) = (VecDeque::new(), None);
    loop {
        if queue.len() <= K::ABREAST {
            let (due, later) = K::due(context, K::BATCH).await?;
            queue = due.into_iter().filter(|key| !under_way.contains(key)).collect();
            next = later;
        }
        while under_way.len() < K::ABREAST
            && let Some(key) = queue.pop_front()
        {
            if under_way.insert(key) {
                work.push(async move { (key, K::work_on(context, key).await) });
            }
        }
        tokio::select! {
            biased;
            done = work.next() => {
                let Some((key, outcome)) = done else { return Ok(next) };
                under_way.remove(&key);
                match outcome {
                    Err(error @ StoreError::Unreadable(_)) => context.put_aside(K::quarantined(key), &error).await?,
                    other => other?,
                }
            }
            // Where all places are taken, nothing new can begin.
            () = K::signal(context).notified(), if under_way.len() < K::ABREAST => {}
            () = context.seam.sleep_until(next), if under_way.len() < K::ABREAST => {}
        }
    }
}

//! Who is woken by a commit: whoever has work in a table that it changed.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use rusqlite::Connection;
use tokio::sync::Notify;

use super::StoreError;

/// A table whose rows are work for somebody.
///
/// SQLite reports no change of `wakes`, which has no row ids. A wake is stored together with the decision that asked
/// for it: see [`Table::Decisions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Accounts that are due for reconciliation.
    Accounts,
    /// Decisions, and with them the wakes that they asked for.
    Decisions,
    /// The journal.
    Events,
    /// Events that the policy failed on, and that it is asked about again.
    Failures,
    /// Prompts that expire.
    Prompts,
    /// Losses of access that wait for the settling time.
    Settling,
    /// Decisions that the shadow policy is asked about.
    Shadow,
    /// The outbox.
    Tasks,
}

impl Table {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "accounts" => Self::Accounts,
            "decisions" => Self::Decisions,
            "events" => Self::Events,
            "failures" => Self::Failures,
            "prompts" => Self::Prompts,
            "settling" => Self::Settling,
            "shadow" => Self::Shadow,
            "tasks" => Self::Tasks,
            _ => return None,
        })
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// What the open transaction has changed so far, and who listens.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// One bit for each [`Table`].
    touched: AtomicU32,
    listeners: Mutex<Vec<(u32, Arc<Notify>)>>,
}

impl Changes {
    /// Watches a connection that writes.
    ///
    /// # Errors
    /// [`StoreError`] if SQLite does not take the hook.
    pub(super) fn of(writer: &Connection) -> Result<Arc<Self>, StoreError> {
        let changes = Arc::new(Self::default());
        let touched = Arc::clone(&changes);
        writer.update_hook(Some(move |_, _: &str, table: &str, _| {
            if let Some(table) = Table::of(table) {
                touched.touched.fetch_or(table.bit(), Ordering::Relaxed);
            }
        }))?;
        Ok(changes)
    }

    pub(super) fn listen(&self, tables: &[Table], listener: Arc<Notify>) {
        let mask = tables.iter().fold(0, |mask, table| mask | table.bit());
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push((mask, listener));
    }

    /// A transaction ended: by a commit, or by being rolled back.
    pub(super) fn end(&self, is_committed: bool) {
        let touched = self.touched.swap(0, Ordering::Relaxed);
        if !is_committed {
            return;
        }
        for (mask, listener) in self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if mask & touched != 0 {
                listener.notify_one();
            }
        }
    }
}

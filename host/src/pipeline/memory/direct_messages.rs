//! How Discord takes direct messages.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use crate::domain::Timestamp;

/// What Discord has not said for so long counts as over: when it says it after that, administrators are told again.
const OVER_AFTER: u64 = 24 * 3_600_000;

/// How Discord takes direct messages as a whole.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct DirectMessages {
    /// How often in a row they were too many.
    pub(in crate::pipeline) refused: AtomicU32,
    /// Discord says that they are too many (40003).
    pub(in crate::pipeline) too_many: Complaint,
    /// Discord says that the bot is quarantined (20026).
    pub(in crate::pipeline) quarantine: Complaint,
}

impl DirectMessages {
    /// One went out. That ends no complaint: of a bot in quarantine some messages still go out.
    pub(in crate::pipeline) fn work(&self) {
        self.refused.store(0, Ordering::Relaxed);
    }

    /// They are too many. Returns how often that was said in a row before.
    pub(in crate::pipeline) fn refused(&self) -> u32 {
        self.refused.fetch_add(1, Ordering::Relaxed)
    }
}

/// Something that Discord says of all direct messages. Administrators are told of it once, until it is over.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Complaint(pub(in crate::pipeline) Mutex<Option<Timestamp>>);

impl Complaint {
    fn last(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether administrators are to be told of it.
    pub(in crate::pipeline) fn is_news(&self, now: Timestamp) -> bool {
        self.last().is_none_or(|last| last.plus_millis(OVER_AFTER) <= now)
    }

    /// Discord said it, and administrators were told if it was news.
    pub(in crate::pipeline) fn note(&self, now: Timestamp) {
        *self.last() = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn a_complaint_that_goes_on_is_news_once() {
        let complaint = Complaint::default();
        for hour in 0..100 {
            let now = Timestamp(hour * HOUR);
            assert_eq!(complaint.is_news(now), hour == 0, "{hour}");
            complaint.note(now);
        }
    }

    #[test]
    fn a_complaint_that_was_over_for_a_day_is_news_again() {
        let complaint = Complaint::default();
        complaint.note(Timestamp(0));
        assert!(!complaint.is_news(Timestamp(23 * HOUR)));
        assert!(complaint.is_news(Timestamp(24 * HOUR)));
    }

    #[test]
    fn one_complaint_hides_no_other_and_a_message_that_goes_out_ends_none() {
        let direct = DirectMessages::default();
        direct.too_many.note(Timestamp(0));
        assert!(direct.quarantine.is_news(Timestamp(1)));
        direct.quarantine.note(Timestamp(1));
        direct.work();
        assert!(!direct.quarantine.is_news(Timestamp(2)) && !direct.too_many.is_news(Timestamp(2)));
    }
}

//! What waits before access shrinks: the removal limit, the holds that an administrator decides, and the settling time.

pub(super) mod hold_texts;
pub(super) mod limit;
pub(super) mod review;
pub(super) mod settling;
pub(super) mod startup;
pub(super) mod verdict;

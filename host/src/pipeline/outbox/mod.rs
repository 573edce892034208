//! Messages that are stored and not sent yet, to members and to the audit channel.

pub(super) mod sender;

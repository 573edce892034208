//! Which events a command is about.

use clap::Args;

use crate::{
    cli::moment::Moment,
    domain::{Timestamp, UserId},
    store::Span,
};

/// Which events.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only what was noticed since then: a date (2026-11-01), a time (2026-11-01T18:30:00Z), or an age (90d, 12h)
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Only what was noticed before then
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// Only this member: the id on Discord
    #[arg(long, value_name = "ID")]
    member: Option<UserId>,
}

impl Which {
    /// In the words of the store.
    pub(super) fn span(&self, now: Timestamp) -> Span {
        let Self { since, until, member } = self;
        let seen = |moment: &Option<Moment>| moment.map(|moment| moment.seen_from(now));
        Span { since: seen(since), until: seen(until), member: *member }
    }
}

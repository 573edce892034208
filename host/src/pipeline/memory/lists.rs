//! The lists of plex.tv's that a snapshot is made of, and which of them are missing.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{domain::Timestamp, plex::PlexError};

/// For how long a list may be missing before administrators are told, unless plex.tv says that it does not exist.
const PATIENCE: u64 = 10 * 60_000;

/// Administrators are told of the same list once in this time, however often it comes and goes.
const TOLD_FOR: u64 = 24 * 3_600_000;

/// A list that is missing does not keep everything waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::pipeline) enum List {
    /// The invitations that are out.
    Invitations,
    /// The shares of the server, with their libraries.
    Shares,
    /// The shares that were not accepted yet.
    PendingShares,
}

impl List {
    const ALL: [Self; 3] = [Self::Invitations, Self::Shares, Self::PendingShares];

    /// Its name for people, with its address.
    pub(in crate::pipeline) const fn name(self) -> &'static str {
        match self {
            Self::Invitations => "invitations (`/api/invites/requested`)",
            Self::Shares => "shares (`/api/servers/{machine}/shared_servers`)",
            Self::PendingShares => "pending shares (`/api/v2/shared_servers/owned/pending`)",
        }
    }

    /// What can't be done without it.
    pub(in crate::pipeline) const fn waits(self) -> &'static str {
        match self {
            Self::Invitations | Self::PendingShares => "New invitations and the withdrawal of old ones wait",
            Self::Shares => {
                "New invitations, the withdrawal of old ones and changes of shared libraries wait"
            }
        }
    }
}

/// A list that plex.tv did not give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list of {} is missing: {why}", .list.name())]
pub(in crate::pipeline) struct Missing {
    /// Which.
    pub(in crate::pipeline) list: List,
    /// Why.
    pub(in crate::pipeline) why: PlexError,
}

/// The error of a list without which nothing can be told, with the list's name.
pub(in crate::pipeline) fn of_friends(error: PlexError) -> PlexError {
    match error {
        PlexError::Unauthorized | PlexError::RateLimited { .. } => error,
        other => PlexError::Unavailable {
            what: format!("the list of friends (`/api/users`) is missing: {other}"),
            maybe_applied: false,
        },
    }
}

/// Which lists are missing, and what was told of that.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Absences(pub(in crate::pipeline) Mutex<BTreeMap<List, Absence>>);

#[derive(Debug, Default)]
pub(in crate::pipeline) struct Absence {
    /// Since when it is missing, and why.
    pub(in crate::pipeline) since: Option<(Timestamp, PlexError)>,
    /// When administrators were told.
    pub(in crate::pipeline) told: Option<Timestamp>,
}

impl Absences {
    /// A look showed what is missing now.
    pub(in crate::pipeline) fn note(&self, missing: &[Missing], now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for list in List::ALL {
            let absence = all.entry(list).or_default();
            let why = missing.iter().find(|missing| missing.list == list).map(|missing| &missing.why);
            match (why, &absence.since) {
                (Some(why), None) => {
                    tracing::warn!(list = list.name(), %why, "plex.tv does not give a list; what needs it waits");
                    absence.since = Some((now, why.clone()));
                    absence.told = absence.told.filter(|told| told.plus_millis(TOLD_FOR) > now);
                }
                (None, Some(_)) => {
                    tracing::info!(list = list.name(), "plex.tv gives the list again");
                    absence.since = None;
                }
                _ => {}
            }
        }
    }

    /// What administrators are to be told. Each list is named once.
    pub(in crate::pipeline) fn untold(&self, now: Timestamp) -> Vec<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut texts = Vec::new();
        for (list, absence) in all.iter_mut() {
            let Some((since, why)) = absence.since.as_ref().filter(|_| absence.told.is_none()) else {
                continue;
            };
            if matches!(why, PlexError::NoSuchList { .. }) || since.plus_millis(PATIENCE) <= now {
                texts.push(format!(
                    "plex.tv does not give the list of {}: {why}. {} until it does; restricting and removing \
                     members who have accepted goes on. If it lasts, look for a newer version of Rolarr.",
                    list.name(),
                    list.waits()
                ));
                absence.told = Some(now);
            }
        }
        texts
    }
}

//! The libraries of an accepted share, where a rule names them.

use crate::Sections;

/// The libraries of a share: none means all of them, future ones included.
pub type Shared = Option<Sections>;

/// What is known of the libraries of a share for which Rolarr names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibrariesLedger {
    /// Every list that was sent, and what there was before, as far as it is not proven superseded. The last one is
    /// what should be shared.
    pub sent: Vec<Shared>,
    /// A read that began after the last list was sent showed it.
    pub confirmed: bool,
}

impl LibrariesLedger {
    /// The ledger once a list is about to be sent.
    #[must_use]
    pub fn sending(&self, sections: &Sections) -> Self {
        let wanted = Some(sections.clone());
        let mut sent = self.sent.clone();
        sent.retain(|earlier| *earlier != wanted);
        sent.push(wanted);
        Self { sent, confirmed: false }
    }
}

/// What to do with the libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// They are as they should be. The ledger is to be stored.
    Agrees(LibrariesLedger),
    /// They are to be written. The ledger is to be stored first.
    Write(LibrariesLedger),
    /// Somebody else changed them: they are left.
    Foreign,
}

/// Compares the libraries that should be shared with those that a read showed. `settled` says that the read began
/// when no earlier write could take effect and no old list could show any more.
#[must_use]
pub fn plan(
    wanted: &Sections,
    ledger: Option<&LibrariesLedger>,
    seen: &Shared,
    settled: bool,
    overwrite: bool,
) -> Plan {
    let last = ledger.and_then(|ledger| ledger.sent.last());
    let agrees = seen.as_ref() == Some(wanted);
    let proven = settled || ledger.is_none_or(|ledger| ledger.confirmed);
    if agrees && proven && last.is_none_or(|last| last == seen) {
        let sent = match ledger {
            Some(ledger) if !settled => ledger.sent.clone(),
            _ => vec![seen.clone()],
        };
        return Plan::Agrees(LibrariesLedger { sent, confirmed: true });
    }
    let Some(ledger) = ledger else {
        let before = LibrariesLedger { sent: vec![seen.clone()], confirmed: false };
        return Plan::Write(before.sending(wanted));
    };
    if ledger.sent.contains(seen) || agrees || overwrite {
        Plan::Write(ledger.sending(wanted))
    } else {
        Plan::Foreign
    }
}

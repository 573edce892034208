//! The libraries of an accepted share, where a rule names them.

use crate::{SectionId, Sections};

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
    /// The ledger as far as its libraries exist: those that the server does not have any more show in no read. None if
    /// nothing is left of what was sent last.
    #[must_use]
    pub fn among(&self, exists: impl Fn(SectionId) -> bool) -> Option<Self> {
        let left = |shared: &Shared| match shared {
            None => Some(None),
            Some(sections) => {
                let left = sections.as_slice().iter().copied().filter(|id| exists(*id)).collect();
                Sections::new(left).map(Some)
            }
        };
        left(self.sent.last()?)?;
        Some(Self { sent: self.sent.iter().filter_map(left).collect(), confirmed: self.confirmed })
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SectionId;

    fn sections(ids: &[u64]) -> Sections {
        Sections::new(ids.iter().copied().map(SectionId).collect()).unwrap()
    }

    fn shared(ids: &[u64]) -> Shared {
        Some(sections(ids))
    }

    fn ledger(sent: &[Shared], confirmed: bool) -> LibrariesLedger {
        LibrariesLedger { sent: sent.to_vec(), confirmed }
    }

    /// The plan for libraries 1 and 2, without leave to write over what others did.
    fn plan_for(known: Option<&LibrariesLedger>, seen: &Shared, settled: bool) -> Plan {
        plan(&sections(&[1, 2]), known, seen, settled, false)
    }

    #[test]
    fn plan_without_a_ledger_writes_what_differs_and_keeps_what_was_there() {
        assert_eq!(plan_for(None, &shared(&[2, 1]), true), Plan::Agrees(ledger(&[shared(&[1, 2])], true)));
        let write = Plan::Write(ledger(&[shared(&[3]), shared(&[1, 2])], false));
        assert_eq!(plan_for(None, &shared(&[3]), false), write);
        // All libraries is another list than these, even if there are no others.
        let write = Plan::Write(ledger(&[None, shared(&[1, 2])], false));
        assert_eq!(plan_for(None, &None, true), write);
    }

    #[test]
    fn plan_of_a_list_that_shows_already_forgets_earlier_ones_only_once_the_read_is_settled() {
        let known = ledger(&[shared(&[3]), shared(&[1, 2])], true);
        assert_eq!(plan_for(Some(&known), &shared(&[1, 2]), false), Plan::Agrees(known.clone()));
        let settled = Plan::Agrees(ledger(&[shared(&[1, 2])], true));
        assert_eq!(plan_for(Some(&known), &shared(&[1, 2]), true), settled);
    }

    #[test]
    fn plan_of_a_list_after_which_another_was_sent_writes_it_anew() {
        let known = ledger(&[shared(&[1, 2]), shared(&[3])], false);
        let write = Plan::Write(ledger(&[shared(&[3]), shared(&[1, 2])], false));
        for settled in [false, true] {
            assert_eq!(plan_for(Some(&known), &shared(&[1, 2]), settled), write);
        }
    }

    #[test]
    fn plan_of_a_foreign_list_leaves_it_unless_it_is_to_be_written_over() {
        let known = ledger(&[shared(&[1, 2])], true);
        assert_eq!(plan_for(Some(&known), &shared(&[1, 2, 9]), true), Plan::Foreign);
        let over = plan(&sections(&[1, 2]), Some(&known), &shared(&[1, 2, 9]), true, true);
        assert_eq!(over, Plan::Write(ledger(&[shared(&[1, 2])], false)));
        // A list of our own from before is none of somebody else's.
        let earlier = ledger(&[shared(&[7]), shared(&[1, 2])], false);
        assert!(matches!(plan_for(Some(&earlier), &shared(&[7]), false), Plan::Write(_)));
    }
}

//! A member or an administrator gives an address.

use super::{Account, Held, Record, Told};
use crate::{Email, EventId, Timestamp, reconcile::share::Stage};

/// So many other addresses a member can give before an invitation is accepted: each is a message to somebody.
pub const CORRECTIONS: u32 = 3;

/// What an address comes to that a member gives in place of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corrected {
    /// It is the one that they gave before.
    Same,
    /// They gave too many already.
    TooOften,
    /// The invitation to the one before is withdrawn first.
    Waits {
        /// An address is forgotten for it.
        replaced: bool,
    },
    /// It is taken up at once.
    TakenUp,
}

impl Record {
    /// Whether the member gave an address and nobody accepted an invitation to it yet. A claim that is held looks the
    /// same.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        let begins = matches!(self.stage, Stage::None | Stage::Inviting | Stage::Invited | Stage::Leaving);
        self.has_address() && self.plex_account.is_none() && begins
    }

    /// Whether the member can give another address in place of it.
    #[must_use]
    pub const fn can_correct(&self) -> bool {
        self.is_pending() && self.corrections < CORRECTIONS
    }
}

impl Account {
    /// The address is this account's from now on, in place of the one before. If it is somebody else's, it is held.
    fn take_up(&mut self, email: Email, against: Option<Held>) {
        // Only an invitation to this address counts as one.
        self.0.invited &= self.email.as_ref() == Some(&email);
        self.0.email = None;
        self.0.claim = None;
        self.0.adopt = false;
        self.0.plex_account = None;
        match against {
            Some(_) => self.0.claim = Some(email),
            None => self.0.email = Some(email),
        }
        self.0.held = against;
    }

    /// The member gives a first address, or another one after a declined invitation. `against` is why it can't be theirs.
    pub fn give(&mut self, email: Email, against: Option<Held>, now: Timestamp) {
        self.take_up(email, against);
        if self.stage == Stage::Declined {
            // What is held is corrected from now on, so that it is counted.
            self.0.stage = Stage::None;
            if self.email.is_some() {
                self.0.invite_for = self.decided_by;
            }
        }
        self.next_generation();
        self.restart(now);
    }

    /// The member gives another address in place of one that is pending.
    pub fn correct(&mut self, email: &Email, against: Option<Held>, now: Timestamp) -> Corrected {
        let given = [&self.correction, &self.email, &self.claim].into_iter().flatten().next();
        if given == Some(email) {
            return Corrected::Same;
        }
        if self.corrections >= CORRECTIONS {
            return Corrected::TooOften;
        }
        let replaced = self.correction.is_some();
        let corrected = if self.email.as_ref() == Some(email) && self.stage != Stage::Leaving {
            // The first one was right: nothing was withdrawn yet.
            self.0.correction = None;
            Corrected::Waits { replaced }
        } else if self.email.is_some() {
            self.0.correction = Some(email.clone());
            Corrected::Waits { replaced }
        } else {
            self.take_up(email.clone(), against);
            self.0.invite_for = self.decided_by;
            Corrected::TakenUp
        };
        self.0.corrections += 1;
        self.next_generation();
        self.restart(now);
        corrected
    }

    /// The invitation to the address before is withdrawn: the other one is taken up. `invites` means that it is to be
    /// invited.
    pub fn take_up_correction(&mut self, email: Email, against: Option<Held>, invites: bool) {
        self.0.correction = None;
        self.take_up(email, against);
        self.0.stage = Stage::None;
        self.0.absent_since = None;
        self.0.invite_for = self.decided_by.filter(|_| invites);
    }

    /// The invitation to the address before was accepted: it is too late for another one.
    pub fn drop_correction(&mut self) {
        self.0.correction = None;
    }

    /// The member is taken over from an account that an administrator made for a bare address.
    pub fn take_over(&mut self, bare: &Self) {
        let Record { id, user, generation, .. } = self.0;
        self.0 = Record { id, user, generation, granted: None, ..bare.0.clone() };
    }

    /// An administrator invites the member to this address. This event records it. True if another address is forgotten
    /// for it.
    pub fn invite(&mut self, email: &Email, event: EventId, now: Timestamp) -> bool {
        let is_fresh = self.stage.is_ended();
        if self.email.as_ref() != Some(email) {
            // Whoever had the share before is not who has this address.
            self.0.plex_account = None;
            self.0.share = None;
            self.0.invited = false;
        }
        let known = [&self.email, &self.claim, &self.correction];
        let replaced = known.into_iter().flatten().any(|known| known != email);
        self.0.email = Some(email.clone());
        self.0.claim = None;
        self.0.correction = None;
        self.0.corrections = 0;
        self.0.held = None;
        self.0.adopt = is_fresh;
        // What is being ended is made again once it is gone.
        self.0.invite_for = (is_fresh || self.stage == Stage::Leaving).then_some(event);
        self.0.decided_by = Some(event);
        self.command(now);
        replaced
    }

    /// An administrator invites a bare address.
    pub fn invite_address(&mut self, email: &Email, now: Timestamp) {
        self.0.invited &= self.email.as_ref() == Some(email);
        self.0.email = Some(email.clone());
        self.0.held = None;
        self.0.adopt = self.stage.is_ended();
        self.grant();
        self.command(now);
    }

    /// The address is not invited without an administrator. It is kept as a claim.
    pub fn set_aside(&mut self, held: Held) {
        self.0.stage = Stage::None;
        self.0.adopt = false;
        self.0.invited = false;
        self.0.claim = self.0.email.take();
        self.0.told = Told::Invited;
        self.0.held = Some(held);
    }

    /// Plex does not take the address for one: the member is asked again.
    pub fn refuse_address(&mut self) {
        self.0.email = None;
        self.0.stage = Stage::None;
        self.0.created_until = None;
        self.0.invite_for = self.decided_by;
    }
}

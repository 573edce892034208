//! What should be true for an account changes.

use super::{Account, Told};
use crate::{
    EventId, Timestamp,
    contract::{Access, Grant},
    reconcile::share::Stage,
};

/// What follows from a change at once, beside the work at Plex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pursued {
    /// Nothing.
    Nothing,
    /// The member is asked for their address.
    Asks,
    /// An open question for the address is closed.
    Closes,
    /// So is it, and messages about access are dropped.
    Ends {
        /// An address was forgotten.
        forgot: bool,
        /// There is nothing at Plex to wait for: the policy's message for when it is done goes out now.
        tell: Option<String>,
    },
}

impl Account {
    /// A decision of the policy's was stored for the member. `tell` is the policy's message for when Plex agrees.
    pub fn decide(&mut self, event: EventId, quiet: bool, tell: Option<String>) {
        self.next_generation();
        self.0.commanded = false;
        self.0.decided_by = Some(event);
        self.0.quiet_for = quiet.then_some(event);
        self.0.tell = tell.map(|text| (event, text));
    }

    /// What should be true changes: work on what was true before stops.
    pub const fn next_generation(&mut self) {
        self.0.generation += 1;
    }

    /// An administrator agreed to a change on hold. `mend` means that it writes over what somebody changed at Plex.
    pub const fn approve(&mut self, mend: bool) {
        self.next_generation();
        self.0.mend = mend;
    }

    /// An administrator rejected a change on hold, which this event records.
    pub fn reject(&mut self, event: EventId) {
        self.next_generation();
        self.0.decided_by = Some(event);
        self.0.tell = None;
    }

    /// What was about to be taken away is there again: the policy's message about it is not sent.
    pub fn return_unchanged(&mut self) {
        self.0.tell = None;
    }

    /// From now on `desired` is made true. `opens` is the event that allows one share to be created. `written` means that
    /// values that Rolarr wrote at Plex are not taken back yet.
    pub fn pursue(
        &mut self,
        desired: &Access,
        opens: Option<EventId>,
        written: bool,
        now: Timestamp,
    ) -> Pursued {
        if self.claim.is_none() {
            self.0.held = None;
        }
        self.restart(now);
        match desired {
            Access::Granted(_) => {
                if opens.is_some() && self.stage.begins_an_invitation() {
                    self.0.invite_for = opens;
                }
                let asks = self.is_unknown() && self.invite_for.is_some();
                if asks { Pursued::Asks } else { Pursued::Nothing }
            }
            Access::Restricted(_) => {
                self.0.invite_for = None;
                Pursued::Closes
            }
            Access::Absent => {
                self.0.invite_for = None;
                self.0.held = None;
                self.end(written)
            }
        }
    }

    /// Forgets the address of somebody for whom there is nothing at Plex. Where there is something, it stays until Plex
    /// has confirmed that it is gone. So it does while it is not certain that what they watch has ended.
    fn end(&mut self, written: bool) -> Pursued {
        let claimed = self.claim.is_some() || self.correction.is_some();
        self.0.claim = None;
        self.0.correction = None;
        self.0.corrections = 0;
        self.0.adopt = false;
        let is_certain = self.stage.is_ended() && self.created_until.is_none() && self.streams_due.is_none();
        if !is_certain || written {
            return Pursued::Ends { forgot: claimed, tell: None };
        }
        let forgot = claimed || self.email.is_some();
        self.erase();
        self.0.due = None;
        let tell = self.0.tell.take().filter(|(event, _)| Some(*event) == self.decided_by);
        Pursued::Ends { forgot, tell: tell.map(|(_, text)| text) }
    }

    /// Nothing is at Plex and nothing should be: everything is forgotten that could tell who it was.
    pub fn forget(&mut self) {
        self.erase();
        self.0.granted = None;
        self.0.invite_for = None;
        self.0.ended_until = None;
        self.0.written_until = None;
        self.0.streams_due = None;
    }

    fn erase(&mut self) {
        self.0.email = None;
        self.0.claim = None;
        self.0.correction = None;
        self.0.corrections = 0;
        self.0.adopt = false;
        self.0.held = None;
        self.0.plex_account = None;
        self.0.share = None;
        self.0.stage = Stage::None;
        self.0.told = Told::Nothing;
    }

    /// An administrator ends the member's access. This event records it.
    pub fn remove(&mut self, event: EventId, now: Timestamp) {
        self.0.claim = None;
        self.0.correction = None;
        self.0.held = None;
        self.0.decided_by = Some(event);
        self.end_by_command(now);
    }

    /// An administrator ends the access of a bare address.
    pub fn remove_address(&mut self, now: Timestamp) {
        self.0.granted = None;
        self.end_by_command(now);
    }

    fn end_by_command(&mut self, now: Timestamp) {
        self.0.invite_for = None;
        self.command(now);
    }

    /// A command of an administrator's is carried out for it.
    pub(super) fn command(&mut self, now: Timestamp) {
        self.next_generation();
        self.0.commanded = true;
        self.restart(now);
    }

    /// An administrator grants access to a bare address.
    pub(super) fn grant(&mut self) {
        self.0.granted = Some(Grant::default());
    }

    /// The account is worked on at once, and what Plex refused before is tried again.
    pub(super) fn restart(&mut self, now: Timestamp) {
        self.0.parked = None;
        self.0.attempts = 0;
        self.0.refusals = 0;
        self.0.due = Some(now);
    }

    /// The account is looked at from then on.
    pub const fn look_at(&mut self, due: Timestamp) {
        self.0.due = Some(due);
    }

    /// Nothing is done for the account until something else happens.
    pub const fn rest(&mut self) {
        self.0.due = None;
    }

    /// What somebody changed at Plex is written over.
    pub const fn mend(&mut self, now: Timestamp) {
        self.0.mend = true;
        self.0.due = Some(now);
    }
}

//! Work on an account ends.

use super::{Account, Held, Parked, Told};
use crate::{EventId, Timestamp, contract::Access, reconcile::share::Stage};

/// What a member is told of a change of their access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// They have access again.
    Restored,
    /// An invitation is out again.
    InvitedAgain,
    /// Their access is restricted.
    Restricted,
    /// The invitation was withdrawn.
    Withdrawn,
}

/// What is told once Plex agrees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// The bot's own message.
    pub own: Option<Message>,
    /// The policy's message about this event.
    pub policys: Option<(EventId, String)>,
}

impl Account {
    /// Plex agrees with what should be true. It is looked at again at `due`, if ever. True if what somebody else changed
    /// was to be written over.
    pub fn agree(&mut self, due: Option<Timestamp>) -> bool {
        self.0.due = due;
        self.0.attempts = 0;
        self.0.refusals = 0;
        self.0.parked = None;
        if self.claim.is_none() {
            self.0.held = None;
        }
        self.0.commanded &= due.is_some();
        std::mem::take(&mut self.0.mend)
    }

    /// An administrator must decide first, or it is looked at again at `due`. True if that is news.
    pub fn hold(&mut self, held: Held, due: Option<Timestamp>) -> bool {
        self.0.due = due;
        self.0.commanded = false;
        let is_news = self.held.as_ref() != Some(&held);
        self.0.held = Some(held);
        is_news
    }

    /// Plex refuses what was asked, and is asked again at `due`.
    pub const fn refuse(&mut self, due: Timestamp) {
        self.0.due = Some(due);
        self.0.refusals = self.0.refusals.saturating_add(1);
    }

    /// Plex refuses what was asked, and is not asked again.
    pub fn park(&mut self, parked: Parked) {
        self.0.due = None;
        self.0.parked = Some(parked);
    }

    /// Plex did not do what was asked, and is asked again at `due`.
    pub const fn retry(&mut self, due: Timestamp) {
        self.0.due = Some(due);
        self.0.attempts = self.0.attempts.saturating_add(1);
    }

    /// Works out what the member is told now that Plex agrees with this access: only what changed since they were last
    /// told, so that a role that was gone for a moment tells nothing.
    pub fn tell(&mut self, access: &Access) -> Messages {
        let (told, message) = match (access, self.stage, self.told) {
            (Access::Granted(_), Stage::Joined, Told::Restricted) => (Told::Granted, Some(Message::Restored)),
            (Access::Granted(_), Stage::Joined, _) => (Told::Granted, None),
            (Access::Granted(_), Stage::Invited, Told::Restricted) => {
                (Told::Invited, Some(Message::InvitedAgain))
            }
            (Access::Granted(_), Stage::Invited, _) => (Told::Invited, None),
            // A claim that is held is told what an invited member is told.
            (Access::Granted(_), Stage::None, Told::Restricted) if self.claim.is_some() => {
                (Told::Invited, Some(Message::InvitedAgain))
            }
            (Access::Restricted(_), Stage::Joined, Told::Invited | Told::Granted) => {
                (Told::Restricted, Some(Message::Restricted))
            }
            (Access::Restricted(_), _, Told::Invited) => (Told::Restricted, Some(Message::Withdrawn)),
            (Access::Restricted(_), _, Told::Granted) => (Told::Restricted, None),
            (_, _, told) => (told, None),
        };
        self.0.told = told;
        if self.user.is_none() {
            return Messages::default();
        }
        let is_quiet = self.quiet_for.is_some() && self.quiet_for == self.decided_by;
        let is_done = matches!(
            (access, self.stage),
            (Access::Granted(_), Stage::Joined) | (Access::Restricted(_) | Access::Absent, _)
        );
        let policys = if is_done { self.0.tell.take() } else { None };
        Messages {
            own: message.filter(|_| !is_quiet),
            policys: policys.filter(|(event, _)| Some(*event) == self.decided_by),
        }
    }
}

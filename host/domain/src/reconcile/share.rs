//! Whether an account has a share of the server, from the invitation to the end of it.

use super::{Windows, later, settled};
use crate::{Timestamp, words::words};

words! {
    /// How far a person's share has got.
    #[derive(Default)]
    Stage {
        /// There is none.
        #[default]
        None = "none",
        /// An invitation is about to be sent, or was sent and is not confirmed yet.
        Inviting = "inviting",
        /// An invitation is out.
        Invited = "invited",
        /// It was accepted.
        Joined = "joined",
        /// Rolarr is ending the share or the invitation, and that is not confirmed yet.
        Leaving = "leaving",
        /// It was declined.
        Declined = "declined",
        /// The share was ended by somebody else.
        Lost = "lost",
    }
}

impl Stage {
    /// Whether there is no share and none is being made or ended.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::None | Self::Declined | Self::Lost)
    }

    /// Whether a decision that gives access begins an invitation from here: where there is no share, or it is being
    /// taken away.
    #[must_use]
    pub const fn begins_an_invitation(self) -> bool {
        self.is_ended() || matches!(self, Self::Leaving)
    }
}

/// What should be true of the share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Desired {
    /// There is none, and nothing is known of the person.
    Absent,
    /// An accepted share is kept and restricted. An invitation is withdrawn.
    Restricted,
    /// There is one.
    Granted,
}

/// How an account stands in one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// There is neither a share nor an invitation.
    Absent,
    /// An invitation is out, or a share that was not accepted.
    Pending {
        /// The invitation itself is listed, not only the share that belongs to it.
        invitation: bool,
        /// It is the one that is known, or none is known yet.
        known: bool,
    },
    /// The share is accepted.
    Joined,
}

/// What is known of a share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShareState {
    /// How far it has got.
    pub stage: Stage,
    /// One share may be created.
    pub may_invite: bool,
    /// Until when an invitation that was sent may still appear.
    pub created_until: Option<Timestamp>,
    /// Until when a request that ended the share may still take effect, or its old state may still show.
    pub ended_until: Option<Timestamp>,
    /// When the first of the reads began that show no share although there should be one.
    pub absent_since: Option<Timestamp>,
}

/// One read, as far as it concerns the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    /// How the account stands.
    pub standing: Standing,
    /// When the read began.
    pub began: Timestamp,
    /// The read before it, a confirmation time earlier, showed no share either.
    pub confirms: bool,
}

/// What changed, for the journal and for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Nothing that concerns anybody else.
    Quiet,
    /// The invitation is out.
    Invited,
    /// The share was accepted.
    Accepted,
    /// The invitation was declined.
    Declined,
    /// The share was ended by the member or the owner.
    Lost,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read the lists.
    Read,
    /// Read the lists again after the confirmation time.
    ReadAgain,
    /// Store this state.
    Store(ShareState, Change),
    /// Look whose the address is, and begin an invitation.
    Begin,
    /// Send the invitation.
    Invite,
    /// End the invitation, and the share that belongs to it.
    Withdraw,
    /// End the share.
    End,
    /// The share is as it should be. Compare its libraries and fields.
    Keep,
    /// Forget what is known of the person.
    Forget,
    /// Nothing is to be done before that time, if any.
    Rest(Option<Timestamp>),
    /// An invitation is out: look for its acceptance from time to time, and at that time at the latest.
    AwaitAcceptance(Option<Timestamp>),
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was answered with success, or with what is as good.
    Done,
    /// It was answered with a refusal, or not sent.
    NotApplied,
    /// It was not answered: it may have taken effect, or still take effect.
    Unknown,
}

/// What to do next about a share. `read` is the last read, if there is one.
#[must_use]
pub fn next(state: ShareState, desired: Desired, read: Option<Read>, windows: Windows) -> Step {
    match (desired, state.stage) {
        (_, stage) if stage.is_ended() => ended(state, desired, read),
        (Desired::Granted, Stage::Inviting) => with(read, |read| sent(state, read)),
        (Desired::Granted, Stage::Invited) => with(read, |read| invited(state, read, windows)),
        (Desired::Granted | Desired::Restricted, Stage::Joined) => {
            with(read, |read| joined(state, read, windows))
        }
        (Desired::Granted, Stage::Leaving) => with(read, |read| returning(state, read)),
        _ => with(read, |read| leaving(state, desired, read)),
    }
}

fn with(read: Option<Read>, then: impl FnOnce(Read) -> Step) -> Step {
    read.map_or(Step::Read, then)
}

/// There is no share. A request that was not answered may still make one.
fn ended(state: ShareState, desired: Desired, read: Option<Read>) -> Step {
    let begins = desired == Desired::Granted && state.may_invite;
    if let Some(until) = state.created_until {
        let Some(read) = read else { return Step::Read };
        match read.standing {
            Standing::Joined => return state.to(Stage::Joined, Change::Accepted),
            Standing::Pending { .. } => return state.to(Stage::Invited, Change::Invited),
            Standing::Absent if begins => {}
            Standing::Absent if settled(Some(until), read.began) => {
                return Step::Store(ShareState { created_until: None, ..state }, Change::Quiet);
            }
            Standing::Absent => return Step::Rest(Some(until)),
        }
    }
    match desired {
        Desired::Absent => Step::Forget,
        Desired::Granted if begins => Step::Begin,
        Desired::Restricted | Desired::Granted => Step::Rest(None),
    }
}

/// An invitation was to be sent.
fn sent(state: ShareState, read: Read) -> Step {
    let maybe_ours = state.created_until.is_some();
    match read.standing {
        Standing::Joined if maybe_ours => state.to(Stage::Joined, Change::Accepted),
        Standing::Pending { .. } if maybe_ours => state.to(Stage::Invited, Change::Invited),
        // Nothing of ours can have made it: it is looked at whose it is.
        Standing::Joined | Standing::Pending { .. } => Step::Begin,
        Standing::Absent if read.confirms || !maybe_ours => Step::Invite,
        Standing::Absent => Step::ReadAgain,
    }
}

/// An invitation is out and should be.
fn invited(state: ShareState, read: Read, windows: Windows) -> Step {
    match read.standing {
        Standing::Joined => state.to(Stage::Joined, Change::Accepted),
        Standing::Pending { .. } => state.stays(read).unwrap_or(Step::AwaitAcceptance(state.ended_until)),
        Standing::Absent => state.is_missing(read, windows, Stage::Declined, Change::Declined),
    }
}

/// A share is accepted and should be there.
fn joined(state: ShareState, read: Read, windows: Windows) -> Step {
    match read.standing {
        Standing::Joined => state.stays(read).unwrap_or(Step::Keep),
        Standing::Pending { known: true, .. } => state.to(Stage::Invited, Change::Quiet),
        // An invitation of the owner's own says that the share that was there is gone.
        Standing::Pending { known: false, .. } | Standing::Absent => {
            state.is_missing(read, windows, Stage::Lost, Change::Lost)
        }
    }
}

/// What was being ended should be there again. The right to invite stays until the share is known to stay.
fn returning(state: ShareState, read: Read) -> Step {
    match read.standing {
        Standing::Joined => state.to(Stage::Joined, Change::Quiet),
        Standing::Pending { invitation: true, .. } => state.to(Stage::Invited, Change::Quiet),
        // What a withdrawn invitation left behind: nobody can accept it, and the next one would fail.
        Standing::Pending { invitation: false, .. } => Step::Withdraw,
        Standing::Absent if read.confirms => state.to(Stage::None, Change::Quiet),
        Standing::Absent => Step::ReadAgain,
    }
}

/// What there is should not be there.
fn leaving(state: ShareState, desired: Desired, read: Read) -> Step {
    // No invitation was sent that could have made it.
    if state.stage == Stage::Inviting && state.created_until.is_none() {
        return state.to(Stage::None, Change::Quiet);
    }
    match read.standing {
        Standing::Joined if desired == Desired::Restricted => {
            let known = state.stage == Stage::Leaving;
            state.to(Stage::Joined, if known { Change::Quiet } else { Change::Accepted })
        }
        Standing::Joined => Step::End,
        Standing::Pending { .. } => Step::Withdraw,
        Standing::Absent if !read.confirms => Step::ReadAgain,
        Standing::Absent if settled(state.created_until, read.began) => {
            let gone = ShareState { stage: Stage::None, created_until: None, absent_since: None, ..state };
            Step::Store(gone, Change::Quiet)
        }
        // An invitation without an answer may still take effect.
        Standing::Absent => Step::Rest(state.created_until),
    }
}

impl ShareState {
    fn to(self, stage: Stage, change: Change) -> Step {
        Step::Store(Self { stage, absent_since: None, ..self }, change)
    }

    /// The share shows, as it should. What is to be stored of that, if anything.
    fn stays(self, read: Read) -> Option<Step> {
        let proven = settled(self.ended_until, read.began);
        let known = Self {
            may_invite: self.may_invite && !proven,
            ended_until: self.ended_until.filter(|_| !proven),
            created_until: self.created_until.filter(|until| read.began < *until),
            absent_since: None,
            ..self
        };
        (known != self).then_some(Step::Store(known, Change::Quiet))
    }

    /// The share does not show, although it should.
    fn is_missing(self, read: Read, windows: Windows, stage: Stage, change: Change) -> Step {
        // An invitation that does not show yet proves nothing.
        if !settled(self.created_until, read.began) {
            return Step::Rest(self.created_until);
        }
        let Some(since) = self.absent_since else {
            return Step::Store(Self { absent_since: Some(read.began), ..self }, Change::Quiet);
        };
        let certain = Timestamp(since.0.saturating_add(windows.stale));
        if !settled(Some(certain), read.began) {
            return Step::Rest(Some(certain));
        }
        // A request of our own may have ended it: that is nobody else's doing, and it may be made again.
        let ours = self.ended_until.is_some();
        let may_invite = self.may_invite || ours;
        // Another request may still end the share that is made next.
        let ended_until = self.ended_until.filter(|until| read.began < *until);
        let gone = Self { may_invite, created_until: None, ended_until, ..self };
        if ours { gone.to(Stage::None, Change::Quiet) } else { gone.to(stage, change) }
    }

    /// The state to store before an invitation is sent.
    #[must_use]
    pub fn inviting(self, now: Timestamp, windows: Windows) -> Self {
        let created_until = later(self.created_until, now.plus_millis(windows.late));
        Self { stage: Stage::Inviting, may_invite: false, created_until, absent_since: None, ..self }
    }

    /// The state to store before the share or the invitation is ended.
    #[must_use]
    pub fn ending(self, now: Timestamp, windows: Windows) -> Self {
        let ended_until = later(self.ended_until, now.plus_millis(windows.late));
        Self { stage: Stage::Leaving, ended_until, absent_since: None, ..self }
    }

    /// The state once an invitation was answered or not. `before` is the state before it was sent.
    #[must_use]
    pub fn invited(self, before: Self, outcome: Outcome, now: Timestamp, windows: Windows) -> Self {
        let created_until = answered(before.created_until, self.created_until, outcome, now, windows);
        Self { created_until, ..self }
    }

    /// The state once a request that ends the share was answered or not. `before` is the state before it was sent.
    #[must_use]
    pub fn ended(self, before: Self, outcome: Outcome, now: Timestamp, windows: Windows) -> Self {
        let ended_until = answered(before.ended_until, self.ended_until, outcome, now, windows);
        Self { ended_until, ..self }
    }

    /// When what was not certain in a read that began then is certain.
    #[must_use]
    pub fn uncertain_until(self, began: Timestamp) -> Option<Timestamp> {
        [self.created_until, self.ended_until].into_iter().flatten().filter(|until| *until > began).max()
    }
}

/// Until when a request can matter, once its outcome is known.
#[must_use]
pub fn answered(
    before: Option<Timestamp>,
    sending: Option<Timestamp>,
    outcome: Outcome,
    now: Timestamp,
    windows: Windows,
) -> Option<Timestamp> {
    match outcome {
        Outcome::Done => later(before, now.plus_millis(windows.stale)),
        Outcome::NotApplied => before,
        Outcome::Unknown => sending,
    }
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;

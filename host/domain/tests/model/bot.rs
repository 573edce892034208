//! The bot's side: what it stores, and how far its work on the account has got. The transitions are the product's; what
//! is here is the order in which it stores, asks and stores again.

use rolarr_domain::{
    FieldValue, Timestamp,
    contract::{Combine, Rule},
    reconcile::{
        Windows,
        fields::{FieldLedger, Target},
        share::{Desired, Outcome, Read, ShareState, Stage},
    },
};

/// The clock stands still at this time: what is stored of earlier times is moved back instead, so that equal
/// situations are equal states.
pub(crate) const NOW: Timestamp = Timestamp(100);

/// Windows in ticks. A read can show what was true before until the next tick. A late request takes effect within two.
pub(crate) const WINDOWS: Windows = Windows { confirm: 0, stale: 1, late: 3 };

/// How many ticks a request that was not answered has to take effect. What a read shows after that can still be old
/// for one.
pub(crate) const LATE: u64 = 2;

/// What a member was last told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    Nothing,
    Granted,
    Restricted,
}

/// What is in the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stored {
    pub(crate) desired: Desired,
    pub(crate) share: ShareState,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) written_until: Option<Timestamp>,
    pub(crate) told: Told,
    /// When it is looked at again.
    pub(crate) due: Option<Timestamp>,
    /// The address is known.
    pub(crate) known: bool,
    /// The change of access waits for an administrator.
    pub(crate) held: bool,
    /// An administrator was asked whose an existing share is.
    pub(crate) claimed: bool,
    /// Decisions that allowed one share to be made.
    pub(crate) rights: u8,
}

impl Stored {
    /// What became true by a decision, and what follows from it.
    pub(crate) fn pursue(&mut self, desired: Desired, opens: bool) {
        self.desired = desired;
        self.held = false;
        self.due = Some(NOW);
        match desired {
            Desired::Granted => {
                self.known = true;
                let begins = self.share.stage.is_ended() || self.share.stage == Stage::Leaving;
                if opens && begins {
                    self.share.may_invite = true;
                    self.rights += 1;
                }
            }
            Desired::Restricted => self.share.may_invite = false,
            Desired::Absent => {
                self.share.may_invite = false;
                self.claimed = false;
                let certain = self.share.stage.is_ended() && self.share.created_until.is_none();
                if certain && self.ledger.is_none() {
                    self.forget();
                }
            }
        }
    }

    /// Nothing is known of the person any more.
    pub(crate) fn forget(&mut self) {
        self.known = false;
        self.told = Told::Nothing;
        self.ledger = None;
        self.share = ShareState::default();
        self.written_until = None;
        self.due = None;
    }

    /// When something that is not certain in a read that began then is certain.
    pub(crate) fn next_look(&self, began: Timestamp) -> Option<Timestamp> {
        let marks = [self.share.uncertain_until(began), self.written_until];
        marks.into_iter().flatten().filter(|at| *at > began).min()
    }

    /// One tick later, what was stored lies further back.
    pub(crate) fn tick(&mut self) {
        let back = |at: &mut Option<Timestamp>, least: u64| {
            *at = at.map(|at| Timestamp((at.0 - 1).max(NOW.0 - least)));
        };
        back(&mut self.share.created_until, 0);
        back(&mut self.share.ended_until, 0);
        back(&mut self.share.absent_since, WINDOWS.stale);
        back(&mut self.written_until, 0);
        back(&mut self.due, 0);
    }
}

/// A ledger that can be hashed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    pub(crate) base: String,
    pub(crate) sent: Vec<String>,
    pub(crate) confirmed: bool,
    pub(crate) reported: Option<String>,
}

impl From<FieldLedger> for Ledger {
    fn from(ledger: FieldLedger) -> Self {
        Self {
            base: ledger.base.0,
            sent: ledger.sent.into_iter().map(|value| value.0).collect(),
            confirmed: ledger.confirmed,
            reported: ledger.reported.map(|value| value.0),
        }
    }
}

impl From<Ledger> for FieldLedger {
    fn from(ledger: Ledger) -> Self {
        Self {
            base: FieldValue(ledger.base),
            sent: ledger.sent.into_iter().map(FieldValue).collect(),
            confirmed: ledger.confirmed,
            reported: ledger.reported.map(FieldValue),
        }
    }
}

/// What the restriction of the model asks for.
pub(crate) fn restriction() -> Target {
    let rule = Rule { labels: vec!["noAccess".to_owned()], ..Rule::default() };
    Target::Rule(rule, Combine::Replace)
}

/// A request, and what is to be stored of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    Invite { before: ShareState },
    End { before: ShareState },
    Write { value: String, before: Option<Timestamp>, then: Ledger },
}

/// How far the work has got.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    /// Nothing is under way.
    Idle,
    /// The account is worked on. Plex was read, and showed this filter, or is to be read.
    Job {
        /// The read.
        read: Option<(Read, String)>,
        /// The read that is to come confirms one that showed nothing.
        confirms: bool,
        /// The request after which the read is to come.
        after: Option<After>,
    },
    /// What is to be sent was stored, and nothing was sent.
    Intended(Request),
    /// It was sent, and came to this.
    Sent(Request, Outcome),
}

/// A request whose effect the next read is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum After {
    Invite,
    End,
}

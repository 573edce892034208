//! The bot's side: what it stores, and how far its work on the account has got. The transitions are the product's; what
//! is here is the order in which it stores, asks and stores again.

use std::hash::{Hash, Hasher};

use rolarr_domain::{
    AccountId, Email, EventId, FieldValue, Timestamp, UserId,
    account::{Account, Pursued, Record, Told},
    contract::{Access, Action, Combine, Grant, Restriction, Rule},
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

/// The event that stands for every decision, so that equal situations are equal states.
pub(crate) const EVENT: EventId = EventId(1);

/// What is in the database.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) desired: Desired,
    pub(crate) account: Account,
    pub(crate) ledger: Option<Ledger>,
    /// The change of access waits for an administrator.
    pub(crate) held: bool,
    /// Decisions that allowed one share to be made.
    pub(crate) rights: u8,
}

impl Eq for Stored {}

impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { desired, account, ledger, held, rights } = self;
        (desired, ledger, held, rights).hash(state);
        // Everything of an account that differs between two states of the model.
        (account.share_state(), account.invite_for, account.adopt, account.invited, account.mend).hash(state);
        (account.email.is_some(), account.claim.is_some(), &account.held, account.told).hash(state);
        (account.written_until, account.due).hash(state);
    }
}

/// What should be true, as a decision stores it.
pub(crate) fn access(desired: Desired) -> Access {
    let granted = Access::Granted(Grant::default());
    match desired {
        Desired::Granted => granted,
        Desired::Restricted => rolarr_policy::apply(&granted, &Action::RestrictTo(Restriction::default())),
        Desired::Absent => Access::Absent,
    }
}

fn address() -> Option<Email> {
    Email::parse("ann@example.org").ok()
}

impl Stored {
    /// A member of whom nothing is known.
    pub(crate) fn unknown() -> Self {
        Self {
            desired: Desired::Absent,
            account: Account::load(Record::new(AccountId(1), Some(UserId(1)))),
            ledger: None,
            held: false,
            rights: 0,
        }
    }

    /// A member who has a share.
    pub(crate) fn joined() -> Self {
        let mut stored = Self::unknown();
        stored.desired = Desired::Granted;
        stored.edit(|record| {
            record.email = address();
            record.stage = Stage::Joined;
            record.told = Told::Granted;
        });
        stored
    }

    /// Changes something that no transition changes: for the start of a story, for time, and for a rule that is left out.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Record)) {
        let mut record = Record::clone(&self.account);
        change(&mut record);
        self.account = Account::load(record);
    }

    /// Leaves out what only counts, so that equal situations are equal states.
    pub(crate) fn normalise(&mut self) {
        self.edit(|record| {
            record.generation = 0;
            record.attempts = 0;
            record.refusals = 0;
            record.decided_by = Some(EVENT);
        });
    }

    /// What became true by a decision, and what follows from it. The member gives their address at once.
    pub(crate) fn pursue(&mut self, desired: Desired, opens: bool) {
        self.desired = desired;
        self.held = false;
        let opens = opens.then_some(EVENT);
        if desired == Desired::Granted && opens.is_some() && self.account.stage.begins_an_invitation() {
            self.rights += 1;
        }
        let pursued = self.account.pursue(&access(desired), opens, self.ledger.is_some(), NOW);
        if pursued == Pursued::Asks
            && let Some(email) = address()
        {
            self.account.give(email, None, NOW);
        }
    }

    /// Nothing is known of the person any more.
    pub(crate) fn forget(&mut self) {
        self.account.forget();
        self.account.agree(None);
        self.ledger = None;
    }

    /// When something that is not certain in a read that began then is certain.
    pub(crate) fn next_look(&self, began: Timestamp) -> Option<Timestamp> {
        let marks = [self.account.share_state().uncertain_until(began), self.account.written_until];
        marks.into_iter().flatten().filter(|at| *at > began).min()
    }

    /// One tick later, what was stored lies further back.
    pub(crate) fn tick(&mut self) {
        let back = |at: &mut Option<Timestamp>, least: u64| {
            *at = at.map(|at| Timestamp((at.0 - 1).max(NOW.0 - least)));
        };
        self.edit(|record| {
            back(&mut record.created_until, 0);
            back(&mut record.ended_until, 0);
            back(&mut record.absent_since, WINDOWS.stale);
            back(&mut record.written_until, 0);
            back(&mut record.due, 0);
        });
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

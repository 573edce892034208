//! One account in the model: its work, step by step, and what others do.

use std::collections::{BTreeMap, BTreeSet};

use rolarr_domain::{
    Field, Settings, Timestamp,
    account::{Held, HeldReason, Told},
    filter::Conditions,
    reconcile::{
        fields::{self, Basis, FieldLedger, Targets},
        settled,
        share::{self, Desired, Outcome, Read, Stage, Standing, Step},
    },
};

use crate::{
    bot::{After, LATE, Ledger, NOW, Request, Stored, WINDOWS, Work, access, restriction},
    mutation::Mutation,
    world::{Late, Plex, Share, Truth, value},
};

/// One account: what is true at Plex, what the bot stored, and how far its work has got.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    pub(crate) plex: Plex,
    pub(crate) stored: Stored,
    pub(crate) work: Work,
    /// Something else was decided since the work began.
    pub(crate) overtaken: bool,
    /// Somebody else changed something at Plex, and no comparison was made since.
    pub(crate) unseen: bool,
    /// What was desired when the work began.
    pub(crate) works_for: Desired,
    /// The member was told something that was not so, and nothing that was under way made it so.
    pub(crate) lied: bool,
}

/// What becomes of a request that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    /// It takes effect and is answered.
    Answered,
    /// It is refused, for example by a limit.
    Refused,
    /// It takes effect, and the answer is lost.
    AnswerLost,
    /// There is no answer, and it may take effect later.
    Late,
}

impl Account {
    /// A member of whom nothing is known.
    pub(crate) fn unknown() -> Self {
        let plex = Plex {
            truth: Truth { share: Share::Absent, filter: String::new() },
            stale: Vec::new(),
            late: Vec::new(),
            others: Vec::new(),
            ended_by_others: false,
            edited: false,
            took_over: false,
            made: 0,
            ended: 0,
            disturbed: false,
        };
        Self {
            plex,
            stored: Stored::unknown(),
            work: Work::Idle,
            overtaken: false,
            unseen: false,
            works_for: Desired::Absent,
            lied: false,
        }
    }

    /// A member with a share that has a filter of the owner's.
    pub(crate) fn with_share(filter: &str) -> Self {
        let mut account = Self::unknown();
        account.plex.truth = Truth { share: Share::Joined { owners: false }, filter: filter.to_owned() };
        account.plex.others = vec![filter.to_owned()];
        account.stored = Stored::joined();
        account
    }

    /// A member who comes from another bot, which hid everything from them.
    pub(crate) fn hidden_by_another() -> Self {
        let mut account = Self::with_share("label=noAccess");
        account.plex.others.clear();
        account.stored.edit(|record| {
            record.told = Told::Nothing;
            record.due = Some(NOW);
        });
        account
    }

    /// Whether nothing happens by itself any more. The check whether an invitation was accepted goes on.
    pub(crate) fn is_quiet(&self) -> bool {
        let bot = &self.stored;
        let works = self.work != Work::Idle || bot.account.due.is_some() || bot.next_look(NOW).is_some();
        !works && !self.unseen && self.plex.is_quiet()
    }

    /// The work goes on by one step that needs nothing from outside. False if it waits for something.
    pub(crate) fn step(&mut self, without: Option<Mutation>) -> bool {
        let Work::Job { read, after, .. } = self.work.clone() else { return false };
        let ignores = without == Some(Mutation::IgnoreDecision);
        let overtaken = self.overtaken && !ignores;
        let last = read.as_ref().map(|(read, _)| *read);
        if let (Some(after), Some(last)) = (after, last) {
            let shows = last.standing != Standing::Absent;
            if shows != (after == After::Invite) {
                self.retry();
                return true;
            }
        }
        let mut state = self.stored.account.share_state();
        if without == Some(Mutation::TakeOver) && state.stage == Stage::Inviting {
            state.created_until = state.created_until.or(Some(NOW));
        }
        if without == Some(Mutation::OneAbsence) {
            state.absent_since = Some(Timestamp(NOW.0 - WINDOWS.stale));
        }
        match share::next(state, self.works_for, last, WINDOWS) {
            Step::Read => {
                self.work = Work::Job { read: None, confirms: false, after: None };
                return false;
            }
            Step::ReadAgain => {
                self.work = Work::Job { read: None, confirms: true, after: None };
                return false;
            }
            // Nothing is stored if something else was decided.
            _ if overtaken => self.give_way(),
            Step::Store(state, change) => {
                self.stored.account.observe(state, (None, None), change);
                self.work = Work::Job { read, confirms: false, after: None };
            }
            // A claim is not invited.
            Step::Begin if self.stored.account.email.is_none() => self.rest(None, without),
            Step::Begin => match last {
                None => {
                    self.work = Work::Job { read: None, confirms: false, after: None };
                    return false;
                }
                Some(last) if last.standing != Standing::Absent => {
                    if without == Some(Mutation::TakeOver) {
                        self.stored.account.adopt(Stage::Joined, None, None);
                    } else {
                        self.claim();
                    }
                    self.work = Work::Job { read: None, confirms: false, after: None };
                }
                Some(_) => self.intend_invitation(without),
            },
            Step::Invite => self.intend_invitation(without),
            Step::Withdraw | Step::End => {
                let before = self.stored.account.share_state();
                self.stored.account.intend_end(NOW, WINDOWS);
                self.work = Work::Intended(Request::End { before });
            }
            Step::Keep => self.keep(&read.map(|(_, filter)| filter).unwrap_or_default(), last, without),
            Step::Forget => self.forget(),
            Step::Rest(Some(at)) => self.wait(at, without),
            Step::Rest(None) => self.rest(None, without),
            Step::AwaitAcceptance(next) => self.rest(next, without),
        }
        true
    }

    fn rest(&mut self, next: Option<Timestamp>, without: Option<Mutation>) {
        self.finish(next, false, without);
    }

    /// It can't be told yet whether Plex agrees.
    fn wait(&mut self, until: Timestamp, without: Option<Mutation>) {
        match without {
            Some(Mutation::RestEarly) => self.stored.account.rest(),
            _ => self.stored.account.look_at(until),
        }
        if without == Some(Mutation::TellUnseen) {
            self.tell();
        }
        self.work = Work::Idle;
    }

    /// Plex agrees: that is stored, and the member is told.
    fn finish(&mut self, next: Option<Timestamp>, hidden: bool, without: Option<Mutation>) {
        self.stored.account.agree(next.filter(|_| without != Some(Mutation::RestEarly)));
        if !(hidden && self.works_for == Desired::Granted) {
            self.tell();
        }
        self.work = Work::Idle;
    }

    /// It is tried again a tick later.
    fn retry(&mut self) {
        if self.stored.held {
            self.stored.account.rest();
        } else if self.overtaken {
            self.stored.account.look_at(NOW);
        } else {
            self.stored.account.retry(NOW.plus_millis(1));
        }
        self.work = Work::Idle;
    }

    /// Something else was decided: that is worked on next.
    fn give_way(&mut self) {
        if !self.stored.held {
            self.stored.account.look_at(NOW);
        }
        self.work = Work::Idle;
    }

    /// There is a share that is somebody else's: an administrator is asked.
    fn claim(&mut self) {
        let words = "gave the address of somebody with whom the owner shares already.".to_owned();
        self.stored.account.set_aside(Held { why: HeldReason::SharedAlready, words });
        self.work = Work::Job { read: None, confirms: false, after: None };
    }

    fn intend_invitation(&mut self, without: Option<Mutation>) {
        let before = self.stored.account.share_state();
        self.stored.account.intend_invitation(NOW, WINDOWS);
        if without != Some(Mutation::KeepLedger)
            && let Some(ledger) = &mut self.stored.ledger
        {
            // As in the product: the invitation sets every filter to nothing.
            ledger.base.clear();
            ledger.sent.retain(|sent| !sent.is_empty());
            ledger.sent.push(String::new());
            ledger.confirmed = false;
            ledger.reported = None;
        }
        self.work = Work::Intended(Request::Invite { before });
    }

    fn keep(&mut self, filter: &str, read: Option<Read>, without: Option<Mutation>) {
        let Some(read) = read else { return };
        let certain = settled(self.stored.account.written_until, read.began);
        let ledger = self.stored.ledger.clone();
        let plan = plan(&self.stored, self.works_for, filter, certain, without);
        let field = plan.before.get(&Field::Movies);
        if let Some(next) = field {
            self.stored.ledger = next.clone().map(Ledger::from);
        }
        if without == Some(Mutation::OneIntention)
            && let Some(ledger) = &mut self.stored.ledger
        {
            let last = ledger.sent.pop();
            // What was confirmed before stays known, as one value.
            ledger.sent = last.into_iter().collect();
        }
        if without == Some(Mutation::ForgetOwner)
            && ledger.is_none()
            && let Some(ledger) = &mut self.stored.ledger
        {
            ledger.base.clear();
        }
        if let Some(value) = plan.writes.get(&Field::Movies) {
            let before = self.stored.account.written_until;
            self.stored.account.intend_write(None, NOW, WINDOWS);
            let then = plan.after().remove(&Field::Movies).map(Ledger::from);
            let Some(then) = then else { return };
            self.work = Work::Intended(Request::Write { value: value.0.clone(), before, then });
            return;
        }
        let next = self.stored.next_look(read.began);
        self.finish(next, plan.hidden.contains(&Field::Movies), without);
    }

    fn tell(&mut self) {
        self.stored.account.tell(&access(self.works_for));
        let hidden = self.plex.hides();
        let is_so = match self.stored.account.told {
            Told::Nothing | Told::Invited => true,
            Told::Granted => !hidden,
            Told::Restricted => hidden || self.plex.edited,
        };
        let ours = self.plex.truth.share == (Share::Joined { owners: false });
        self.lied |= ours && !is_so && self.plex.late.is_empty() && !self.plex.disturbed;
    }

    fn forget(&mut self) {
        self.stored.forget();
        self.work = Work::Idle;
    }

    /// The lists are read.
    pub(crate) fn look(&mut self, seen: &Truth) {
        let Work::Job { confirms, after, .. } = self.work else { return };
        let standing = match seen.share {
            Share::Absent => Standing::Absent,
            Share::Pending => Standing::Pending { invitation: true, known: true },
            Share::Joined { .. } => Standing::Joined,
        };
        let read = Read { standing, began: NOW, confirms };
        self.work = Work::Job { read: Some((read, seen.filter.clone())), confirms: false, after };
    }

    /// What was intended is sent.
    pub(crate) fn send(&mut self, fate: Fate, without: Option<Mutation>) {
        let Work::Intended(request) = self.work.clone() else { return };
        if self.overtaken && without != Some(Mutation::IgnoreDecision) {
            // It is looked at once more before anything is sent.
            self.settle(&request, Outcome::NotApplied);
            self.give_way();
            return;
        }
        let late = match &request {
            Request::Invite { .. } => Late::Invite,
            Request::End { .. } => Late::End,
            Request::Write { value, .. } => Late::Write(value.clone()),
        };
        let shared = self.plex.truth.share != Share::Absent;
        let outcome = match (fate, &request) {
            // Plex says that it is shared already, and nothing of ours can have made it.
            (Fate::Answered, Request::Invite { before }) if shared && before.created_until.is_none() => {
                self.settle(&request, Outcome::NotApplied);
                self.claim();
                return;
            }
            _ => match fate {
                Fate::Answered => {
                    self.plex.apply(&late);
                    Outcome::Done
                }
                Fate::Refused => Outcome::NotApplied,
                Fate::AnswerLost => {
                    self.plex.apply(&late);
                    Outcome::Unknown
                }
                Fate::Late => {
                    self.plex.late.push((late, LATE));
                    Outcome::Unknown
                }
            },
        };
        self.work = Work::Sent(request, outcome);
    }

    /// The answer arrives, or the wait for it ends.
    pub(crate) fn answer(&mut self, without: Option<Mutation>) {
        let Work::Sent(request, outcome) = self.work.clone() else { return };
        let believed = match (&request, without) {
            (Request::Invite { .. }, Some(Mutation::ForgetInvitation))
            | (Request::End { .. }, Some(Mutation::ForgetRemoval))
            | (Request::Write { .. }, Some(Mutation::ForgetWrite))
                if outcome == Outcome::Unknown =>
            {
                Outcome::NotApplied
            }
            _ => outcome,
        };
        if !(self.overtaken && without == Some(Mutation::IgnoreLateAnswer)) {
            self.settle(&request, believed);
        } else if let Request::Write { before, .. } = &request {
            self.stored.edit(|record| record.written_until = *before);
        }
        if outcome != Outcome::Done {
            self.retry();
            return;
        }
        match request {
            Request::Invite { .. } => {
                self.work = Work::Job { read: None, confirms: false, after: Some(After::Invite) };
            }
            Request::End { .. } => {
                self.work = Work::Job { read: None, confirms: false, after: Some(After::End) };
            }
            Request::Write { .. } if self.overtaken => self.give_way(),
            Request::Write { then, .. } => {
                self.stored.ledger = Some(then);
                if without == Some(Mutation::OneIntention)
                    && let Some(ledger) = &mut self.stored.ledger
                {
                    ledger.sent = ledger.sent.pop().into_iter().collect();
                }
                // The write was answered now, and is read once more when that is certain.
                let next = self.stored.next_look(NOW);
                self.finish(next, false, without);
            }
        }
    }

    fn settle(&mut self, request: &Request, outcome: Outcome) {
        let account = &mut self.stored.account;
        match request {
            Request::Invite { before } => account.answer_invitation(*before, outcome, NOW, WINDOWS),
            Request::End { before } => account.answer_end(*before, outcome, NOW, WINDOWS),
            Request::Write { before, .. } => account.answer_write(*before, outcome, NOW, WINDOWS),
        }
    }

    /// The process ends and starts again: what it did not store is forgotten.
    pub(crate) fn crash(&mut self) {
        if self.work != Work::Idle && !self.stored.held {
            self.stored.account.look_at(NOW);
        }
        self.work = Work::Idle;
        self.overtaken = false;
    }

    /// Time passes.
    pub(crate) fn tick(&mut self) {
        self.plex.tick();
        self.stored.tick();
        if let Work::Job { read: Some((read, _)), .. } = &mut self.work {
            read.began = Timestamp((read.began.0 - 1).max(NOW.0 - WINDOWS.late));
        }
    }
}

/// The plan for the filter for movies.
fn plan(
    bot: &Stored,
    desired: Desired,
    filter: &str,
    certain: bool,
    without: Option<Mutation>,
) -> fields::Plan {
    let mut targets = Targets::new();
    if desired == Desired::Restricted {
        targets.insert(Field::Movies, restriction());
    }
    let mut ledger: Option<FieldLedger> = bot.ledger.clone().map(FieldLedger::from);
    let seen = value(filter);
    if without == Some(Mutation::TrustOneRead)
        && let Some(ledger) = &mut ledger
        && ledger.sent.last() != Some(&seen)
        && (ledger.sent.contains(&seen) || ledger.base == seen)
    {
        ledger.sent.push(seen.clone());
    }
    let mut shown = seen;
    if without == Some(Mutation::WholeFilters) && Conditions::of(&shown).is_some() {
        // A filter with alternatives is only known as a whole: made so by a part that changes nothing.
        if let Some(ledger) = &ledger
            && !ledger.sent.contains(&shown)
            && ledger.base != shown
        {
            shown = value(&format!("{}|x=y", shown.0));
        }
    }
    let reserved: BTreeSet<String> = match without {
        Some(Mutation::NothingReserved) => BTreeSet::new(),
        _ => ["noaccess".to_owned()].into(),
    };
    let ledgers: BTreeMap<Field, FieldLedger> =
        ledger.into_iter().map(|ledger| (Field::Movies, ledger)).collect();
    let seen = Settings([(Field::Movies, shown)].into());
    let basis = Basis {
        ledgers: &ledgers,
        seen: &seen,
        settled: certain,
        overwrite: false,
        reserved: &reserved,
        tuners: 0,
    };
    fields::plan(&targets, &basis).unwrap_or_default()
}

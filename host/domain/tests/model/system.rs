//! The whole system as a state machine: one or two accounts, what is decided about them, what others do at Plex, what
//! becomes of each request, and crashes.

use rolarr_domain::{
    account::Told,
    reconcile::share::{Desired, Stage},
};
use stateright::{Model, Property};

use crate::{
    account::{Account, Fate},
    bot::{EVENT, NOW, Request, Work},
    mutation::Mutation,
    world::{Late, Share, Truth},
};

/// How often each kind of thing may happen in one story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// Decisions that change what is desired.
    pub(crate) decisions: u8,
    /// Requests that are not answered with success.
    pub(crate) faults: u8,
    /// Acts of the member, the owner and other tools at Plex.
    pub(crate) others: u8,
    /// Ends of the process.
    pub(crate) crashes: u8,
}

/// The bounds of one check.
#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) budget: Budget,
    pub(crate) start: Vec<Account>,
    /// So many reductions of access go through. The next ones are held.
    pub(crate) limit: u8,
    /// A rule that is left out.
    pub(crate) without: Option<Mutation>,
}

/// A moment of a story.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) accounts: Vec<Account>,
    budget: Budget,
    /// Reductions of access that went through.
    reduced: u8,
}

/// What happens next, to the account of this number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Decide(usize, Desired),
    Approve(usize),
    Compare(usize),
    Start(usize),
    Step(usize),
    Look(usize, Truth),
    Send(usize, Fate),
    Answer(usize),
    TakesEffect(usize, usize),
    NeverTakesEffect(usize, usize),
    Accept(usize),
    EndByOthers(usize),
    OwnerShares(usize),
    AddCondition(usize),
    ReplaceFilter(usize),
    Crash,
    Tick,
}

const PARTY: &str = "label=Party";
const OTHER: &str = "label!=Other";

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State { accounts: self.start.clone(), budget: self.budget, reduced: 0 }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (index, account) in state.accounts.iter().enumerate() {
            of_account(state, index, account, actions);
        }
        let works = state.accounts.iter().any(|account| account.work != Work::Idle);
        if state.budget.crashes > 0 && works && !state.accounts.iter().any(invites_beside_the_owner) {
            actions.push(Action::Crash);
        }
        let can_tick =
            |account: &Account| account.plex.can_tick() && !matches!(account.work, Work::Intended(_));
        let settled = state.accounts.iter().all(Account::is_quiet);
        if !settled && state.accounts.iter().all(can_tick) {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        state.happens(self, action)?;
        state.accounts.iter_mut().for_each(|account| account.stored.normalise());
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "once quiet, Plex shows what is desired or somebody was asked",
                |_, state: &State| state.each_quiet(agrees),
            ),
            Property::always("once quiet, nobody has access without it being desired", |_, state: &State| {
                state.each_quiet(|account| {
                    account.stored.desired != Desired::Absent
                        || account.stored.held
                        || !matches!(
                            account.plex.truth.share,
                            Share::Pending | Share::Joined { owners: false }
                        )
                })
            }),
            Property::always("once quiet, the owner's conditions are there", |_, state: &State| {
                state.each_quiet(owners_conditions)
            }),
            Property::always("a share that the owner made is not touched", |_, state: &State| {
                state.accounts.iter().all(|account| !account.plex.took_over)
            }),
            Property::always("once quiet, what was told is so", |_, state: &State| state.each_quiet(told)),
            Property::always("nothing is told that is not so", |_, state: &State| {
                state.accounts.iter().all(|account| !account.lied)
            }),
            Property::always("a decision makes one share at most", |_, state: &State| {
                state
                    .accounts
                    .iter()
                    .all(|account| account.plex.made <= account.stored.rights + account.plex.ended)
            }),
            Property::always("once quiet, who left is forgotten", |_, state: &State| {
                state.each_quiet(|account| {
                    let bot = &account.stored;
                    bot.desired != Desired::Absent || bot.held || bot.account.is_unknown()
                })
            }),
            Property::always("what was said to be ended by others was", |_, state: &State| {
                state.accounts.iter().all(|account| {
                    let blamed = matches!(account.stored.account.stage, Stage::Lost | Stage::Declined);
                    !blamed || account.plex.ended_by_others
                })
            }),
            Property::eventually("everything comes to rest", |_, state: &State| {
                state.accounts.iter().all(Account::is_quiet)
            }),
            Property::sometimes("access is restricted", |_, state: &State| {
                state.accounts.iter().any(|account| account.stored.account.told == Told::Restricted)
            }),
            Property::sometimes("access comes back", |_, state: &State| {
                state
                    .accounts
                    .iter()
                    .any(|account| account.stored.account.told == Told::Granted && account.stored.rights > 1)
            }),
        ]
    }
}

fn of_account(state: &State, index: usize, account: &Account, actions: &mut Vec<Action>) {
    let (bot, plex) = (&account.stored, &account.plex);
    if state.budget.decisions > 0 {
        for desired in [Desired::Granted, Desired::Restricted, Desired::Absent] {
            let allowed = match (bot.desired, desired) {
                // Somebody without access is not restricted.
                (Desired::Absent, Desired::Restricted) => false,
                (now, next) => now != next,
            };
            if allowed {
                actions.push(Action::Decide(index, desired));
            }
        }
    }
    if bot.held {
        actions.push(Action::Approve(index));
    }
    match &account.work {
        Work::Idle if bot.account.due.is_some_and(|due| due <= NOW) && !bot.held => {
            actions.push(Action::Start(index))
        }
        Work::Idle if account.unseen && plex.is_quiet() => actions.push(Action::Compare(index)),
        Work::Idle => {}
        Work::Job { .. } => {
            let mut next = account.clone();
            // Without a read nothing can be decided, unless nothing needs one.
            if next.step(None) {
                actions.push(Action::Step(index));
            } else {
                actions.extend(plex.readings().into_iter().map(|truth| Action::Look(index, truth)));
            }
        }
        Work::Intended(_) => {
            actions.push(Action::Send(index, Fate::Answered));
            if state.budget.faults > 0 && !account.overtaken && !invites_beside_the_owner(account) {
                let faults = [Fate::Refused, Fate::AnswerLost, Fate::Late];
                actions.extend(faults.map(|fate| Action::Send(index, fate)));
            }
        }
        Work::Sent(..) => actions.push(Action::Answer(index)),
    }
    for late in 0..plex.late.len() {
        actions.push(Action::TakesEffect(index, late));
        actions.push(Action::NeverTakesEffect(index, late));
    }
    if plex.truth.share == Share::Pending {
        actions.push(Action::Accept(index));
    }
    // What others do while a request or an old read is under way can't be told from what came before it: Plex has no
    // way to write only if nothing changed.
    let at_rest = account.work == Work::Idle && plex.is_quiet();
    if state.budget.others > 0 && at_rest {
        match plex.truth.share {
            // While a request of ours may still end it, nothing tells who did.
            Share::Pending | Share::Joined { owners: false } if bot.account.ended_until.is_none() => {
                actions.push(Action::EndByOthers(index));
            }
            Share::Absent if bot.account.stage.is_ended() && bot.account.created_until.is_none() => {
                actions.push(Action::OwnerShares(index));
            }
            Share::Pending | Share::Absent | Share::Joined { .. } => {}
        }
        if plex.truth.share == (Share::Joined { owners: false }) {
            if !plex.truth.filter.contains(OTHER) {
                actions.push(Action::AddCondition(index));
            }
            if plex.truth.filter != PARTY {
                actions.push(Action::ReplaceFilter(index));
            }
        }
    }
}

/// Whether an invitation is about to be sent to somebody with whom the owner just shared by hand. If nothing is known
/// of its answer, then nothing tells whose the share is.
fn invites_beside_the_owner(account: &Account) -> bool {
    let invites = matches!(&account.work, Work::Intended(Request::Invite { .. }));
    invites && account.plex.truth.share == (Share::Joined { owners: true })
}

impl State {
    fn each_quiet(&self, holds: impl Fn(&Account) -> bool) -> bool {
        self.accounts.iter().filter(|account| account.is_quiet()).all(holds)
    }

    fn happens(&mut self, system: &System, action: Action) -> Option<()> {
        let without = system.without;
        match action {
            Action::Decide(index, desired) => {
                self.budget.decisions -= 1;
                let reduces = desired != Desired::Granted;
                let held = reduces && self.reduced >= system.limit;
                self.reduced += u8::from(reduces && !held);
                let account = self.accounts.get_mut(index)?;
                account.overtaken |= account.work != Work::Idle;
                decide(account, desired, held, without);
            }
            Action::Approve(index) => {
                let account = self.accounts.get_mut(index)?;
                account.overtaken |= account.work != Work::Idle;
                let desired = account.stored.desired;
                account.stored.account.approve(false);
                account.stored.pursue(desired, false);
            }
            Action::Compare(index) => {
                let account = self.accounts.get_mut(index)?;
                account.unseen = false;
                if !account.stored.held && account.stored.account.stage != Stage::None {
                    account.stored.account.look_at(NOW);
                }
            }
            Action::Start(index) => {
                let account = self.accounts.get_mut(index)?;
                account.overtaken = false;
                account.plex.disturbed &= !account.plex.stale.is_empty();
                account.works_for = account.stored.desired;
                account.work = Work::Job { read: None, confirms: false, after: None };
            }
            Action::Step(index) => {
                self.accounts.get_mut(index)?.step(without);
            }
            Action::Look(index, truth) => self.accounts.get_mut(index)?.look(&truth),
            Action::Send(index, fate) => {
                self.budget.faults -= u8::from(fate != Fate::Answered);
                self.accounts.get_mut(index)?.send(fate, without);
            }
            Action::Answer(index) => self.accounts.get_mut(index)?.answer(without),
            Action::TakesEffect(index, late) => {
                let plex = &mut self.accounts.get_mut(index)?.plex;
                let (request, _): (Late, u64) = plex.late.remove(late);
                plex.apply(&request);
                plex.disturbed = true;
            }
            Action::NeverTakesEffect(index, late) => {
                self.accounts.get_mut(index)?.plex.late.remove(late);
            }
            Action::Crash => {
                self.budget.crashes -= 1;
                self.accounts.iter_mut().for_each(Account::crash);
            }
            Action::Tick => self.accounts.iter_mut().for_each(Account::tick),
            other => {
                let (Action::Accept(index)
                | Action::EndByOthers(index)
                | Action::OwnerShares(index)
                | Action::AddCondition(index)
                | Action::ReplaceFilter(index)) = other
                else {
                    return None;
                };
                self.budget.others -= u8::from(!matches!(other, Action::Accept(_)));
                by_others(self.accounts.get_mut(index)?, &other);
            }
        }
        Some(())
    }
}

fn decide(account: &mut Account, desired: Desired, held: bool, without: Option<Mutation>) {
    account.stored.account.decide(EVENT, false, None);
    if held {
        account.stored.desired = desired;
        account.stored.held = true;
        account.stored.account.rest();
        return;
    }
    let was_held = account.stored.held;
    account.stored.pursue(desired, true);
    if was_held && without == Some(Mutation::DropHold) {
        account.stored.account.rest();
    }
}

fn by_others(account: &mut Account, act: &Action) {
    let Truth { share, filter } = account.plex.truth.clone();
    let plex = &mut account.plex;
    let next = match act {
        Action::Accept(_) => Truth { share: Share::Joined { owners: false }, filter },
        Action::EndByOthers(_) => {
            plex.ended_by_others = true;
            Truth { share: Share::Absent, filter: String::new() }
        }
        Action::OwnerShares(_) => {
            plex.others.clear();
            plex.edited = false;
            Truth { share: Share::Joined { owners: true }, filter: String::new() }
        }
        Action::AddCondition(_) => {
            plex.others.push(OTHER.to_owned());
            let filter = if filter.is_empty() { OTHER.to_owned() } else { format!("{filter}&{OTHER}") };
            Truth { share, filter }
        }
        _ => {
            plex.others = vec![PARTY.to_owned()];
            plex.edited = true;
            Truth { share, filter: PARTY.to_owned() }
        }
    };
    if matches!(act, Action::AddCondition(_) | Action::ReplaceFilter(_)) {
        // Plex has no way to write only if nothing changed since a read: an edit that a read does not show yet would be
        // overwritten by anybody.
        plex.truth = next;
    } else {
        plex.becomes(next);
    }
    // Plex tells nobody: a comparison finds it, or the next decision.
    account.unseen = true;
}

/// Whether Plex shows what is desired, or somebody was asked or told why not.
fn agrees(account: &Account) -> bool {
    let (bot, plex) = (&account.stored, &account.plex);
    if bot.held {
        return true;
    }
    let hidden = plex.hides();
    match (bot.desired, plex.truth.share) {
        (Desired::Absent, Share::Absent) | (_, Share::Joined { owners: true }) => true,
        (Desired::Absent, _) => false,
        (Desired::Restricted, Share::Joined { .. }) => {
            let reported = bot.ledger.as_ref().is_some_and(|ledger| ledger.reported.is_some());
            hidden || (plex.edited && reported)
        }
        (Desired::Restricted, share) => share == Share::Absent,
        (Desired::Granted, Share::Joined { .. }) => !hidden,
        (Desired::Granted, Share::Pending) => true,
        (Desired::Granted, Share::Absent) => plex.ended_by_others || bot.account.claim.is_some(),
    }
}

/// Whether what the owner and other tools set is there when nothing restricts.
fn owners_conditions(account: &Account) -> bool {
    let (bot, plex) = (&account.stored, &account.plex);
    let free = bot.desired == Desired::Granted && !bot.held;
    let ours = plex.truth.share == Share::Joined { owners: false };
    !(free && ours) || plex.others.iter().all(|condition| plex.truth.filter.contains(condition.as_str()))
}

/// Whether the member was told what is so.
fn told(account: &Account) -> bool {
    let (bot, plex) = (&account.stored, &account.plex);
    let hidden = plex.hides();
    let ours = plex.truth.share == Share::Joined { owners: false };
    if bot.held || !ours {
        return true;
    }
    match bot.account.told {
        Told::Nothing | Told::Invited => true,
        Told::Granted => !hidden,
        Told::Restricted => hidden || plex.edited,
    }
}

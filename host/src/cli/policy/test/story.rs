//! A story: one member, step by step, carried along by the rules of the bot.
//!
//! What Plex does is taken to happen at once, as soon as time passes or a step ends: an invitation is out, a
//! share is restricted. What only the member can do, such as accepting the invitation, is a step of its own.

use super::{
    coverage::Coverage,
    event::{Finding, StepReport},
    observed::{Decide, Observed},
};
use crate::{
    cli::policy::{
        cases::{AccessCheck, Step, Story, What, access_in_toml, usual_origin},
        situation,
    },
    domain::{
        Timestamp,
        contract::{Access, Account, AccountChange, Action, Cause, Event, Grant, Origin, Progress, Role},
    },
    pipeline::{
        desired::{
            member_state::{Carried, Followed},
            progress::Place,
        },
        members::role_diff::Changes,
        settings::Timings,
    },
    policy::printable,
    store::{PromptState, Stage},
};

/// So many events may follow from time that passes in one step.
const MOST: usize = 1_000;

/// Tells a story to a policy. An error is no verdict on the policy.
pub(super) fn tell(policy: &impl Decide, story: &Story) -> (Result<(), String>, Vec<StepReport>, Coverage) {
    let mut host = Host::at(&story.start);
    let mut coverage = Coverage::default();
    let mut reports = Vec::new();
    for (index, step) in story.steps.iter().enumerate() {
        let mut seen = Observed::default();
        let outcome = host.step(policy, step, &mut seen);
        coverage.merge(&seen.coverage);
        let mut report = seen.compare(&step.expect, host.now, Some((index + 1, step.place.line)));
        let stopped = match outcome {
            Ok(()) => {
                host.check(step, &mut report.findings);
                None
            }
            Err(Stop::Undecided) => Some(Ok(())),
            Err(Stop::Problem(problem)) => {
                report.findings.clear();
                Some(Err(format!("step {} (line {}): {problem}", index + 1, step.place.line)))
            }
        };
        reports.push(report);
        if let Some(outcome) = stopped {
            return (outcome, reports, coverage);
        }
    }
    (Ok(()), reports, coverage)
}

/// How long a question for the address stays open, in milliseconds: as long as it does where the operator sets
/// nothing else.
fn question() -> u64 {
    u64::try_from(Timings::default().prompt.as_millis()).unwrap_or(u64::MAX)
}

/// Why a story does not go on.
enum Stop {
    /// An event stayed undecided: what comes after would be another story.
    Undecided,
    /// The step can't happen, or there is no verdict.
    Problem(String),
}

fn problem<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Problem(what.into()))
}

/// What the bot knows of the member.
struct Host {
    /// What does not change: the guild, the person, the libraries.
    template: Event,
    now: Timestamp,
    events: u64,
    carried: Carried,
    place: Place,
    /// When the open question expires.
    expires: Timestamp,
    /// A decision allows an invitation, and none was sent yet.
    invite: bool,
    present: bool,
}

impl Host {
    fn at(start: &Event) -> Self {
        let Account { access, progress, identified, since, wakes, memo } = start.account.clone();
        let (stage, prompt) = match (progress, &access) {
            (Progress::Asking, _) => (Stage::None, Some(PromptState::Open)),
            (Progress::AskExpired, _) => (Stage::None, Some(PromptState::Expired)),
            (Progress::Invited, _) => (Stage::Invited, None),
            (Progress::Declined, _) => (Stage::Declined, None),
            (Progress::Lost, _) => (Stage::Lost, None),
            (_, Access::Granted(_) | Access::Restricted(_)) if identified => (Stage::Joined, None),
            _ => (Stage::None, None),
        };
        let asked = prompt.is_some();
        Self {
            template: start.clone(),
            now: start.at,
            events: 0,
            carried: Carried { access, since, memo, wakes },
            place: Place {
                held: progress == Progress::Held,
                parked: progress == Progress::Parked,
                known: identified && !asked,
                stage,
                prompt,
                due: progress == Progress::Working,
            },
            expires: start.at.plus_millis(question()),
            invite: asked,
            present: true,
        }
    }

    fn step(&mut self, policy: &impl Decide, step: &Step, seen: &mut Observed) -> Result<(), Stop> {
        self.pass(policy, step.after, seen)?;
        if let Some(elsewhere) = &step.elsewhere {
            self.template.member.elsewhere.clone_from(elsewhere);
        }
        match &step.what {
            What::Time => {}
            What::Roles(roles) => {
                let held = |role: &Role, among: &[Role]| among.iter().any(|other| other.key == role.key);
                let before = std::mem::replace(&mut self.template.member.roles, roles.clone());
                let mut tracked = before.clone();
                tracked.extend(roles.iter().filter(|role| !held(role, &before)).cloned());
                tracked.sort_by(|one, other| one.key.cmp(&other.key));
                let causes = Changes::of(&tracked, |role| held(role, &before), |role| held(role, roles))
                    .causes(|role| role);
                if causes.is_empty() {
                    return problem("the member holds these roles already, so nothing happens");
                }
                self.present = true;
                for cause in causes {
                    self.happens(policy, step.origin.unwrap_or(Origin::Live), cause, seen)?;
                }
            }
            What::Cause(cause) => {
                let origin = step.origin.unwrap_or_else(|| usual_origin(cause));
                self.prepare(cause)?;
                if self.is_not_asked(origin, cause) {
                    seen.happened.push(format!("{}: the policy is not asked", situation::cause(cause)));
                } else {
                    self.happens(policy, origin, cause.clone(), seen)?;
                }
            }
        }
        self.settle();
        Ok(())
    }

    /// Time passes: questions expire, and wakes are due.
    fn pass(&mut self, policy: &impl Decide, millis: u64, seen: &mut Observed) -> Result<(), Stop> {
        let end = self.now.plus_millis(millis);
        for _ in 0..MOST {
            let expires = (self.place.prompt == Some(PromptState::Open)).then_some(self.expires);
            let wakes = self.carried.wakes.first().map(|wake| wake.due);
            let Some(next) = expires.into_iter().chain(wakes).min().filter(|next| *next <= end) else {
                self.now = end;
                return Ok(());
            };
            self.now = self.now.max(next);
            if expires == Some(next) {
                self.place.prompt = Some(PromptState::Expired);
                self.happens(policy, Origin::Timer, Cause::Account(AccountChange::AskExpired), seen)?;
            } else if let Some(wake) = self.carried.take_due(self.now) {
                let event = Event { at: wake.due, ..self.event(Origin::Timer, Cause::Wake(wake.tag)) };
                self.decide(policy, &event, seen)?;
            }
            self.settle();
        }
        problem(format!("more than {MOST} events followed while the time passed"))
    }

    /// What an event means for the member before the policy is asked.
    fn prepare(&mut self, cause: &Cause) -> Result<(), Stop> {
        let member = &mut self.template.member;
        match cause {
            Cause::RoleAdded(role) => {
                if member.has_role(&role.key) {
                    return problem(format!("the member holds the role `{}` already", printable(&role.key)));
                }
                member.roles.push(role.clone());
                member.roles.sort_by(|one, other| one.key.cmp(&other.key));
                self.present = true;
            }
            Cause::RoleRemoved(role) => {
                if !member.has_role(&role.key) {
                    return problem(format!("the member does not hold the role `{}`", printable(&role.key)));
                }
                member.roles.retain(|held| held.key != role.key);
            }
            Cause::MemberLeft => {
                if !self.present {
                    return problem("the member left before");
                }
                member.roles.clear();
                self.present = false;
            }
            Cause::Account(change) => return self.prepare_change(*change),
            Cause::Wake(_) | Cause::Review(_) | Cause::Other(_) => {}
        }
        Ok(())
    }

    fn prepare_change(&mut self, change: AccountChange) -> Result<(), Stop> {
        let (stage, prompt) = (self.place.stage, self.place.prompt);
        match change {
            AccountChange::Identified => {
                if self.place.known && stage != Stage::Declined {
                    return problem("the member's address is known already");
                }
                if prompt.is_some() {
                    self.place.prompt = Some(PromptState::Answered);
                }
                if stage == Stage::Declined {
                    self.place.stage = Stage::None;
                    self.invite = true;
                }
                self.place.known = true;
                self.place.due = true;
            }
            AccountChange::AskExpired => {
                if prompt != Some(PromptState::Open) {
                    return problem("the member is not asked for an address at this point");
                }
                self.place.prompt = Some(PromptState::Expired);
            }
            AccountChange::Accepted | AccountChange::Declined => {
                if stage != Stage::Invited {
                    return problem("no invitation is out at this point");
                }
                let accepted = change == AccountChange::Accepted;
                self.place.stage = if accepted { Stage::Joined } else { Stage::Declined };
            }
            AccountChange::LeftService => {
                if stage != Stage::Joined {
                    return problem("nothing is shared with the member at this point");
                }
                self.place.stage = Stage::Lost;
            }
            AccountChange::RemovedByAdmin => {}
        }
        Ok(())
    }

    /// What administrators say is carried out without asking the policy.
    fn is_not_asked(&mut self, origin: Origin, cause: &Cause) -> bool {
        match cause {
            Cause::Account(AccountChange::RemovedByAdmin) => {
                self.carried.void(self.now);
                self.pursue(false);
                true
            }
            Cause::Account(AccountChange::Identified) if origin == Origin::Administrator => {
                if !self.carried.access.is_granted() {
                    self.carried.follow(&[Action::Invite(Grant::default())], self.now);
                }
                self.pursue(true);
                true
            }
            _ => false,
        }
    }

    fn event(&mut self, origin: Origin, cause: Cause) -> Event {
        self.events += 1;
        let Carried { access, since, memo, wakes } = self.carried.clone();
        Event {
            id: format!("{:010}", self.events),
            at: self.now,
            origin,
            account: Account {
                access,
                progress: self.place.progress(),
                identified: self.place.known,
                since,
                wakes,
                memo,
            },
            cause,
            ..self.template.clone()
        }
    }

    fn happens(
        &mut self,
        policy: &impl Decide,
        origin: Origin,
        cause: Cause,
        seen: &mut Observed,
    ) -> Result<(), Stop> {
        let event = self.event(origin, cause);
        self.decide(policy, &event, seen)
    }

    fn decide(&mut self, policy: &impl Decide, event: &Event, seen: &mut Observed) -> Result<(), Stop> {
        let before = seen.decided_so_far();
        seen.evaluate(policy, event).map_err(Stop::Problem)?;
        let actions = seen.last_actions(before).ok_or(Stop::Undecided)?;
        let Followed { opens, moved, tell, .. } = self.carried.follow(&actions, self.now);
        if moved || tell.is_some() {
            self.pursue(opens);
        }
        Ok(())
    }

    /// What should be true for the member changed.
    fn pursue(&mut self, opens: bool) {
        self.place.held = false;
        self.place.parked = false;
        self.place.due = true;
        match self.carried.access {
            Access::Granted(_) => {
                self.invite |= opens && self.place.stage.begins_an_invitation();
                if self.invite && !self.place.known && self.place.prompt != Some(PromptState::Open) {
                    self.place.prompt = Some(PromptState::Open);
                    self.expires = self.now.plus_millis(question());
                }
            }
            Access::Restricted(_) | Access::Absent => {
                self.invite = false;
                if matches!(self.place.prompt, Some(PromptState::Open | PromptState::Expired)) {
                    self.place.prompt = Some(PromptState::Closed);
                }
            }
        }
    }

    /// Plex does what should be true.
    fn settle(&mut self) {
        if self.place.held || self.place.parked {
            return;
        }
        self.place.due = false;
        match (&self.carried.access, self.place.stage) {
            (Access::Granted(_), Stage::None | Stage::Declined | Stage::Lost)
                if self.invite && self.place.known =>
            {
                self.invite = false;
                self.place.stage = Stage::Invited;
            }
            (Access::Restricted(_), Stage::Invited) => self.place.stage = Stage::None,
            (Access::Absent, _) => {
                self.place.stage = Stage::None;
                self.place.known = false;
            }
            _ => {}
        }
    }

    /// Compares what stands after a step with what must.
    fn check(&self, step: &Step, findings: &mut Vec<Finding>) {
        let mut stands = |what, expected: Vec<String>, found: Vec<String>| {
            if expected != found {
                findings.push(Finding::Stands { what, expected, found });
            }
        };
        let access = &self.carried.access;
        match &step.access {
            None => {}
            Some(AccessCheck::Case(case)) => {
                stands(
                    "access",
                    vec![situation::access(case).to_owned()],
                    vec![situation::access(access).to_owned()],
                );
            }
            Some(AccessCheck::Exactly(exactly)) => {
                stands("access", vec![access_in_toml(exactly)], vec![access_in_toml(access)]);
            }
        }
        if let Some(tags) = &step.wakes {
            let sorted = |tags: &mut dyn Iterator<Item = &String>| {
                let mut tags: Vec<String> = tags.map(|tag| printable(tag)).collect();
                tags.sort();
                tags
            };
            stands(
                "wakes",
                sorted(&mut tags.iter()),
                sorted(&mut self.carried.wakes.iter().map(|wake| &wake.tag)),
            );
        }
        if let Some(memo) = &step.memo {
            stands("memo", vec![printable(memo)], vec![printable(&self.carried.memo)]);
        }
    }
}

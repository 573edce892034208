//! What the policy would decide about every member now, and letting it.
//!
//! Nothing happens to a member because a policy changed, or because they had a role before Rolarr came. This
//! asks the policy, with `review`, shows what would follow, and, if that is wished, journals a `review` for
//! each member for whom something would. From there on it goes like any other event, through the brake.

use crate::{
    domain::{
        EventId, GuildId, Timestamp, UserId,
        contract::{Access, Action, Cause, Event, Origin, Review},
    },
    pipeline::{
        approvals::limit,
        context::Context,
        decisions::decider::{self, Known},
        desired::reduction::shrinks,
        members::ingest::Seen,
        protection::current::Protection,
        texts,
    },
    policy::Policy,
    store::{EventRow, EventState, MemberRow, NewEvent, Plan, PlannedChange, Scope, StoreError, Tx},
};

/// So many members are looked at in one step.
const PAGE: u32 = 500;

/// Somebody for whom something would follow.
struct Candidate {
    guild: GuildId,
    user: UserId,
    change: PlannedChange,
    shrinks: bool,
}

/// What the policy would decide.
struct Outlook {
    plan: Plan,
    candidates: Vec<Candidate>,
}

impl Context {
    /// What would follow for whom. Nothing changes.
    pub(in crate::pipeline) async fn plan(&self, scope: Scope) -> Result<Plan, StoreError> {
        Ok(self.outlook(scope).await?.plan)
    }

    /// Lets the policy decide about those for whom something would follow. `order` is answered with it. Returns
    /// how many they are.
    pub(in crate::pipeline) async fn apply_policy(
        &self,
        scope: Scope,
        order: Option<i64>,
    ) -> Result<usize, StoreError> {
        let outlook = self.outlook(scope).await?;
        let (now, protection) = (self.seam.now(), Protection::of(self));
        let guilds: Vec<Seen> =
            self.settings().guilds.iter().map(|guild| Seen::new(self, guild.id)).collect();
        let count = self
            .store
            .write(move |tx| {
                let mut count = 0;
                let Outlook { mut plan, candidates } = outlook;
                for candidate in &candidates {
                    let Some(seen) = guilds.iter().find(|seen| seen.guild() == candidate.guild) else {
                        continue;
                    };
                    match tx.apart(|tx| review(tx, seen, &protection, scope, candidate.user, now))? {
                        Ok(journalled) => count += usize::from(journalled),
                        // What can't be read keeps nobody else from being decided.
                        Err(error) => plan.undecided.push((candidate.user, error.to_string())),
                    }
                }
                if let Some(order) = order {
                    tx.answer_order(order, now, &crate::store::Answer::Plan(plan))?;
                }
                Ok(count)
            })
            .await?;
        tracing::info!(members = count, "the policy decides about members anew, as an administrator wished");
        Ok(count)
    }

    async fn outlook(&self, scope: Scope) -> Result<Outlook, StoreError> {
        let policy = self.policy();
        let (now, settings) = (self.seam.now(), self.settings());
        let free = self.store.read(move |tx| limit::still_free(tx, &settings, now)).await?;
        let mut outlook = Outlook { plan: Plan { free, ..Plan::default() }, candidates: Vec::new() };
        for guild in self.settings().guilds.iter().map(|guild| guild.id) {
            let seen = Seen::new(self, guild);
            let mut after = None;
            loop {
                let rows = self.store.read(move |tx| tx.members_after(guild, after, PAGE)).await?;
                let full = rows.len() == PAGE as usize;
                let mut readable = Vec::new();
                for row in rows {
                    let (user, row) = match row {
                        Ok(row) => (row.user, Some(row)),
                        Err(user) => (user, None),
                    };
                    after = Some(user);
                    match row {
                        Some(row) => readable.push(row),
                        None => outlook.plan.undecided.push((user, unreadable("a member"))),
                    }
                }
                self.look_at(scope, &policy, &seen, guild, readable, &mut outlook).await?;
                if !full {
                    break;
                }
            }
        }
        outlook.plan.changes = outlook.candidates.iter().map(|candidate| candidate.change.clone()).collect();
        let shrinks = outlook.candidates.iter().filter(|candidate| candidate.shrinks);
        let people: std::collections::BTreeSet<UserId> = shrinks.map(|candidate| candidate.user).collect();
        outlook.plan.shrinks = people.len() as u64;
        Ok(outlook)
    }

    async fn look_at(
        &self,
        scope: Scope,
        policy: &Policy,
        seen: &Seen,
        guild: GuildId,
        rows: Vec<MemberRow>,
        outlook: &mut Outlook,
    ) -> Result<(), StoreError> {
        let mut concerned = Vec::new();
        for row in rows.into_iter().filter(|row| row.present && !row.bot) {
            let roles = seen.tracked(&row.roles);
            if scope == Scope::NeverAsked && roles.is_empty() {
                continue;
            }
            outlook.plan.looked_at += 1;
            concerned.push((row, roles));
        }
        let (now, protection) = (self.seam.now(), Protection::of(self));
        let (asked, skipped, unread) = self
            .store
            .read(move |tx| {
                let (mut asked, mut skipped, mut unread) = (Vec::new(), 0, Vec::new());
                for (row, roles) in concerned {
                    let user = row.user;
                    let known = tx.apart(|tx| {
                        if protection.why_of(user, &tx.memberships(user)?).is_some() {
                            skipped += 1;
                            return Ok(None);
                        }
                        if scope == Scope::NeverAsked && !never_asked(tx, guild, user)? {
                            return Ok(None);
                        }
                        let event = NewEvent {
                            at: now,
                            origin: Origin::Administrator,
                            guild,
                            user,
                            cause: cause(scope),
                            roles,
                            state: EventState::Waiting,
                            remark: None,
                        };
                        // It has no number: it stands in no journal.
                        Known::of(tx, EventRow { id: EventId(0), event }).map(Some)
                    })?;
                    match known {
                        Ok(known) => asked.extend(known.map(|known| (row, known))),
                        Err(error) => unread.push((user, error.to_string())),
                    }
                }
                Ok((asked, skipped, unread))
            })
            .await?;
        outlook.plan.skipped += skipped;
        outlook.plan.undecided.extend(unread);
        let inputs: Vec<(MemberRow, Event)> = asked
            .into_iter()
            .map(|(row, known)| {
                let input = decider::input(self, &known);
                (row, input)
            })
            .collect();
        let (policy, all) = (policy.clone(), self.settings().library_names());
        let decided = self
            .seam
            .compute(move || {
                let decide = |(row, input): (MemberRow, Event)| {
                    let decision = policy.evaluate(&input);
                    let before = input.account.access;
                    match decision {
                        Ok(evaluation) => {
                            let decision = evaluation.decision;
                            if decision.actions.is_empty() {
                                return Ok(None);
                            }
                            let after = rolarr_policy::apply_all(&before, &decision.actions);
                            let change = PlannedChange {
                                user: row.user,
                                username: row.username,
                                from: word(&before).to_owned(),
                                to: outcome(&before, &after, &decision.actions),
                                reason: decision.reason,
                            };
                            let shrinks = shrinks(&before, &after, &all);
                            Ok(Some(Candidate { guild, user: row.user, change, shrinks }))
                        }
                        Err(error) => Err((row.user, error.cause.to_string())),
                    }
                };
                inputs.into_iter().map(decide).collect::<Vec<_>>()
            })
            .await;
        let Some(decided) = decided else {
            return Err(StoreError::Failed("the thread that asks the policy ended".to_owned()));
        };
        for one in decided {
            match one {
                Ok(Some(candidate)) => outlook.candidates.push(candidate),
                Ok(None) => {}
                Err(undecided) => outlook.plan.undecided.push(undecided),
            }
        }
        Ok(())
    }
}

/// Has the policy decide about a member by what is stored of them now: asking it about everybody took a while, and
/// meanwhile roles may have come and gone. True if it is asked.
fn review(
    tx: &Tx<'_>,
    seen: &Seen,
    protection: &Protection,
    scope: Scope,
    user: UserId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let guild = seen.guild();
    // That somebody left is an event of its own.
    let Some(member) = tx.member(guild, user)?.filter(|member| member.present && !member.bot) else {
        return Ok(false);
    };
    if protection.why_of(user, &tx.memberships(user)?).is_some() {
        return Ok(false);
    }
    let roles = seen.tracked(&member.roles);
    if scope == Scope::NeverAsked && (roles.is_empty() || !never_asked(tx, guild, user)?) {
        return Ok(false);
    }
    let cause = cause(scope);
    // What waits and can't be read keeps nothing else from waiting behind it.
    let waits = tx.apart(|tx| tx.next_waiting(user))?.ok().flatten();
    let same =
        |row: &EventRow| row.event.cause == cause && row.event.guild == guild && row.event.roles == roles;
    if waits.as_ref().is_some_and(same) {
        return Ok(false);
    }
    tx.journal(&NewEvent {
        at: now,
        origin: Origin::Administrator,
        guild,
        user,
        cause,
        roles,
        state: EventState::Waiting,
        remark: None,
    })?;
    Ok(true)
}

/// Why nothing can be decided for somebody of whom something can't be read.
fn unreadable(what: &'static str) -> String {
    StoreError::Unreadable(what).to_string()
}

fn cause(scope: Scope) -> Cause {
    Cause::Review(match scope {
        Scope::Everybody => Review::PolicyChanged,
        Scope::NeverAsked => Review::Asked,
    })
}

/// Whether nothing was ever begun for a member: no question, no invitation, no decision that gave access.
fn never_asked(tx: &Tx<'_>, guild: GuildId, user: UserId) -> Result<bool, StoreError> {
    let granted = tx.grants(user)?.iter().any(|grant| grant.guild == guild && grant.access != Access::Absent);
    Ok(!granted && tx.latest_prompt(user)?.is_none() && tx.account_of(user)?.is_none())
}

/// An access in a word.
pub(super) fn word(access: &Access) -> &'static str {
    match access {
        Access::Absent => "no access",
        Access::Granted(_) => "access",
        Access::Restricted(_) => "restricted",
    }
}

/// What becomes of an access, where it stays the same or its kind does too.
fn outcome(before: &Access, after: &Access, actions: &[Action]) -> String {
    if before != after && word(before) == word(after) {
        return format!("{} of another extent", word(after));
    }
    if before == after {
        return format!("the same ({})", texts::actions(actions));
    }
    word(after).to_owned()
}

//! Decide: the policy answers each event of a member in order, and the answer is stored with what it
//! makes of the member's access.

use tokio::sync::Notify;

use crate::{
    domain::{
        AuditKind, Timestamp, UserId,
        contract::{Account, Event, GuildRoles, Level, Member, Progress, Service, Wake},
    },
    pipeline::{
        context::Context,
        decisions::{apply, undecided},
        desired::progress::Place,
        memory::quarantine::Whose,
        protection::current::Protection,
        runtime::{
            keyed::{self, Keyed},
            worker::Worker,
        },
        seam::Step,
        texts,
    },
    policy::LogLine,
    store::{
        self, DecisionRow, EventRow, EventState, FailureRow, GrantRow, MemberRow, NewEvent, Prompt,
        StoreError, Tx, WakeRow,
    },
};

/// Lets the policy decide the events that wait.
pub(in crate::pipeline) struct Decider;

impl Worker for Decider {
    const NAME: &'static str = "decide";

    fn signal(context: &Context) -> &Notify {
        <Self as Keyed>::signal(context)
    }

    async fn round(&mut self, context: &Context) -> Result<Option<Timestamp>, StoreError> {
        keyed::round::<Self>(context).await
    }
}

impl Keyed for Decider {
    type Key = UserId;

    const ABREAST: usize = 4;

    const BATCH: u32 = 64;

    fn signal(context: &Context) -> &Notify {
        &context.signals.decide
    }

    async fn due(context: &Context, most: u32) -> Result<(Vec<UserId>, Option<Timestamp>), StoreError> {
        let aside = context.unreadable.set_aside(context.seam.now());
        let most = most.saturating_add(u32::try_from(aside.len()).unwrap_or(u32::MAX));
        let mut users = context.store.read(move |tx| tx.waiting_users(most)).await?;
        users.retain(|user| !aside.contains(user));
        Ok((users, context.unreadable.next()))
    }

    /// All events of a member that wait, in order.
    async fn work_on(context: &Context, user: UserId) -> Result<(), StoreError> {
        while let Some(waiting) = context.store.read(move |tx| Known::of_next_event(tx, user)).await? {
            decide(context, waiting).await?;
        }
        Ok(())
    }

    fn quarantined(user: UserId) -> Whose {
        Whose::Member(user)
    }
}

/// What a decision is carried out on: it must still be so when the decision is stored.
#[derive(Clone, Debug, PartialEq)]
struct Basis {
    /// The account's generation; none if there is no account.
    generation: Option<u64>,
    /// What the guilds decided.
    grants: Vec<GrantRow>,
    /// What the policy asked to be woken for.
    wakes: Vec<WakeRow>,
}

impl Basis {
    fn of(tx: &Tx<'_>, event: &NewEvent) -> Result<Self, StoreError> {
        Ok(Self {
            generation: tx.account_of(event.user)?.map(|account| account.generation),
            grants: tx.grants(event.user)?,
            wakes: tx.wakes(event.guild, event.user)?,
        })
    }
}

/// Everything that the database has on a member's event.
pub(in crate::pipeline) struct Known {
    pub(in crate::pipeline) event: EventRow,
    memberships: Vec<MemberRow>,
    grants: Vec<GrantRow>,
    wakes: Vec<WakeRow>,
    account: Option<store::Account>,
    prompt: Option<Prompt>,
    held: bool,
}

impl Known {
    fn basis(&self) -> Basis {
        Basis {
            generation: self.account.as_ref().map(|account| account.generation),
            grants: self.grants.clone(),
            wakes: self.wakes.clone(),
        }
    }

    fn of_next_event(tx: &Tx<'_>, user: UserId) -> Result<Option<Self>, StoreError> {
        tx.next_waiting(user)?.map(|event| Self::of(tx, event)).transpose()
    }

    /// Why the member is nobody's business; none if they are.
    pub(in crate::pipeline) fn protected(&self, protection: &Protection) -> Option<&'static str> {
        protection.why_of(self.event.event.user, &self.memberships)
    }

    /// Everything on an event of a member.
    pub(in crate::pipeline) fn of(tx: &Tx<'_>, event: EventRow) -> Result<Self, StoreError> {
        let user = event.event.user;
        let account = tx.account_of(user)?;
        let held = match &account {
            Some(account) => tx.hold(account.id)?.is_some(),
            None => false,
        };
        Ok(Self {
            held,
            memberships: tx.memberships(user)?,
            grants: tx.grants(user)?,
            wakes: tx.wakes(event.event.guild, user)?,
            account,
            prompt: tx.latest_prompt(user)?,
            event,
        })
    }
}

/// Decides one event. Where the member's state became another one meanwhile, by an administrator's command say,
/// nothing is stored, and the event still waits.
async fn decide(core: &Context, known: Known) -> Result<(), StoreError> {
    let policy = core.policy();
    let basis = known.basis();
    let input = input(core, &known);
    let id = known.event.id;
    let user = known.event.event.user;
    // Who is protected by now is not evaluated, whatever the event and in whichever guild.
    if let Some(why) = known.protected(&Protection::of(core)) {
        return core.store.write(move |tx| tx.close_event(id, EventState::Skipped, Some(why))).await;
    }
    let judged = {
        let (policy, input) = (policy.clone(), input.clone());
        core.seam.compute(move || policy.evaluate(&input)).await
    };
    core.seam.reach(Step::PolicyAnswered).await;
    let now = core.seam.now();
    let metadata = policy.metadata();
    let input = serde_json::to_string(&input)
        .map_err(|_| StoreError::Unreadable("an event that can't be written as JSON"))?;
    match judged {
        Some(Ok(evaluation)) => {
            let row = DecisionRow {
                event: id,
                at: now,
                input,
                actions: evaluation.decision.actions,
                reason: evaluation.decision.reason,
                policy: metadata.name.clone(),
                version: metadata.version.clone(),
                digest: policy.digest().to_owned(),
                fuel: evaluation.fuel,
                micros: u64::try_from(evaluation.took.as_micros()).unwrap_or(u64::MAX),
                logs: evaluation.logs.iter().map(|line| line.text.clone()).collect(),
            };
            relay(&id.padded(), &metadata.name, &evaluation.logs);
            tracing::info!(
                event = id.padded(),
                policy = metadata.name,
                actions = row.actions.len(),
                fuel = row.fuel,
                micros = row.micros,
                reason = row.reason,
                "decided"
            );
            let settings = core.settings();
            let event = known.event;
            let shadowed = core.policies.candidate().is_some();
            let forgot = core
                .store
                .write(move |tx| {
                    // A policy that took over meanwhile does not want it any more.
                    if tx.event(id)?.is_none_or(|row| row.event.state != EventState::Waiting) {
                        return Ok(false);
                    }
                    if Basis::of(tx, &event.event)? != basis {
                        tracing::info!(
                            event = id.padded(),
                            "what was decided on is no longer so: the event is decided again"
                        );
                        return Ok(false);
                    }
                    let forgot = apply::carry_out(tx, &settings, now, &event, &row)?;
                    if shadowed {
                        tx.compare_later(event.id)?;
                    }
                    Ok(forgot)
                })
                .await?;
            core.seam.reach(Step::DecisionStored).await;
            if forgot {
                core.scrub().await?;
            }
        }
        failed => {
            let error = failed.and_then(Result::err);
            let why =
                error.as_ref().map_or_else(|| "the policy's thread ended".to_owned(), ToString::to_string);
            let logs = error.as_ref().map(|error| error.logs.as_slice()).unwrap_or_default();
            relay(&id.padded(), &metadata.name, logs);
            tracing::error!(event = id.padded(), error = why, "the event stays undecided");
            let row = FailureRow {
                event: id,
                at: now,
                input,
                why: why.clone(),
                policy: metadata.name.clone(),
                version: metadata.version.clone(),
                digest: policy.digest().to_owned(),
                fuel: error.as_ref().map_or(0, |error| error.fuel),
                micros: error
                    .as_ref()
                    .map_or(0, |error| u64::try_from(error.took.as_micros()).unwrap_or(u64::MAX)),
                logs: logs.iter().map(|line| line.text.clone()).collect(),
                again: undecided::later(core, error.as_ref().map(|error| &error.cause)),
            };
            core.store
                .write(move |tx| {
                    if tx.event(id)?.is_none_or(|row| row.event.state != EventState::Waiting) {
                        return Ok(());
                    }
                    let text = texts::undecided(user, &why);
                    tx.close_event(id, EventState::Undecided, Some(&text))?;
                    tx.put_failure(&row)?;
                    tx.audit(now, Some(id), Some(user), AuditKind::Policy, &text)
                })
                .await?;
        }
    }
    Ok(())
}

/// What the policy logged, at the importance that it gave.
fn relay(event: &str, policy: &str, lines: &[LogLine]) {
    for line in lines {
        match line.level {
            Level::Debug => tracing::debug!(event, policy, "{}", line.text),
            Level::Info => tracing::info!(event, policy, "{}", line.text),
            Level::Warn => tracing::warn!(event, policy, "{}", line.text),
            Level::Error => tracing::error!(event, policy, "{}", line.text),
        }
    }
}

/// What the policy is told.
pub(in crate::pipeline) fn input(core: &Context, known: &Known) -> Event {
    let event = &known.event.event;
    let here = known.memberships.iter().find(|member| member.guild == event.guild);
    let settings = core.settings();
    let elsewhere = settings
        .guilds
        .iter()
        .filter(|guild| guild.id != event.guild)
        .filter_map(|guild| {
            let member =
                known.memberships.iter().find(|member| member.guild == guild.id && member.present)?;
            Some(GuildRoles {
                guild: guild.id.into(),
                key: guild.key.clone(),
                roles: core.roles(guild.id, &member.roles),
            })
        })
        .collect();
    let grant = known.grants.iter().find(|grant| grant.guild == event.guild);
    Event {
        id: known.event.id.padded(),
        at: event.at,
        origin: event.origin,
        guild: event.guild.into(),
        member: Member {
            id: event.user.into(),
            username: here.map(|member| member.username.clone()).unwrap_or_default(),
            roles: core.roles(event.guild, &event.roles),
            elsewhere,
            joined_at: here.and_then(|member| member.joined_at),
            screening: here.is_some_and(|member| member.screening),
        },
        service: Service {
            key: "plex".to_owned(),
            kind: "plex".to_owned(),
            libraries: settings.shared_names(),
        },
        account: Account {
            access: grant.map(|grant| grant.access.clone()).unwrap_or_default(),
            progress: if known.held {
                Progress::Held
            } else {
                progress(known.account.as_ref(), known.prompt.as_ref())
            },
            identified: known
                .account
                .as_ref()
                .is_some_and(|account| account.email.is_some() || account.plex_account.is_some()),
            since: grant.and_then(|grant| grant.since),
            wakes: known.wakes.iter().map(|wake| Wake { tag: wake.tag.clone(), due: wake.due }).collect(),
            memo: grant.map(|grant| grant.memo.clone()).unwrap_or_default(),
        },
        cause: event.cause.clone(),
        facts: Vec::new(),
    }
}

/// How far the host has got with a member.
fn progress(account: Option<&store::Account>, prompt: Option<&Prompt>) -> Progress {
    let Some(account) = account else { return Progress::Settled };
    let place = Place {
        held: account.held.is_some(),
        parked: account.parked.is_some(),
        known: account.email.is_some() || account.plex_account.is_some(),
        stage: account.stage,
        prompt: prompt.map(|prompt| prompt.state),
        due: account.due.is_some(),
    };
    place.progress()
}

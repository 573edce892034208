//! What a decision changes at once: the member's access, and with it what should be true at Plex, which
//! question is open and which messages go out. All of it is one transaction.

use crate::{
    domain::{
        EventId, GuildId, Timestamp, UserId,
        account::{Account, Pursued},
        contract::{Access, Action, Wake},
    },
    pipeline::{
        approvals::{limit, settling},
        decisions::{
            member_state::{Carried, Followed, LEAST_WAKE},
            pace,
        },
        desired::merge::most_generous,
        outbox::texts,
        runtime::seam::millis,
        settings::Settings,
    },
    store::{DecisionRow, EventRow, EventState, GrantRow, PromptState, StoreError, Tx, WakeRow, Work},
};

/// Stores a decision and what follows from it. True if an e-mail address was forgotten.
pub(in crate::pipeline) fn carry_out(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    event: &EventRow,
    decision: &DecisionRow,
) -> Result<bool, StoreError> {
    let (guild, user) = (event.event.guild, event.event.user);
    tx.put_decision(decision)?;
    tx.close_event(event.id, EventState::Decided, None)?;
    let before = tx.grants(user)?;
    let old = grant_of(tx, guild, user)?;
    let wakes = tx.wakes(guild, user)?;
    let mut carried = Carried {
        access: old.access,
        since: old.since,
        memo: old.memo,
        wakes: wakes.into_iter().map(|wake| Wake { tag: wake.tag, due: wake.due }).collect(),
    };
    let stood: Vec<String> = carried.wakes.iter().map(|wake| wake.tag.clone()).collect();
    let Followed { opens, moved, quiet, told_now, tell, asked, deferred } =
        carried.follow(&decision.actions, now);
    for tag in stood.iter().filter(|tag| carried.wakes.iter().all(|wake| wake.tag != **tag)) {
        tx.drop_wake(guild, user, tag)?;
    }
    forget_wakes_that_came(tx, event, decision)?;
    // A policy of another name may have taken over since this one was asked: it does not know these wakes.
    let decides = asked.is_empty() || tx.name_in_force()?.is_none_or(|name| name == decision.policy);
    for wake in carried.wakes.into_iter().filter(|wake| decides && asked.contains(&wake.tag)) {
        let policy = decision.policy.clone();
        pace::put_wake(tx, now, &WakeRow { guild, user, tag: wake.tag, due: wake.due, policy })?;
    }
    if !deferred.is_empty() {
        let text = format!(
            "<@{user}>: `wake-at` asked for less than {} seconds from now ({}): it comes after that time.",
            LEAST_WAKE / 1_000,
            deferred.join(", ")
        );
        tracing::warn!(event = event.id.padded(), "the policy asked to be woken too soon: it is woken later");
        tx.remark(now, Some(event.id), Some(user), "policy", &text)?;
    }
    let told_now = pace::messages(tx, settings, now, (guild, user), told_now)?;
    let tell = pace::messages(tx, settings, now, (guild, user), tell.into_iter().collect())?.pop();
    let grant = GrantRow { guild, access: carried.access, since: carried.since, memo: carried.memo };
    tx.put_grant(user, &grant)?;
    let waits = settling::waits(&event.event);
    let change = Change { opens, quiet, tell, told_now, waits, ..Change::of(event.id, guild, user) };
    let outcome = if moved || change.tell.is_some() {
        wish(tx, settings, now, &before, &change)?
    } else {
        tell_now(tx, now, &change)?;
        if let Some(account) = tx.account_of(user)?
            && let Some(hold) = tx.hold(account.id)?
        {
            limit::release(tx, settings, now, &hold)?;
        }
        Outcome::Free
    };
    if !decision.actions.is_empty() {
        let text = texts::decided(user, decision);
        match outcome {
            // One message names everybody who is held.
            Outcome::Held => tx.remark(now, Some(event.id), Some(user), "decision", &text)?,
            Outcome::Settles => settling::report(tx, user, event.id, text)?,
            // Nothing changed for them: it stands in the journal.
            Outcome::Unchanged => {}
            Outcome::Free | Outcome::Forgot => {
                tx.audit(now, Some(event.id), Some(user), "decision", &text)?;
            }
        }
    }
    Ok(outcome == Outcome::Forgot)
}

/// Wakes that have come and were not decided yet go the way of those that are still to come: one that is cancelled or
/// asked for again is not wanted, and a removal ends them all.
fn forget_wakes_that_came(tx: &Tx<'_>, event: &EventRow, decision: &DecisionRow) -> Result<(), StoreError> {
    let (guild, user) = (event.event.guild, event.event.user);
    for action in &decision.actions {
        let tag = match action {
            Action::WakeAt(wake) => Some(wake.tag.as_str()),
            Action::CancelWake(tag) => Some(tag.as_str()),
            Action::Remove => None,
            _ => continue,
        };
        tx.skip_waiting_wakes_of(guild, user, tag, event.id)?;
        match tag {
            Some(tag) => tx.drop_shelved_wake(guild, user, tag, &decision.policy)?,
            None => tx.drop_shelved_wakes(guild, user)?,
        }
    }
    Ok(())
}

/// What one guild's decisions made true for a person; nothing yet is no access.
pub(in crate::pipeline) fn grant_of(
    tx: &Tx<'_>,
    guild: GuildId,
    user: UserId,
) -> Result<GrantRow, StoreError> {
    let grants = tx.grants(user)?;
    Ok(grants.into_iter().find(|grant| grant.guild == guild).unwrap_or(GrantRow {
        guild,
        access: Access::Absent,
        since: None,
        memo: String::new(),
    }))
}

/// A change of what should be true for a person.
pub(in crate::pipeline) struct Change {
    /// The event that it follows from.
    pub(in crate::pipeline) event: EventId,
    /// The guild.
    pub(in crate::pipeline) guild: GuildId,
    /// The person.
    pub(in crate::pipeline) user: UserId,
    /// It may create a share.
    pub(in crate::pipeline) opens: bool,
    /// The host sends no message of its own.
    pub(in crate::pipeline) quiet: bool,
    /// A message for when Plex agrees.
    pub(in crate::pipeline) tell: Option<String>,
    /// Messages for this moment.
    pub(in crate::pipeline) told_now: Vec<String>,
    /// Where it takes something away, that waits for the settling time.
    pub(in crate::pipeline) waits: bool,
}

impl Change {
    /// A change that creates nothing and says nothing.
    pub(in crate::pipeline) fn of(event: EventId, guild: GuildId, user: UserId) -> Self {
        Self {
            event,
            guild,
            user,
            opens: false,
            quiet: false,
            tell: None,
            told_now: Vec::new(),
            waits: false,
        }
    }
}

/// What a change leads to at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Outcome {
    /// It goes its way.
    Free,
    /// It goes its way, and an e-mail address was forgotten.
    Forgot,
    /// It waits for an administrator.
    Held,
    /// It waits for the settling time.
    Settles,
    /// What was about to be taken away is there again, and none of it had been carried out or told.
    Unchanged,
}

/// What should be true for a person at Plex: the most generous of what the guilds decided, or what an
/// administrator granted to a bare address.
pub(in crate::pipeline) fn desired(
    tx: &Tx<'_>,
    settings: &Settings,
    account: &Account,
) -> Result<Access, StoreError> {
    let Some(user) = account.user else {
        return Ok(account.granted.clone().map_or(Access::Absent, Access::Granted));
    };
    let grants = tx.grants(user)?;
    // What a guild decided that is no longer served does not count.
    let served = grants.iter().filter(|grant| settings.guild(grant.guild).is_some());
    Ok(most_generous(served.map(|grant| &grant.access), &settings.shared_names()))
}

/// Takes note of what should be true now, and lets the other workers know by what it writes; unless the
/// brake holds it. `before` is what the guilds had decided before.
pub(in crate::pipeline) fn wish(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    before: &[GrantRow],
    change: &Change,
) -> Result<Outcome, StoreError> {
    let mut account = match tx.account_of(change.user)? {
        Some(account) => account,
        None => {
            let grants = tx.grants(change.user)?;
            if grants.iter().all(|grant| grant.access == Access::Absent) {
                tell_now(tx, now, change)?;
                return Ok(Outcome::Free);
            }
            tx.new_account(Some(change.user))?
        }
    };
    account.decide(change.event, change.quiet, change.tell.clone());
    settling::go_on(tx, settings, now, account, before, change)
}

/// Queues the messages for this moment. Nobody can write to somebody who left.
pub(in crate::pipeline) fn tell_now(tx: &Tx<'_>, now: Timestamp, change: &Change) -> Result<(), StoreError> {
    if change.told_now.is_empty() || !tx.memberships(change.user)?.iter().any(|member| member.present) {
        return Ok(());
    }
    for text in &change.told_now {
        tx.add_task(Some(change.event), Some(change.user), &Work::Tell { text: text.clone() }, now)?;
    }
    Ok(())
}

/// What should be true for a person is made so from now on. True if an e-mail address was forgotten.
pub(in crate::pipeline) fn pursue(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    mut account: Account,
    change: &Change,
) -> Result<bool, StoreError> {
    let desired = desired(tx, settings, &account)?;
    let written = !tx.ledgers(account.id)?.is_empty();
    let forgot = match account.pursue(&desired, change.opens.then_some(change.event), written, now) {
        Pursued::Nothing => false,
        Pursued::Asks => {
            ask(tx, settings, now, change)?;
            false
        }
        Pursued::Closes => {
            close_prompts(tx, now, change.event, change.user)?;
            false
        }
        Pursued::Ends { forgot, tell } => {
            close_prompts(tx, now, change.event, change.user)?;
            tx.drop_tasks_of(change.user)?;
            let told_now = Vec::from_iter(tell);
            tell_now(tx, now, &Change { told_now, ..Change::of(change.event, change.guild, change.user) })?;
            forgot
        }
    };
    tx.put_account(&account)?;
    Ok(forgot)
}

/// Asks for the e-mail address, unless the question is open already.
pub(in crate::pipeline) fn ask(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    change: &Change,
) -> Result<(), StoreError> {
    if tx.open_prompt_of(change.user)?.is_some() {
        return Ok(());
    }
    let expires_at = now.plus_millis(millis(settings.timings.prompt));
    if let Some(expired) = tx.latest_prompt(change.user)?
        && expired.state == PromptState::Expired
    {
        tx.reopen_prompt(expired.id, expires_at)?;
        tx.add_task(Some(change.event), Some(change.user), &Work::Refresh(expired.id), now)?;
        return Ok(());
    }
    let prompt = tx.open_prompt(change.user, change.guild, now, expires_at)?;
    tx.add_task(Some(change.event), Some(change.user), &Work::Ask(prompt), now)?;
    Ok(())
}

/// Closes the open question, and the expired one too: a press on its button must not open it again. The
/// button says so.
pub(in crate::pipeline) fn close_prompts(
    tx: &Tx<'_>,
    now: Timestamp,
    event: EventId,
    user: UserId,
) -> Result<(), StoreError> {
    let Some(prompt) = tx.latest_prompt(user)? else { return Ok(()) };
    if matches!(prompt.state, PromptState::Open | PromptState::Expired) {
        tx.set_prompt_state(prompt.id, PromptState::Closed)?;
        tx.add_task(Some(event), Some(user), &Work::Refresh(prompt.id), now)?;
    }
    Ok(())
}

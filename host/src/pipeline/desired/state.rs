//! What should be true for a member, and setting out to make it so.

use crate::{
    domain::{
        EventId, GuildId, Timestamp, UserId,
        account::{Account, Pursued},
        contract::Access,
    },
    pipeline::{desired::merge::most_generous, seam::millis, settings::Settings},
    store::{GrantRow, PromptState, StoreError, Tx, Work},
};

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

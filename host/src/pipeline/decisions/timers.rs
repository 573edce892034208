//! What happens because a time came: prompts that expire, and wakes that are due.

use tokio::sync::Notify;

use crate::{
    domain::{
        GuildId, RoleId, Timestamp, UserId,
        contract::{AccountChange, Cause, Origin},
    },
    pipeline::{
        context::Context, decisions::pace, members::ingest::Seen, memory::quarantine::Whose,
        runtime::worker::Worker,
    },
    store::{EventState, NewEvent, Prompt, PromptState, StoreError, Tx, WakeRow, Work},
};

/// Lets prompts expire, and wakes the policy.
pub(in crate::pipeline) struct Timers;

impl Worker for Timers {
    const NAME: &'static str = "timers";

    fn signal(context: &Context) -> &Notify {
        &context.signals.timers
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        // The wall clock may be set, and a computer may sleep.
        let soon = core.after(core.settings().timings.notice);
        if !core.believes_clock().await? {
            // What is overdue by a wrong clock is no reason to hurry.
            return Ok(Some(soon));
        }
        fall_due(core, core.seam.now()).await?;
        let next = core.store.read(|tx| tx.next_deadline()).await?;
        Ok(Some(next.map_or(soon, |next| next.min(soon))))
    }
}

/// Questions that were not answered in time expire, and policies are woken that asked for it.
async fn fall_due(core: &Context, now: Timestamp) -> Result<(), StoreError> {
    let (prompts, wakes) =
        core.store.read(move |tx| Ok((tx.overdue_prompts(now)?, tx.due_wakes(now)?))).await?;
    for prompt in prompts {
        let (id, expired) = match prompt {
            Ok(prompt) => (prompt.id, expire(core, prompt, now).await),
            Err(id) => (id, Err(StoreError::Unreadable("a question"))),
        };
        match expired {
            Err(error @ StoreError::Unreadable(_)) => {
                core.put_aside(Whose::Question(id), &error).await?;
            }
            other => other?,
        }
    }
    let policy = core.policy().metadata().name.clone();
    for wake in wakes {
        let (guild, user, fired) = match wake {
            // Whoever asked for it decides no more.
            Ok(wake) if wake.policy != policy => {
                // One of the same tag may stand in its place by now: only this one goes.
                core.store.write(move |tx| tx.take_wake(&wake)).await?;
                continue;
            }
            Ok(wake) => (wake.guild, wake.user, fire(core, wake).await),
            Err((guild, user)) => (guild, user, Err(StoreError::Unreadable("a wake"))),
        };
        match fired {
            Err(error @ StoreError::Unreadable(_)) => {
                core.put_aside(Whose::Wakes(guild, user), &error).await?;
            }
            other => other?,
        }
    }
    Ok(())
}

/// A question was not answered in time.
async fn expire(core: &Context, prompt: Prompt, now: Timestamp) -> Result<(), StoreError> {
    let seen = Seen::new(core, prompt.guild);
    core.store
        .write(move |tx| {
            // It may have been answered at the last moment.
            let state = tx.prompt(prompt.id)?.map(|prompt| prompt.state);
            if state != Some(PromptState::Open) {
                return Ok(());
            }
            tx.set_prompt_state(prompt.id, PromptState::Expired)?;
            tx.add_task(None, Some(prompt.user), &Work::Refresh(prompt.id), now)?;
            let cause = Cause::Account(AccountChange::AskExpired);
            journal(tx, &seen, prompt.guild, prompt.user, now, cause)
        })
        .await
}

/// The policy is woken, unless it asks for too much.
async fn fire(core: &Context, wake: WakeRow) -> Result<(), StoreError> {
    let seen = Seen::new(core, wake.guild);
    let (settings, now) = (core.settings(), core.seam.now());
    core.store
        .write(move |tx| {
            // It may have been cancelled or replaced meanwhile.
            if !tx.take_wake(&wake)? {
                return Ok(());
            }
            if !pace::wakes(tx, &settings, now, wake.guild, wake.user)? {
                return tx.shelve_wake(&wake, now);
            }
            journal(tx, &seen, wake.guild, wake.user, wake.due, Cause::Wake(wake.tag))
        })
        .await
}

fn journal(
    tx: &Tx<'_>,
    seen: &Seen,
    guild: GuildId,
    user: UserId,
    at: Timestamp,
    cause: Cause,
) -> Result<(), StoreError> {
    let held: Vec<RoleId> = tx
        .member(guild, user)?
        .filter(|member| member.present)
        .map(|member| member.roles)
        .unwrap_or_default();
    tx.journal(&NewEvent {
        at,
        origin: Origin::Timer,
        guild,
        user,
        cause,
        roles: seen.tracked(&held),
        state: EventState::Waiting,
        remark: None,
    })?;
    Ok(())
}

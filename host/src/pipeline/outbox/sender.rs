//! Messages: each goes out once, whatever happens between sending and storing that it was sent.
//!
//! What administrators are told goes its own way beside what members are told: it waits for no direct message, and
//! it is tried until the channel takes it.

use std::{collections::BTreeSet, time::Duration};

use tokio::sync::Notify;

use crate::{
    domain::{AuditKind, ChannelId, EventId, GuildId, MessageId, PromptId, TaskId, Timestamp, UserId},
    pipeline::{
        accounts::address,
        approvals::review,
        context::Context,
        memory::quarantine::Whose,
        ports::{DiscordError, Outgoing, Posted},
        runtime::worker::Worker,
        seam::{Step, millis},
        settings::GuildSettings,
        texts,
    },
    store::{PromptState, Reader, StoreError, Task, TaskState, Tx, Work},
};

/// Discord's error code for a message that is not there (any more).
const UNKNOWN_MESSAGE: u32 = 10_008;

/// Discord takes a nonce for the same message for "a few minutes": within this time it is relied on.
const NONCE_HOLDS: Duration = Duration::from_secs(120);

/// After so many failures a direct message waits behind the neutral button.
const PATIENCE: u32 = 12;

/// How long no direct message goes out after Discord said that they are too many (40003). It doubles each time.
const DIRECT_PAUSE: Duration = Duration::from_secs(600);
/// The longest of these pauses.
const LONGEST_DIRECT_PAUSE: Duration = Duration::from_secs(6 * 3_600);

/// So many messages to administrators wait at most. What was dropped is told in one line later.
const WAITING_REPORTS: u32 = 200;
/// The fact that counts the messages to administrators that were dropped and not told of yet.
const DROPPED_REPORTS: &str = "dropped-reports";

/// How many of a channel's messages are searched at a time for one that may have been sent.
const SEARCHED: u8 = 100;

/// How often at most, until a message counts as one that may have been sent for good.
const SEARCHES: usize = 20;

/// So many messages are taken up in one round.
const ROUND: u32 = 50;

/// Sends members what is due.
pub(in crate::pipeline) struct Messenger;

/// Sends administrators what is due.
pub(in crate::pipeline) struct Reporter;

impl Worker for Messenger {
    const NAME: &'static str = "messages";

    fn signal(core: &Context) -> &Notify {
        &core.signals.messages
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let Some(due) = due(core, Reader::Member).await? else {
            return core.store.read(|tx| tx.next_task_due(Reader::Member)).await;
        };
        for task in due {
            let direct = matches!(task.work, Work::Tell { .. } | Work::Ask(_));
            match take_up(core, task).await? {
                // What else was read is out of date.
                Delivery::Paused => break,
                // Nothing was asked of Discord.
                Delivery::Settled => {}
                // Discord limits bots that try to send many direct messages in a row, whether they arrive or not.
                Delivery::Sent | Delivery::Refused | Delivery::Later(_) if direct => {
                    core.seam.sleep(core.settings().timings.message_spacing).await;
                }
                Delivery::Sent | Delivery::Refused | Delivery::Later(_) => {}
            }
        }
        Ok(Some(core.seam.now()))
    }
}

impl Worker for Reporter {
    const NAME: &'static str = "reports";

    fn signal(core: &Context) -> &Notify {
        &core.signals.reports
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        trim(core).await?;
        let Some(due) = due(core, Reader::Administrators).await? else {
            return core.store.read(|tx| tx.next_task_due(Reader::Administrators)).await;
        };
        for task in due {
            match take_up(core, task).await? {
                Delivery::Later(at) => {
                    // The channel takes nothing now. What comes after this one waits with it, and in order.
                    core.store.write(move |tx| tx.delay_reports(at)).await?;
                    break;
                }
                Delivery::Sent => tell_dropped(core).await?,
                Delivery::Settled | Delivery::Refused | Delivery::Paused => {}
            }
        }
        Ok(Some(core.seam.now()))
    }
}

/// Keeps the messages that wait for the audit channel few, however long it takes none.
async fn trim(core: &Context) -> Result<(), StoreError> {
    let dropped = core
        .store
        .write(move |tx| {
            let dropped = tx.trim_reports(WAITING_REPORTS)?;
            if dropped > 0 {
                tx.put_fact(DROPPED_REPORTS, &dropped_reports(tx)?.saturating_add(dropped).to_string())?;
            }
            Ok(dropped)
        })
        .await?;
    if dropped > 0 {
        tracing::warn!(dropped, "the audit channel takes no messages; the oldest that waited were dropped");
    }
    Ok(())
}

/// How many messages to administrators were dropped since they were last told of that.
fn dropped_reports(tx: &Tx<'_>) -> Result<u64, StoreError> {
    Ok(tx.fact(DROPPED_REPORTS)?.and_then(|count| count.parse().ok()).unwrap_or(0))
}

/// The channel takes messages again: administrators hear how many they missed.
async fn tell_dropped(core: &Context) -> Result<(), StoreError> {
    let missed = |tx: &Tx<'_>| Ok(dropped_reports(tx)? > 0);
    if !core.store.read(missed).await? {
        return Ok(());
    }
    let now = core.seam.now();
    core.store
        .write(move |tx| {
            let dropped = dropped_reports(tx)?;
            tx.drop_fact(DROPPED_REPORTS)?;
            let text = texts::reports_dropped(dropped);
            tx.add_task(None, None, &Work::Audit { text }, now).map(drop)
        })
        .await
}

/// The messages that are due, if any are. One that can't be read keeps no other waiting.
async fn due(core: &Context, reader: Reader) -> Result<Option<Vec<Task>>, StoreError> {
    let now = core.seam.now();
    let due = core.store.read(move |tx| tx.due_tasks(reader, now, ROUND)).await?;
    if due.is_empty() {
        return Ok(None);
    }
    let mut tasks = Vec::new();
    for task in due {
        match task {
            Ok(task) => tasks.push(task),
            Err(id) => core.put_aside(Whose::Message(id), &StoreError::Unreadable("a message")).await?,
        }
    }
    Ok(Some(tasks))
}

/// What came of a message for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    /// It went out.
    Sent,
    /// Nothing was asked of Discord, and there is nothing more to do.
    Settled,
    /// Discord did not take it, and there is nothing more to do for now.
    Refused,
    /// No direct message goes out for a while.
    Paused,
    /// It is tried again then.
    Later(Timestamp),
}

/// Works on one task. Where what it needs can't be read it keeps no other waiting.
async fn take_up(core: &Context, task: Task) -> Result<Delivery, StoreError> {
    let id = task.id;
    match deliver(core, task).await {
        Err(error @ StoreError::Unreadable(_)) => {
            core.put_aside(Whose::Message(id), &error).await?;
            Ok(Delivery::Settled)
        }
        other => other,
    }
}

async fn deliver(core: &Context, task: Task) -> Result<Delivery, StoreError> {
    let hours = millis(core.settings().timings.prompt).div_ceil(3_600_000);
    let server = core.settings().server.name.clone();
    match task.work.clone() {
        Work::Audit { text } => match core.settings().audit_channel {
            Some(channel) => send(core, &task, channel, &texts::message(&text)).await,
            None => end(core, task.id, TaskState::Dropped).await,
        },
        Work::Tell { text } => direct(core, &task, &texts::message(&text)).await,
        Work::Ask(prompt) => {
            // A question that was closed before it was asked is not asked.
            match core.store.read(move |tx| tx.prompt(prompt)).await? {
                Some(open) if open.state == PromptState::Open => {
                    direct(core, &task, &texts::question(prompt, &server, hours)).await
                }
                _ => end(core, task.id, TaskState::Dropped).await,
            }
        }
        Work::Refresh(prompt) => refresh(core, &task, prompt, &server, hours).await,
        Work::Holds => {
            let (id, settings, now) = (task.id, core.settings(), core.seam.now());
            // What is sent is settled first: after a crash the very same text is looked for.
            core.store
                .write(move |tx| match review::announce(tx, &settings, now, id)? {
                    review::Announced::Written | review::Announced::Later => Ok(()),
                    review::Announced::Nobody => tx.end_task(id, TaskState::Dropped, None),
                })
                .await?;
            Ok(Delivery::Settled)
        }
        Work::OfferInbox(channel) => offer_inbox(core, &task, channel).await,
    }
}

/// Puts the neutral button into a channel, unless it stands there still.
async fn offer_inbox(core: &Context, task: &Task, channel: ChannelId) -> Result<Delivery, StoreError> {
    let offer = texts::inbox_offer();
    if let Some(message) = core.store.read(move |tx| tx.inbox_in(channel)).await? {
        match core.discord.edit(channel, message, &offer).await {
            Ok(()) => return end(core, task.id, TaskState::Dropped).await,
            // Somebody deleted it.
            Err(DiscordError::NotFound { code: UNKNOWN_MESSAGE }) => {}
            Err(error) => return failed(core, task, None, &error).await,
        }
    }
    send(core, task, channel, &offer).await
}

/// Sends a direct message; where that is closed it waits behind the neutral button.
async fn direct(core: &Context, task: &Task, message: &Outgoing) -> Result<Delivery, StoreError> {
    let Some(user) = task.user else { return end(core, task.id, TaskState::Dropped).await };
    let channel = match task.channel {
        Some(channel) => channel,
        None => match core.discord.direct_channel(user).await {
            Ok(channel) => channel,
            Err(error) => return failed(core, task, Some(user), &error).await,
        },
    };
    send(core, task, channel, message).await
}

/// Sends a message once. That it is about to be sent is stored first; after a crash Discord's own memory of
/// the nonce keeps it from being sent twice, and when that is too old the channel itself is asked.
async fn send(
    core: &Context,
    task: &Task,
    channel: ChannelId,
    message: &Outgoing,
) -> Result<Delivery, StoreError> {
    let now = core.seam.now();
    let id = task.id;
    if let (TaskState::Sending, Some(sent_at)) = (task.state, task.sent_at)
        && now.0.saturating_sub(sent_at.0) > millis(NONCE_HOLDS)
    {
        // One with the same words that was sent by another task is not this one.
        let others = core.store.read(move |tx| tx.sent_into(channel)).await?;
        match stands(core, channel, message, sent_at, &others).await {
            Ok(Stands::Here(stands)) => {
                sent(core, task, channel, stands).await?;
                return Ok(Delivery::Settled);
            }
            Ok(Stands::Nowhere) => {}
            // If in doubt nothing is sent.
            Ok(Stands::Unknown) => {
                tracing::warn!(task = %id, "whether a message was sent before a crash can't be told; it is not sent again");
                return end(core, id, TaskState::Dropped).await;
            }
            Err(error) => return failed(core, task, None, &error).await,
        }
    }
    if !core.store.write(move |tx| tx.begin_task(id, channel, now)).await? {
        // It was dropped meanwhile.
        return Ok(Delivery::Settled);
    }
    core.seam.reach(Step::MessageIntended).await;
    match core.discord.post(channel, message, &nonce(core, id)).await {
        Ok(message) => {
            core.seam.reach(Step::MessageSent).await;
            if task.user.is_some() {
                core.direct_messages.work();
            }
            sent(core, task, channel, message).await?;
            Ok(Delivery::Sent)
        }
        Err(error) => failed(core, task, task.user, &error).await,
    }
}

/// Whether a message stands in a channel.
enum Stands {
    Here(MessageId),
    Nowhere,
    /// The channel's newer messages are too many to search.
    Unknown,
}

/// Searches a channel for a message that may have been sent at some time: as far back as that.
async fn stands(
    core: &Context,
    channel: ChannelId,
    message: &Outgoing,
    sent_at: Timestamp,
    others: &BTreeSet<MessageId>,
) -> Result<Stands, DiscordError> {
    // Discord's clock and ours may differ by a little.
    let since = Timestamp(sent_at.0.saturating_sub(60_000));
    // White space at the ends does not survive at Discord.
    let text = message.text.trim();
    let mut before = None;
    for _ in 0..SEARCHES {
        let page = core.discord.recent(channel, before, SEARCHED).await?;
        let ours = |posted: &&Posted| {
            posted.ours && posted.at >= since && posted.text.trim() == text && !others.contains(&posted.id)
        };
        if let Some(found) = page.iter().find(ours) {
            return Ok(Stands::Here(found.id));
        }
        let Some(oldest) = page.last().filter(|oldest| oldest.at >= since) else {
            return Ok(Stands::Nowhere);
        };
        before = Some(oldest.id);
    }
    Ok(Stands::Unknown)
}

/// At most 25 characters, and the same after a restart.
fn nonce(core: &Context, task: TaskId) -> String {
    format!("{}-{task}", core.nonce)
}

async fn sent(core: &Context, task: &Task, channel: ChannelId, message: MessageId) -> Result<(), StoreError> {
    let event = task.event.map(EventId::padded).unwrap_or_default();
    tracing::info!(event, task = %task.id, "a message was sent");
    let (id, work) = (task.id, task.work.clone());
    let now = core.seam.now();
    // The time for an answer runs from now on, however long the question waited to be sent.
    let expires_at = core.after(core.settings().timings.prompt);
    core.store
        .write(move |tx| {
            tx.end_task(id, TaskState::Done, Some(message))?;
            if let Work::Ask(prompt) = work {
                tx.place_prompt(prompt, channel, message)?;
                // It may have been closed or answered while it was being sent.
                let state = tx.prompt(prompt)?.map(|prompt| prompt.state);
                if state == Some(PromptState::Open) {
                    tx.postpone_prompt(prompt, expires_at)?;
                } else {
                    tx.add_task(None, None, &Work::Refresh(prompt), now)?;
                }
            }
            Ok(())
        })
        .await?;
    core.seam.reach(Step::MessageRecorded).await;
    Ok(())
}

/// Makes a question's message say what became of it.
async fn refresh(
    core: &Context,
    task: &Task,
    prompt: PromptId,
    server: &str,
    hours: u64,
) -> Result<Delivery, StoreError> {
    let settings = core.settings();
    let read = move |tx: &Tx<'_>| {
        let Some(prompt) = tx.prompt(prompt)? else { return Ok(None) };
        let pending = address::can_correct(tx, &settings, prompt.user)?;
        Ok(Some((prompt, pending)))
    };
    let Some((prompt, pending)) = core.store.read(read).await? else {
        return end(core, task.id, TaskState::Dropped).await;
    };
    // Not sent yet: when it is, it comes back here.
    let Some((channel, message)) = prompt.message else {
        return end(core, task.id, TaskState::Dropped).await;
    };
    let text = match prompt.state {
        PromptState::Open => texts::question(prompt.id, server, hours),
        PromptState::Answered if pending => texts::question_pending(prompt.id),
        PromptState::Answered => texts::question_answered(prompt.id),
        PromptState::Closed => texts::question_closed(prompt.id),
        PromptState::Expired => texts::question_expired(prompt.id),
    };
    match core.discord.edit(channel, message, &text).await {
        Ok(()) => end(core, task.id, TaskState::Done).await,
        Err(error) => failed(core, task, None, &error).await,
    }
}

/// A call failed: later again, or behind the neutral button, or not at all. It never concerns the Plex side.
async fn failed(
    core: &Context,
    task: &Task,
    member: Option<UserId>,
    error: &DiscordError,
) -> Result<Delivery, StoreError> {
    let event = task.event.map(EventId::padded).unwrap_or_default();
    if let Some(user) = member {
        if matches!(error, DiscordError::TooManyDirectMessages) {
            return pause_direct_messages(core, error).await;
        }
        // A question waits for as long as it is open. Any other message would only confuse by then.
        let too_often = task.attempts >= PATIENCE && matches!(task.work, Work::Tell { .. });
        if error.is_refusal() || too_often {
            tracing::info!(event, %user, %error, "a direct message can't be delivered; it waits behind the button");
            return into_inbox(core, task, error).await;
        }
    }
    let report = matches!(task.work, Work::Audit { .. } | Work::Holds);
    let at_least = match error {
        DiscordError::RateLimited { retry_after } => Some(*retry_after),
        DiscordError::Unavailable { .. }
        | DiscordError::Unauthorized
        | DiscordError::TooManyDirectMessages => None,
        // A channel that is not there, not open, locked or of the wrong kind may be another one tomorrow. Only a
        // text that is refused stays refused.
        error if report && !error.is_about_the_text() => {
            tracing::error!(
                task = %task.id, %error,
                "the audit channel takes no messages; they wait. Check discord.audit_channel and the bot's permissions there"
            );
            None
        }
        error
            if matches!(task.work, Work::OfferInbox(_))
                && !error.is_about_the_text()
                && task.attempts < PATIENCE =>
        {
            tracing::warn!(
                task = %task.id, %error,
                "the prompt channel does not take the button; trying again. Check the bot's permissions there"
            );
            None
        }
        DiscordError::NotFound { .. } | DiscordError::Refused { .. } => {
            tracing::warn!(event, task = %task.id, %error, "a message is dropped");
            end(core, task.id, TaskState::Dropped).await?;
            return Ok(Delivery::Refused);
        }
    };
    let (id, due) = (task.id, core.retry_at(task.attempts, at_least));
    core.store.write(move |tx| tx.delay_task(id, due)).await?;
    Ok(Delivery::Later(due))
}

/// A message to a member can't be delivered: it waits behind the neutral button.
async fn into_inbox(core: &Context, task: &Task, error: &DiscordError) -> Result<Delivery, StoreError> {
    let (id, about, now) = (task.id, task.event, core.seam.now());
    let (settings, work) = (core.settings(), task.work.clone());
    let expires_at = core.after(core.settings().timings.prompt);
    let quarantined = error.is_quarantine();
    let tells = quarantined && core.direct_messages.quarantine.is_news(now);
    core.store
        .write(move |tx| {
            tx.end_task(id, TaskState::Inbox, None)?;
            if tells {
                tx.audit(now, None, None, AuditKind::Alarm, texts::QUARANTINED)?;
            }
            let question = match work {
                Work::Ask(prompt) => tx.prompt(prompt)?.filter(|prompt| prompt.state == PromptState::Open),
                _ => None,
            };
            if let Some(question) = &question {
                tx.postpone_prompt(question.id, expires_at)?;
            }
            let event = about.map(|event| tx.event(event)).transpose()?.flatten();
            let guild = question.as_ref().map(|question| question.guild);
            let guild = guild.or(event.map(|event| event.event.guild));
            let Some(guild) = guild.and_then(|guild| settings.guild(guild)) else { return Ok(()) };
            match (guild.prompt_channel, question) {
                (Some(channel), _) => {
                    tx.drop_fact(&told_without_button(guild.id))?;
                    tx.add_task(None, None, &Work::OfferInbox(channel), now)?;
                }
                (None, Some(question)) => {
                    tell_without_button(tx, guild, about, question.user, now)?;
                }
                (None, None) => {}
            }
            Ok(())
        })
        .await?;
    if quarantined {
        core.direct_messages.quarantine.note(now);
    }
    if tells {
        tracing::error!("{}", texts::QUARANTINED);
    }
    Ok(Delivery::Refused)
}

/// The fact that administrators were told that a question waits in a guild in which no button stands.
fn told_without_button(guild: GuildId) -> String {
    format!("told-without-button-{guild}")
}

/// A question waits behind a button, and the guild has no channel for that button: administrators are told once for
/// the guild.
fn tell_without_button(
    tx: &Tx<'_>,
    guild: &GuildSettings,
    event: Option<EventId>,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    tracing::warn!(guild = %guild.id, %user, "the member can't be asked, and the guild has no prompt channel");
    let fact = told_without_button(guild.id);
    if tx.fact(&fact)?.is_some() {
        return Ok(());
    }
    tx.put_fact(&fact, "told")?;
    tx.audit(now, event, Some(user), AuditKind::Alarm, &texts::without_button(&guild.key, user))
}

/// Discord says that direct messages are opened too quickly. Bots that go on are quarantined: all of them wait.
async fn pause_direct_messages(core: &Context, error: &DiscordError) -> Result<Delivery, StoreError> {
    let in_a_row = core.direct_messages.refused();
    let pause = DIRECT_PAUSE.saturating_mul(2_u32.saturating_pow(in_a_row.min(16))).min(LONGEST_DIRECT_PAUSE);
    let (until, now) = (core.after(pause), core.seam.now());
    let tells = core.direct_messages.too_many.is_news(now);
    tracing::warn!(%error, pause_s = pause.as_secs(), "direct messages pause");
    core.store
        .write(move |tx| {
            if tells {
                tx.audit(now, None, None, AuditKind::Alarm, texts::DIRECT_MESSAGES_PAUSE)?;
            }
            tx.delay_direct_messages(until)
        })
        .await?;
    core.direct_messages.too_many.note(now);
    Ok(Delivery::Paused)
}

async fn end(core: &Context, id: TaskId, state: TaskState) -> Result<Delivery, StoreError> {
    core.store.write(move |tx| tx.end_task(id, state, None)).await?;
    Ok(Delivery::Settled)
}

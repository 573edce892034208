//! Observe: a hint becomes an event in the journal, if the member really changed.

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use crate::{
    domain::{EventId, GuildId, Timestamp, UserId, contract::Origin},
    pipeline::{
        context::Context,
        members::{deleted_roles::Unknown, ingest::Seen},
        memory::{hints::Pending, quarantine::Whose},
        ports::{DiscordError, Presence, Said, Snapshot},
        runtime::worker::Worker,
        seam::Step,
    },
    store::{MemberRow, StoreError},
};

/// Above so many members of a guild at once the gateway is asked instead of one request for each.
const MANY: usize = 20;

/// Discord's limit for one request by ids.
const BY_ID: usize = 100;

/// So many members are read over REST at the same time.
const ABREAST: usize = 4;

/// Looks at the members for whom there is a hint.
pub(in crate::pipeline) struct Observer;

impl Worker for Observer {
    const NAME: &'static str = "observe";

    fn signal(core: &Context) -> &tokio::sync::Notify {
        &core.signals.observe
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let (due, next) = core.hints.due(core.seam.now());
        if due.is_empty() {
            return Ok(next);
        }
        let mut by_guild: std::collections::BTreeMap<GuildId, Vec<(UserId, Pending)>> = Default::default();
        for (guild, user, pending) in due {
            by_guild.entry(guild).or_default().push((user, pending));
        }
        for (guild, members) in by_guild {
            if core.store.read(move |tx| tx.adopted(guild)).await?.is_none() {
                // The guild is being listed for the first time: a member who is not stored yet is not new.
                for (user, pending) in members {
                    let due = core.after(std::time::Duration::from_secs(1));
                    core.hints.again(guild, user, Pending { due, ..pending });
                }
                continue;
            }
            let members = changed(core, guild, members).await?;
            if members.len() > MANY {
                for chunk in members.chunks(BY_ID) {
                    ask_gateway(core, guild, chunk).await?;
                }
            } else {
                let mut reads = stream::iter(members)
                    .map(|(user, pending)| async move {
                        let answer = core.discord.member(guild, user).await;
                        settle(core, guild, user, pending, answer, Instant::now()).await
                    })
                    .buffer_unordered(ABREAST);
                while let Some(settled) = reads.next().await {
                    settled?;
                }
            }
        }
        // Hints may have come meanwhile.
        Ok(Some(core.seam.now()))
    }
}

/// Drops the hints that say what is stored already: most member updates are about something else.
async fn changed(
    core: &Context,
    guild: GuildId,
    members: Vec<(UserId, Pending)>,
) -> Result<Vec<(UserId, Pending)>, StoreError> {
    let users: Vec<UserId> = members.iter().map(|(user, _)| *user).collect();
    let stored = core
        .store
        .read(move |tx| {
            let member = |user: &UserId| tx.apart(|tx| tx.member(guild, *user));
            users.iter().map(member).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let mut left = Vec::new();
    for ((user, pending), stored) in members.into_iter().zip(stored) {
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) => {
                put_aside(core, guild, user, pending, &error).await?;
                continue;
            }
        };
        let known = match (&pending.said, &stored) {
            (Said::Member(said), Some(stored)) => same(stored, said),
            (Said::Left, Some(stored)) => !stored.present,
            // Somebody who was never seen, and a gateway that says that they left.
            (Said::Left, None) => true,
            _ => false,
        };
        if known {
            core.hints.done(guild, user, &pending);
        } else {
            left.push((user, pending));
        }
    }
    Ok(left)
}

/// What is stored of a member can't be read: what Discord shows of them can't be compared with it.
async fn put_aside(
    core: &Context,
    guild: GuildId,
    user: UserId,
    pending: Pending,
    error: &StoreError,
) -> Result<(), StoreError> {
    core.put_aside(Whose::Member(user), error).await?;
    core.hints.again(guild, user, Pending { due: core.unreadable_again(), ..pending });
    Ok(())
}

async fn ask_gateway(core: &Context, guild: GuildId, chunk: &[(UserId, Pending)]) -> Result<(), StoreError> {
    let users: Vec<UserId> = chunk.iter().map(|(user, _)| *user).collect();
    let answer = core.discord.members_by_id(guild, &users).await;
    let read_at = Instant::now();
    match answer {
        Ok(answers) => {
            for (user, pending) in chunk {
                let answer = answers.iter().find(|(id, _)| id == user).map(|(_, presence)| presence.clone());
                let answer = answer.ok_or_else(|| DiscordError::Unavailable {
                    what: "the list lacks a member that was asked for".to_owned(),
                });
                // The gateway's word alone makes nobody a leaver.
                let (answer, read_at) = match answer {
                    Ok(Presence::Gone) => (core.discord.member(guild, *user).await, Instant::now()),
                    other => (other, read_at),
                };
                settle(core, guild, *user, pending.clone(), answer, read_at).await?;
            }
        }
        Err(error) => {
            for (user, pending) in chunk {
                settle(core, guild, *user, pending.clone(), Err(error.clone()), read_at).await?;
            }
        }
    }
    Ok(())
}

/// Whether an account that Discord does not know (10013) is missing from the guild's list of members too. Only then
/// does it count as gone.
async fn confirmed(
    core: &Context,
    guild: GuildId,
    user: UserId,
    answer: Result<Presence, DiscordError>,
) -> Result<Presence, DiscordError> {
    match answer {
        Err(error) if error.says_unknown_user() => {
            if is_listed(core, guild, user).await? {
                Err(error)
            } else {
                Ok(Presence::Gone)
            }
        }
        other => other,
    }
}

/// Whether somebody stands on a guild's list of members. An error if they don't, and the list may not be whole: a page
/// that is not full may have lost some of its members, so that only an empty page ends the list, and then it has to have
/// as many members as Discord says that there are.
async fn is_listed(core: &Context, guild: GuildId, user: UserId) -> Result<bool, DiscordError> {
    let shown = core.discord.guild(guild).await?.members;
    let (mut after, mut members) = (None, 0_u64);
    loop {
        let page = core.discord.members_after(guild, after).await?;
        if page.has(user) {
            core.resyncs.is_listed(guild, user);
            return Ok(true);
        }
        if page.nameless > 0 {
            let what = "a member on the list can't be read".to_owned();
            return Err(DiscordError::Unavailable { what });
        }
        let Some(last) = page.last() else { break };
        if after.is_some_and(|after| last <= after) {
            let what = "the list of members does not go on".to_owned();
            return Err(DiscordError::Unavailable { what });
        }
        after = Some(last);
        members = members.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
    }
    if core.resyncs.lacks(guild, user, members, shown) {
        return Ok(false);
    }
    let what = format!("the list has {members} members, and Discord says that there are {shown}");
    Err(DiscordError::Unavailable { what })
}

/// Compares what Discord answered with what is stored, journals the difference, and decides whether the
/// answer can be the last word on this hint.
async fn settle(
    core: &Context,
    guild: GuildId,
    user: UserId,
    pending: Pending,
    answer: Result<Presence, DiscordError>,
    read_at: Instant,
) -> Result<(), StoreError> {
    let known = match confirmed(core, guild, user, answer).await {
        Ok(Presence::Member(read)) => match core.look_at_roles(guild, &[&read], read_at).await {
            Ok(()) => Ok(Presence::Member(read)),
            Err(Unknown::Store(error)) => return Err(error),
            Err(Unknown::Discord(error)) => Err(error),
        },
        other => other,
    };
    let presence = match known {
        Ok(presence) => presence,
        Err(error) if error.says_not_in_guild() || error.says_unknown_user() => {
            // An unknown guild, an account that is hidden: this says nothing about the member.
            tracing::warn!(%guild, %user, "the member can't be read; the next full comparison catches up");
            core.hints.done(guild, user, &pending);
            return Ok(());
        }
        Err(DiscordError::RateLimited { retry_after }) => {
            let due = core.retry_at(pending.failed, Some(retry_after));
            core.hints.again(guild, user, Pending { due, failed: pending.failed + 1, ..pending });
            return Ok(());
        }
        // A token that is refused for good ends the bot. Until then this says nothing about the member.
        Err(error) => {
            tracing::debug!(%guild, %user, %error, "the member can't be read yet");
            let due = core.retry_at(pending.failed, None);
            core.hints.again(guild, user, Pending { due, failed: pending.failed + 1, ..pending });
            return Ok(());
        }
    };
    core.seam.reach(Step::MemberRead).await;
    let agrees = match (&pending.said, &presence) {
        (Said::Unclear, _) | (Said::Left, Presence::Gone) => true,
        (Said::Member(said), Presence::Member(read)) => said.roles == read.roles,
        (Said::Left, Presence::Member(_)) | (Said::Member(_), Presence::Gone) => false,
    };
    match journal(core, guild, user, presence, pending.origin).await {
        Err(error @ StoreError::Unreadable(_)) => return put_aside(core, guild, user, pending, &error).await,
        other => other?,
    }
    match core.settings().timings.reread.get(pending.contradicted) {
        // The answer may be older than what the gateway said.
        Some(pause) if !agrees => {
            let due = core.after(*pause);
            core.hints.again(guild, user, Pending { due, contradicted: pending.contradicted + 1, ..pending });
        }
        _ => core.hints.done(guild, user, &pending),
    }
    Ok(())
}

/// Stores what was read, and the events that it makes, in one transaction.
async fn journal(
    core: &Context,
    guild: GuildId,
    user: UserId,
    presence: Presence,
    origin: Origin,
) -> Result<(), StoreError> {
    let now = core.seam.now();
    let seen = Seen::new(core, guild);
    let events = core
        .store
        .write(move |tx| {
            let stored = tx.member(guild, user)?;
            match presence {
                Presence::Member(read) => seen.take_in(tx, stored.as_ref(), &read, origin, now),
                Presence::Gone => match stored {
                    Some(stored) if stored.present => seen.take_out(tx, stored, origin, now),
                    _ => Ok(Vec::new()),
                },
            }
        })
        .await?;
    announce(core, guild, user, &events).await;
    Ok(())
}

/// Tells the next worker, and the log.
pub(in crate::pipeline) async fn announce(core: &Context, guild: GuildId, user: UserId, events: &[EventId]) {
    if events.is_empty() {
        return;
    }
    for event in events {
        tracing::info!(event = event.padded(), %guild, %user, "a member changed");
    }
    core.seam.reach(Step::EventJournaled).await;
}

/// Whether what is stored is what was read, names and the time of joining included.
pub(in crate::pipeline) fn same(stored: &MemberRow, read: &Snapshot) -> bool {
    stored.present
        && stored.roles == read.roles
        && stored.screening == read.screening
        && stored.username == read.username
        // Discord leaves the time out at times.
        && (read.joined_at.is_none() || stored.joined_at == read.joined_at)
}

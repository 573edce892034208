//! Sweep: the whole guild against what is stored, so that what was missed is caught up.

use std::time::Duration;

use tokio::{sync::Notify, time::Instant};

use crate::{
    domain::{EventId, GuildId, RoleId, Timestamp, UserId, contract::Origin},
    pipeline::{
        context::Context,
        members::{
            deleted_roles::Unknown,
            ingest::Seen,
            observer::{announce, same},
        },
        memory::quarantine::{Unread, Whose},
        ports::{DiscordError, MemberPage, Said},
        runtime::worker::Worker,
        settings::FirstStart,
    },
    store::{MemberRow, StoreError},
};

/// Discord's limit for one page of members.
pub(in crate::pipeline) const PAGE: usize = 1_000;

/// So often a page that can't be had is asked for before the whole list begins anew.
const TRIES: u32 = 3;

/// A longer pause that Discord asks for is not waited for within a list: it is about one guild, and the others can be
/// listed meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Compares guilds with what is stored.
pub(in crate::pipeline) struct Resync;

impl Worker for Resync {
    const NAME: &'static str = "resync";

    fn signal(core: &Context) -> &Notify {
        &core.signals.resync
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let every = core.settings().timings.sweep;
        let mut due = core.resyncs.take_due(core.seam.now(), every).into_iter();
        while let Some(guild) = due.next() {
            match sweep(core, guild).await {
                Ok(()) => core.resyncs.done(guild, core.seam.now()),
                Err(Trouble::Store(error)) => {
                    for guild in std::iter::once(guild).chain(due) {
                        core.resync(guild);
                    }
                    return Err(error);
                }
                Err(Trouble::Discord(error)) => {
                    tracing::warn!(%guild, %error, "the members can't be listed whole yet; nobody is taken for gone");
                    let at_least = match &error {
                        DiscordError::RateLimited { retry_after } => Some(*retry_after),
                        _ => None,
                    };
                    core.resync_failed(guild, at_least);
                }
                Err(Trouble::Gone) => {
                    core.resync_failed(guild, None);
                    // Once may be Discord's own mistake.
                    if core.resyncs.not_there(guild) > 1 {
                        core.guild_gone(guild).await?;
                    }
                }
            }
        }
        Ok(core.resyncs.next(core.seam.now(), every))
    }
}

enum Trouble {
    Store(StoreError),
    Discord(DiscordError),
    /// The bot is no member of the guild any more.
    Gone,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unknown> for Trouble {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Store(error) => Self::Store(error),
            Unknown::Discord(error) => Self::Discord(error),
        }
    }
}

impl From<DiscordError> for Trouble {
    fn from(error: DiscordError) -> Self {
        Self::Discord(error)
    }
}

async fn sweep(core: &Context, guild: GuildId) -> Result<(), Trouble> {
    if core.settings().guild(guild).is_none() {
        return Ok(());
    }
    let asked = core.seam.now();
    let shown = match core.discord.guild(guild).await {
        Ok(shown) => shown,
        Err(error) if error.says_not_in_guild() => return Err(Trouble::Gone),
        Err(error) => return Err(error.into()),
    };
    core.resyncs.is_shown(guild);
    let members = shown.members;
    core.learn_guild(shown, asked).await?;
    let seen = Seen::new(core, guild);
    match core.store.read(move |tx| tx.adopted(guild)).await? {
        None => take_in_guild(core, guild, &seen, members).await,
        Some(tracked) => {
            compare(core, guild, &seen).await?;
            track(core, guild, &seen, &tracked).await?;
            Ok(())
        }
    }
}

/// The next page of members. One that can't be had is asked for again soon, so that a large guild's list need not
/// begin anew for it.
async fn page(core: &Context, guild: GuildId, after: Option<UserId>) -> Result<MemberPage, DiscordError> {
    let mut tries = 1;
    loop {
        let error = match core.discord.members_after(guild, after).await {
            Ok(page) => {
                if page.unread() > 0 {
                    let (users, nameless) = (&page.unreadable, page.nameless);
                    tracing::warn!(
                        %guild, ?users, nameless,
                        "Discord lists members in a form that can't be read; they are left as they are"
                    );
                }
                return Ok(page);
            }
            Err(error @ (DiscordError::Unavailable { .. } | DiscordError::RateLimited { .. })) => error,
            Err(error) => return Err(error),
        };
        let at_least = match &error {
            DiscordError::RateLimited { retry_after } => Some(*retry_after),
            _ => None,
        };
        if tries >= TRIES || at_least.is_some_and(|pause| pause > LONGEST_PAUSE) {
            return Err(error);
        }
        core.seam.sleep_until(Some(core.retry_at(tries, at_least))).await;
        tries += 1;
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The first time: everybody is taken in as they are, or each role as an event. The guild counts as taken in only
/// once the list is whole: whoever is missing from it would be taken for new later.
async fn take_in_guild(core: &Context, guild: GuildId, seen: &Seen, shown: u64) -> Result<(), Trouble> {
    let mut after = None;
    let (mut members, mut unread): (u64, u64) = (0, 0);
    let mut events = 0;
    let mut was_full = true;
    loop {
        let page = page(core, guild, after).await?;
        // Two in a row that are not full are the end: one alone may have lost some of its members.
        let last = page.is_empty() || (!was_full && page.len() < PAGE);
        was_full = page.len() >= PAGE;
        members = members.saturating_add(count(page.members.len()));
        unread = unread.saturating_add(count(page.unread()));
        after = page.last().or(after);
        let seen = seen.clone();
        let now = core.seam.now();
        let process = core.settings().first_start == FirstStart::Process;
        let (made, aside) = core
            .store
            .write(move |tx| {
                let mut events = 0;
                let mut unread = Unread::new();
                for read in &page.members {
                    if !process {
                        tx.put_member(&seen.row(read, now))?;
                        continue;
                    }
                    let taken = tx.apart(|tx| {
                        // After a crash in the middle of the list, those who were taken in before it are
                        // known and make no second event.
                        let stored = tx.member(guild, read.user)?;
                        seen.take_in(tx, stored.as_ref(), read, Origin::Sweep, now)
                    })?;
                    match taken {
                        Ok(made) => events += made.len(),
                        Err(error) => unread.push((Whose::Member(read.user), error)),
                    }
                }
                Ok((events, unread))
            })
            .await?;
        core.put_all_aside(&aside).await?;
        events += made;
        if last {
            break;
        }
    }
    if !core.resyncs.is_whole(guild, members, unread, shown) {
        let what = format!(
            "the first list has {members} members and {unread} who can't be read, and Discord says that there are {shown}"
        );
        return Err(Trouble::Discord(DiscordError::Unavailable { what }));
    }
    let tracked = seen.all();
    core.store.write(move |tx| tx.adopt(guild, &tracked)).await?;
    tracing::info!(%guild, members, events, "the guild was taken in");
    core.signals.observe.notify_one();
    Ok(())
}

/// Pages come by rising id, and so do the rows that are stored: they are compared page by page, whatever
/// the guild's size. Who is missing from the list is looked at one by one before they count as gone.
async fn compare(core: &Context, guild: GuildId, seen: &Seen) -> Result<(), Trouble> {
    let mut after = None;
    let mut looked_at_singly: Vec<UserId> = Vec::new();
    let mut events: Vec<(UserId, EventId)> = Vec::new();
    let listening = core.hints.listen(guild);
    loop {
        let (began, turn) = (core.seam.now(), listening.now());
        let page = page(core, guild, after).await?;
        if after.is_none() && page.is_empty() {
            // The bot itself is a member: a list without anybody is no list.
            let what = "the list of members is empty".to_owned();
            return Err(DiscordError::Unavailable { what }.into());
        }
        let last = page.len() < PAGE;
        let until = page.last();
        core.look_at_roles(guild, &page.members.iter().collect::<Vec<_>>(), Instant::now()).await?;
        let now = core.seam.now();
        let (seen, hints) = (seen.clone(), core.hints.clone());
        let (unsure, made, unread) = core
            .store
            .write(move |tx| {
                let mut made = Vec::new();
                let mut unread = Unread::new();
                let mut unsure = missing_from(tx, guild, after, &page, last)?;
                let heard = hints.heard_since(guild, turn);
                for read in &page.members {
                    let taken = tx.apart(|tx| {
                        let stored = tx.member(guild, read.user)?;
                        if stored.as_ref().is_some_and(|stored| same(stored, read)) {
                            return Ok(Vec::new());
                        }
                        // Read or heard of since this page was asked for: the page may be the older of the two.
                        let read_since = stored.as_ref().is_some_and(|stored| stored.seen_at >= began);
                        if read_since || heard.contains(&read.user) {
                            unsure.push(read.user);
                            return Ok(Vec::new());
                        }
                        seen.take_in(tx, stored.as_ref(), read, Origin::Sweep, now)
                    })?;
                    match taken {
                        Ok(events) => made.extend(events.into_iter().map(|event| (read.user, event))),
                        Err(error) => unread.push((Whose::Member(read.user), error)),
                    }
                }
                Ok((unsure, made, unread))
            })
            .await?;
        core.put_all_aside(&unread).await?;
        // Whoever was heard of while this was written: what was said was perhaps compared with what stood before it.
        let heard = listening.heard_since(turn);
        let overtaken = made.iter().map(|(user, _)| *user).filter(|user| heard.contains(user));
        looked_at_singly.extend(unsure.into_iter().chain(overtaken));
        events.extend(made);
        after = until;
        if last {
            break;
        }
    }
    tracing::info!(%guild, changed = events.len(), singly = looked_at_singly.len(), "the guild was compared");
    for (user, event) in events {
        announce(core, guild, user, &[event]).await;
    }
    for user in looked_at_singly {
        core.hints.add(guild, user, Said::Unclear, Origin::Sweep, core.seam.now());
    }
    core.signals.observe.notify_one();
    Ok(())
}

/// Who is stored in a row, whether it can be read or not.
fn who(row: &Result<MemberRow, UserId>) -> UserId {
    match row {
        Ok(row) => row.user,
        Err(user) => *user,
    }
}

/// The stored members whose ids lie within a page and who are not on it.
fn missing_from(
    tx: &crate::store::Tx<'_>,
    guild: GuildId,
    after: Option<UserId>,
    page: &MemberPage,
    last: bool,
) -> Result<Vec<UserId>, StoreError> {
    let end = if last { UserId(u64::MAX) } else { page.last().unwrap_or(UserId(0)) };
    let mut missing = Vec::new();
    let mut from = after;
    loop {
        let rows = tx.members_after(guild, from, PAGE as u32)?;
        let full = rows.len() == PAGE;
        from = rows.last().map(who);
        for user in rows.iter().map(who) {
            if user > end {
                return Ok(missing);
            }
            if !page.has(user) {
                missing.push(user);
            }
        }
        if !full {
            return Ok(missing);
        }
    }
}

/// Roles that were added to the configuration since the guild was taken in are a first start of their own.
async fn track(core: &Context, guild: GuildId, seen: &Seen, before: &[RoleId]) -> Result<(), StoreError> {
    let tracked = seen.all();
    let fresh: Vec<RoleId> = tracked.iter().copied().filter(|role| !before.contains(role)).collect();
    if tracked.len() == before.len() && fresh.is_empty() {
        return Ok(());
    }
    let seen = seen.clone();
    let now = core.seam.now();
    let process = core.settings().first_start == FirstStart::Process;
    let unread = core
        .store
        .write(move |tx| {
            let mut unread = Unread::new();
            let mut from = None;
            while process && !fresh.is_empty() {
                let rows = tx.members_after(guild, from, PAGE as u32)?;
                from = rows.last().map(who);
                for row in &rows {
                    let tracked = tx.apart(|tx| {
                        let Ok(row) = row else { return Err(StoreError::Unreadable("a member")) };
                        for role in &fresh {
                            seen.newly_tracked(tx, row, *role, now)?;
                        }
                        Ok(())
                    })?;
                    if let Err(error) = tracked {
                        unread.push((Whose::Member(who(row)), error));
                    }
                }
                if rows.len() < PAGE {
                    break;
                }
            }
            tx.adopt(guild, &tracked)?;
            Ok(unread)
        })
        .await?;
    core.put_all_aside(&unread).await?;
    Ok(())
}

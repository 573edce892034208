//! How much a policy may ask of the host by itself: wakes and messages, for one member and for all together.
//!
//! What comes from Discord comes at its own pace. What a policy asks for could come without end: it is counted by the
//! hour, and beyond a limit the policy is stopped: for one member or for everybody, it is woken no more and its
//! messages are not sent. It goes on deciding what happens on Discord. Administrators are told once; loading the
//! policy anew, or another one, lifts it.

use crate::{
    domain::{AuditKind, GuildId, Timestamp, UserId},
    pipeline::settings::Settings,
    store::{Pace, Paced, StoreError, Tx, WakeRow},
};

/// What is counted together.
const HOUR: u64 = 3_600_000;

/// How often a policy may be woken for one member within an hour. A wake that asks for the next one as early as it may
/// exceeds it.
pub(in crate::pipeline) const WAKES: u32 = 30;

/// How many messages a policy may send one member within an hour.
pub(in crate::pipeline) const MESSAGES: u32 = 30;

/// The same for all members together, whatever their number.
const TOGETHER: u64 = 600;

/// And so many more for each member, so that everybody can be woken at the same time.
const EACH: u64 = 4;

/// What a policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    /// It is woken.
    Wake,
    /// It sends a message.
    Message,
}

/// A policy is woken for a member. False if it was stopped, or is now: then it is not.
pub(in crate::pipeline) fn wakes(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    guild: GuildId,
    user: UserId,
) -> Result<bool, StoreError> {
    asks(tx, settings, now, guild, user, Asks::Wake)
}

/// Which of a policy's messages for a member are sent: none beyond the limit.
pub(in crate::pipeline) fn messages(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    (guild, user): (GuildId, UserId),
    texts: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    let mut sent = Vec::new();
    for text in texts {
        if !asks(tx, settings, now, guild, user, Asks::Message)? {
            break;
        }
        sent.push(text);
    }
    Ok(sent)
}

/// Whether a policy was stopped for a member, or for everybody.
pub(in crate::pipeline) fn is_stopped(tx: &Tx<'_>, guild: GuildId, user: UserId) -> Result<bool, StoreError> {
    for whose in [Paced::Everybody, Paced::Member(guild, user)] {
        if tx.pace(whose)?.is_some_and(|pace| pace.stopped.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes note of a wake that was asked for. While the policy is stopped it is set aside.
pub(in crate::pipeline) fn put_wake(tx: &Tx<'_>, now: Timestamp, wake: &WakeRow) -> Result<(), StoreError> {
    if is_stopped(tx, wake.guild, wake.user)? { tx.shelve_wake(wake, now) } else { tx.put_wake(wake) }
}

fn asks(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    guild: GuildId,
    user: UserId,
    what: Asks,
) -> Result<bool, StoreError> {
    if is_stopped(tx, guild, user)? {
        return Ok(false);
    }
    for whose in [Paced::Member(guild, user), Paced::Everybody] {
        let mut pace = tx.pace(whose)?.unwrap_or_default();
        // A clock that was set back begins a new hour too.
        if now.0.saturating_sub(pace.since.0) >= HOUR || now < pace.since {
            pace = Pace { since: now, ..Pace::default() };
        }
        let (count, limit) = match what {
            Asks::Wake => (&mut pace.wakes, WAKES),
            Asks::Message => (&mut pace.told, MESSAGES),
        };
        *count = count.saturating_add(1);
        let count = u64::from(*count);
        let exceeds = match whose {
            Paced::Member(..) => count > u64::from(limit),
            Paced::Everybody => {
                count > TOGETHER && count > tx.count_members()?.saturating_mul(EACH).saturating_add(TOGETHER)
            }
        };
        if exceeds {
            pace.stopped = Some(now);
            tx.put_pace(whose, &pace)?;
            stop(tx, settings, now, whose, what)?;
            return Ok(false);
        }
        tx.put_pace(whose, &pace)?;
    }
    Ok(true)
}

fn stop(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
    whose: Paced,
    what: Asks,
) -> Result<(), StoreError> {
    let (of, user) = match whose {
        Paced::Member(guild, user) => {
            let key = settings.guild(guild).map(|guild| guild.key.as_str()).unwrap_or_default();
            (format!("for <@{user}> on `{key}`"), Some(user))
        }
        Paced::Everybody => ("for all members together".to_owned(), None),
    };
    let much = match what {
        Asks::Wake => "to be woken",
        Asks::Message => "to send messages",
    };
    tracing::error!(?whose, ?what, "stopped: the policy asks for too much");
    tx.shelve_wakes_of(whose, now)?;
    let text = format!(
        "Stopped: this policy asks for too much. {of} it asked {much} too often within an hour. It is not woken, and \
         its messages are not sent, until it is loaded anew (`/rolarr policy reload`) or another one takes over. What \
         happens on Discord is decided as before."
    );
    let text = text.replacen("much. for", "much. For", 1);
    tx.audit(now, None, user, AuditKind::Alarm, &text)
}

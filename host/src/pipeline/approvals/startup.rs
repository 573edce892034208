//! What a start finds out: access that a guild gave which the configuration no longer names, and holds that
//! have become idle.

use crate::{
    domain::{GuildId, Timestamp, UserId, contract::Access},
    pipeline::{
        approvals::limit::{fresh, has_something, put, release, takes},
        desired::state,
        memory::quarantine::{Unread, Whose},
        settings::Settings,
    },
    store::{HoldReason, StoreError, Tx},
};

/// The fact that the guilds which the last start served are kept under.
const SERVED: &str = "served-guilds";

/// Compares what is configured with what was at the last start.
/// Returns what can't be read: a hold among it holds all the same.
pub(in crate::pipeline) fn begin(
    tx: &Tx<'_>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Unread, StoreError> {
    let mut unread = Unread::new();
    let mut is: Vec<GuildId> = settings.guilds.iter().map(|guild| guild.id).collect();
    let was = match tx.fact(SERVED)? {
        Some(text) => text.split(' ').filter_map(|id| id.parse().ok()).collect(),
        None => tx.taken_in()?,
    };
    let gone: Vec<GuildId> = was.iter().copied().filter(|guild| !is.contains(guild)).collect();
    for gone in gone {
        let known = unread.len();
        for user in tx.decided_in(gone)? {
            if let Err(error) = tx.apart(|tx| hold_what_shrinks(tx, settings, &was, user, now))? {
                unread.push((Whose::Member(user), error));
            }
        }
        if unread.len() > known {
            // Whoever can't be read now is held at a start at which they can.
            is.push(gone);
        }
    }
    if was != is {
        let ids: Vec<String> = is.iter().map(ToString::to_string).collect();
        tx.put_fact(SERVED, &ids.join(" "))?;
    }
    for hold in tx.holds()? {
        match hold {
            Ok(hold) => {
                if let Err(error) = tx.apart(|tx| release(tx, settings, now, &hold))? {
                    unread.push((Whose::Account(hold.account), error));
                }
            }
            Err(account) => unread.push((Whose::Account(account), StoreError::Unreadable("a hold"))),
        }
    }
    Ok(unread)
}

/// Holds what a member would lose because guilds are not served any more, whatever the number: this may be a
/// mistake in the configuration, or a way round a guild that the bot was thrown out of.
fn hold_what_shrinks(
    tx: &Tx<'_>,
    settings: &Settings,
    was: &[GuildId],
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(account) = tx.account_of(user)? else { return Ok(()) };
    if !has_something(&account) || tx.hold(account.id)?.is_some() {
        return Ok(());
    }
    let grants = tx.grants(user)?.into_iter();
    let counted = grants.filter(|grant| was.contains(&grant.guild) || settings.guild(grant.guild).is_some());
    let decided: Vec<(GuildId, Access)> = counted.map(|grant| (grant.guild, grant.access)).collect();
    // What waits for the settling time is not carried out yet.
    let (before, pending) =
        tx.settling(account.id)?.map_or((decided, now), |waiting| (waiting.before, waiting.since));
    if !takes(settings, &before, &state::desired(tx, settings, &account)?) {
        return Ok(());
    }
    tracing::warn!(%user, "a guild that gave access is not served any more: held for an administrator");
    tx.count_shrink(user, now, pending)?;
    put(tx, settings, now, &fresh(&account, account.decided_by, HoldReason::GuildUnserved, before, now))
}

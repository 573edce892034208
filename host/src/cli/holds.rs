//! `rolarr holds`: who is held back, and what becomes of them.

use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::anyhow;
use clap::{Args, Subcommand};

use super::{CliError, Exit, ago, order::Desk};
use crate::{
    config::Config,
    domain::{AccountId, Timestamp, UserId},
    pipeline::Seam,
    store::{HoldReason, HoldRow, Order, StoreError, Tx},
};

/// Show whose access is held back, and decide what becomes of it
///
/// When the access of many members would shrink at once, or the role that gave it was deleted, the bot holds
/// that back until an administrator decides. The same can be decided on Discord with `/rolarr approve` and
/// `/rolarr reject`.
#[derive(Debug, Args)]
pub(super) struct Holds {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show who is held back, since when and why
    List(Where),
    /// Let it happen: their access shrinks
    Approve(Decide),
    /// Leave them the access that they have
    Reject(Decide),
}

#[derive(Debug, Args)]
struct Where {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "config.toml")]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct Decide {
    #[command(flatten)]
    place: Where,
    /// Only this member: the id on Discord. Without it, everybody whom the list or the audit channel has shown
    #[arg(long, value_name = "ID")]
    member: Option<UserId>,
}

impl Holds {
    pub(super) fn execute(self) -> Result<Exit, CliError> {
        let mut out = io::stdout().lock();
        let config = match &self.action {
            Action::List(place) => Config::load(&place.config)?,
            Action::Approve(decide) | Action::Reject(decide) => Config::load(&decide.place.config)?,
        };
        let desk = Desk::open(&config.store.path)?;
        match self.action {
            Action::List(_) => {
                // From now on a decision is about those who are shown.
                let (held, unread) = desk.wait(desk.store.write(|tx| {
                    let (held, unread) = held(tx)?;
                    for one in &held {
                        tx.show_hold(one.hold.account)?;
                    }
                    Ok((held, unread))
                }))?;
                list(&mut out, &held, &unread, Seam::system().now()).map_err(anyhow::Error::from)?;
            }
            Action::Approve(Decide { member, .. }) => {
                decide(&mut out, &desk, Order::Approve(member), member)?;
            }
            Action::Reject(Decide { member, .. }) => {
                decide(&mut out, &desk, Order::Reject(member), member)?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Somebody who is held back.
struct Held {
    hold: HoldRow,
    user: UserId,
    username: String,
}

/// Somebody who is held back too, and what is stored of that can't be read.
struct Unread {
    account: AccountId,
    user: Option<UserId>,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.user {
            Some(user) => write!(f, "the member {user}"),
            None => write!(f, "the account {}", self.account),
        }
    }
}

fn held(tx: &Tx<'_>) -> Result<(Vec<Held>, Vec<Unread>), StoreError> {
    let (mut all, mut unread) = (Vec::new(), Vec::new());
    for hold in tx.holds()? {
        match hold {
            Ok(hold) => {
                let Some(user) = tx.user_of(hold.account)? else { continue };
                // The name is for people only: one that can't be read is left out.
                let known = tx.apart(|tx| tx.memberships(user))?.unwrap_or_default();
                let username = known.into_iter().next().map(|member| member.username).unwrap_or_default();
                all.push(Held { hold, user, username });
            }
            Err(account) => unread.push(Unread { account, user: tx.user_of(account)? }),
        }
    }
    Ok((all, unread))
}

fn list(out: &mut dyn Write, held: &[Held], unread: &[Unread], now: Timestamp) -> io::Result<()> {
    for one in unread {
        writeln!(
            out,
            "What is stored of {one}, who is held back, can't be read: they stay so until a backup is put in its place."
        )?;
    }
    if held.is_empty() {
        return if unread.is_empty() { writeln!(out, "Nobody is held back.") } else { Ok(()) };
    }
    if !unread.is_empty() {
        writeln!(out)?;
    }
    let width = held.iter().map(|one| one.username.chars().count()).max().unwrap_or(0).max("NAME".len());
    writeln!(out, "{:<20}  {:<width$}  {:<12}  WHY", "MEMBER", "NAME", "SINCE")?;
    for Held { hold, user, username } in held {
        let why = match (hold.reason, &hold.role) {
            (HoldReason::RoleDeleted, Some(role)) => format!("the role `{role}` was deleted"),
            (HoldReason::RoleDeleted, None) => "the role was deleted".to_owned(),
            (HoldReason::TooMany, _) => "too many at once".to_owned(),
            (HoldReason::Drift, _) => "changed by hand at Plex, for too many at once".to_owned(),
            (HoldReason::GuildUnserved, _) => "the Discord server is not configured any more".to_owned(),
        };
        let since = ago(now, hold.since);
        // Names come from Discord: what a terminal would obey is not printed.
        let name: String = username.chars().filter(|letter| !letter.is_control()).collect();
        writeln!(out, "{:<20}  {name:<width$}  {since:<12}  {why}", user.to_string())?;
    }
    writeln!(
        out,
        "\n{} in all. `rolarr holds approve` lets their access shrink, `rolarr holds reject` leaves it to them.",
        held.len()
    )
}

/// Leaves the decision for the bot, which knows what should be true, and waits for it.
fn decide(out: &mut dyn Write, desk: &Desk, order: Order, member: Option<UserId>) -> Result<(), CliError> {
    let (concerned, unread) = desk.wait(desk.store.read(held))?;
    if let Some(one) = unread.iter().find(|one| one.user.is_some() && one.user == member) {
        let error = anyhow!("what is stored of {one}, who is held back, can't be read");
        return Err(
            CliError::failed(error).hinted("they stay so until a backup of the database is put in its place")
        );
    }
    let is_meant = |one: &&Held| match member {
        Some(member) => member == one.user,
        None => one.hold.shown,
    };
    let count = concerned.iter().filter(is_meant).count();
    if count == 0 {
        let error = match (member, concerned.len()) {
            (Some(member), _) => anyhow!("the member {member} is not held back"),
            (None, 0) => anyhow!("nobody is held back"),
            (None, 1) => anyhow!("one member is held back, and nobody was shown who it is"),
            (None, more) => anyhow!("{more} members are held back, and nobody was shown who they are"),
        };
        return Err(CliError::failed(error).hinted("`rolarr holds list` shows who is"));
    }
    let said = desk.leave(order)?.unwrap_or_else(|| {
        let whom = if count == 1 { "1 member".to_owned() } else { format!("{count} members") };
        format!("Noted for {whom}. The bot does not run: it is carried out when it starts.")
    });
    writeln!(out, "{said}").map_err(anyhow::Error::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_shows_who_since_when_and_why() {
        let held = |id: u64, name: &str, reason, role: Option<&str>, minutes: u64| Held {
            hold: HoldRow {
                account: AccountId(1),
                event: None,
                reason,
                role: role.map(str::to_owned),
                since: Timestamp(1_000_000_000 - minutes * 60_000),
                before: Vec::new(),
                tell: Vec::new(),
                announced: true,
                shown: true,
                ordered: None,
            },
            user: UserId(id),
            username: name.to_owned(),
        };
        let all = [
            held(900_000_021, "alice", HoldReason::RoleDeleted, Some("plex"), 0),
            held(900_000_022, "bob\u{1b}[2J", HoldReason::TooMany, None, 59),
            held(900_000_023, "carol", HoldReason::Drift, None, 5_000),
        ];
        let mut out = Vec::new();
        list(&mut out, &all, &[], Timestamp(1_000_000_000)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}

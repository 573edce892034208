//! `rolarr holds`: who is held back, and what becomes of them.

use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::anyhow;
use clap::{Args, Subcommand};

use super::{
    CliError, Exit,
    moment::{self, Moment, ago},
    order::Desk,
    output,
};
use crate::{
    config::Config,
    domain::{AccountId, Timestamp, UserId, printable},
    pipeline::Seam,
    store::{HoldReason, HoldRow, Order, Paced, StoreError, Tx},
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
    /// Only this member: the id on Discord. Without it, everybody whom the audit channel has shown
    #[arg(long, value_name = "ID")]
    member: Option<UserId>,
    /// Everybody whom the list showed at this time, which stands below the list. Whoever is held back since, or for
    /// something else since, goes on waiting
    #[arg(long, value_name = "TIME", conflicts_with = "member")]
    listed: Option<Moment>,
}

impl Holds {
    pub(super) fn execute(self) -> Result<Exit, CliError> {
        let mut out = output::stdout();
        let config = match &self.action {
            Action::List(place) => Config::load(&place.config)?,
            Action::Approve(decide) | Action::Reject(decide) => Config::load(&decide.place.config)?,
        };
        let desk = Desk::open(&config.store.path)?;
        match self.action {
            Action::List(_) => {
                let now = Seam::system().now();
                let (held, unread, stopped) = desk.wait(desk.store.read(|tx| {
                    let (held, unread) = held(tx)?;
                    Ok((held, unread, tx.stopped()?))
                }))?;
                list(&mut out, &held, &unread, now).map_err(anyhow::Error::from)?;
                list_stopped(&mut out, &stopped, now).map_err(anyhow::Error::from)?;
            }
            Action::Approve(Decide { member, listed, .. }) => {
                let listed = listed.map(|moment| moment.seen_from(Seam::system().now()));
                let order = listed.map_or(Order::Approve(member), Order::ApproveListed);
                decide(&mut out, &desk, order, Meant::of(member, listed))?;
            }
            Action::Reject(Decide { member, listed, .. }) => {
                let listed = listed.map(|moment| moment.seen_from(Seam::system().now()));
                let order = listed.map_or(Order::Reject(member), Order::RejectListed);
                decide(&mut out, &desk, order, Meant::of(member, listed))?;
            }
        }
        Ok(Exit::Done)
    }
}

/// On whom is decided.
#[derive(Clone, Copy)]
enum Meant {
    /// On everybody whom the audit channel has shown.
    Shown,
    /// On one member.
    Member(UserId),
    /// On everybody whom the list showed at this time.
    Listed(Timestamp),
}

impl Meant {
    fn of(member: Option<UserId>, listed: Option<Timestamp>) -> Self {
        match (member, listed) {
            (Some(member), _) => Self::Member(member),
            (None, Some(at)) => Self::Listed(at),
            (None, None) => Self::Shown,
        }
    }

    fn has(self, one: &Held) -> bool {
        match self {
            Self::Shown => one.hold.shown,
            Self::Member(member) => member == one.user,
            Self::Listed(at) => one.hold.changed <= at,
        }
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
    let width =
        held.iter().map(|one| printable(&one.username).chars().count()).max().unwrap_or(0).max("NAME".len());
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
        // Names come from Discord: what a terminal would obey is written out.
        let name = printable(username);
        writeln!(out, "{:<20}  {name:<width$}  {since:<12}  {why}", user.to_string())?;
    }
    writeln!(
        out,
        "\n{} in all. To let their access shrink:\n    rolarr holds approve --listed {time}\nTo leave it to them:\n    \
         rolarr holds reject --listed {time}",
        held.len(),
        time = moment::precise(now)
    )
}

/// Shows where the policy was stopped.
fn list_stopped(out: &mut dyn Write, stopped: &[(Paced, Timestamp)], now: Timestamp) -> io::Result<()> {
    for (whose, since) in stopped {
        let whom = match whose {
            Paced::Everybody => "for everybody".to_owned(),
            Paced::Member(guild, user) => format!("for the member {user} on the Discord server {guild}"),
        };
        writeln!(
            out,
            "\nStopped {whom} ({}): the policy asks for too much. `rolarr policy reload` lets it ask again.",
            ago(now, *since)
        )?;
    }
    Ok(())
}

/// Leaves the decision for the bot, which knows what should be true, and waits for it.
fn decide(out: &mut dyn Write, desk: &Desk, order: Order, meant: Meant) -> Result<(), CliError> {
    let (concerned, unread) = desk.wait(desk.store.read(held))?;
    if let Meant::Member(member) = meant
        && let Some(one) = unread.iter().find(|one| one.user == Some(member))
    {
        let error = anyhow!("what is stored of {one}, who is held back, can't be read");
        return Err(
            CliError::failed(error).hinted("they stay so until a backup of the database is put in its place")
        );
    }
    let count = concerned.iter().filter(|one| meant.has(one)).count();
    if count == 0 {
        let error = match (meant, concerned.len()) {
            (Meant::Member(member), _) => anyhow!("the member {member} is not held back"),
            (_, 0) => anyhow!("nobody is held back"),
            (Meant::Listed(_), _) => anyhow!("nobody who is held back was so at that time"),
            (Meant::Shown, 1) => {
                anyhow!("one member is held back, and the audit channel did not show who it is")
            }
            (Meant::Shown, more) => {
                anyhow!("{more} members are held back, and the audit channel did not show who they are")
            }
        };
        let hint = "`rolarr holds list` shows who is, and how to decide on them";
        return Err(CliError::failed(error).hinted(hint));
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
                changed: Timestamp(7),
                told_by: None,
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

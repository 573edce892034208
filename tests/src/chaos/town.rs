//! Who lives in the guilds, with whom the owner shares already, and what administrators did about them.

use rolarr::{
    domain::{EventId, GuildId, RoleId, UserId, contract::Access},
    pipeline::settings::Drift,
    store::HoldReason,
};
use rolarr_sim::plex::{MACHINE, OTHER_MACHINE, PlexSim, Share, Tie};

use anyhow::{Context, Result};

/// What another tool puts beside whatever is set; it hides nothing that there is.
pub const OTHERS: &str = "label!=Other";

/// The filters that the owner may set for somebody: some are stricter than a rule by ratings, some looser.
pub const OWNERS: [&str; 4] = ["label=Kids", "contentRating=G", "contentRating=G%2CPG%2CR", "label!=Horror"];

/// A member who may get roles, and what they did. Times are milliseconds since 1970.
#[derive(Clone, Debug)]
pub struct Soul {
    /// On Discord.
    pub user: UserId,
    /// Their Plex account; 0 if they have none.
    pub plex: u64,
    /// Its address.
    pub address: String,
    /// They gave it, were thanked, and have not been removed since.
    pub answered: bool,
    /// The last address that they gave and were thanked for is somebody else's.
    pub claimed: bool,
    /// When they last declined an invitation.
    pub declined: Option<u64>,
    /// When they, or the owner by hand, last ended a share.
    pub departed: Option<u64>,
    /// What the owner set for them while they had access, and when.
    pub filter: Option<(u64, String)>,
    /// Where and when another tool put [`OTHERS`] beside what was set.
    pub beside: Vec<(u64, &'static str)>,
    /// When the owner last changed by hand what Rolarr had written for them.
    pub edited: Option<u64>,
    /// When they last began to watch something.
    pub watching: Option<u64>,
    /// When they got a tracked role.
    pub gained: Vec<u64>,
    /// When they left a guild.
    pub left: Vec<u64>,
    /// From when on it was known that they must not be touched, and until when that was so.
    pub guarded: Vec<(u64, Option<u64>)>,
}

impl Soul {
    /// Somebody who has done nothing yet.
    #[must_use]
    pub fn new(user: UserId, plex: u64, address: String) -> Self {
        Self {
            user,
            plex,
            address,
            answered: false,
            claimed: false,
            declined: None,
            departed: None,
            filter: None,
            beside: Vec::new(),
            edited: None,
            watching: None,
            gained: Vec::new(),
            left: Vec::new(),
            guarded: Vec::new(),
        }
    }

    /// Whether nothing may be done about them at that time.
    #[must_use]
    pub fn is_guarded(&self, at: u64) -> bool {
        self.guarded.iter().any(|(from, to)| *from <= at && to.is_none_or(|to| at <= to))
    }
}

/// Somebody with whom the owner shares, and of whom Rolarr must keep away.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// Their account at Plex.
    pub plex: u64,
    /// Its address.
    pub address: String,
    /// Their tie to the owner at the beginning.
    pub tie: Option<Tie>,
    /// What is shared with them at the beginning.
    pub shares: Vec<Share>,
}

/// What an administrator said on those who are held.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// When.
    pub at: u64,
    /// Their access may shrink; otherwise they keep what they have.
    pub approves: bool,
    /// It was about everybody of whom administrators had been told: whoever comes next is counted anew.
    pub all: bool,
    /// Those whom it concerned.
    pub members: Vec<UserId>,
    /// It was answered. A kill can fall into it: then nobody knows whether it counted.
    pub answered: bool,
}

/// Somebody who was seen to be held.
#[derive(Clone, Debug)]
pub struct Held {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub since: u64,
    /// Why.
    pub reason: HoldReason,
    /// The event whose decision was the first to be held.
    pub event: Option<EventId>,
    /// What the guilds had decided before.
    pub before: Vec<(GuildId, Access)>,
    /// They were held still when everything had been calm for an hour.
    pub long: bool,
}

/// A tracked role that was deleted.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// When.
    pub at: u64,
    /// The guild.
    pub guild: GuildId,
    /// The role.
    pub role: RoleId,
    /// Those for whom it was the last tracked role of that guild.
    pub losers: Vec<UserId>,
}

/// What the operator gives to everybody, and what the policies of a run may do.
#[derive(Clone, Debug)]
pub struct Given {
    /// So many members' access may shrink within an hour.
    pub brake: u32,
    /// The libraries that are shared; none for all.
    pub libraries: Option<Vec<String>>,
    /// An invitation allows downloads.
    pub downloads: bool,
    /// `allowTuners` of those who are invited.
    pub live_tv: u8,
    /// The labels that restrictions ask for.
    pub labels: Vec<String>,
    /// A policy of this run restricts those who leave instead of removing them.
    pub keeps_leavers: bool,
    /// What becomes of what somebody else changed.
    pub drift: Drift,
    /// How long a request may be under way that was right when it was made, in milliseconds.
    pub moment: u64,
    /// How long what takes something waits before it is done, in milliseconds; 0 where it is done at once.
    pub settling: u64,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            brake: u32::MAX,
            libraries: None,
            downloads: false,
            live_tv: 0,
            labels: vec!["noAccess".to_owned()],
            keeps_leavers: false,
            drift: Drift::Report,
            moment: 1_000,
            settling: 0,
        }
    }
}

/// Everybody.
#[derive(Clone, Debug, Default)]
pub struct Town {
    /// Those who may get roles.
    pub souls: Vec<Soul>,
    /// Members who must never be touched, though they hold the role that gives access.
    pub untouchable: Vec<UserId>,
    /// Those with whom the owner shares already.
    pub foreign: Vec<Foreign>,
    /// What the operator set.
    pub given: Given,
    /// What administrators decided.
    pub verdicts: Vec<Verdict>,
    /// Those who were seen to be held.
    pub held: Vec<Held>,
    /// Roles that were deleted.
    pub deletions: Vec<Deletion>,
}

impl Town {
    /// People on whom nothing was decided by an administrator.
    #[must_use]
    pub fn of(souls: Vec<Soul>, untouchable: Vec<UserId>, foreign: Vec<Foreign>) -> Self {
        Self { souls, untouchable, foreign, ..Self::default() }
    }
}

/// Friends of the owner: one with our server, one with another, one with both.
pub(crate) fn share_with_others(plex: &mut PlexSim, now: u64) -> Result<Vec<Foreign>> {
    let mut all = Vec::new();
    for (name, servers) in [
        ("foreign0", &[MACHINE][..]),
        ("foreign1", &[OTHER_MACHINE]),
        ("foreign2", &[MACHINE, OTHER_MACHINE]),
    ] {
        all.push(share_with(plex, now, name, servers)?);
    }
    Ok(all)
}

/// Somebody with whom the owner shares these servers, with a filter of the owner's.
pub(crate) fn share_with(plex: &mut PlexSim, now: u64, name: &str, servers: &[&str]) -> Result<Foreign> {
    let address = format!("{name}.post@example.org");
    let account = plex.world.add_person(&address, name, name);
    for machine in servers {
        plex.owner_shares_with(now, account, machine, &[])?;
    }
    plex.owner_sets_filter(account, "filterMovies", "label=Kids")?;
    let shares = plex.world.shares.values().filter(|share| share.is_with(account)).cloned().collect();
    let tie = plex.friend(account).cloned();
    tie.as_ref().context("a share makes a friend")?;
    Ok(Foreign { plex: account, address, tie, shares })
}

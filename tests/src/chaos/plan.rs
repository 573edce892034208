//! What happens and when: drawn from the seed before anything runs.

use std::time::Duration;

use fastrand::Rng;
use rolarr::pipeline::settings::{Drift, ExistingShares, FirstStart, Removal};
use serde_json::{Value, json};

/// One of the tracked roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The ordinary one.
    Subscriber,
    /// Another of the same guild.
    Vip,
    /// The one of the second guild.
    Friend,
}

/// Some of those who are held, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Everybody.
    All,
    /// One of them.
    One,
}

/// One thing that happens. Numbers name people who may get roles.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Happening {
    /// Somebody gets a role.
    Gives(usize, Which),
    /// Somebody loses a role.
    Takes(usize, Which),
    /// Somebody loses a role and has it back within a second, or the other way round.
    Flickers(usize, Which),
    /// Somebody changes from one role to the other in one step.
    Swaps(usize),
    /// Somebody leaves a guild: the second one if so said.
    Leaves(usize, bool),
    /// Somebody joins it again.
    Joins(usize, bool),
    /// Somebody gets or loses the role whose holders must not be touched.
    Guards(usize, bool),
    /// Somebody gives their own address.
    Answers(usize),
    /// Somebody types something else.
    Garbage(usize),
    /// Somebody gives the address of a friend of the owner.
    Claims(usize),
    /// Somebody presses the neutral button.
    Asks(usize),
    /// An invitation is accepted.
    Accepts(usize),
    /// An invitation is declined.
    Declines(usize),
    /// Somebody ends the share at their side.
    Departs(usize),
    /// Somebody begins to watch something.
    Watches(usize),
    /// Somebody loses a role while they watch, and presses play again before the server knows of the filter.
    WatchesOn(usize),
    /// The owner sets a filter for somebody who has access and is not worked on.
    Edits(usize),
    /// Another tool puts a condition of its own beside what is set for somebody.
    Beside(usize),
    /// The owner ends the friendship with somebody by hand.
    Unfriends(usize),
    /// The owner ends the share of somebody by hand; they stay a friend.
    Unshares(usize),
    /// Somebody's role is turned round while a request is under way; something may go wrong with what follows.
    UnderWay(usize),
    /// The owner changes by hand what Rolarr wrote for somebody who is restricted.
    Overwrites(usize),
    /// An administrator invites a member by address.
    Invites(usize),
    /// An administrator removes a member by address.
    Removes(usize),
    /// One of those who must not be touched leaves, joins, types something or presses a button.
    Untouchable(usize),
    /// The gateway tells of somebody twice.
    Twice(usize),
    /// The gateway tells of somebody as they were without any role.
    Outdated(usize),
    /// The configuration names the policy with other settings, or one that does not load.
    Policy(Option<usize>),
    /// The gateway tells of nothing for so many seconds; then a new session begins.
    Deaf(u64),
    /// A new session begins.
    Session,
    /// An administrator asks for a comparison.
    Sync,
    /// The guild is unavailable for so many seconds.
    Unavailable(u64),
    /// The bot is thrown out of the guild and invited again after so many seconds.
    Kicked(u64),
    /// Plex misbehaves.
    AtPlex,
    /// Plex does not answer for so many seconds.
    PlexOutage(u64),
    /// Discord misbehaves.
    OnDiscord,
    /// Discord does not answer for so many seconds.
    DiscordOutage(u64),
    /// The disk takes nothing for so many seconds.
    DiskFull(u64),
    /// All who have this role lose it at once.
    MassLoss(Which),
    /// The role is deleted.
    Deletes(Which),
    /// An administrator lets happen what is held.
    Approves(Who),
    /// An administrator rejects what is held.
    Rejects(Who),
    /// The process is killed when it has come so many steps further, and starts again after so many seconds.
    Kill(Kill),
}

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kill {
    /// Steps from now, or from the next start.
    pub(super) steps: u64,
    /// How many seconds it stays down.
    pub(super) down: u64,
    /// Bytes of an unfinished write at the end of the log.
    pub(super) torn: usize,
}

/// What the operator configured.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    pub(super) brake: u32,
    pub(super) second_guild: bool,
    pub(super) first_start: FirstStart,
    pub(super) removal: Removal,
    pub(super) drift: Drift,
    pub(super) existing: ExistingShares,
    pub(super) prompt: Duration,
    pub(super) downloads: bool,
    pub(super) live_tv: u8,
    pub(super) policy: usize,
    /// How long what takes something waits.
    pub(super) settle: Duration,
}

/// The policies that there may be: each a module and its settings.
pub(super) fn policies() -> [(&'static str, Value); 7] {
    let roles = "builtin:role-restriction";
    [
        (roles, json!({})),
        (roles, json!({"block": "everything"})),
        (roles, json!({"block": ["movies", "music"]})),
        (roles, json!({"label": "closed"})),
        (roles, json!({"on-leave": "keep"})),
        // Together with the owner's own filters.
        ("builtin:content-rating", json!({})),
        ("builtin:content-rating", json!({"ratings": ["G", "PG"], "media": ["movies"]})),
    ]
}

/// The labels that they ask for.
pub(super) const LABELS: [&str; 2] = ["noAccess", "closed"];

/// A policy that restricts those who leave.
pub(super) const KEEPS_LEAVERS: usize = 4;

/// A whole schedule.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// How many people may get roles.
    pub(super) people: usize,
    /// So many of them have something to do with Plex.
    pub(super) viewers: usize,
    /// How many other members there are.
    pub(super) bystanders: usize,
    /// What the operator configured.
    pub(super) ways: Ways,
    /// What happens, with the milliseconds since the beginning, in order.
    pub(super) happenings: Vec<(u64, Happening)>,
}

const HOUR: u64 = 3_600_000;

/// So many members have less within an hour in no run.
const WITHOUT_BRAKE: u32 = 10_000;

impl Plan {
    /// Draws a schedule.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        // Some are large; a run costs by its members.
        let people = if rng.u8(0..5) == 0 { rng.usize(220..300) } else { rng.usize(50..90) };
        let viewers = rng.usize(16..28);
        let ways = Ways {
            brake: if rng.bool() { rng.u32(1..6) } else { WITHOUT_BRAKE },
            second_guild: rng.bool(),
            first_start: if rng.bool() { FirstStart::Adopt } else { FirstStart::Process },
            removal: if rng.u8(0..4) == 0 { Removal::Friendship } else { Removal::Share },
            drift: if rng.u8(0..3) == 0 { Drift::Correct } else { Drift::Report },
            existing: if rng.bool() { ExistingShares::Ask } else { ExistingShares::Never },
            prompt: Duration::from_secs(if rng.u8(0..3) == 0 { rng.u64(900..7_200) } else { 86_400 }),
            downloads: rng.u8(0..4) == 0,
            live_tv: if rng.u8(0..4) == 0 { rng.u8(1..3) } else { 0 },
            policy: if rng.bool() { 0 } else { rng.usize(0..policies().len()) },
            settle: Duration::from_secs(if rng.bool() { 0 } else { rng.u64(1..40) }),
        };
        let length = rng.u64(HOUR..3 * HOUR);
        let mut happenings = Vec::new();
        // Most of them come in at first, as in life.
        for who in 0..people {
            let at = rng.u64(0..length / 4);
            happenings.push((at, Happening::Gives(who, role(rng, ways.second_guild))));
            if who < viewers {
                happenings.push((at + rng.u64(10_000..400_000), Happening::Answers(who)));
                happenings.push((at + rng.u64(500_000..900_000), Happening::Accepts(who)));
            }
        }
        for _ in 0..rng.usize(110..190) {
            happenings.push((rng.u64(0..length), ordinary(rng, people, viewers, ways.second_guild)));
        }
        for _ in 0..rng.usize(8..20) {
            happenings.push((rng.u64(length / 4..length), Happening::UnderWay(rng.usize(0..viewers))));
        }
        for _ in 0..rng.usize(1..6) {
            happenings.push((rng.u64(length / 4..length), Happening::WatchesOn(rng.usize(0..viewers))));
        }
        for _ in 0..rng.usize(6..16) {
            happenings.push((rng.u64(0..length), trouble(rng)));
        }
        for _ in 0..rng.usize(1..6) {
            let kill = Kill {
                steps: rng.u64(0..90),
                down: if rng.bool() { rng.u64(0..5) } else { rng.u64(5..900) },
                torn: if rng.bool() { 0 } else { rng.usize(1..9_000) },
            };
            happenings.push((rng.u64(0..length), Happening::Kill(kill)));
        }
        if rng.bool() {
            let which = role(rng, ways.second_guild);
            happenings.push((rng.u64(length / 2..length), Happening::MassLoss(which)));
        }
        if rng.u8(0..3) == 0 {
            let which = role(rng, ways.second_guild);
            happenings.push((rng.u64(length / 2..length), Happening::Deletes(which)));
        }
        happenings.sort_by_key(|(at, _)| *at);
        Self { people, viewers, bystanders: rng.usize(10..40), ways, happenings }
    }
}

fn role(rng: &mut Rng, second_guild: bool) -> Which {
    match rng.u8(0..8) {
        0 | 1 => Which::Vip,
        2 | 3 if second_guild => Which::Friend,
        _ => Which::Subscriber,
    }
}

fn ordinary(rng: &mut Rng, people: usize, viewers: usize, second_guild: bool) -> Happening {
    // Those who have something to lose, mostly.
    let who = if rng.bool() { rng.usize(0..viewers) } else { rng.usize(0..people) };
    let viewer = rng.usize(0..viewers);
    let there = second_guild && rng.u8(0..3) == 0;
    match rng.u8(0..56) {
        0..=7 => Happening::Gives(who, role(rng, second_guild)),
        8..=14 => Happening::Takes(who, role(rng, second_guild)),
        15 | 16 => Happening::Flickers(who, role(rng, second_guild)),
        17 | 18 => Happening::Swaps(who),
        19 | 20 => Happening::Leaves(who, there),
        21..=23 => Happening::Joins(who, there),
        24..=27 => Happening::Answers(viewer),
        28 => Happening::Garbage(who),
        29 => Happening::Claims(viewer),
        30..=33 => Happening::Accepts(viewer),
        34 => Happening::Declines(viewer),
        35 => Happening::Departs(viewer),
        36 => Happening::Edits(viewer),
        37 => Happening::Twice(who),
        38 => Happening::Outdated(who),
        39 => Happening::Watches(viewer),
        40 => Happening::Overwrites(viewer),
        41 => Happening::Invites(viewer),
        42 => Happening::Removes(viewer),
        43 => Happening::Untouchable(rng.usize(0..5)),
        44 => Happening::Guards(who, true),
        45 | 46 => Happening::Guards(who, false),
        47 => Happening::Asks(who),
        49 => Happening::Unfriends(viewer),
        50 => Happening::Unshares(viewer),
        51 | 52 => Happening::Beside(viewer),
        48 if rng.bool() => Happening::Policy(None),
        48 => Happening::Policy(Some(rng.usize(0..policies().len()))),
        _ => match rng.u8(0..5) {
            0 => Happening::Approves(Who::All),
            1 => Happening::Rejects(Who::All),
            2 => Happening::Approves(Who::One),
            3 => Happening::Rejects(Who::One),
            _ => Happening::Sync,
        },
    }
}

fn trouble(rng: &mut Rng) -> Happening {
    match rng.u8(0..18) {
        0..=5 => Happening::AtPlex,
        6..=9 => Happening::OnDiscord,
        10 => Happening::PlexOutage(rng.u64(5..4_000)),
        11 => Happening::DiscordOutage(rng.u64(5..2_000)),
        12 | 13 => Happening::Deaf(rng.u64(5..3_600)),
        14 => Happening::Unavailable(rng.u64(5..600)),
        15 => Happening::Kicked(rng.u64(5..600)),
        16 => Happening::DiskFull(rng.u64(5..120)),
        _ => Happening::Session,
    }
}

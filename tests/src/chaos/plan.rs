//! What happens and when: drawn from the seed before anything runs.

use fastrand::Rng;

/// One of the tracked roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The ordinary one.
    Subscriber,
    /// The other.
    Vip,
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
    /// Somebody leaves the guild.
    Leaves(usize),
    /// Somebody joins it again.
    Joins(usize),
    /// Somebody gives their own address.
    Answers(usize),
    /// Somebody types something else.
    Garbage(usize),
    /// Somebody gives the address of a friend of the owner.
    Claims(usize),
    /// An invitation is accepted.
    Accepts(usize),
    /// An invitation is declined.
    Declines(usize),
    /// Somebody ends the share at their side.
    Departs(usize),
    /// The owner sets a filter for somebody who has access and is not worked on.
    Edits(usize),
    /// The gateway tells of somebody twice.
    Twice(usize),
    /// The gateway tells of somebody as they were without any role.
    Outdated(usize),
    /// The gateway tells of nothing for so many seconds; then a new session begins.
    Deaf(u64),
    /// A new session begins.
    Session,
    /// An administrator asks for a comparison.
    Sync,
    /// The guild is unavailable for so many seconds.
    Unavailable(u64),
    /// Plex misbehaves.
    AtPlex,
    /// Plex does not answer for so many seconds.
    PlexOutage(u64),
    /// Discord misbehaves.
    OnDiscord,
    /// Discord does not answer for so many seconds.
    DiscordOutage(u64),
    /// All who have this role lose it at once.
    MassLoss(Which),
    /// The role is deleted.
    Deletes(Which),
    /// An administrator lets happen what is held.
    Approves,
    /// An administrator rejects what is held.
    Rejects,
    /// The process is killed when it has come so many steps further, and starts again after so many seconds.
    Kill {
        /// Steps from now.
        steps: u64,
        /// How long it stays down.
        down: u64,
        /// Bytes of an unfinished write at the end of the log.
        torn: usize,
    },
}

/// A whole schedule.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// How many people may get roles.
    pub(super) people: usize,
    /// How many other members there are.
    pub(super) bystanders: usize,
    /// So many members' access may shrink within an hour.
    pub(super) brake: u32,
    /// What happens, with the milliseconds since the beginning, in order.
    pub(super) happenings: Vec<(u64, Happening)>,
}

const HOUR: u64 = 3_600_000;

impl Plan {
    /// Draws a schedule.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let people = rng.usize(16..28);
        let brake = if rng.bool() { rng.u32(2..7) } else { 10_000 };
        let length = rng.u64(2 * HOUR..5 * HOUR);
        let mut happenings = Vec::new();
        // Most of them come in at first, as in life.
        for who in 0..people {
            let at = rng.u64(0..length / 4);
            happenings.push((at, Happening::Gives(who, role(rng))));
            happenings.push((at + rng.u64(10_000..400_000), Happening::Answers(who)));
            happenings.push((at + rng.u64(500_000..900_000), Happening::Accepts(who)));
        }
        for _ in 0..rng.usize(150..250) {
            happenings.push((rng.u64(0..length), ordinary(rng, people)));
        }
        for _ in 0..rng.usize(6..16) {
            happenings.push((rng.u64(0..length), trouble(rng)));
        }
        for _ in 0..rng.usize(1..6) {
            let kill = Happening::Kill {
                steps: rng.u64(0..60),
                down: if rng.bool() { rng.u64(0..5) } else { rng.u64(5..900) },
                torn: if rng.bool() { 0 } else { rng.usize(1..9_000) },
            };
            happenings.push((rng.u64(0..length), kill));
        }
        if rng.u8(0..3) == 0 {
            happenings.push((rng.u64(length / 2..length), Happening::MassLoss(role(rng))));
        }
        if rng.u8(0..6) == 0 {
            happenings.push((rng.u64(length / 2..length), Happening::Deletes(role(rng))));
        }
        happenings.sort_by_key(|(at, _)| *at);
        Self { people, bystanders: rng.usize(120..300), brake, happenings }
    }
}

fn role(rng: &mut Rng) -> Which {
    if rng.u8(0..4) == 0 { Which::Vip } else { Which::Subscriber }
}

fn ordinary(rng: &mut Rng, people: usize) -> Happening {
    let who = rng.usize(0..people);
    match rng.u8(0..40) {
        0..=7 => Happening::Gives(who, role(rng)),
        8..=14 => Happening::Takes(who, role(rng)),
        15 | 16 => Happening::Flickers(who, role(rng)),
        17 | 18 => Happening::Swaps(who),
        19 | 20 => Happening::Leaves(who),
        21..=23 => Happening::Joins(who),
        24..=27 => Happening::Answers(who),
        28 => Happening::Garbage(who),
        29 => Happening::Claims(who),
        30..=33 => Happening::Accepts(who),
        34 => Happening::Declines(who),
        35 => Happening::Departs(who),
        36 => Happening::Edits(who),
        37 => Happening::Twice(who),
        38 => Happening::Outdated(who),
        _ => match rng.u8(0..3) {
            0 => Happening::Approves,
            1 => Happening::Rejects,
            _ => Happening::Sync,
        },
    }
}

fn trouble(rng: &mut Rng) -> Happening {
    match rng.u8(0..16) {
        0..=5 => Happening::AtPlex,
        6..=9 => Happening::OnDiscord,
        10 => Happening::PlexOutage(rng.u64(5..4_000)),
        11 => Happening::DiscordOutage(rng.u64(5..2_000)),
        12 | 13 => Happening::Deaf(rng.u64(5..3_600)),
        14 => Happening::Unavailable(rng.u64(5..600)),
        _ => Happening::Session,
    }
}

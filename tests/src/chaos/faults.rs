//! How plex.tv and Discord misbehave for a while.

use fastrand::Rng;
use rolarr_sim::{
    discord::{RestFault, RestFaultKind},
    plex::{Effect, Fault},
};

/// Some requests to plex.tv or the server go wrong.
pub(crate) fn at_plex(rng: &mut Rng) -> Fault {
    let plain = |status: u16| Effect::Status { status, retry_after: None };
    let effect = match rng.u8(0..16) {
        0 => Effect::Status { status: 429, retry_after: Some(rng.u64(1..120)) },
        1 => plain(429),
        2 => plain([500, 502, 503, 504][rng.usize(0..4)]),
        3 => Effect::AppliedBut { status: 502 },
        4 => Effect::Hang { applied: true },
        5 => Effect::Hang { applied: false },
        6 => Effect::Drop { applied: true },
        7 => Effect::Drop { applied: false },
        8 => Effect::Garbage,
        9 => Effect::Truncated,
        10 => Effect::EmptyBody,
        11 => Effect::Stale,
        12 => plain(401),
        13 => plain([403, 404, 422][rng.usize(0..3)]),
        _ => Effect::NotTaken,
    };
    // Reads that "take" nothing are reads; a stale write is none.
    let (method, times) = match effect {
        Effect::NotTaken => (["PUT", "POST", "DELETE"][rng.usize(0..3)], rng.u32(1..12)),
        Effect::Stale => ("GET", rng.u32(1..3)),
        Effect::Status { status: 401..=422, .. } => {
            (["GET", "POST", "PUT", "DELETE"][rng.usize(0..4)], rng.u32(1..4))
        }
        _ => (["*", "GET", "POST", "PUT", "DELETE"][rng.usize(0..5)], rng.u32(1..12)),
    };
    Fault::on(method, "*", effect).after(rng.u32(0..6)).times(times)
}

/// No request to plex.tv or the server is answered.
pub(crate) fn plex_outage(rng: &mut Rng) -> Fault {
    let effect = match rng.u8(0..3) {
        0 => Effect::Status { status: 503, retry_after: None },
        1 => Effect::Drop { applied: false },
        _ => Effect::Hang { applied: false },
    };
    Fault::on("*", "*", effect)
}

/// Some requests to Discord go wrong.
pub(crate) fn on_discord(rng: &mut Rng) -> RestFault {
    let kind = match rng.u8(0..9) {
        0 => RestFaultKind::Status { status: [500, 502, 503][rng.usize(0..3)], code: 0 },
        1 => RestFaultKind::TooManyRequests { retry_after_ms: Some(rng.u64(100..20_000)), global: false },
        2 => RestFaultKind::TooManyRequests { retry_after_ms: None, global: true },
        3 => RestFaultKind::Hang,
        4 => RestFaultKind::Drop,
        5 => RestFaultKind::Garbage,
        6 => RestFaultKind::ShortList,
        _ => RestFaultKind::StaleMember,
    };
    RestFault { method: None, path: "**".to_owned(), times: rng.u32(1..10), applied: rng.bool(), kind }
}

/// Discord refuses some requests: an unknown guild, a missing permission, a token that is not taken. It says
/// nothing of a member.
pub(crate) fn discord_refuses(rng: &mut Rng) -> RestFault {
    let (status, code) = [(403, 50_001), (404, 10_004), (401, 0)][rng.usize(0..3)];
    let kind = RestFaultKind::Status { status, code };
    RestFault { method: None, path: "**".to_owned(), times: rng.u32(1..4), applied: false, kind }
}

/// No request to Discord is answered.
pub(crate) fn discord_outage(rng: &mut Rng) -> RestFault {
    let kind = if rng.bool() { RestFaultKind::Status { status: 503, code: 0 } } else { RestFaultKind::Drop };
    RestFault { method: None, path: "**".to_owned(), times: u32::MAX, applied: false, kind }
}

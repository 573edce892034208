//! How plex.tv and Discord misbehave for a while.

use fastrand::Rng;
use rolarr_sim::{
    discord::{RestFault, RestFaultKind},
    plex::{Effect, Fault},
};

/// Some requests to plex.tv or the server go wrong.
pub(crate) fn at_plex(rng: &mut Rng) -> Fault {
    let effect = match rng.u8(0..12) {
        0 => Effect::Status { status: 429, retry_after: Some(rng.u64(1..120)) },
        1 => Effect::Status { status: 429, retry_after: None },
        2 => Effect::Status { status: [500, 502, 503, 504][rng.usize(0..4)], retry_after: None },
        3 => Effect::AppliedBut { status: 502 },
        4 => Effect::Hang { applied: true },
        5 => Effect::Hang { applied: false },
        6 => Effect::Drop { applied: true },
        7 => Effect::Drop { applied: false },
        8 => Effect::Garbage,
        9 => Effect::Truncated,
        10 => Effect::EmptyBody,
        _ => Effect::NotTaken,
    };
    // Reads that "take" nothing are reads.
    let method = match effect {
        Effect::NotTaken => ["PUT", "POST", "DELETE"][rng.usize(0..3)],
        _ => ["*", "GET", "POST", "PUT", "DELETE"][rng.usize(0..5)],
    };
    Fault::on(method, "*", effect).after(rng.u32(0..6)).times(rng.u32(1..12))
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
    let kind = match rng.u8(0..6) {
        0 => RestFaultKind::Status { status: [500, 502, 503][rng.usize(0..3)], code: 0 },
        1 => RestFaultKind::TooManyRequests { retry_after_ms: Some(rng.u64(100..20_000)), global: false },
        2 => RestFaultKind::TooManyRequests { retry_after_ms: None, global: true },
        3 => RestFaultKind::Hang,
        4 => RestFaultKind::Drop,
        _ => RestFaultKind::StaleMember,
    };
    RestFault { method: None, path: "**".to_owned(), times: rng.u32(1..10), applied: rng.bool(), kind }
}

/// No request to Discord is answered.
pub(crate) fn discord_outage(rng: &mut Rng) -> RestFault {
    let kind = if rng.bool() { RestFaultKind::Status { status: 503, code: 0 } } else { RestFaultKind::Drop };
    RestFault { method: None, path: "**".to_owned(), times: u32::MAX, applied: false, kind }
}

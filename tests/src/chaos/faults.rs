//! How plex.tv and Discord misbehave for a while.

use fastrand::Rng;
use rolarr_sim::{
    discord::{RestFault, RestFaultKind},
    plex::{Effect, Fault},
};

/// How much later a request has its effect that has it late: a client gives up after 30 seconds.
pub(crate) const LATE: std::ops::Range<u64> = 31_000..150_000;

/// The requests that a fault may be about: any, or those of one kind.
const ROUTES: [&str; 9] = [
    "*",
    "*",
    "*",
    "/api/users",
    "/api/users/{id}",
    "/api/invites/requested",
    "/api/servers/{machine}/shared_servers",
    "/api/servers/{machine}/shared_servers/{share}",
    "/api/v2/sharing_settings",
];

/// The lists that the pipeline looks at.
const LISTS: [&str; 4] = [
    "/api/users",
    "/api/invites/requested",
    "/api/servers/{machine}/shared_servers",
    "/api/v2/shared_servers/owned/pending",
];

/// Some requests to plex.tv or the server go wrong: how, in a word, and the rule. `late` is how much later what is
/// late has its effect, in milliseconds.
pub(crate) fn at_plex(rng: &mut Rng, now: u64, late: std::ops::Range<u64>) -> (&'static str, Fault) {
    let (name, effect) = effect(rng, late);
    (name, rule(rng, now, effect))
}

/// The same, about the next requests like this one; what says nothing of writes is about lists.
pub(super) fn like(rng: &mut Rng, now: u64, passed: u32, method: &str, path: &str) -> (&'static str, Fault) {
    let (name, effect) = effect(rng, LATE);
    let reads =
        matches!(effect, Effect::Stale | Effect::Gone | Effect::Lagging { .. } | Effect::Alternating { .. });
    if reads && method != "GET" {
        return (name, rule(rng, now, effect));
    }
    (name, Fault::on(method, path, effect).after(passed).times(rng.u32(1..3)))
}

/// What goes wrong, and how that is called.
fn effect(rng: &mut Rng, late: std::ops::Range<u64>) -> (&'static str, Effect) {
    let plain = |status: u16| Effect::Status { status, retry_after: None };
    match rng.u8(0..28) {
        0 => ("429 with a time", Effect::Status { status: 429, retry_after: Some(rng.u64(1..120)) }),
        1 | 2 => ("429", plain(429)),
        3 | 4 => ("500", plain([500, 502, 503, 504][rng.usize(0..4)])),
        5 => ("applied, 502", Effect::AppliedBut { status: 502 }),
        6 => ("applied, no answer", Effect::Hang { applied: true }),
        7 => ("no answer", Effect::Hang { applied: false }),
        8 => ("applied, dropped", Effect::Drop { applied: true }),
        9 => ("dropped", Effect::Drop { applied: false }),
        10 => ("garbage", Effect::Garbage),
        11 => ("truncated", Effect::Truncated),
        12 => ("empty", Effect::EmptyBody),
        13 => ("stale", Effect::Stale),
        14 => ("401", plain(401)),
        15 => ("refused", plain([403, 404, 422][rng.usize(0..3)])),
        16 | 17 => ("not taken", Effect::NotTaken),
        18..=20 => ("late", Effect::Late { after_ms: rng.u64(late) }),
        21 => {
            let status = [200, 403, 404, 422, 502, 503][rng.usize(0..6)];
            ("page", Effect::Page { status, applied: rng.bool() })
        }
        22 => ("gone", Effect::Gone),
        23 | 24 => ("lagging", Effect::Lagging { seconds: rng.u64(2..30) }),
        _ => ("alternating", Effect::Alternating { seconds: rng.u64(2..15), old_first: rng.bool() }),
    }
}

/// Which requests an effect is about, and how many of them.
fn rule(rng: &mut Rng, now: u64, effect: Effect) -> Fault {
    let route = ROUTES[rng.usize(0..ROUTES.len())];
    let once = rng.bool();
    let mut times = |most: u32| if once { 1 } else { rng.u32(1..most) };
    let write = ["PUT", "POST", "DELETE"];
    // Reads that "take" nothing are reads; a stale write is none.
    let rule = match effect {
        Effect::NotTaken | Effect::Late { .. } => {
            let times = times(4);
            let method = write[rng.usize(0..3)];
            Fault::on(method, "*", effect).times(times)
        }
        Effect::Stale => {
            let times = times(3);
            Fault::on("GET", route, effect).times(times)
        }
        Effect::Gone => {
            let until = now + rng.u64(10_000..1_200_000);
            Fault::on("GET", LISTS[rng.usize(0..LISTS.len())], effect).until(until)
        }
        Effect::Lagging { .. } | Effect::Alternating { .. } => {
            let until = now + rng.u64(30_000..600_000);
            let route = if rng.bool() { "*" } else { LISTS[rng.usize(0..LISTS.len())] };
            Fault::on("GET", route, effect).until(until)
        }
        Effect::Status { status: 401..=422, .. } | Effect::Page { status: 403 | 404 | 422, .. } => {
            let times = times(4);
            Fault::on(["GET", "POST", "PUT", "DELETE"][rng.usize(0..4)], "*", effect).times(times)
        }
        _ => {
            let times = times(12);
            let method = ["*", "GET", "POST", "PUT", "PUT", "DELETE"][rng.usize(0..6)];
            Fault::on(method, route, effect).times(times)
        }
    };
    let skip = if rng.bool() { 0 } else { rng.u32(0..6) };
    rule.after(skip)
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
    let kind = match rng.u8(0..11) {
        0 => RestFaultKind::Status { status: [500, 502, 503][rng.usize(0..3)], code: 0 },
        1 => RestFaultKind::TooManyRequests { retry_after_ms: Some(rng.u64(100..20_000)), global: false },
        2 => RestFaultKind::TooManyRequests { retry_after_ms: None, global: true },
        3 => RestFaultKind::Hang,
        4 => RestFaultKind::Drop,
        5 => RestFaultKind::Garbage,
        6 => RestFaultKind::ShortList,
        // What stands before Discord answers in a form of its own.
        7 => RestFaultKind::Page { status: [403, 429, 502, 520][rng.usize(0..4)] },
        8 => RestFaultKind::Status { status: 403, code: 40_333 },
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

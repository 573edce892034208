//! The state machine: a request goes in, an answer comes out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Face,
    faults::{self, Effect, Fault, Faults},
    refusal::{Refusal, page_not_found},
    server,
    state::{Share, Tie},
    v1, v2,
    world::World,
};
use crate::http::{Outcome, Request, Response};

/// A request that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Which address.
    pub face: Face,
    /// The method.
    pub method: String,
    /// The path, percent-encoded as it was sent.
    pub path: String,
    /// The query, decoded, without `X-Plex-*`.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The status of the answer. None: there was none.
    pub status: Option<u16>,
}

impl Recorded {
    /// Whether it was meant to change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        let terminates = self.path == "/status/sessions/terminate";
        terminates || !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// What a write changed of what somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightChange {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// When the write was asked for: earlier, if it had its effect late.
    pub asked_ms: u64,
    /// Whose account.
    pub account: u64,
    /// The titles that they see and did not before.
    pub gained: Vec<String>,
    /// The titles that they saw and do not any more.
    pub lost: Vec<String>,
}

/// plex.tv and a Plex server, without sockets and without a clock.
#[derive(Clone, Debug)]
pub struct PlexSim {
    /// What they know. Tests may change it as they like.
    pub world: World,
    /// Every request that was made, in order.
    pub requests: Vec<Recorded>,
    /// What writes changed of what people see, in order.
    pub sight_changes: Vec<SightChange>,
    /// When a request went wrong because it was told to, in milliseconds since 1970, in order.
    pub struck: Vec<u64>,
    faults: Faults,
    /// What there was before each of the last writes, oldest first.
    past: Vec<Past>,
    /// Requests that have their effect later.
    late: Vec<Late>,
}

/// What there was before a write.
#[derive(Clone, Debug)]
struct Past {
    until_ms: u64,
    world: Box<World>,
}

/// A request that has its effect later.
#[derive(Clone, Debug)]
struct Late {
    due_ms: u64,
    asked_ms: u64,
    face: Face,
    request: Request,
}

/// So many old states are kept at most.
const STATES: usize = 64;

impl PlexSim {
    /// A simulator of this world.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self {
            world,
            requests: Vec::new(),
            sight_changes: Vec::new(),
            struck: Vec::new(),
            faults: Faults::default(),
            past: Vec::new(),
            late: Vec::new(),
        }
    }

    /// Makes requests go wrong.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.add(fault);
        if self.faults.need_past(0).is_some() && self.past.is_empty() {
            self.past.push(Past { until_ms: 0, world: Box::new(self.world.clone()) });
        }
    }

    /// Nothing goes wrong any more, but for what is wrong for good and what has its effect late.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
        if self.faults.need_past(0).is_none() {
            self.past.clear();
        }
    }

    /// Time passes: what was to have its effect by now has it.
    pub fn pass(&mut self, now_ms: u64) {
        loop {
            let due = self.late.iter().enumerate().filter(|(_, late)| late.due_ms <= now_ms);
            let Some((next, _)) = due.min_by_key(|(_, late)| late.due_ms) else { return };
            let Late { due_ms, asked_ms, face, request } = self.late.remove(next);
            self.world.asked_ms = Some(asked_ms);
            self.apply(due_ms, face, &request);
            self.world.asked_ms = None;
        }
    }

    /// How many requests have not had their effect yet.
    #[must_use]
    pub fn late(&self) -> usize {
        self.late.len()
    }

    /// The requests that were meant to change something.
    #[must_use]
    pub fn writes(&self) -> Vec<&Recorded> {
        self.requests.iter().filter(|request| request.is_write()).collect()
    }

    /// Answers a request that arrives now at one of the three addresses.
    pub fn handle(&mut self, now_ms: u64, face: Face, request: &Request) -> Outcome {
        self.pass(now_ms);
        let outcome = self.outcome(now_ms, face, request);
        let hidden = |name: &str| name.to_ascii_lowercase().starts_with("x-plex-");
        self.requests.push(Recorded {
            at_ms: now_ms,
            face,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.iter().filter(|(name, _)| !hidden(name)).cloned().collect(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            status: match &outcome {
                Outcome::Respond(response) => Some(response.status),
                Outcome::Hang | Outcome::Drop => None,
            },
        });
        outcome
    }

    fn outcome(&mut self, now_ms: u64, face: Face, request: &Request) -> Outcome {
        let Some(effect) = self.faults.strike(now_ms, face, request) else {
            return self.apply(now_ms, face, request).into();
        };
        self.struck.push(now_ms);
        match effect {
            Effect::Status { status, retry_after } => faults::status(status, retry_after).into(),
            Effect::Says { status, body } => Response::xml(status, body).into(),
            Effect::AppliedBut { status } => {
                self.apply(now_ms, face, request);
                faults::status(status, None).into()
            }
            Effect::Hang { applied } => {
                if applied {
                    self.apply(now_ms, face, request);
                }
                Outcome::Hang
            }
            Effect::Drop { applied } => {
                if applied {
                    self.apply(now_ms, face, request);
                }
                Outcome::Drop
            }
            Effect::Garbage => faults::garbage(self.apply(now_ms, face, request)).into(),
            Effect::Truncated => faults::truncated(self.apply(now_ms, face, request)).into(),
            Effect::EmptyBody => Response::empty(self.apply(now_ms, face, request).status).into(),
            Effect::NotTaken => route(&mut self.world.clone(), now_ms, face, request).into(),
            Effect::Stale => {
                let mut past = self.past.last().map_or(&self.world, |past| &past.world).clone();
                route(&mut past, now_ms, face, request).into()
            }
            Effect::Late { after_ms } => {
                let due_ms = now_ms.saturating_add(after_ms);
                self.late.push(Late { due_ms, asked_ms: now_ms, face, request: request.clone() });
                Outcome::Hang
            }
            Effect::Page { status, applied } => {
                if applied {
                    self.apply(now_ms, face, request);
                }
                faults::page(status).into()
            }
            Effect::Gone => Refusal::Gone.v1().into(),
            Effect::Lagging { seconds } | Effect::Alternating { seconds, .. } => {
                let since = now_ms.saturating_sub(seconds.saturating_mul(1_000));
                let shown = self.past.iter().find(|past| past.until_ms > since);
                let mut shown = shown.map_or(&self.world, |past| &past.world).clone();
                if request.method == "GET" {
                    route(&mut shown, now_ms, face, request).into()
                } else {
                    self.apply(now_ms, face, request).into()
                }
            }
        }
    }

    fn apply(&mut self, now_ms: u64, face: Face, request: &Request) -> Response {
        if request.method != "GET" {
            match self.faults.need_past(now_ms) {
                Some(age) => self.keep_past(now_ms, age),
                None => self.past.clear(),
            }
        }
        if request.method == "GET" {
            return route(&mut self.world, now_ms, face, request);
        }
        let before = (self.world.ties.clone(), self.world.shares.clone());
        let response = route(&mut self.world, now_ms, face, request);
        self.note_sight_changes(now_ms, before);
        response
    }

    /// Keeps what there is as an old state, and drops those that are older than is needed.
    fn keep_past(&mut self, now_ms: u64, age: u64) {
        self.past.retain(|past| past.until_ms > now_ms.saturating_sub(age));
        if self.past.len() >= STATES {
            self.past.remove(0);
        }
        self.past.push(Past { until_ms: now_ms, world: Box::new(self.world.clone()) });
    }

    fn note_sight_changes(&mut self, at_ms: u64, before: (BTreeMap<u64, Tie>, BTreeMap<u64, Share>)) {
        if (&before.0, &before.1) == (&self.world.ties, &self.world.shares) {
            return;
        }
        let accounts: Vec<u64> = self.world.people.keys().copied().collect();
        let seen = |world: &World| -> Vec<Vec<String>> {
            accounts.iter().map(|account| world.visible_items(*account)).collect()
        };
        let is = seen(&self.world);
        let now = (
            std::mem::replace(&mut self.world.ties, before.0),
            std::mem::replace(&mut self.world.shares, before.1),
        );
        let was = seen(&self.world);
        (self.world.ties, self.world.shares) = now;
        for ((account, was), is) in accounts.iter().zip(was).zip(is) {
            let without = |these: &[String], those: &[String]| -> Vec<String> {
                these.iter().filter(|title| !those.contains(title)).cloned().collect()
            };
            let (gained, lost) = (without(&is, &was), without(&was, &is));
            if !gained.is_empty() || !lost.is_empty() {
                let asked_ms = self.world.asked_ms.unwrap_or(at_ms);
                self.sight_changes.push(SightChange { at_ms, asked_ms, account: *account, gained, lost });
            }
        }
    }
}

fn route(world: &mut World, now_ms: u64, face: Face, request: &Request) -> Response {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if face == Face::Server {
        return server::answer(world, request, &segments);
    }
    match segments.as_slice() {
        ["api", "v2", rest @ ..] => v2::answer(world, now_ms, request, rest)
            .unwrap_or_else(|refusal| refusal.v2(v2::wants_json(request))),
        ["api", rest @ ..] => v1::answer(world, now_ms, request, rest).unwrap_or_else(|refusal| refusal.v1()),
        _ => page_not_found(),
    }
}

//! The state machine: a request goes in, an answer comes out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Face,
    faults::{self, Effect, Fault, Faults},
    refusal::page_not_found,
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
    past: Option<Box<World>>,
}

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
            past: None,
        }
    }

    /// Makes requests go wrong.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.add(fault);
        if self.faults.need_past() && self.past.is_none() {
            self.past = Some(Box::new(self.world.clone()));
        }
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
        self.past = None;
    }

    /// The requests that were meant to change something.
    #[must_use]
    pub fn writes(&self) -> Vec<&Recorded> {
        self.requests.iter().filter(|request| request.is_write()).collect()
    }

    /// Answers a request that arrives now at one of the three addresses.
    pub fn handle(&mut self, now_ms: u64, face: Face, request: &Request) -> Outcome {
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
        let Some(effect) = self.faults.strike(face, request) else {
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
                let mut past = self.past.as_deref().unwrap_or(&self.world).clone();
                route(&mut past, now_ms, face, request).into()
            }
        }
    }

    fn apply(&mut self, now_ms: u64, face: Face, request: &Request) -> Response {
        if request.method != "GET" && self.faults.need_past() {
            self.past = Some(Box::new(self.world.clone()));
        }
        if request.method == "GET" {
            return route(&mut self.world, now_ms, face, request);
        }
        let before = (self.world.ties.clone(), self.world.shares.clone());
        let response = route(&mut self.world, now_ms, face, request);
        self.note_sight_changes(now_ms, before);
        response
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
                self.sight_changes.push(SightChange { at_ms, account: *account, gained, lost });
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

//! Telling plex.tv or the server to misbehave.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Face;
use crate::http::{Request, Response};

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// It has no effect and is answered with this status, and with `Retry-After` in seconds if there is one.
    Status {
        /// The status.
        status: u16,
        /// The header `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// It has its effect, and is answered with this status all the same.
    AppliedBut {
        /// The status.
        status: u16,
    },
    /// It has no effect and is answered with this status and body.
    Says {
        /// The status.
        status: u16,
        /// The body, of type XML.
        body: String,
    },
    /// It is never answered.
    Hang {
        /// It has its effect before.
        applied: bool,
    },
    /// The connection breaks.
    Drop {
        /// It has its effect before.
        applied: bool,
    },
    /// It has its effect; the answer's body is no XML and no JSON.
    Garbage,
    /// It has its effect; the second half of the answer's body is missing.
    Truncated,
    /// It has its effect; the answer has no body.
    EmptyBody,
    /// It is answered as ever and has no effect: a write that does not take.
    NotTaken,
    /// It is answered from before the last write. To be set before that write.
    Stale,
    /// It has its effect so many milliseconds later, and is never answered: a client that gives up earlier sees
    /// nothing of it.
    Late {
        /// How much later.
        after_ms: u64,
    },
    /// It is answered with the page of a proxy instead of Plex's own form.
    Page {
        /// The status.
        status: u16,
        /// It has its effect before.
        #[serde(default)]
        applied: bool,
    },
    /// It has no effect and is answered as plex.tv answers a route that was removed.
    Gone,
    /// It is answered as things were so many seconds ago: each write shows only after that time. To be set before
    /// those writes.
    Lagging {
        /// How far behind the answer is.
        seconds: u64,
    },
    /// Every second request of the same method and path is answered as with [`Effect::Lagging`], the others as ever:
    /// two machines take turns, and one lags behind.
    Alternating {
        /// How far behind the second machine is.
        seconds: u64,
        /// The first request meets the machine that lags behind.
        #[serde(default)]
        old_first: bool,
    },
}

impl Effect {
    /// Whether old states are needed for it, and how old ones in milliseconds.
    fn past_ms(&self) -> Option<u64> {
        match self {
            Self::Stale => Some(0),
            Self::Lagging { seconds } | Self::Alternating { seconds, .. } => {
                Some(seconds.saturating_mul(1_000))
            }
            _ => None,
        }
    }
}

/// A rule: which requests go wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    method: String,
    route: Vec<String>,
    face: Option<Face>,
    skip: u32,
    left: Option<u32>,
    until: Option<u64>,
    lasting: bool,
    /// How many requests each method and path has had, for those that take turns.
    turns: BTreeMap<String, u64>,
    effect: Effect,
}

impl Fault {
    /// All requests with this method and route. `*` is any method; in the route, `{anything}` is any one
    /// segment and a `*` at the end any number of them.
    #[must_use]
    pub fn on(method: &str, route: &str, effect: Effect) -> Self {
        Self {
            method: method.to_owned(),
            route: route.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            face: None,
            skip: 0,
            left: None,
            until: None,
            lasting: false,
            turns: BTreeMap::new(),
            effect,
        }
    }

    /// Only at this face.
    #[must_use]
    pub fn at(mut self, face: Face) -> Self {
        self.face = Some(face);
        self
    }

    /// Only after so many matching requests have passed unharmed.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, requests: u32) -> Self {
        self.left = Some(requests);
        self
    }

    /// Only until this time, in milliseconds since 1970.
    #[must_use]
    pub fn until(mut self, at_ms: u64) -> Self {
        self.until = Some(at_ms);
        self
    }

    /// It stays when all faults are cleared.
    #[must_use]
    pub fn for_good(mut self) -> Self {
        self.lasting = true;
        self
    }

    fn is_over(&self, now_ms: u64) -> bool {
        self.left == Some(0) || self.until.is_some_and(|until| until < now_ms)
    }

    /// What goes wrong with this request. Nothing does for the one of two machines that keeps up.
    fn strikes(&mut self, request: &Request) -> Option<Effect> {
        let Effect::Alternating { seconds, old_first } = self.effect else {
            return Some(self.effect.clone());
        };
        let turn = self.turns.entry(format!("{} {}", request.method, request.path)).or_default();
        *turn += 1;
        let old = (*turn % 2 == 1) == old_first;
        old.then_some(Effect::Lagging { seconds })
    }

    fn matches(&self, face: Face, request: &Request) -> bool {
        let method = self.method == "*" || self.method.eq_ignore_ascii_case(&request.method);
        method && self.face.is_none_or(|wanted| wanted == face) && covers(&self.route, &request.segments())
    }
}

fn covers(route: &[String], segments: &[String]) -> bool {
    let mut segments = segments.iter();
    for part in route {
        if part == "*" {
            return true;
        }
        let Some(segment) = segments.next() else { return false };
        let any = part.starts_with('{') && part.ends_with('}');
        if !any && part != segment {
            return false;
        }
    }
    segments.next().is_none()
}

/// The rules that are set.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Vec<Fault>,
}

impl Faults {
    /// Adds a rule. Where several match, the first that was added decides.
    pub(crate) fn add(&mut self, fault: Fault) {
        self.rules.push(fault);
    }

    /// Ends all rules that are not for good.
    pub(crate) fn clear(&mut self) {
        self.rules.retain(|rule| rule.lasting);
    }

    /// Whether old states are needed, and how old ones in milliseconds.
    pub(crate) fn need_past(&self, now_ms: u64) -> Option<u64> {
        let rules = self.rules.iter().filter(|rule| !rule.is_over(now_ms));
        rules.filter_map(|rule| rule.effect.past_ms()).max()
    }

    /// What goes wrong with this request, if anything does.
    pub(crate) fn strike(&mut self, now_ms: u64, face: Face, request: &Request) -> Option<Effect> {
        let wanted = |rule: &&mut Fault| !rule.is_over(now_ms) && rule.matches(face, request);
        let rule = self.rules.iter_mut().find(wanted)?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.left = rule.left.map(|left| left - 1);
        rule.strikes(request)
    }
}

/// The page of a proxy before plex.tv.
pub(crate) fn page(status: u16) -> Response {
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center><hr>\
         <center>proxy</center></body></html>\n"
    );
    Response::typed(status, "text/html", page)
}

/// An answer whose status is a fault's.
pub(crate) fn status(status: u16, retry_after: Option<u64>) -> Response {
    let body = format!("<Response code=\"{status}\" status=\"Simulated fault\"/>");
    let response = Response::xml(status, body);
    match retry_after {
        Some(seconds) => response.with_header("retry-after", seconds.to_string()),
        None => response,
    }
}

/// The same answer with a body that nothing can read.
pub(crate) fn garbage(mut response: Response) -> Response {
    response.body = b"\xff\xfe<{\"]>&\0not what was asked for".to_vec();
    response
}

/// The same answer with half of its body.
pub(crate) fn truncated(mut response: Response) -> Response {
    response.body.truncate(response.body.len() / 2);
    response
}

//! Telling plex.tv or the server to misbehave.

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
}

/// A rule: which requests go wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    method: String,
    route: Vec<String>,
    face: Option<Face>,
    skip: u32,
    left: Option<u32>,
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

    /// Ends all rules.
    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Whether old states are needed.
    pub(crate) fn need_past(&self) -> bool {
        self.rules.iter().any(|rule| rule.effect == Effect::Stale)
    }

    /// What goes wrong with this request, if anything does.
    pub(crate) fn strike(&mut self, face: Face, request: &Request) -> Option<Effect> {
        let rule = self.rules.iter_mut().find(|rule| rule.left != Some(0) && rule.matches(face, request))?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.left = rule.left.map(|left| left - 1);
        Some(rule.effect.clone())
    }
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

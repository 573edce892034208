//! A transport that expects certain requests and has an answer for each.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;

use crate::{Base, Method, Pause, Plex, Request, Response, Transport, TransportError};

type Answer = Result<Response, TransportError>;

/// Expects requests in an order. It is an error if others come, or fewer.
#[derive(Default)]
pub(super) struct Script {
    steps: Mutex<VecDeque<(String, Answer)>>,
    bodies: Mutex<Vec<serde_json::Value>>,
    pauses: Mutex<Vec<Duration>>,
}

impl Script {
    /// Expects these requests: method, party, path and decoded query, as in `GET plex.tv /api/users/`.
    pub(super) fn new(steps: impl IntoIterator<Item = (&'static str, Answer)>) -> Arc<Self> {
        let steps = steps.into_iter().map(|(line, answer)| (line.to_owned(), answer)).collect();
        Arc::new(Self { steps: Mutex::new(steps), ..Self::default() })
    }

    pub(super) fn plex(self: &Arc<Self>) -> Plex {
        Plex::with_pause(Arc::clone(self) as Arc<dyn Transport>, Arc::clone(self) as Arc<dyn Pause>)
    }

    /// The bodies that were sent.
    pub(super) fn bodies(&self) -> Vec<serde_json::Value> {
        self.bodies.lock().unwrap().clone()
    }

    /// How often there was a pause.
    pub(super) fn pauses(&self) -> usize {
        self.pauses.lock().unwrap().len()
    }

    /// That all that was expected came.
    pub(super) fn done(&self) {
        let left: Vec<_> = self.steps.lock().unwrap().iter().map(|(line, _)| line.clone()).collect();
        assert!(left.is_empty(), "these requests did not come: {left:?}");
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request) -> Answer {
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        };
        let base = match request.base {
            Base::PlexTv => "plex.tv",
            Base::Clients => "clients",
            Base::Server => "server",
        };
        let query: Vec<_> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let question = if query.is_empty() { "" } else { "?" };
        let line = format!("{method} {base} {}{question}{}", request.path, query.join("&"));
        if let Some(body) = &request.body {
            self.bodies.lock().unwrap().push(serde_json::from_str(body).unwrap());
        }
        let (expected, answer) = self.steps.lock().unwrap().pop_front().expect(&line);
        assert_eq!(line, expected);
        answer
    }
}

#[async_trait]
impl Pause for Script {
    async fn pause(&self, time: Duration) {
        self.pauses.lock().unwrap().push(time);
    }
}

/// An answer.
pub(super) fn says(status: u16, body: impl Into<String>) -> Answer {
    Ok(Response { status, retry_after: None, body: body.into() })
}

/// v1's form of a refusal.
pub(super) fn refuses(status: u16, words: &str) -> Answer {
    says(status, format!(r#"<Response code="{status}" status="{words}"/>"#))
}

/// An answer that asks to wait.
pub(super) fn busy(retry_after: Option<u64>) -> Answer {
    Ok(Response { status: 429, retry_after, body: String::new() })
}

//! plex.tv without a socket: requests go straight into the simulator's state machine.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use rolarr::{
    pipeline::Seam,
    plex::{Base, Method, Request, Response, Transport, TransportError},
};
use rolarr_sim::{
    http::{Outcome, Request as SimRequest},
    plex::{Face, OWNER_TOKEN, PlexSim},
};

use super::{
    Gate,
    boundary::{Boundaries, Place},
    pass,
};

/// How long a request that is never answered takes until it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Carries requests into a simulator.
pub struct ToPlex {
    /// The simulator.
    pub sim: Arc<Mutex<PlexSim>>,
    /// The time of day.
    pub seam: Seam,
    /// What each request passes.
    pub gate: Option<Gate>,
    /// Where requests are stopped.
    pub boundaries: Boundaries,
}

#[async_trait]
impl Transport for ToPlex {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let face = match request.base {
            Base::PlexTv => Face::PlexTv,
            Base::Clients => Face::Clients,
            Base::Server => Face::Server,
        };
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        };
        let mut headers = BTreeMap::from([
            ("x-plex-token".to_owned(), OWNER_TOKEN.to_owned()),
            ("x-plex-client-identifier".to_owned(), "rolarr-tests".to_owned()),
        ]);
        if request.json {
            headers.insert("accept".to_owned(), "application/json".to_owned());
        }
        if request.body.is_some() {
            headers.insert("content-type".to_owned(), "application/json".to_owned());
        }
        let query = request.query.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let body = request.body.unwrap_or_default().into_bytes();
        let sent = SimRequest { method: method.to_owned(), path: request.path, query, headers, body };
        pass(self.gate.as_ref(), "plex-request").await;
        self.boundaries.cross(Place::Sent, &sent).await;
        let outcome = {
            let mut sim = self.sim.lock().unwrap_or_else(PoisonError::into_inner);
            sim.handle(self.seam.now().0, face, &sent)
        };
        self.boundaries.cross(Place::Applied, &sent).await;
        // A turn for the others, as a real exchange would give them.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.boundaries.cross(Place::Answered, &sent).await;
        pass(self.gate.as_ref(), "plex-answer").await;
        match outcome {
            Outcome::Respond(response) => Ok(Response {
                status: response.status,
                retry_after: response
                    .headers
                    .iter()
                    .find(|(name, _)| name == "retry-after")
                    .and_then(|(_, value)| value.parse().ok()),
                body: String::from_utf8_lossy(&response.body).into_owned(),
            }),
            Outcome::Hang => {
                tokio::time::sleep(PATIENCE).await;
                Err(TransportError::NoAnswer("it took too long"))
            }
            Outcome::Drop => Err(TransportError::NoAnswer("the connection broke")),
        }
    }
}

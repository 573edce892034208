//! Requests that are stopped on their way, so that something else happens while they are under way.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rolarr_sim::http::Request;
use tokio::sync::oneshot;

/// Where a request is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// It was sent and has had no effect.
    Sent,
    /// It has had its effect, and the answer is on its way.
    Applied,
    /// It was answered, and nobody has read the answer.
    Answered,
}

impl Place {
    /// All of them, in the order of the way.
    pub const ALL: [Self; 3] = [Self::Sent, Self::Applied, Self::Answered];
}

/// Which requests are meant.
type Wanted = Box<dyn Fn(&Request) -> bool + Send>;

/// The requests that are to be stopped.
#[derive(Clone, Default)]
pub struct Boundaries(Arc<Mutex<Vec<Stop>>>);

struct Stop {
    id: u64,
    place: Place,
    wanted: Wanted,
    reached: oneshot::Sender<(String, String)>,
    released: oneshot::Receiver<()>,
}

/// A request that is stopped, or will be. It goes on when this is dropped.
pub struct UnderWay {
    id: u64,
    boundaries: Boundaries,
    reached: Option<oneshot::Receiver<(String, String)>>,
    request: Option<(String, String)>,
    _release: oneshot::Sender<()>,
}

impl Boundaries {
    /// The next request that fits is stopped at this place.
    pub fn stop(&self, place: Place, wanted: impl Fn(&Request) -> bool + Send + 'static) -> UnderWay {
        let (reached, reaches) = oneshot::channel();
        let (release, released) = oneshot::channel();
        let mut stops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = stops.last().map_or(0, |last| last.id + 1);
        stops.push(Stop { id, place, wanted: Box::new(wanted), reached, released });
        UnderWay { id, boundaries: self.clone(), reached: Some(reaches), request: None, _release: release }
    }

    /// A request passes a place, and is stopped there if that is wanted.
    pub(super) async fn cross(&self, place: Place, request: &Request) {
        let stop = {
            let mut stops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = |stop: &Stop| stop.place == place && (stop.wanted)(request);
            let found = stops.iter().position(fits);
            found.map(|found| stops.remove(found))
        };
        if let Some(stop) = stop {
            // Nobody waits for it any more: then it need not stop.
            if stop.reached.send((request.method.clone(), request.path.clone())).is_ok() {
                let _ = stop.released.await;
            }
        }
    }
}

impl UnderWay {
    /// Waits until the request has come to its place. False if it never will.
    pub async fn reached(&mut self) -> bool {
        if let Some(reached) = &mut self.reached {
            self.request = reached.await.ok();
            self.reached = None;
        }
        self.request.is_some()
    }

    /// The method and the path of the request that was stopped, once it was.
    #[must_use]
    pub fn request(&self) -> Option<(&str, &str)> {
        self.request.as_ref().map(|(method, path)| (method.as_str(), path.as_str()))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut stops = self.boundaries.0.lock().unwrap_or_else(PoisonError::into_inner);
        stops.retain(|stop| stop.id != self.id);
    }
}

impl fmt::Debug for Boundaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Boundaries")
    }
}

//! How fast requests go out: plex.tv publishes no limit, and is known to have a low one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::Mutex, time::Instant};

use super::{Request, Response, Transport, TransportError};

/// So many requests may go out at once after a quiet time.
const BURST: u32 = 8;

/// The pauses after a 429 that names none: the first, and the longest that doubling leads to.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause that plex.tv may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// A transport that keeps requests apart: a token bucket, and a pause for everybody after a 429.
pub struct Paced {
    inner: Arc<dyn Transport>,
    every: Duration,
    state: Mutex<State>,
}

struct State {
    tokens: u32,
    filled: Instant,
    not_before: Instant,
    refused: u32,
}

impl Paced {
    /// At most one request in `every` in the long run.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>, every: Duration) -> Self {
        let now = Instant::now();
        let state = State { tokens: BURST, filled: now, not_before: now, refused: 0 };
        Self { inner, every, state: Mutex::new(state) }
    }

    /// Waits for a token. Those who wait are served in the order in which they came.
    async fn turn(&self) {
        let mut state = self.state.lock().await;
        tokio::time::sleep_until(state.not_before).await;
        if self.every.is_zero() {
            return;
        }
        loop {
            let gone = state.filled.elapsed();
            let fresh = u32::try_from(gone.as_nanos() / self.every.as_nanos()).unwrap_or(u32::MAX);
            if fresh > 0 {
                state.tokens = state.tokens.saturating_add(fresh).min(BURST);
                state.filled = Instant::now();
            }
            if let Some(left) = state.tokens.checked_sub(1) {
                state.tokens = left;
                return;
            }
            tokio::time::sleep_until(state.filled + self.every).await;
        }
    }

    async fn note(&self, response: &Response) {
        let mut state = self.state.lock().await;
        if response.status != 429 {
            state.refused = 0;
            return;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << state.refused.min(5)).min(LONGEST_PAUSE);
        let asked = response.retry_after.map(Duration::from_secs);
        state.refused = state.refused.saturating_add(1);
        state.not_before = Instant::now() + asked.unwrap_or(doubled).min(LONGEST_ASKED);
    }
}

#[async_trait]
impl Transport for Paced {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.turn().await;
        let response = self.inner.send(request).await?;
        self.note(&response).await;
        Ok(response)
    }
}

impl std::fmt::Debug for Paced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Paced").field("every", &self.every).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU16, Ordering};

    use super::*;
    use crate::plex::{Base, Method};

    struct Says(AtomicU16);

    #[async_trait]
    impl Transport for Says {
        async fn send(&self, _: Request) -> Result<Response, TransportError> {
            Ok(Response { status: self.0.load(Ordering::Relaxed), retry_after: None, body: String::new() })
        }
    }

    fn request() -> Request {
        Request {
            base: Base::PlexTv,
            method: Method::Get,
            route: "/",
            path: "/".to_owned(),
            query: Vec::new(),
            json: false,
            body: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_burst_requests_keep_their_distance() {
        let paced = Paced::new(Arc::new(Says(AtomicU16::new(200))), Duration::from_secs(1));
        let began = Instant::now();
        for _ in 0..BURST + 5 {
            paced.send(request()).await.unwrap();
        }
        assert_eq!(began.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_makes_everybody_wait_longer_each_time() {
        let says = Arc::new(Says(AtomicU16::new(429)));
        let paced = Paced::new(Arc::clone(&says) as Arc<dyn Transport>, Duration::ZERO);
        let began = Instant::now();
        for _ in 0..4 {
            paced.send(request()).await.unwrap();
        }
        assert_eq!(began.elapsed().as_secs(), 1 + 2 + 4);
        says.0.store(200, Ordering::Relaxed);
        paced.send(request()).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 1 + 2 + 4 + 8);
        paced.send(request()).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 1 + 2 + 4 + 8);
    }
}

//! How fast requests go out: plex.tv publishes no limit, and is known to have a low one.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{Request, Response, Transport, TransportError};

/// So many requests may go out at once after a quiet time.
const BURST: u32 = 8;

/// The pauses after a 429 that names none: the first, and the longest that doubling leads to.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause that plex.tv may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);

/// Nothing is kept waiting for longer: what was to be asked or written then may be another matter by the end of it.
const LONGEST_TURN: Duration = Duration::from_secs(10);

/// A transport that keeps requests apart: a token bucket, and a pause for everybody after a 429.
pub struct Paced {
    inner: Arc<dyn Transport>,
    every: Duration,
    /// Whoever holds it is the next to send. It is fair: those who wait come in the order in which they came.
    queue: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    tokens: u32,
    filled: Instant,
    not_before: Instant,
    refused: u32,
}

impl State {
    /// Takes a token, or says when to look again.
    fn take(&mut self, every: Duration) -> Result<(), Instant> {
        if self.not_before > Instant::now() {
            return Err(self.not_before);
        }
        if every.is_zero() {
            return Ok(());
        }
        let gone = self.filled.elapsed();
        let fresh = u32::try_from(gone.as_nanos() / every.as_nanos()).unwrap_or(u32::MAX);
        if fresh > 0 {
            self.tokens = self.tokens.saturating_add(fresh).min(BURST);
            self.filled = Instant::now();
        }
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                Ok(())
            }
            None => Err(self.filled + every),
        }
    }
}

impl Paced {
    /// At most one request in `every` in the long run.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>, every: Duration) -> Self {
        let now = Instant::now();
        let state = State { tokens: BURST, filled: now, not_before: now, refused: 0 };
        Self { inner, every, queue: tokio::sync::Mutex::default(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a token. The state stays free meanwhile: an answer that comes in never waits for those who
    /// are still to send, and a 429 that comes in makes them wait longer.
    ///
    /// # Errors
    /// How long the pause lasts that plex.tv asked for, if that is too long.
    async fn turn(&self) -> Result<(), Duration> {
        let _first = self.queue.lock().await;
        loop {
            let taken = self.state().take(self.every);
            let Err(later) = taken else { return Ok(()) };
            let pause = later.saturating_duration_since(Instant::now());
            if pause > LONGEST_TURN.max(self.every) {
                return Err(pause);
            }
            tokio::time::sleep_until(later).await;
        }
    }

    fn note(&self, response: &Response) {
        let mut state = self.state();
        if response.status != 429 {
            state.refused = 0;
            return;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << state.refused.min(5)).min(LONGEST_PAUSE);
        let asked = response.retry_after.map(Duration::from_secs);
        state.refused = state.refused.saturating_add(1);
        let until = Instant::now() + asked.unwrap_or(doubled).min(LONGEST_ASKED);
        // One that was sent before a longer pause began must not shorten it.
        state.not_before = state.not_before.max(until);
    }
}

#[async_trait]
impl Transport for Paced {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if let Err(pause) = self.turn().await {
            // What plex.tv would say.
            let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
            return Ok(Response { status: 429, retry_after: Some(seconds), body: String::new() });
        }
        let response = self.inner.send(request).await?;
        self.note(&response);
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
    use crate::{Base, Method};

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

    /// Answers 429 once, with eight seconds to wait, and every other request after a second.
    #[derive(Default)]
    struct Slow(AtomicU16);

    #[async_trait]
    impl Transport for Slow {
        async fn send(&self, _: Request) -> Result<Response, TransportError> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 1 {
                return Ok(Response { status: 429, retry_after: Some(8), body: String::new() });
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Response { status: 200, retry_after: None, body: String::new() })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_on_its_way_does_not_wait_for_a_pause_that_began_meanwhile() {
        let paced = Arc::new(Paced::new(Arc::new(Slow::default()), Duration::ZERO));
        let began = Instant::now();
        let send = || {
            let paced = Arc::clone(&paced);
            tokio::spawn(async move {
                paced.send(request()).await.unwrap();
                began.elapsed().as_secs()
            })
        };
        let (first, refused) = (send(), send());
        tokio::time::sleep(Duration::from_millis(100)).await;
        let third = send();
        assert_eq!((first.await.unwrap(), refused.await.unwrap()), (1, 0));
        assert_eq!(third.await.unwrap(), 9, "the pause is kept to");
    }

    /// Asks for a minute each time, and counts.
    #[derive(Default)]
    struct Minute(AtomicU16);

    #[async_trait]
    impl Transport for Minute {
        async fn send(&self, _: Request) -> Result<Response, TransportError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Response { status: 429, retry_after: Some(60), body: String::new() })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_would_wait_long_is_told_so_and_nothing_is_sent() {
        let plex = Arc::new(Minute::default());
        let paced = Paced::new(Arc::clone(&plex) as Arc<dyn Transport>, Duration::ZERO);
        paced.send(request()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20_500)).await;
        let began = Instant::now();
        let told = paced.send(request()).await.unwrap();
        assert_eq!((told.status, told.retry_after), (429, Some(40)));
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(plex.0.load(Ordering::Relaxed), 1);
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

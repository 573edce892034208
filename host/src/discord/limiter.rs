//! Keeps us within Discord's limits: 50 requests a second, each route's own budget as its answers tell it,
//! and far away from the 10,000 invalid requests in ten minutes for which Discord bans an address
//! (Discord's documentation, "Rate Limits").

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::pipeline::ports::DiscordError;

/// Requests a second over all routes. Discord allows 50; clocks differ.
const PER_SECOND: f64 = 45.0;
/// Answers 401, 403 and 429 within [`INVALID_WINDOW`] after which nothing is sent. Discord bans at 10,000
/// per address, and others may share the address.
const INVALID_LIMIT: usize = 5_000;
/// The window in which invalid requests are counted.
const INVALID_WINDOW: Duration = Duration::from_secs(600);
/// How long nothing is sent after Discord refused the token.
const AFTER_UNAUTHORIZED: Duration = Duration::from_secs(60);
/// Requests under way on one route of which no budget is known.
const UNDER_WAY: u32 = 2;
/// The longest that a request waits here for its turn.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long to wait if Discord asks to wait and does not say how long.
pub(super) const UNKNOWN_WAIT: Duration = Duration::from_secs(5);
/// From so many routes on, those that nobody uses are forgotten.
const MANY_ROUTES: usize = 1_000;

/// Seconds as Discord writes them. More than a day is a day; a number that makes no sense is none.
pub(super) fn seconds(number: f64) -> Option<Duration> {
    const DAY: f64 = 86_400.0;
    (number.is_finite() && number >= 0.0).then(|| Duration::from_secs_f64(number.min(DAY)))
}

/// A route with its major parameter: what Discord counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Route {
    /// The method and the path with placeholders.
    pub(super) template: &'static str,
    /// The guild's or channel's id, 0 if there is none.
    pub(super) major: u64,
}

/// What an answer said of limits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Told {
    /// The HTTP status.
    pub(super) status: u16,
    /// `X-RateLimit-Remaining`.
    pub(super) remaining: Option<u32>,
    /// `X-RateLimit-Reset-After`.
    pub(super) reset_after: Option<Duration>,
    /// How long to wait, if the status is 429.
    pub(super) retry_after: Option<Duration>,
    /// The limit is that of all routes together.
    pub(super) global: bool,
    /// The limit is shared with others, and not held against us.
    pub(super) shared: bool,
    /// Discord itself refused the token. A proxy's 401 does not say that.
    pub(super) unauthorized: bool,
}

#[derive(Debug)]
struct Budget {
    remaining: Option<u32>,
    reset: Instant,
    under_way: u32,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    filled: Instant,
    blocked_until: Instant,
    unauthorized_until: Instant,
    invalid: VecDeque<Instant>,
    routes: HashMap<Route, Budget>,
}

/// The limiter in front of all REST calls.
#[derive(Debug)]
pub(super) struct Limiter {
    state: Mutex<State>,
    freed: Notify,
}

enum Turn {
    Go,
    Wait(Duration),
    Refuse(DiscordError),
}

/// The right to send one request on a route. It is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    limiter: &'a Limiter,
    route: Route,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(budget) = self.limiter.lock().routes.get_mut(&self.route) {
            budget.under_way = budget.under_way.saturating_sub(1);
        }
        self.limiter.freed.notify_waiters();
    }
}

impl Limiter {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::new(State {
                tokens: PER_SECOND,
                filled: now,
                blocked_until: now,
                unauthorized_until: now,
                invalid: VecDeque::new(),
                routes: HashMap::new(),
            }),
            freed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the right to send a request on a route, at most [`LONGEST_WAIT`].
    pub(super) async fn permit(&self, route: Route) -> Result<Permit<'_>, DiscordError> {
        let deadline = Instant::now() + LONGEST_WAIT;
        loop {
            // Listening begins before the look at the state, so that nothing freed in between is missed.
            let freed = self.freed.notified();
            let now = Instant::now();
            let turn = self.lock().turn(now, route);
            match turn {
                Turn::Go => return Ok(Permit { limiter: self, route }),
                Turn::Refuse(error) => return Err(error),
                Turn::Wait(wait) if now + wait > deadline => {
                    return Err(DiscordError::RateLimited { retry_after: wait });
                }
                Turn::Wait(wait) => {
                    tokio::select! {
                        () = sleep(wait) => {}
                        () = freed => {}
                    }
                }
            }
        }
    }

    /// Learns from an answer. Answers to interactions have no route here, but they count as invalid too.
    pub(super) fn learn(&self, route: Option<Route>, told: Told) {
        let now = Instant::now();
        let mut state = self.lock();
        let counts = matches!(told.status, 401 | 403) || (told.status == 429 && !told.shared);
        if counts {
            state.invalid.push_back(now);
        }
        let Some(route) = route else { return };
        if told.unauthorized {
            state.unauthorized_until = now + AFTER_UNAUTHORIZED;
        }
        if let (Some(wait), true) = (told.retry_after, told.global) {
            state.blocked_until = state.blocked_until.max(now + wait);
        }
        let Some(budget) = state.routes.get_mut(&route) else { return };
        if let (Some(wait), false) = (told.retry_after, told.global) {
            budget.remaining = Some(0);
            budget.reset = now + wait;
        } else if let (Some(remaining), Some(reset)) = (told.remaining, told.reset_after) {
            // What is under way was sent already and may not be in the number yet.
            budget.remaining = Some(remaining.saturating_sub(budget.under_way.saturating_sub(1)));
            budget.reset = now + reset;
        }
    }
}

impl State {
    fn turn(&mut self, now: Instant, route: Route) -> Turn {
        if now < self.unauthorized_until {
            return Turn::Refuse(DiscordError::Unauthorized);
        }
        while self.invalid.front().is_some_and(|at| now.duration_since(*at) >= INVALID_WINDOW) {
            self.invalid.pop_front();
        }
        if let (Some(oldest), true) = (self.invalid.front(), self.invalid.len() >= INVALID_LIMIT) {
            let retry_after = (*oldest + INVALID_WINDOW).duration_since(now);
            return Turn::Refuse(DiscordError::RateLimited { retry_after });
        }
        if now < self.blocked_until {
            return Turn::Wait(self.blocked_until - now);
        }
        if self.routes.len() >= MANY_ROUTES {
            self.routes.retain(|_, budget| budget.under_way > 0 || budget.reset > now);
        }
        let budget = self.routes.entry(route).or_insert(Budget { remaining: None, reset: now, under_way: 0 });
        if budget.remaining.is_some() && now >= budget.reset {
            budget.remaining = None;
        }
        match budget.remaining {
            Some(0) => return Turn::Wait(budget.reset - now),
            // Woken earlier when one of them ends.
            None if budget.under_way >= UNDER_WAY => return Turn::Wait(Duration::from_secs(1)),
            Some(_) | None => {}
        }
        self.tokens =
            (self.tokens + now.duration_since(self.filled).as_secs_f64() * PER_SECOND).min(PER_SECOND);
        self.filled = now;
        if self.tokens < 1.0 {
            // A millisecond more, since what is missing may be too little for a clock to see.
            let missing = Duration::from_secs_f64((1.0 - self.tokens) / PER_SECOND);
            return Turn::Wait(missing + Duration::from_millis(1));
        }
        self.tokens -= 1.0;
        budget.remaining = budget.remaining.map(|left| left.saturating_sub(1));
        budget.under_way += 1;
        Turn::Go
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: Route = Route { template: "GET /x/{id}", major: 1 };
    const OTHER: Route = Route { template: "GET /x/{id}", major: 2 };

    fn told(status: u16) -> Told {
        Told { status, ..Told::default() }
    }

    async fn once(limiter: &Limiter, route: Route, told: Told) {
        let permit = limiter.permit(route).await.unwrap();
        limiter.learn(Some(route), told);
        drop(permit);
    }

    #[tokio::test(start_paused = true)]
    async fn all_routes_together_stay_below_fifty_a_second() {
        let limiter = Limiter::new();
        let start = Instant::now();
        for n in 0..500 {
            once(&limiter, Route { template: "GET /x/{id}", major: n }, told(200)).await;
        }
        assert!(start.elapsed() > Duration::from_secs(9), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_used_up_route_waits_and_others_do_not() {
        let limiter = Limiter::new();
        let start = Instant::now();
        let used_up = Told { remaining: Some(0), reset_after: Some(Duration::from_secs(7)), ..told(200) };
        once(&limiter, ROUTE, used_up).await;
        once(&limiter, OTHER, told(200)).await;
        assert!(start.elapsed() < Duration::from_secs(1));
        once(&limiter, ROUTE, told(200)).await;
        assert!(start.elapsed() >= Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_global_limit_stops_every_route() {
        let limiter = Limiter::new();
        let start = Instant::now();
        let all = Told { retry_after: Some(Duration::from_secs(3)), global: true, ..told(429) };
        once(&limiter, ROUTE, all).await;
        once(&limiter, OTHER, told(200)).await;
        assert!(start.elapsed() >= Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_is_an_error_at_once() {
        let limiter = Limiter::new();
        let hour = Told { retry_after: Some(Duration::from_secs(3600)), ..told(429) };
        once(&limiter, ROUTE, hour).await;
        let error = limiter.permit(ROUTE).await.unwrap_err();
        assert_eq!(error, DiscordError::RateLimited { retry_after: Duration::from_secs(3600) });
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_after_many_invalid_requests() {
        let limiter = Limiter::new();
        for _ in 0..INVALID_LIMIT {
            limiter.learn(Some(ROUTE), told(403));
        }
        assert!(matches!(limiter.permit(ROUTE).await, Err(DiscordError::RateLimited { .. })));
        tokio::time::advance(INVALID_WINDOW).await;
        assert!(limiter.permit(ROUTE).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn limits_shared_with_others_do_not_count_as_invalid() {
        let limiter = Limiter::new();
        for _ in 0..INVALID_LIMIT {
            limiter.learn(Some(ROUTE), Told { shared: true, ..told(429) });
        }
        assert!(limiter.permit(ROUTE).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_not_tried_again_for_a_while() {
        let limiter = Limiter::new();
        once(&limiter, ROUTE, Told { unauthorized: true, ..told(401) }).await;
        assert_eq!(limiter.permit(OTHER).await.unwrap_err(), DiscordError::Unauthorized);
        tokio::time::advance(AFTER_UNAUTHORIZED).await;
        assert!(limiter.permit(OTHER).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_on_an_unknown_route_follow_each_other() {
        let limiter = Limiter::new();
        let first = limiter.permit(ROUTE).await.unwrap();
        let _second = limiter.permit(ROUTE).await.unwrap();
        let third = tokio::time::timeout(Duration::from_secs(5), limiter.permit(ROUTE)).await;
        assert!(third.is_err(), "a third request went out");
        drop(first);
        assert!(limiter.permit(ROUTE).await.is_ok());
    }
}

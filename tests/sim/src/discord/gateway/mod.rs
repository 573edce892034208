//! The gateway: connections that carry frames, and sessions that outlive them.
//!
//! A socket (or a test in the same process) opens a connection, hands in what the client sends and takes
//! out what is to be sent. What waits to be sent is kept per connection, in order.

mod chunks;
mod dispatch;
mod receive;
mod session;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
};

use serde_json::{Value, json};

pub(super) use dispatch::{Event, Reach};
pub(super) use session::{Session, SessionKey};

use super::{DiscordSim, faults::EventFault, ids::GuildId};

/// The intents by name: bits of what a session wants to hear.
pub mod intents {
    /// Guilds, roles and channels.
    pub const GUILDS: u64 = 1;
    /// Members (privileged).
    pub const GUILD_MEMBERS: u64 = 1 << 1;
    /// Presences (privileged).
    pub const GUILD_PRESENCES: u64 = 1 << 8;
    /// Messages in guilds.
    pub const GUILD_MESSAGES: u64 = 1 << 9;
    /// Direct messages, with content.
    pub const DIRECT_MESSAGES: u64 = 1 << 12;
    /// The content of messages in guilds (privileged).
    pub const MESSAGE_CONTENT: u64 = 1 << 15;
    /// Every bit that Discord knows.
    pub(crate) const KNOWN: u64 = 0x1_ffff | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25;
}

/// How long a session without a connection can be resumed. Discord says "a few minutes".
const SESSION_LIFE_MS: u64 = 5 * 60_000;
/// What a client may send in a minute before it is closed with 4008.
const SENDS_PER_MINUTE: usize = 120;

/// A connection to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

/// What goes out on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text frame: one JSON payload.
    Text(String),
    /// The connection is closed with this code.
    Close(u16),
    /// The connection breaks off without a close frame.
    Abort,
}

/// How the gateway, or a proxy before it, ends a connection right after it accepted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// Without a close frame.
    Abort,
    /// With a close frame of this code.
    Close(u16),
    /// It asks the client to connect again (op 7).
    Reconnect,
    /// It says that the session is invalid, and whether it can be resumed (op 9).
    Invalid {
        /// Whether it can be resumed.
        resumable: bool,
    },
}

/// One connection.
#[derive(Clone, Debug)]
struct Connection {
    session: Option<SessionKey>,
    open: bool,
    last_heartbeat_ms: u64,
    received_ms: VecDeque<u64>,
    outbox: VecDeque<Frame>,
}

/// What is called when frames wait to be sent. A socket task uses it; without one nothing is lost.
#[derive(Clone)]
pub(super) struct Waker(pub(super) Arc<dyn Fn() + Send + Sync>);

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// The gateway's own state.
#[derive(Clone, Debug)]
pub(super) struct Gateway {
    /// Where clients are sent to.
    pub(super) url: String,
    connections: BTreeMap<ConnectionId, Connection>,
    connections_so_far: u64,
    sessions: BTreeMap<SessionKey, Session>,
    sessions_so_far: u64,
    identified_ms: Vec<u64>,
    resumed: u64,
    whole_lists_ms: BTreeMap<GuildId, u64>,
    heartbeat_interval_ms: u64,
    pub(super) identifies_per_day: usize,
    pub(super) one_identify_per_5_s: bool,
    pub(super) refuse_resumes: u32,
    pub(super) refuse_connections: u32,
    pub(super) end_connections: Option<ConnectionEnd>,
    pub(super) silent_heartbeats: bool,
    pub(super) event_faults: Vec<EventFault>,
    held: Option<Event>,
    waker: Option<Waker>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            url: "ws://127.0.0.1:9".to_owned(),
            connections: BTreeMap::new(),
            connections_so_far: 0,
            sessions: BTreeMap::new(),
            sessions_so_far: 0,
            identified_ms: Vec::new(),
            resumed: 0,
            whole_lists_ms: BTreeMap::new(),
            heartbeat_interval_ms: 41_250,
            identifies_per_day: 1000,
            one_identify_per_5_s: false,
            refuse_resumes: 0,
            refuse_connections: 0,
            end_connections: None,
            silent_heartbeats: false,
            event_faults: Vec::new(),
            held: None,
            waker: None,
        }
    }
}

impl DiscordSim {
    /// Opens a connection. HELLO waits to be sent on it.
    pub fn connect(&mut self, now_ms: u64) -> ConnectionId {
        let gateway = &mut self.gateway;
        gateway.connections_so_far += 1;
        let id = ConnectionId(gateway.connections_so_far);
        let refused = gateway.refuse_connections > 0;
        gateway.refuse_connections = gateway.refuse_connections.saturating_sub(1);
        let first = if refused {
            Frame::Abort
        } else {
            let hello = json!({"heartbeat_interval": gateway.heartbeat_interval_ms, "_trace": ["sim"]});
            Frame::Text(json!({"op": 10, "s": null, "t": null, "d": hello}).to_string())
        };
        let mut outbox = VecDeque::from([first]);
        let mut open = !refused;
        let payload =
            |op: u8, data: Value| Frame::Text(json!({"op": op, "s": null, "t": null, "d": data}).to_string());
        match gateway.end_connections.filter(|_| open) {
            None => {}
            Some(ConnectionEnd::Reconnect) => outbox.push_back(payload(7, Value::Null)),
            Some(ConnectionEnd::Invalid { resumable }) => outbox.push_back(payload(9, resumable.into())),
            Some(ConnectionEnd::Close(code)) => {
                outbox.push_back(Frame::Close(code));
                open = false;
            }
            Some(ConnectionEnd::Abort) => {
                outbox.push_back(Frame::Abort);
                open = false;
            }
        }
        let connection = Connection {
            session: None,
            open,
            last_heartbeat_ms: now_ms,
            received_ms: VecDeque::new(),
            outbox,
        };
        gateway.connections.insert(id, connection);
        id
    }

    /// Takes in a text frame of the client, and takes out all frames that wait on this connection.
    pub fn receive(&mut self, connection: ConnectionId, now_ms: u64, text: &str) -> Vec<Frame> {
        self.receive_text(connection, now_ms, text);
        self.take_frames(connection)
    }

    /// Takes out all frames that wait on this connection, in order.
    pub fn take_frames(&mut self, connection: ConnectionId) -> Vec<Frame> {
        let waiting = self.gateway.connections.get_mut(&connection);
        waiting.map(|connection| connection.outbox.drain(..).collect()).unwrap_or_default()
    }

    /// The client's side of a connection has ended: with a close frame of this code, or without one.
    /// After 1000 and 1001 the session is over; otherwise it can be resumed for a few minutes.
    pub fn disconnected(&mut self, connection: ConnectionId, now_ms: u64, code: Option<u16>) {
        let Some(gone) = self.gateway.connections.remove(&connection) else { return };
        let Some(key) = gone.session else { return };
        if matches!(code, Some(1000 | 1001)) {
            self.gateway.sessions.remove(&key);
        } else if let Some(session) = self.gateway.sessions.get_mut(&key) {
            session.detach(connection, now_ms);
        }
    }

    /// Lets time pass: connections whose heartbeats stopped are closed (4009), and sessions that nobody
    /// resumed end.
    pub fn tick(&mut self, now_ms: u64) {
        let patience = self.gateway.heartbeat_interval_ms.saturating_mul(2);
        let silent: Vec<ConnectionId> = self
            .gateway
            .connections
            .iter()
            .filter(|(_, connection)| {
                connection.open && now_ms.saturating_sub(connection.last_heartbeat_ms) > patience
            })
            .map(|(id, _)| *id)
            .collect();
        for connection in silent {
            self.close(connection, now_ms, 4009);
        }
        self.gateway.sessions.retain(|_, session| !session.is_over(now_ms));
    }

    /// Closes one connection from Discord's side. A code that a client must not reconnect with (4004, 4010
    /// to 4014), 4007 and 4009 end the session too.
    pub fn close(&mut self, connection: ConnectionId, now_ms: u64, code: u16) {
        self.finish(connection, now_ms, Frame::Close(code));
        if matches!(code, 1000 | 1001 | 4004 | 4007 | 4009 | 4010..=4014) {
            self.gateway.sessions.retain(|_, session| session.last_connection() != Some(connection));
        }
    }

    /// The connections that are open now.
    #[must_use]
    pub fn open_connections(&self) -> Vec<ConnectionId> {
        let open = self.gateway.connections.iter().filter(|(_, connection)| connection.open);
        open.map(|(id, _)| *id).collect()
    }

    /// How many connections are past IDENTIFY or RESUME.
    #[must_use]
    pub fn live_sessions(&self) -> usize {
        self.gateway.sessions.values().filter(|session| session.connection().is_some()).count()
    }

    /// How many connections were ever opened.
    #[must_use]
    pub fn connection_count(&self) -> u64 {
        self.gateway.connections_so_far
    }

    /// How often a client identified itself successfully: each is a new session.
    #[must_use]
    pub fn identify_count(&self) -> u64 {
        self.gateway.sessions_so_far
    }

    /// How often a session was resumed successfully.
    #[must_use]
    pub fn resume_count(&self) -> u64 {
        self.gateway.resumed
    }

    /// The intents of the newest session.
    #[must_use]
    pub fn newest_intents(&self) -> Option<u64> {
        self.gateway.sessions.values().next_back().map(|session| session.intents)
    }

    /// What HELLO says in future: how often, in milliseconds, clients are to send a heartbeat.
    pub fn set_heartbeat_interval(&mut self, ms: u64) {
        self.gateway.heartbeat_interval_ms = ms;
    }

    /// Sets where REST sends clients for the gateway, such as `ws://127.0.0.1:1234`.
    pub fn set_gateway_url(&mut self, url: impl Into<String>) {
        self.gateway.url = url.into();
    }

    /// Calls this whenever frames wait to be sent on some connection.
    pub fn wake_with(&mut self, waker: Arc<dyn Fn() + Send + Sync>) {
        self.gateway.waker = Some(Waker(waker));
    }

    /// Ends a connection from Discord's side; the session stays.
    pub(super) fn finish(&mut self, connection: ConnectionId, now_ms: u64, last: Frame) {
        let Some(known) = self.gateway.connections.get_mut(&connection) else { return };
        if !known.open {
            return;
        }
        known.open = false;
        known.outbox.push_back(last);
        let session = known.session.take();
        if let Some(session) = session.and_then(|key| self.gateway.sessions.get_mut(&key)) {
            session.detach(connection, now_ms);
        }
        self.gateway.wake();
    }
}

impl Gateway {
    fn wake(&self) {
        if let Some(Waker(wake)) = &self.waker {
            wake();
        }
    }

    /// Puts a payload without a sequence number on a connection.
    pub(super) fn send(&mut self, connection: ConnectionId, op: u8, data: &Value) {
        self.send_text(connection, json!({"op": op, "s": null, "t": null, "d": data}).to_string());
    }

    /// Puts any text on a connection.
    pub(super) fn send_text(&mut self, connection: ConnectionId, text: String) {
        if let Some(known) = self.connections.get_mut(&connection).filter(|known| known.open) {
            known.outbox.push_back(Frame::Text(text));
            self.wake();
        }
    }

    /// Ends the session of a connection; the connection stays.
    pub(super) fn forget_session(&mut self, connection: ConnectionId) {
        if let Some(session) = self.connections.get_mut(&connection).and_then(|known| known.session.take()) {
            self.sessions.remove(&session);
        }
    }

    /// How many IDENTIFYs are left of the day's.
    pub(super) fn identifies_left(&self, now_ms: u64) -> usize {
        const DAY_MS: u64 = 24 * 3_600_000;
        let used = self.identified_ms.iter().filter(|at| now_ms.saturating_sub(**at) < DAY_MS).count();
        self.identifies_per_day.saturating_sub(used)
    }
}

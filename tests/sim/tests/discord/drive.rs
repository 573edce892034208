//! Drives the simulator in process, with virtual time.

use rolarr_sim::{
    discord::{ConnectionId, DiscordSim, Frame, Scene, intents},
    http::{Outcome, Request, Response},
};
use serde_json::{Value, json};

/// What Rolarr asks for.
pub(crate) const INTENTS: u64 = intents::GUILDS | intents::GUILD_MEMBERS | intents::DIRECT_MESSAGES;

/// The simulator and its time.
pub(crate) struct World {
    pub(crate) sim: DiscordSim,
    pub(crate) scene: Scene,
    pub(crate) now: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let now = 1_800_000_000_000;
        let (sim, scene) = Scene::new(now).unwrap();
        Self { sim, scene, now }
    }

    /// Sends a request with the bot's token.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &Value) -> Outcome {
        let mut request = request(method, path, body.to_string().into_bytes());
        request.headers.insert("authorization".to_owned(), format!("Bot {}", self.sim.token()));
        self.sim.handle(self.now, &request)
    }

    /// Sends a request that is answered.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let response = self.response(method, path, body);
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    pub(crate) fn response(&mut self, method: &str, path: &str, body: &Value) -> Response {
        match self.send(method, path, body) {
            Outcome::Respond(response) => response,
            other => panic!("not answered: {other:?}"),
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> (u16, Value) {
        self.ask("GET", path, &Value::Null)
    }

    /// The status and Discord's code of a refusal.
    pub(crate) fn refusal(&mut self, method: &str, path: &str, body: &Value) -> (u16, u64) {
        let (status, body) = self.ask(method, path, body);
        (status, body["code"].as_u64().unwrap_or_default())
    }

    /// Opens a connection and sends a payload on it.
    pub(crate) fn say(&mut self, connection: ConnectionId, op: u64, data: Value) -> Vec<Frame> {
        self.sim.receive(connection, self.now, &json!({"op": op, "d": data}).to_string())
    }

    pub(crate) fn identify(&self, intents: u64) -> Value {
        json!({"token": self.sim.token(), "intents": intents, "properties": {"os": "linux"}})
    }

    /// A connection with a session.
    pub(crate) fn session(&mut self, intents: u64) -> (ConnectionId, Vec<Value>) {
        let connection = self.sim.connect(self.now);
        let hello = payloads(&self.sim.take_frames(connection));
        assert_eq!(hello[0]["op"], 10);
        let identify = self.identify(intents);
        let frames = self.say(connection, 2, identify);
        (connection, payloads(&frames))
    }

    /// The names of the events that wait on a connection.
    pub(crate) fn names(&mut self, connection: ConnectionId) -> Vec<String> {
        names(&payloads(&self.sim.take_frames(connection)))
    }

    pub(crate) fn events(&mut self, connection: ConnectionId) -> Vec<Value> {
        payloads(&self.sim.take_frames(connection))
    }

    /// The channel between the bot and Alice, by REST.
    pub(crate) fn alice_channel(&mut self) -> String {
        let alice = self.scene.alice;
        let (status, channel) = self.ask("POST", "users/@me/channels", &json!({"recipient_id": alice}));
        assert_eq!(status, 200);
        channel["id"].as_str().unwrap().to_owned()
    }
}

/// A request without a token. The path may have a query.
pub(crate) fn request(method: &str, path: &str, body: Vec<u8>) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query = query.split('&').filter_map(|part| part.split_once('='));
    Request {
        method: method.to_owned(),
        path: format!("/api/v10/{path}"),
        query: query.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        body,
    }
}

pub(crate) fn payloads(frames: &[Frame]) -> Vec<Value> {
    frames
        .iter()
        .map(|frame| match frame {
            Frame::Text(text) => serde_json::from_str(text).unwrap(),
            other => panic!("not a text: {other:?}"),
        })
        .collect()
}

pub(crate) fn names(payloads: &[Value]) -> Vec<String> {
    payloads.iter().filter_map(|payload| payload["t"].as_str().map(str::to_owned)).collect()
}

//! What a client sends on the gateway.

use serde_json::{Value, json};

use super::{
    ConnectionId, Frame, Reach, SENDS_PER_MINUTE, Session, SessionKey,
    dispatch::Event,
    intents::{GUILD_MEMBERS, GUILD_PRESENCES, GUILDS, KNOWN, MESSAGE_CONTENT},
};
use crate::discord::DiscordSim;

/// The longest payload that a client may send, in bytes.
const LONGEST: usize = 4096;

/// Why a connection is closed.
type CloseCode = u16;
const UNKNOWN_OPCODE: CloseCode = 4001;
const CANT_DECODE: CloseCode = 4002;
const NOT_AUTHENTICATED: CloseCode = 4003;
const AUTHENTICATION_FAILED: CloseCode = 4004;
const ALREADY_AUTHENTICATED: CloseCode = 4005;
const INVALID_SEQUENCE: CloseCode = 4007;
const RATE_LIMITED: CloseCode = 4008;
const INVALID_SHARD: CloseCode = 4010;
const INVALID_INTENTS: CloseCode = 4013;
const DISALLOWED_INTENTS: CloseCode = 4014;

impl DiscordSim {
    pub(in crate::discord) fn receive_text(&mut self, connection: ConnectionId, now_ms: u64, text: &str) {
        if let Err(code) = self.understand(connection, now_ms, text) {
            self.close(connection, now_ms, code);
        }
    }

    fn understand(&mut self, connection: ConnectionId, now_ms: u64, text: &str) -> Result<(), CloseCode> {
        let Some(known) = self.gateway.connections.get_mut(&connection).filter(|known| known.open) else {
            return Ok(());
        };
        while known.received_ms.front().is_some_and(|at| now_ms.saturating_sub(*at) >= 60_000) {
            known.received_ms.pop_front();
        }
        known.received_ms.push_back(now_ms);
        if known.received_ms.len() > SENDS_PER_MINUTE {
            return Err(RATE_LIMITED);
        }
        if text.len() > LONGEST {
            return Err(CANT_DECODE);
        }
        let payload: &Value = &serde_json::from_str(text).map_err(|_| CANT_DECODE)?;
        let op = payload["op"].as_u64().ok_or(CANT_DECODE)?;
        let data = &payload["d"];
        match (op, known.session) {
            (1, _) => {
                known.last_heartbeat_ms = now_ms;
                if !self.gateway.silent_heartbeats {
                    self.gateway.send(connection, 11, &Value::Null);
                }
                Ok(())
            }
            (2, None) => self.identify(connection, now_ms, data),
            (6, None) => self.resume(connection, now_ms, data),
            (2 | 6, Some(_)) => Err(ALREADY_AUTHENTICATED),
            (8, Some(session)) => self.request_members(session, now_ms, data).map_err(|_| CANT_DECODE),
            // Presence, voice state, soundboard sounds: accepted, of no consequence here.
            (3 | 4 | 31, Some(_)) => Ok(()),
            (3 | 4 | 8 | 31, None) => Err(NOT_AUTHENTICATED),
            _ => Err(UNKNOWN_OPCODE),
        }
    }

    fn is_the_token(&self, given: &Value) -> bool {
        let given = given.as_str().unwrap_or_default();
        let given = given.strip_prefix("Bot ").unwrap_or(given);
        self.application.token_valid && given == self.application.token
    }

    fn identify(&mut self, connection: ConnectionId, now_ms: u64, data: &Value) -> Result<(), CloseCode> {
        if !data["token"].is_string() || !data["properties"].is_object() {
            return Err(CANT_DECODE);
        }
        if !self.is_the_token(&data["token"]) {
            return Err(AUTHENTICATION_FAILED);
        }
        let intents = data["intents"].as_u64().ok_or(INVALID_INTENTS)?;
        if intents & !KNOWN != 0 {
            return Err(INVALID_INTENTS);
        }
        let allowed = [
            (GUILD_MEMBERS, self.application.members_intent),
            (GUILD_PRESENCES, self.application.presence_intent),
            (MESSAGE_CONTENT, self.application.content_intent),
        ];
        if allowed.iter().any(|(intent, allowed)| intents & intent != 0 && !allowed) {
            return Err(DISALLOWED_INTENTS);
        }
        let shard = match &data["shard"] {
            Value::Null => (0, 1),
            given => match (given[0].as_u64(), given[1].as_u64()) {
                (Some(shard), Some(count)) if shard < count => (shard, count),
                _ => return Err(INVALID_SHARD),
            },
        };
        if self.gateway.identifies_left(now_ms) == 0 {
            // Discord ends all sessions, resets the token and writes to the owner.
            self.application.token_valid = false;
            for open in self.open_connections() {
                self.close(open, now_ms, AUTHENTICATION_FAILED);
            }
            return Ok(());
        }
        let recent = self.gateway.identified_ms.last().is_some_and(|at| now_ms.saturating_sub(*at) < 5000);
        self.gateway.identified_ms.push(now_ms);
        if recent && self.gateway.one_identify_per_5_s {
            self.gateway.send(connection, 9, &Value::Bool(false));
            return Ok(());
        }
        self.begin_session(connection, now_ms, intents, shard);
        Ok(())
    }

    fn begin_session(&mut self, connection: ConnectionId, now_ms: u64, intents: u64, shard: (u64, u64)) {
        let gateway = &mut self.gateway;
        gateway.sessions_so_far += 1;
        let key = SessionKey(gateway.sessions_so_far);
        let session = Session::new(format!("session{:08}", key.0), intents, shard, connection);
        let guilds: Vec<_> = self
            .guilds
            .values()
            .filter(|guild| guild.members.contains_key(&self.application.bot) && session.has_guild(guild.id))
            .collect();
        let unavailable: Vec<Value> =
            guilds.iter().map(|guild| json!({"id": guild.id, "unavailable": true})).collect();
        let ready = json!({
            "v": 10,
            "user": {
                "id": self.application.bot,
                "username": self.users.get(&self.application.bot).map(|bot| bot.name.clone()),
                "discriminator": "0001",
                "global_name": null,
                "avatar": null,
                "bot": true,
                "verified": true,
                "mfa_enabled": false,
                "email": null,
                "flags": 0,
            },
            "guilds": unavailable,
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.gateway.url,
            "shard": session.shard(),
            "application": {"id": self.application.id, "flags": self.application_flags()},
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "user_settings": {},
            "guild_join_requests": [],
            "geo_ordered_rtc_regions": [],
            "_trace": ["sim"],
        });
        // Without GUILDS the guilds stay unavailable for ever.
        let creates: Vec<Value> = guilds
            .iter()
            .filter(|guild| guild.available && intents & GUILDS != 0)
            .map(|guild| self.guild_create_json(guild, intents & GUILD_PRESENCES != 0))
            .collect();
        self.gateway.sessions.insert(key, session);
        if let Some(known) = self.gateway.connections.get_mut(&connection) {
            known.session = Some(key);
            known.last_heartbeat_ms = now_ms;
        }
        self.dispatch(now_ms, Event::new("READY", Reach::Session(key), ready));
        for create in creates {
            self.dispatch(now_ms, Event::new("GUILD_CREATE", Reach::Session(key), create));
        }
    }

    fn resume(&mut self, connection: ConnectionId, now_ms: u64, data: &Value) -> Result<(), CloseCode> {
        let (Some(id), Some(sequence)) = (data["session_id"].as_str(), data["seq"].as_u64()) else {
            return Err(CANT_DECODE);
        };
        if !self.is_the_token(&data["token"]) {
            return Err(AUTHENTICATION_FAILED);
        }
        let gateway = &mut self.gateway;
        let refused = gateway.refuse_resumes > 0;
        gateway.refuse_resumes = gateway.refuse_resumes.saturating_sub(1);
        let found = gateway.sessions.iter().find(|(_, session)| session.id == id);
        let usable = found.filter(|(_, session)| !refused && !session.is_over(now_ms));
        let Some((key, missed)) = usable.and_then(|(key, session)| Some((*key, session.since(sequence)?)))
        else {
            gateway.sessions.retain(|_, session| session.id != id);
            gateway.send(connection, 9, &Value::Bool(false));
            return Ok(());
        };
        let old = match gateway.sessions.get(&key) {
            Some(session) if sequence > session.sequence() => {
                gateway.sessions.remove(&key);
                return Err(INVALID_SEQUENCE);
            }
            Some(session) => session.connection(),
            None => None,
        };
        if let Some(old) = old {
            self.finish(old, now_ms, Frame::Abort);
        }
        let gateway = &mut self.gateway;
        if let Some(session) = gateway.sessions.get_mut(&key) {
            session.attach(connection);
        }
        if let Some(known) = gateway.connections.get_mut(&connection) {
            known.session = Some(key);
            known.last_heartbeat_ms = now_ms;
        }
        gateway.resumed += 1;
        for text in missed {
            gateway.send_text(connection, text);
        }
        self.dispatch(now_ms, Event::new("RESUMED", Reach::Session(key), json!({"_trace": ["sim"]})));
        Ok(())
    }
}

//! Trouble on demand.

use serde_json::{Value, json};

use super::{
    DiscordSim, EventFault, Frame, GuildId, Impossible, RestFault,
    gateway::{ConnectionEnd, Event, Reach, intents::GUILDS},
};

impl DiscordSim {
    /// Requests that fit go wrong. Of several that fit the oldest is used up first.
    pub fn fail_requests(&mut self, fault: RestFault) {
        self.rest.faults.push(fault);
    }

    /// Events that fit go wrong. Of several that fit the oldest is used up first.
    pub fn fail_events(&mut self, fault: EventFault) {
        self.gateway.event_faults.push(fault);
    }

    /// Ends all trouble that was ordered and hasn't happened yet.
    pub fn end_trouble(&mut self) {
        self.rest.faults.clear();
        let gateway = &mut self.gateway;
        gateway.event_faults.clear();
        gateway.refuse_connections = 0;
        gateway.end_connections = None;
        gateway.refuse_resumes = 0;
        gateway.silent_heartbeats = false;
    }

    /// Whether too many requests are refused with 429 (they are at first).
    pub fn enforce_rate_limits(&mut self, enforce: bool) {
        self.rest.limiter.enforced = enforce;
    }

    /// Whether a second IDENTIFY within 5 s is answered with "invalid session" (it isn't at first, so that
    /// tests that restart the bot need not wait).
    pub fn enforce_identify_rate(&mut self, enforce: bool) {
        self.gateway.one_identify_per_5_s = enforce;
    }

    /// How many IDENTIFYs a day are allowed (1,000 at first). With one more the token is reset.
    pub fn allow_identifies(&mut self, per_day: usize) {
        self.gateway.identifies_per_day = per_day;
    }

    /// Breaks all connections without a close frame. Their sessions can be resumed.
    pub fn drop_connections(&mut self, now_ms: u64) {
        for connection in self.open_connections() {
            self.finish(connection, now_ms, Frame::Abort);
        }
    }

    /// Closes all connections with a code.
    pub fn close_connections(&mut self, now_ms: u64, code: u16) {
        for connection in self.open_connections() {
            self.close(connection, now_ms, code);
        }
    }

    /// Asks all clients to connect again and resume (op 7).
    pub fn ask_to_reconnect(&mut self) {
        for connection in self.open_connections() {
            self.gateway.send(connection, 7, &Value::Null);
        }
    }

    /// Tells all clients that their session is invalid (op 9), and whether they may try to resume it.
    pub fn invalidate_sessions(&mut self, resumable: bool) {
        for connection in self.open_connections() {
            self.gateway.send(connection, 9, &Value::Bool(resumable));
            if !resumable {
                self.gateway.forget_session(connection);
            }
        }
    }

    /// The next connections break off at once.
    pub fn refuse_connections(&mut self, times: u32) {
        self.gateway.refuse_connections = times;
    }

    /// Every new connection is accepted and ended at once in this way, or not any more.
    pub fn end_connections(&mut self, end: Option<ConnectionEnd>) {
        self.gateway.end_connections = end;
    }

    /// The next attempts to resume are answered with "invalid session", and the session ends.
    pub fn refuse_resumes(&mut self, times: u32) {
        self.gateway.refuse_resumes = times;
    }

    /// Heartbeats are not answered: to the client the connection looks dead.
    pub fn silence_heartbeats(&mut self, silent: bool) {
        self.gateway.silent_heartbeats = silent;
    }

    /// Sends any text as a frame on all connections.
    pub fn send_raw_frame(&mut self, text: &str) {
        for connection in self.open_connections() {
            self.gateway.send_text(connection, text.to_owned());
        }
    }

    /// Sends an event that Discord may invent one day, to all sessions.
    pub fn send_event(&mut self, now_ms: u64, name: &str, data: Value) {
        self.dispatch(now_ms, Event::new(name, Reach::Direct(0), data));
    }

    /// Sends a member's state again although nothing changed: Discord may.
    ///
    /// # Errors
    /// If they are no member.
    pub fn repeat_member(
        &mut self,
        now_ms: u64,
        guild: GuildId,
        user: super::UserId,
    ) -> Result<(), Impossible> {
        let member = self.guilds.get(&guild).and_then(|guild| guild.members.get(&user));
        let member = member.ok_or_else(|| Impossible::new(format!("`{user}` is no member")))?;
        let data = self.member_update_json(guild, user, member);
        self.tell_guild(now_ms, "GUILD_MEMBER_UPDATE", guild, super::intents::GUILD_MEMBERS, data);
        Ok(())
    }

    /// Discord shows this number of members instead of the true one.
    ///
    /// # Errors
    /// If there is no such guild.
    pub fn show_member_count(&mut self, guild: GuildId, shown: Option<usize>) -> Result<(), Impossible> {
        self.guild_mut(guild)?.shown_members = shown;
        Ok(())
    }

    /// A guild can't be reached, or can be reached again. What happens during the outage is never sent.
    ///
    /// # Errors
    /// If there is no such guild.
    pub fn set_available(&mut self, now_ms: u64, guild: GuildId, available: bool) -> Result<(), Impossible> {
        let known = self.guild_mut(guild)?;
        if known.available == available {
            return Ok(());
        }
        known.available = available;
        if available {
            self.announce_guild(now_ms, guild);
        } else {
            self.tell_guild(now_ms, "GUILD_DELETE", guild, GUILDS, json!({"id": guild, "unavailable": true}));
        }
        Ok(())
    }
}

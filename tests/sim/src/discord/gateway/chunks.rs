//! Members asked for over the gateway (op 8).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Event, Reach, SessionKey, intents::GUILD_MEMBERS};
use crate::discord::{
    DiscordSim,
    ids::{GuildId, UserId},
    render::with,
};

/// Members in one chunk.
const CHUNK: usize = 1000;
/// Users that may be asked for by id.
const MOST_IDS: usize = 100;
/// How often the whole list of one guild may be asked for.
const WHOLE_LIST_EVERY_MS: u64 = 30_000;

/// A request that can't be understood.
pub(super) struct Malformed;

impl DiscordSim {
    /// Answers a request for members in chunks. A guild that the bot can't see is never answered.
    ///
    /// What Discord does with more than 100 ids is not written down. Here it can't be decoded, so that the
    /// mistake shows.
    pub(super) fn request_members(
        &mut self,
        key: SessionKey,
        now_ms: u64,
        data: &Value,
    ) -> Result<(), Malformed> {
        let guild_id = GuildId(id(&data["guild_id"]).ok_or(Malformed)?);
        let nonce = data["nonce"].as_str().filter(|nonce| nonce.len() <= 32);
        let intents = self.gateway.sessions.get(&key).map_or(0, |session| session.intents);
        let Some(guild) = self.guilds.get(&guild_id) else { return Ok(()) };
        if !guild.available || !guild.members.contains_key(&self.application.bot) {
            return Ok(());
        }
        let (found, not_found): (Vec<UserId>, Vec<Value>) = match (&data["user_ids"], &data["query"]) {
            (Value::Null, Value::String(query)) => {
                let limit = data["limit"].as_u64().ok_or(Malformed)?;
                let whole = query.is_empty() && limit == 0;
                if whole && intents & GUILD_MEMBERS == 0 {
                    return Ok(());
                }
                if whole && let Some(wait_ms) = self.wait_for_whole_list(guild_id, now_ms) {
                    self.limit_whole_list(key, now_ms, guild_id, wait_ms, nonce);
                    return Ok(());
                }
                let most = if whole { usize::MAX } else { usize::try_from(limit.min(100)).unwrap_or(100) };
                (self.members_named(guild_id, query, most), Vec::new())
            }
            (Value::Null, _) => return Err(Malformed),
            (ids, _) => {
                let asked: Vec<&Value> = ids.as_array().map_or_else(|| vec![ids], |ids| ids.iter().collect());
                if asked.len() > MOST_IDS {
                    return Err(Malformed);
                }
                let member =
                    |asked: &Value| id(asked).map(UserId).filter(|user| guild.members.contains_key(user));
                let found: BTreeSet<UserId> = asked.iter().filter_map(|asked| member(asked)).collect();
                let missing = asked.iter().filter(|asked| member(asked).is_none());
                (found.into_iter().collect(), missing.map(|asked| (*asked).clone()).collect())
            }
        };
        self.send_chunks(key, now_ms, guild_id, &found, not_found, nonce);
        Ok(())
    }

    fn members_named(&self, guild: GuildId, start: &str, most: usize) -> Vec<UserId> {
        let start = start.to_lowercase();
        let Some(guild) = self.guilds.get(&guild) else { return Vec::new() };
        let named = guild.members.iter().filter(|(id, member)| {
            let name = self.users.get(id).map(|user| user.name.to_lowercase());
            let nick = member.nick.as_ref().map(|nick| nick.to_lowercase());
            name.into_iter().chain(nick).any(|name| name.starts_with(&start))
        });
        named.map(|(id, _)| *id).take(most).collect()
    }

    /// How long to wait before this guild's whole list may be asked for; asking counts.
    fn wait_for_whole_list(&mut self, guild: GuildId, now_ms: u64) -> Option<u64> {
        let last = self.gateway.whole_lists_ms.get(&guild).copied();
        let wait = last.map(|at| (at + WHOLE_LIST_EVERY_MS).saturating_sub(now_ms)).filter(|wait| *wait > 0);
        if wait.is_none() {
            self.gateway.whole_lists_ms.insert(guild, now_ms);
        }
        wait
    }

    fn limit_whole_list(
        &mut self,
        key: SessionKey,
        now_ms: u64,
        guild: GuildId,
        wait_ms: u64,
        nonce: Option<&str>,
    ) {
        #[expect(clippy::cast_precision_loss, reason = "at most 30,000")]
        let retry_after = wait_ms as f64 / 1000.0;
        let mut meta = json!({"guild_id": guild});
        if let Some(nonce) = nonce {
            meta = with(meta, "nonce", nonce);
        }
        let limited = json!({"opcode": 8, "retry_after": retry_after, "meta": meta});
        self.dispatch(now_ms, Event::new("RATE_LIMITED", Reach::Session(key), limited));
    }

    fn send_chunks(
        &mut self,
        key: SessionKey,
        now_ms: u64,
        guild: GuildId,
        found: &[UserId],
        not_found: Vec<Value>,
        nonce: Option<&str>,
    ) {
        let Some(known) = self.guilds.get(&guild) else { return };
        let members: Vec<Value> =
            found.iter().filter_map(|id| Some(self.member_json(*id, known.members.get(id)?))).collect();
        let mut chunks: Vec<&[Value]> = members.chunks(CHUNK).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let count = chunks.len();
        let mut events = Vec::with_capacity(count);
        for (index, members) in chunks.into_iter().enumerate() {
            let mut chunk = json!({
                "guild_id": guild,
                "members": members,
                "chunk_index": index,
                "chunk_count": count,
            });
            if index == 0 && !not_found.is_empty() {
                chunk = with(chunk, "not_found", not_found.clone());
            }
            if let Some(nonce) = nonce {
                chunk = with(chunk, "nonce", nonce);
            }
            events.push(Event::new("GUILD_MEMBERS_CHUNK", Reach::Session(key), chunk));
        }
        for event in events {
            self.dispatch(now_ms, event);
        }
    }
}

/// An id, as a string or as a number: Discord takes both.
fn id(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

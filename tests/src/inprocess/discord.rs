//! Discord without a socket: the pipeline's port straight onto the simulator's state machine.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use rolarr::{
    domain::{ChannelId, GuildId, MessageId, RoleId, Timestamp, UserId},
    pipeline::{
        Seam,
        ports::{
            Button, ButtonAction, Discord, DiscordError, Guild, GuildRole, MemberPage, Outgoing, Posted,
            Presence, Snapshot,
        },
    },
};
use rolarr_sim::{
    discord::{self as sim, DiscordSim},
    http::{Outcome, Request},
};
use serde_json::{Value, json};

use super::{
    Gate,
    boundary::{Boundaries, Place},
    pass,
};

/// Asks a simulator.
pub struct ToDiscord {
    /// The simulator.
    pub sim: Arc<Mutex<DiscordSim>>,
    /// The time of day.
    pub seam: Seam,
    /// What each request passes.
    pub gate: Option<Gate>,
    /// Where requests are stopped.
    pub boundaries: Boundaries,
}

impl ToDiscord {
    fn sim(&self) -> MutexGuard<'_, DiscordSim> {
        self.sim.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self, method: &str, path: String, body: Value) -> Result<Value, DiscordError> {
        let (path, query) = match path.split_once('?') {
            None => (path, Vec::new()),
            Some((path, query)) => {
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                (path.to_owned(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
            }
        };
        let token = self.sim().token().to_owned();
        let headers = BTreeMap::from([
            ("authorization".to_owned(), format!("Bot {token}")),
            ("content-type".to_owned(), "application/json".to_owned()),
        ]);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request =
            Request { method: method.to_owned(), path: format!("/api/v10{path}"), query, headers, body };
        pass(self.gate.as_ref(), "discord-request").await;
        self.boundaries.cross(Place::Sent, &request).await;
        let outcome = self.sim().handle(self.seam.now().0, &request);
        self.boundaries.cross(Place::Applied, &request).await;
        let answer = meaning(outcome).await;
        self.boundaries.cross(Place::Answered, &request).await;
        pass(self.gate.as_ref(), "discord-answer").await;
        answer
    }
}

/// What an exchange comes to, after the time that it takes.
async fn meaning(outcome: Outcome) -> Result<Value, DiscordError> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    let response = match outcome {
        Outcome::Respond(response) => response,
        Outcome::Hang => {
            tokio::time::sleep(Duration::from_secs(20)).await;
            return Err(DiscordError::Unavailable { what: "it took too long".to_owned() });
        }
        Outcome::Drop => {
            return Err(DiscordError::Unavailable { what: "the connection broke".to_owned() });
        }
    };
    let parsed = serde_json::from_slice(&response.body);
    if parsed.is_err() && !response.body.is_empty() && (200..=299).contains(&response.status) {
        return Err(DiscordError::Unavailable { what: "the answer is no JSON".to_owned() });
    }
    let answer: Value = parsed.unwrap_or_default();
    match response.status {
        200..=299 => Ok(answer),
        status => Err(rolarr::discord::refused(status, &response.body)),
    }
}

/// A member as the simulator has them now.
#[must_use]
pub(super) fn snapshot(sim: &DiscordSim, guild: GuildId, user: UserId) -> Option<Snapshot> {
    let member = sim.guild(sim::GuildId(guild.0))?.members.get(&sim::UserId(user.0))?;
    let person = sim.user(sim::UserId(user.0))?;
    Some(Snapshot {
        user,
        username: person.name.clone(),
        roles: member.roles.iter().map(|role| RoleId(role.0)).collect(),
        joined_at: Some(Timestamp(member.joined_at_ms)),
        screening: member.pending,
        bot: person.bot,
    })
}

fn id(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// A time as Discord writes it; none if it is no time.
fn time(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?;
    let (date, clock) = text.split_once('T')?;
    let numbers = |text: &str| text.split(['-', ':']).map(str::parse).collect::<Result<Vec<u64>, _>>().ok();
    let (clock, fraction) = clock.strip_suffix("+00:00")?.split_once('.')?;
    let ([year, month, day], [hours, minutes, seconds]) =
        (numbers(date)?.try_into().ok()?, numbers(clock)?.try_into().ok()?);
    let millis = fraction.get(..3)?.parse::<u64>().ok()?;
    // Hinnant's `days_from_civil`, for years from 1970 on.
    let (year, month): (u64, u64) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(Timestamp((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + millis))
}

fn member(value: &Value) -> Snapshot {
    let mut roles: Vec<RoleId> =
        value["roles"].as_array().into_iter().flatten().map(|role| RoleId(id(role))).collect();
    roles.sort_unstable();
    Snapshot {
        user: UserId(id(&value["user"]["id"])),
        username: value["user"]["username"].as_str().unwrap_or_default().to_owned(),
        roles,
        joined_at: time(&value["joined_at"]),
        screening: value["pending"] == true,
        bot: value["user"]["bot"] == true,
    }
}

fn rows(button: Option<&Button>) -> Value {
    let Some(button) = button else { return json!([]) };
    let custom_id = match button.action {
        ButtonAction::Answer(prompt) => format!("prompt:{prompt}"),
        ButtonAction::Inbox => "inbox".to_owned(),
    };
    json!([{"type": 1, "components": [{
        "type": 2, "style": 1, "label": button.label, "custom_id": custom_id, "disabled": button.disabled,
    }]}])
}

#[async_trait]
impl Discord for ToDiscord {
    async fn guild(&self, guild: GuildId) -> Result<Guild, DiscordError> {
        let answer = self.call("GET", format!("/guilds/{guild}?with_counts=true"), Value::Null).await?;
        let role = |role: &Value| GuildRole {
            id: RoleId(id(&role["id"])),
            name: role["name"].as_str().unwrap_or_default().to_owned(),
        };
        Ok(Guild {
            id: guild,
            name: answer["name"].as_str().unwrap_or_default().to_owned(),
            owner: UserId(id(&answer["owner_id"])),
            roles: answer["roles"].as_array().into_iter().flatten().map(role).collect(),
            members: answer["approximate_member_count"].as_u64().unwrap_or_default(),
        })
    }

    fn clock(&self) -> Option<Timestamp> {
        Some(self.seam.right())
    }

    async fn member(&self, guild: GuildId, user: UserId) -> Result<Presence, DiscordError> {
        match self.call("GET", format!("/guilds/{guild}/members/{user}"), Value::Null).await {
            Ok(answer) if answer["roles"].is_array() => Ok(Presence::Member(member(&answer))),
            Ok(_) => Err(DiscordError::Unavailable { what: "the member can't be read".to_owned() }),
            Err(DiscordError::NotFound { code: 10_007 }) => Ok(Presence::Gone),
            Err(error) => Err(error),
        }
    }

    async fn members_after(&self, guild: GuildId, after: Option<UserId>) -> Result<MemberPage, DiscordError> {
        let after = after.map_or(0, |user| user.0);
        let path = format!("/guilds/{guild}/members?limit=1000&after={after}");
        let answer = self.call("GET", path, Value::Null).await?;
        let entries = answer.as_array().into_iter().flatten();
        let (readable, unreadable): (Vec<&Value>, Vec<&Value>) =
            entries.partition(|entry| entry["roles"].is_array());
        Ok(MemberPage {
            members: readable.into_iter().map(member).collect(),
            unreadable: unreadable.into_iter().map(|entry| UserId(id(&entry["user"]["id"]))).collect(),
            nameless: 0,
        })
    }

    async fn members_by_id(
        &self,
        guild: GuildId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Presence)>, DiscordError> {
        let asked: Vec<sim::UserId> = users.iter().map(|user| sim::UserId(user.0)).collect();
        pass(self.gate.as_ref(), "gateway-request").await;
        let outcome = self.sim().ask_members(self.seam.now().0, sim::GuildId(guild.0), &asked);
        let answer = meaning(outcome).await?;
        pass(self.gate.as_ref(), "gateway-answer").await;
        let list = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
        let found = list("members").into_iter().map(|value| {
            let read = member(&value);
            (read.user, Presence::Member(read))
        });
        let gone = list("not_found").into_iter().map(|value| (UserId(id(&value)), Presence::Gone));
        Ok(found.chain(gone).collect())
    }

    async fn direct_channel(&self, user: UserId) -> Result<ChannelId, DiscordError> {
        let body = json!({"recipient_id": user.to_string()});
        let answer = self.call("POST", "/users/@me/channels".to_owned(), body).await?;
        Ok(ChannelId(id(&answer["id"])))
    }

    async fn post(
        &self,
        channel: ChannelId,
        message: &Outgoing,
        nonce: &str,
    ) -> Result<MessageId, DiscordError> {
        let body = json!({
            "content": message.text,
            "components": rows(message.button.as_ref()),
            "nonce": nonce,
            "enforce_nonce": true,
            "allowed_mentions": {"parse": []},
        });
        let answer = self.call("POST", format!("/channels/{channel}/messages"), body).await?;
        Ok(MessageId(id(&answer["id"])))
    }

    async fn edit(&self, channel: ChannelId, message: MessageId, now: &Outgoing) -> Result<(), DiscordError> {
        let body = json!({"content": now.text, "components": rows(now.button.as_ref())});
        self.call("PATCH", format!("/channels/{channel}/messages/{message}"), body).await.map(drop)
    }

    async fn recent(
        &self,
        channel: ChannelId,
        before: Option<MessageId>,
        limit: u8,
    ) -> Result<Vec<Posted>, DiscordError> {
        let bot = self.sim().bot();
        let before = before.map(|message| format!("&before={message}")).unwrap_or_default();
        let path = format!("/channels/{channel}/messages?limit={limit}{before}");
        let answer = self.call("GET", path, Value::Null).await?;
        let posted = |message: &Value| {
            Some(Posted {
                id: MessageId(id(&message["id"])),
                ours: id(&message["author"]["id"]) == bot.0,
                text: message["content"].as_str().unwrap_or_default().to_owned(),
                at: time(&message["timestamp"])?,
            })
        };
        answer
            .as_array()
            .into_iter()
            .flatten()
            .map(posted)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| DiscordError::Unavailable { what: "a message without a time".to_owned() })
    }
}

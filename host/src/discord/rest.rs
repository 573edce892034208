//! Discord as the pipeline asks it.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;

use super::{
    body,
    http::{Call, Http},
    link::Link,
    settings::{BadSettings, Settings, address},
    wire,
};
use crate::{
    domain::{ChannelId, GuildId, MessageId, Timestamp, UserId},
    pipeline::ports::{Discord, DiscordError, Guild, MemberPage, Outgoing, Posted, Presence, Snapshot},
};

/// Discord's JSON error code for "Unknown Member": the one answer that says that somebody left.
const UNKNOWN_MEMBER: u32 = 10_007;
/// The most members that one op 8 may name.
const MEMBERS_PER_QUESTION: usize = 100;

/// Discord: REST calls at any time, and questions to the gateway while [`super::run`] holds a session.
#[derive(Debug)]
pub struct SerenityDiscord {
    pub(super) settings: Settings,
    pub(super) http: Arc<Http>,
    pub(super) link: Arc<Link>,
}

impl SerenityDiscord {
    /// Prepares everything and contacts nobody.
    ///
    /// # Errors
    /// [`BadSettings`] if an address is none or the token can't be one.
    pub fn new(mut settings: Settings) -> Result<Self, BadSettings> {
        settings.gateway = address(&settings.gateway, "gateway", ["wss", "ws"], "`wss://` or `ws://`")?;
        let http = Arc::new(Http::new(&settings)?);
        Ok(Self { settings, http, link: Arc::new(Link::new()) })
    }

    /// The bot itself: as the session said, or if there has been none, as REST says.
    pub(super) async fn us(&self) -> Result<UserId, DiscordError> {
        if let Some(bot) = *self.link.bot().borrow() {
            return Ok(bot.user);
        }
        let call = Call::bot(Method::GET, "GET /users/@me", 0, "/users/@me".to_owned());
        self.http.read::<wire::Person>(call).await.map(|us| us.id)
    }
}

#[async_trait]
impl Discord for SerenityDiscord {
    async fn guild(&self, guild: GuildId) -> Result<Guild, DiscordError> {
        let path = format!("/guilds/{guild}?with_counts=true");
        let call = Call::bot(Method::GET, "GET /guilds/{guild}", guild.0, path);
        self.http.read::<wire::WholeGuild>(call).await.map(Guild::from)
    }

    async fn member(&self, guild: GuildId, user: UserId) -> Result<Presence, DiscordError> {
        let path = format!("/guilds/{guild}/members/{user}");
        let call = Call::bot(Method::GET, "GET /guilds/{guild}/members/{user}", guild.0, path);
        match self.http.read::<wire::Member>(call).await.map(Snapshot::from) {
            Ok(member) if member.user == user => Ok(Presence::Member(member)),
            Ok(_) => Err(DiscordError::Unavailable {
                what: "GET /guilds/{guild}/members/{user}: the answer is about somebody else".to_owned(),
            }),
            Err(DiscordError::NotFound { code: UNKNOWN_MEMBER }) => Ok(Presence::Gone),
            Err(error) => Err(error),
        }
    }

    async fn members_after(&self, guild: GuildId, after: Option<UserId>) -> Result<MemberPage, DiscordError> {
        let after = after.map_or(0, |user| user.0);
        let path = format!("/guilds/{guild}/members?limit=1000&after={after}");
        let call = Call::bot(Method::GET, "GET /guilds/{guild}/members", guild.0, path);
        let page: MemberPage = self.http.read::<wire::Members>(call).await?.into();
        if page.last().is_none() && !page.is_empty() {
            let what = "GET /guilds/{guild}/members: nobody in the answer can be read".to_owned();
            return Err(DiscordError::Unavailable { what });
        }
        Ok(page)
    }

    async fn members_by_id(
        &self,
        guild: GuildId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Presence)>, DiscordError> {
        let mut wanted = users.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut known = HashMap::with_capacity(wanted.len());
        for part in wanted.chunks(MEMBERS_PER_QUESTION) {
            known.extend(self.link.members(guild, part).await?);
        }
        Ok(wanted
            .into_iter()
            .filter_map(|user| known.remove(&user).map(|presence| (user, presence)))
            .collect())
    }

    fn clock(&self) -> Option<Timestamp> {
        self.http.clock()
    }

    async fn ask_time(&self) -> Result<(), DiscordError> {
        // The cheapest request.
        let call = Call::bot(Method::GET, "GET /gateway", 0, "/gateway".to_owned());
        self.http.read::<wire::Gateway>(call).await.map(drop)
    }

    async fn channel_faults(&self, channel: ChannelId) -> Result<Vec<String>, DiscordError> {
        self.faults_of(channel).await
    }

    async fn direct_channel(&self, user: UserId) -> Result<ChannelId, DiscordError> {
        let call = Call::bot(Method::POST, "POST /users/@me/channels", 0, "/users/@me/channels".to_owned())
            .with(json!({"recipient_id": user}));
        self.http.read::<wire::Channel>(call).await.map(|channel| channel.id)
    }

    async fn post(
        &self,
        channel: ChannelId,
        message: &Outgoing,
        nonce: &str,
    ) -> Result<MessageId, DiscordError> {
        post(&self.http, channel, message, nonce).await
    }

    async fn edit(&self, channel: ChannelId, message: MessageId, now: &Outgoing) -> Result<(), DiscordError> {
        let path = format!("/channels/{channel}/messages/{message}");
        let call = Call::bot(Method::PATCH, "PATCH /channels/{channel}/messages/{message}", channel.0, path);
        self.http.read::<wire::Created>(call.with(body::edit(now))).await.map(drop)
    }

    async fn recent(
        &self,
        channel: ChannelId,
        before: Option<MessageId>,
        limit: u8,
    ) -> Result<Vec<Posted>, DiscordError> {
        let us = self.us().await?;
        let before = before.map(|message| format!("&before={message}")).unwrap_or_default();
        let path = format!("/channels/{channel}/messages?limit={}{before}", limit.clamp(1, 100));
        let call = Call::bot(Method::GET, "GET /channels/{channel}/messages", channel.0, path);
        let messages: Vec<wire::Message> = self.http.read(call).await?;
        let mut messages: Vec<Posted> = messages.into_iter().map(|message| message.posted(us)).collect();
        messages.sort_unstable_by_key(|message| std::cmp::Reverse(message.id));
        Ok(messages)
    }
}

/// Posts a message once, however often it is sent with the same nonce within a few minutes.
pub(super) async fn post(
    http: &Http,
    channel: ChannelId,
    message: &Outgoing,
    nonce: &str,
) -> Result<MessageId, DiscordError> {
    let path = format!("/channels/{channel}/messages");
    let call = Call::bot(Method::POST, "POST /channels/{channel}/messages", channel.0, path);
    let created: wire::Created = http.read(call.with(body::message(message, nonce))).await?;
    Ok(created.id)
}

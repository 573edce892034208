//! Whether the bot can speak in a channel: what kind of channel it is, and what the bot may do there.

use reqwest::Method;
use serde::Deserialize;

use super::{
    http::Call,
    rest::SerenityDiscord,
    wire::{Person, or_default},
};
use crate::{
    domain::{ChannelId, GuildId, RoleId, UserId},
    pipeline::ports::DiscordError,
};

/// May do everything: <https://discord.com/developers/docs/topics/permissions#permissions-bitwise-permission-flags>.
const ADMINISTRATOR: u64 = 1 << 3;
/// What the bot needs in a channel, by the names that Discord shows. It reads its own last messages to know after a
/// crash whether one was sent.
const NEEDED: [(u64, &str); 3] =
    [(1 << 10, "View Channel"), (1 << 11, "Send Messages"), (1 << 16, "Read Message History")];

/// "Unknown Channel".
const UNKNOWN_CHANNEL: u32 = 10_003;
/// "Missing Access".
const MISSING_ACCESS: u32 = 50_001;

#[derive(Deserialize)]
struct Channel {
    #[serde(rename = "type")]
    kind: u64,
    guild_id: Option<GuildId>,
    #[serde(default, deserialize_with = "or_default")]
    permission_overwrites: Vec<Overwrite>,
}

/// What a channel allows and denies to a role or a member.
#[derive(Deserialize)]
struct Overwrite {
    id: String,
    #[serde(rename = "type")]
    kind: u64,
    allow: String,
    deny: String,
}

#[derive(Deserialize)]
struct Guild {
    id: GuildId,
    owner_id: UserId,
    roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Role {
    id: RoleId,
    permissions: String,
}

#[derive(Deserialize)]
struct Member {
    user: Person,
    roles: Vec<RoleId>,
}

impl SerenityDiscord {
    /// What keeps the bot from speaking in a channel: nothing, or what to change, for people.
    pub(super) async fn faults_of(&self, id: ChannelId) -> Result<Vec<String>, DiscordError> {
        let call = Call::bot(Method::GET, "GET /channels/{channel}", id.0, format!("/channels/{id}"));
        let channel: Channel = match self.http.read(call).await {
            Ok(channel) => channel,
            Err(DiscordError::NotFound { code: UNKNOWN_CHANNEL }) => {
                return Ok(vec!["does not exist: copy the id of a text channel anew".to_owned()]);
            }
            Err(DiscordError::Refused { code: MISSING_ACCESS, .. }) => {
                return Ok(vec![lacking(&["View Channel"])]);
            }
            Err(error) => return Err(error),
        };
        let mut faults: Vec<String> = kind_fault(channel.kind).into_iter().collect();
        let Some(guild) = channel.guild_id else { return Ok(faults) };
        let call = Call::bot(Method::GET, "GET /guilds/{guild}", guild.0, format!("/guilds/{guild}"));
        let whole: Guild = self.http.read(call).await?;
        let us = self.us().await?;
        let path = format!("/guilds/{guild}/members/{us}");
        let call = Call::bot(Method::GET, "GET /guilds/{guild}/members/{user}", guild.0, path);
        let member: Member = self.http.read(call).await?;
        let missing = missing(&whole, &member, &channel);
        if !missing.is_empty() {
            faults.push(lacking(&missing));
        }
        Ok(faults)
    }
}

fn lacking(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "does not allow the bot {}: allow it to the bot or its role in the channel's settings, under `Permissions`",
        names.join(", ")
    )
}

/// What is wrong with a kind of channel:
/// <https://discord.com/developers/docs/resources/channel#channel-object-channel-types>.
fn kind_fault(kind: u64) -> Option<String> {
    let what = match kind {
        // Text and announcements.
        0 | 5 => return None,
        1 | 3 => "a direct message",
        2 => "a voice channel",
        4 => "a category",
        10..=12 => "a thread, which Discord locks and archives",
        13 => "a stage channel",
        14 => "a directory",
        15 => "a forum",
        16 => "a media channel",
        _ => "of a kind that Rolarr does not know",
    };
    Some(format!("is {what}: name a text channel or an announcement channel"))
}

/// Which of the needed permissions a member has not in a channel, computed as
/// <https://discord.com/developers/docs/topics/permissions#permission-overwrites> says.
fn missing(guild: &Guild, member: &Member, channel: &Channel) -> Vec<&'static str> {
    let has = permissions(guild, member, channel);
    NEEDED.into_iter().filter(|(bit, _)| has & bit == 0).map(|(_, name)| name).collect()
}

fn permissions(guild: &Guild, member: &Member, channel: &Channel) -> u64 {
    let is_theirs = |role: RoleId| role.0 == guild.id.0 || member.roles.contains(&role);
    let theirs = guild.roles.iter().filter(|role| is_theirs(role.id));
    let base = theirs.fold(0, |all, role| all | bits(&role.permissions));
    if guild.owner_id == member.user.id || base & ADMINISTRATOR != 0 {
        return u64::MAX;
    }
    let of = |kind: u64, wanted: &dyn Fn(u64) -> bool| {
        let those = channel.permission_overwrites.iter().filter(|over| over.kind == kind);
        let those = those.filter(|over| over.id.parse().is_ok_and(wanted));
        those.fold((0, 0), |(deny, allow), over| (deny | bits(&over.deny), allow | bits(&over.allow)))
    };
    let everyone = of(0, &|id| id == guild.id.0);
    let roles = of(0, &|id| id != guild.id.0 && member.roles.contains(&RoleId(id)));
    let own = of(1, &|id| id == member.user.id.0);
    [everyone, roles, own].into_iter().fold(base, |has, (deny, allow)| has & !deny | allow)
}

/// A set of permissions as Discord writes it. What can't be read allows and denies nothing.
fn bits(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ALL: u64 = 1 << 10 | 1 << 11 | 1 << 16;

    fn guild(everyone: u64, role: u64) -> Guild {
        serde_json::from_value(json!({"id": "1", "owner_id": "2", "name": "x", "roles": [
            {"id": "1", "name": "@everyone", "permissions": everyone.to_string()},
            {"id": "5", "name": "bot", "permissions": role.to_string()},
            {"id": "6", "name": "of others", "permissions": u64::MAX.to_string()}]}))
        .unwrap()
    }

    fn missing_in(guild: &Guild, user: &str, overwrites: Value) -> Vec<&'static str> {
        let member = json!({"user": {"id": user}, "roles": ["5"]});
        let channel = json!({"id": "9", "type": 0, "guild_id": "1", "permission_overwrites": overwrites});
        missing(guild, &serde_json::from_value(member).unwrap(), &serde_json::from_value(channel).unwrap())
    }

    fn over(id: &str, kind: u64, deny: u64, allow: u64) -> Value {
        json!({"id": id, "type": kind, "deny": deny.to_string(), "allow": allow.to_string()})
    }

    #[test]
    fn roles_give_what_everybody_has_not() {
        assert_eq!(missing_in(&guild(ALL, 0), "7", json!([])), [""; 0]);
        assert_eq!(missing_in(&guild(0, ALL), "7", json!([])), [""; 0]);
        assert_eq!(missing_in(&guild(1 << 10, 1 << 16), "7", json!([])), ["Send Messages"]);
    }

    #[test]
    fn a_channel_denies_to_everybody_and_allows_to_a_role_and_the_bot_last() {
        let guild = guild(ALL, 0);
        let everyone = over("1", 0, ALL, 0);
        assert_eq!(missing_in(&guild, "7", json!([everyone])).len(), 3);
        assert_eq!(missing_in(&guild, "7", json!([everyone, over("5", 0, 0, ALL)])), [""; 0]);
        assert_eq!(missing_in(&guild, "7", json!([over("7", 1, 0, ALL), everyone])), [""; 0]);
        let silenced = json!([over("5", 0, 0, ALL), over("7", 1, 1 << 11, 0)]);
        assert_eq!(missing_in(&guild, "7", silenced), ["Send Messages"]);
        // Of somebody else, of a role that the bot has not, and of a kind that is not known.
        let others = json!([over("8", 1, ALL, 0), over("6", 0, ALL, 0), over("7", 3, ALL, 0)]);
        assert_eq!(missing_in(&guild, "7", others), [""; 0]);
    }

    #[test]
    fn administrators_and_the_owner_may_do_everything() {
        let everyone = json!([over("1", 0, ALL, 0), over("7", 1, ALL, 0), over("2", 1, ALL, 0)]);
        assert_eq!(missing_in(&guild(0, ADMINISTRATOR), "7", everyone.clone()), [""; 0]);
        assert_eq!(missing_in(&guild(0, 0), "2", everyone), [""; 0]);
    }

    #[test]
    fn only_text_and_announcement_channels_fit() {
        for kind in 0..40 {
            assert_eq!(kind_fault(kind).is_none(), kind == 0 || kind == 5, "{kind}");
        }
        assert!(kind_fault(15).is_some_and(|fault| fault.starts_with("is a forum: name a text channel")));
    }
}

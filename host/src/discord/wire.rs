//! Discord's JSON, as far as we read it: only the fields that we need, and those as leniently as is safe.

use serde::Deserialize;
use serenity::model::Timestamp as DiscordTime;

use crate::{
    domain::{ChannelId, GuildId, MessageId, RoleId, Timestamp, UserId},
    pipeline::ports::{Guild, GuildRole, Posted, Snapshot},
};

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: UserId,
    pub(super) username: String,
    #[serde(default)]
    pub(super) bot: bool,
}

#[derive(Deserialize)]
pub(super) struct Member {
    user: User,
    roles: Vec<RoleId>,
    joined_at: Option<String>,
    #[serde(default)]
    pending: bool,
}

impl From<Member> for Snapshot {
    fn from(member: Member) -> Self {
        let joined_at = member.joined_at.as_deref().and_then(|text| DiscordTime::parse(text).ok());
        let user = member.user;
        snapshot(user.id, user.username, member.roles, joined_at, member.pending, user.bot)
    }
}

/// A snapshot with its roles in order.
pub(super) fn snapshot(
    user: UserId,
    username: String,
    mut roles: Vec<RoleId>,
    joined_at: Option<DiscordTime>,
    screening: bool,
    bot: bool,
) -> Snapshot {
    roles.sort_unstable();
    roles.dedup();
    // Names on Discord can't hold an @, but applications that bridge other networks have put anything there.
    let username = if username.contains('@') { user.to_string() } else { username };
    Snapshot { user, username, roles, joined_at: joined_at.and_then(moment), screening, bot }
}

/// Discord's time as ours; none if it lies before 1970.
pub(super) fn moment(time: DiscordTime) -> Option<Timestamp> {
    let nanos = time.unix_timestamp_nanos();
    u64::try_from(nanos / 1_000_000).ok().map(Timestamp)
}

#[derive(Deserialize)]
struct Role {
    id: RoleId,
    name: String,
}

#[derive(Deserialize)]
pub(super) struct WholeGuild {
    id: GuildId,
    name: String,
    owner_id: UserId,
    roles: Vec<Role>,
    #[serde(default)]
    approximate_member_count: u64,
}

impl From<WholeGuild> for Guild {
    fn from(guild: WholeGuild) -> Self {
        Self {
            id: guild.id,
            name: guild.name,
            owner: guild.owner_id,
            roles: guild.roles.into_iter().map(|role| GuildRole { id: role.id, name: role.name }).collect(),
            members: guild.approximate_member_count,
        }
    }
}

/// A channel, or a message that was just posted: only its id matters.
#[derive(Deserialize)]
pub(super) struct Id<T> {
    pub(super) id: T,
}

pub(super) type Channel = Id<ChannelId>;
pub(super) type Created = Id<MessageId>;
pub(super) type Person = Id<UserId>;

#[derive(Deserialize)]
pub(super) struct Message {
    id: MessageId,
    author: Person,
    #[serde(default)]
    content: String,
    timestamp: DiscordTime,
}

impl Message {
    /// As the pipeline knows it. `us` is this bot.
    pub(super) fn posted(self, us: UserId) -> Posted {
        Posted {
            id: self.id,
            ours: self.author.id == us,
            text: self.content,
            at: moment(self.timestamp).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_is_read_with_sorted_roles() {
        let member: Member = serde_json::from_value(json!({
            "user": {"id": "7", "username": "ann", "discriminator": "0", "avatar": null},
            "roles": ["30", "20"], "joined_at": "2024-01-02T03:04:05.678000+00:00",
            "deaf": false, "mute": false, "flags": 0, "pending": true,
        }))
        .unwrap();
        let member = Snapshot::from(member);
        assert_eq!(member.roles, [RoleId(20), RoleId(30)]);
        assert_eq!(member.joined_at, Some(Timestamp(1_704_164_645_678)));
        assert!(member.screening && !member.bot);
    }

    #[test]
    fn a_member_without_a_time_of_joining_is_a_member() {
        for time in [json!(null), json!("yesterday")] {
            let member = json!({"user": {"id": "7", "username": "a"}, "roles": [], "joined_at": time});
            let member: Member = serde_json::from_value(member).unwrap();
            assert_eq!(Snapshot::from(member).joined_at, None);
        }
    }

    #[test]
    fn a_member_without_roles_in_the_answer_is_no_member_without_roles() {
        let member = json!({"user": {"id": "7", "username": "a"}, "joined_at": null});
        assert!(serde_json::from_value::<Member>(member).is_err());
    }

    #[test]
    fn a_name_that_could_be_an_address_is_not_kept() {
        let member = snapshot(UserId(7), "ann@example.org".to_owned(), vec![], None, false, false);
        assert_eq!(member.username, "7");
    }
}

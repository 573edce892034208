//! Discord's JSON, as far as we read it: only the fields that we need, and those as leniently as is safe.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serenity::model::Timestamp as DiscordTime;

use crate::{
    domain::{ChannelId, GuildId, MessageId, RoleId, Timestamp, UserId},
    pipeline::ports::{Guild, GuildRole, MemberPage, Posted, Snapshot},
};

/// Reads a field that may be null. With `#[serde(default)]` it may be missing too.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: UserId,
    pub(super) username: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) bot: bool,
}

#[derive(Deserialize)]
pub(super) struct Member {
    user: User,
    roles: Vec<RoleId>,
    joined_at: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pending: bool,
}

impl From<Member> for Snapshot {
    fn from(member: Member) -> Self {
        let joined_at = member.joined_at.as_deref().and_then(|text| DiscordTime::parse(text).ok());
        let user = member.user;
        snapshot(user.id, user.username, member.roles, joined_at, member.pending, user.bot)
    }
}

/// An entry of the list of members.
enum Entry {
    Member(Snapshot),
    /// One that can't be read, with the member's id if that can be.
    Unreadable(Option<UserId>),
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entry = Value::deserialize(deserializer)?;
        Ok(match Member::deserialize(&entry) {
            Ok(member) => Self::Member(Snapshot::from(member)),
            Err(_) => {
                let id = entry.get("user").and_then(|user| user.get("id"));
                Self::Unreadable(id.and_then(|id| UserId::deserialize(id).ok()))
            }
        })
    }
}

/// A page of the list of members. An entry that can't be read spoils no other.
pub(super) struct Members(MemberPage);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut page = MemberPage::default();
        for entry in Vec::<Entry>::deserialize(deserializer)? {
            match entry {
                Entry::Member(member) => page.members.push(member),
                Entry::Unreadable(Some(user)) => page.unreadable.push(user),
                Entry::Unreadable(None) => page.nameless += 1,
            }
        }
        page.members.sort_unstable_by_key(|member| member.user);
        Ok(Self(page))
    }
}

impl From<Members> for MemberPage {
    fn from(members: Members) -> Self {
        members.0
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
    #[serde(default, deserialize_with = "or_default")]
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

/// Where the gateway is. It is never used: the configuration names the gateway.
#[derive(Deserialize)]
pub(super) struct Gateway {
    #[serde(rename = "url")]
    _url: String,
}

/// A channel, a message that was just posted or edited, or a command: only its id matters.
#[derive(Deserialize)]
pub(super) struct Id<T> {
    pub(super) id: T,
}

pub(super) type Channel = Id<ChannelId>;
pub(super) type Created = Id<MessageId>;
pub(super) type Person = Id<UserId>;
pub(super) type Registered = Id<String>;

#[derive(Deserialize)]
pub(super) struct Message {
    id: MessageId,
    author: Person,
    #[serde(default, deserialize_with = "or_default")]
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
    fn an_optional_field_that_is_null_or_missing_has_its_default() {
        for text in [
            r#"{"user": {"id": "7", "username": "a", "bot": null}, "roles": [], "joined_at": null, "pending": null}"#,
            r#"{"user": {"id": "7", "username": "a"}, "roles": []}"#,
        ] {
            let member: Member = serde_json::from_str(text).unwrap();
            let member = Snapshot::from(member);
            assert!(!member.bot && !member.screening && member.joined_at.is_none(), "{text}");
        }
        for count in [r#", "approximate_member_count": null"#, ""] {
            let text = format!(r#"{{"id": "1", "name": "x", "owner_id": "2", "roles": []{count}}}"#);
            let guild: WholeGuild = serde_json::from_str(&text).unwrap();
            assert_eq!(Guild::from(guild).members, 0);
        }
        for content in [r#", "content": null"#, ""] {
            let text = format!(
                r#"{{"id": "1", "author": {{"id": "2"}}, "timestamp": "2024-01-02T03:04:05+00:00"{content}}}"#
            );
            let message: Message = serde_json::from_str(&text).unwrap();
            assert_eq!(message.posted(UserId(2)).text, "");
        }
    }

    #[test]
    fn a_member_who_can_not_be_read_spoils_no_other_of_the_page() {
        let member = |id: &str| json!({"user": {"id": id, "username": "a"}, "roles": []});
        let page = json!([
            member("9"),
            {"user": {"id": "8", "username": "a"}, "roles": null},
            {"user": {"id": "6", "username": null}, "roles": []},
            {"user": {"id": 5, "username": "a"}, "roles": []},
            null,
            member("7"),
        ]);
        let page = MemberPage::from(serde_json::from_value::<Members>(page).unwrap());
        assert_eq!(page.members.iter().map(|member| member.user.0).collect::<Vec<_>>(), [7, 9]);
        assert_eq!((page.unreadable.as_slice(), page.nameless), ([UserId(8), UserId(6)].as_slice(), 2));
        assert_eq!((page.len(), page.last()), (6, Some(UserId(9))));
        assert!(page.has(UserId(8)) && page.has(UserId(7)) && !page.has(UserId(5)));
        for no_list in [json!(null), json!({}), json!("x")] {
            assert!(serde_json::from_value::<Members>(no_list).is_err());
        }
    }

    #[test]
    fn a_name_that_could_be_an_address_is_not_kept() {
        let member = snapshot(UserId(7), "ann@example.org".to_owned(), vec![], None, false, false);
        assert_eq!(member.username, "7");
    }
}

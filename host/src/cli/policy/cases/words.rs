//! The contract's words in their short and their full form.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{
    super::node::{Mistake, Node, Table},
    moment::Moment,
};
use crate::domain::contract::{
    Access, AccountChange, Action, Cause, Combine, Extension, Filter, Grant, GuildRoles, Message,
    Moment as Sent, Origin, Progress, Restricted, Restriction, Review, Role, Rule, Wake,
};

pub(super) const ACCOUNT_CHANGES: [(&str, AccountChange); 6] = [
    ("identified", AccountChange::Identified),
    ("ask-expired", AccountChange::AskExpired),
    ("accepted", AccountChange::Accepted),
    ("declined", AccountChange::Declined),
    ("left-service", AccountChange::LeftService),
    ("removed-by-admin", AccountChange::RemovedByAdmin),
];

pub(super) const REVIEWS: [(&str, Review); 4] = [
    ("policy-changed", Review::PolicyChanged),
    ("roles-changed", Review::RolesChanged),
    ("retry", Review::Retry),
    ("asked", Review::Asked),
];

pub(super) const PROGRESS: [(&str, Progress); 9] = [
    ("settled", Progress::Settled),
    ("working", Progress::Working),
    ("asking", Progress::Asking),
    ("ask-expired", Progress::AskExpired),
    ("invited", Progress::Invited),
    ("declined", Progress::Declined),
    ("lost", Progress::Lost),
    ("held", Progress::Held),
    ("parked", Progress::Parked),
];

pub(super) const ORIGINS: [(&str, Origin); 4] = [
    ("live", Origin::Live),
    ("sweep", Origin::Sweep),
    ("timer", Origin::Timer),
    ("administrator", Origin::Administrator),
];

/// What must follow: an action, whose wake may be counted from the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::policy) enum Wanted {
    /// This action.
    Action(Box<Action>),
    /// A wake.
    Wake {
        /// Its tag.
        tag: String,
        /// When it is due.
        due: Moment,
    },
}

impl Wanted {
    /// Which action that is, for an event of this time.
    pub(in crate::cli::policy) fn of(&self, event: crate::domain::Timestamp) -> Action {
        match self {
            Self::Action(action) => (**action).clone(),
            Self::Wake { tag, due } => Action::WakeAt(Wake { tag: tag.clone(), due: due.of(event) }),
        }
    }
}

/// The roles that a file describes, by their keys.
#[derive(Default)]
pub(super) struct Roles(BTreeMap<String, Role>);

impl Roles {
    pub(super) fn read(node: Node<'_>) -> Result<Self, Mistake> {
        let mut roles = BTreeMap::new();
        for (key, node) in node.any_table()?.entries() {
            let table = node.table(&["id", "name"])?;
            roles.insert(key.to_owned(), described(key, &table)?);
        }
        Ok(Self(roles))
    }

    /// A role: a key, or a table.
    pub(super) fn role(&self, node: Node<'_>) -> Result<Role, Mistake> {
        match node.value() {
            DeValue::Table(_) => {
                let table = node.table(&["key", "id", "name"])?;
                let Some(key) = table.get("key") else { return node.fail("the role needs a `key`") };
                described(key.text()?, &table)
            }
            DeValue::String(_) => {
                let key = node.text()?;
                Ok(self.0.get(key).cloned().unwrap_or_else(|| plain(key)))
            }
            _ => node.expected("a role: its key in quotes, or a table with `key`, `id` and `name`"),
        }
    }

    /// Roles as an event has them: sorted by key, each once.
    pub(super) fn list(&self, node: Node<'_>) -> Result<Vec<Role>, Mistake> {
        let roles = node.one_or_list().into_iter().map(|node| self.role(node));
        roles.collect::<Result<Vec<_>, _>>().map(sorted)
    }

    /// The roles in other guilds, by the guilds' keys.
    pub(super) fn elsewhere(&self, node: Node<'_>) -> Result<Vec<GuildRoles>, Mistake> {
        let mut guilds: Vec<GuildRoles> = node
            .any_table()?
            .entries()
            .into_iter()
            .map(|(key, node)| {
                Ok(GuildRoles { guild: id_for(key).into(), key: key.to_owned(), roles: self.list(node)? })
            })
            .collect::<Result<_, Mistake>>()?;
        guilds.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(guilds)
    }

    pub(super) fn cause(&self, node: Node<'_>) -> Result<Cause, Mistake> {
        const CASES: [&str; 7] =
            ["role-added", "role-removed", "member-left", "wake", "account", "review", "other"];
        let (name, content) = node.variant("a cause", &CASES)?;
        let Some(content) = content else {
            return match name {
                "member-left" => Ok(Cause::MemberLeft),
                other => node.fail(format!("`{other}` needs a content, like {}", example(other))),
            };
        };
        Ok(match name {
            "role-added" => Cause::RoleAdded(self.role(content)?),
            "role-removed" => Cause::RoleRemoved(self.role(content)?),
            "wake" => Cause::Wake(content.text()?.to_owned()),
            "account" => Cause::Account(content.word("a change of the account", &ACCOUNT_CHANGES)?),
            "review" => Cause::Review(content.word("a reason for a review", &REVIEWS)?),
            "other" => Cause::Other(extension(content)?),
            _ => return node.fail("write it as `cause = \"member-left\"`"),
        })
    }
}

fn example(cause: &str) -> &'static str {
    match cause {
        "role-added" => "`{ role-added = \"plus\" }`",
        "role-removed" => "`{ role-removed = \"plus\" }`",
        "wake" => "`{ wake = \"tag\" }`",
        "account" => "`{ account = \"accepted\" }`",
        "review" => "`{ review = \"asked\" }`",
        _ => "`{ other = { name = \"…\", json = \"{}\" } }`",
    }
}

pub(super) fn sorted(mut roles: Vec<Role>) -> Vec<Role> {
    roles.sort_by(|one, other| one.key.cmp(&other.key));
    roles.dedup_by(|one, other| one.key == other.key);
    roles
}

fn plain(key: &str) -> Role {
    Role { id: id_for(key).into(), key: key.to_owned(), name: key.to_owned() }
}

fn described(key: &str, table: &Table<'_>) -> Result<Role, Mistake> {
    let plain = plain(key);
    let text = |name| table.read(name, |node| node.text());
    Ok(Role {
        id: text("id")?.map_or(plain.id, Into::into),
        name: text("name")?.map_or(plain.name, ToOwned::to_owned),
        key: plain.key,
    })
}

/// An id for what has a key only: the same for the same key, and none that Discord gives.
fn id_for(key: &str) -> String {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (900_100_000 + hash % 99_000_000).to_string()
}

fn extension(node: Node<'_>) -> Result<Extension, Mistake> {
    let table = node.table(&["name", "json"])?;
    let text = |key| table.read(key, |node| node.text().map(ToOwned::to_owned));
    Ok(Extension { name: text("name")?.unwrap_or_default(), json: text("json")?.unwrap_or_default() })
}

/// A list of names in which there is one.
fn libraries(node: Node<'_>) -> Result<Vec<String>, Mistake> {
    let names = node.texts()?;
    if names.is_empty() {
        return node.fail("the list of libraries is empty: to share nothing, use `remove`");
    }
    Ok(names)
}

fn grant(node: Node<'_>) -> Result<Grant, Mistake> {
    let table = node.table(&["libraries", "downloads", "live-tv"])?;
    Ok(Grant {
        libraries: table.read("libraries", libraries)?,
        downloads: table.read("downloads", |node| node.truth())?,
        live_tv: table.read("live-tv", |node| node.truth())?,
    })
}

const RULE: [&str; 4] = ["labels", "not-labels", "ratings", "not-ratings"];

fn rule(node: Node<'_>) -> Result<Rule, Mistake> {
    let table = node.table(&RULE)?;
    let texts = |key| table.read(key, |node| node.texts()).map(Option::unwrap_or_default);
    let rule = Rule {
        labels: texts("labels")?,
        not_labels: texts("not-labels")?,
        ratings: texts("ratings")?,
        not_ratings: texts("not-ratings")?,
    };
    if rule == Rule::default() {
        return node.fail("the rule is empty: to show everything, write `\"clear\"`");
    }
    Ok(rule)
}

fn filter(node: Node<'_>) -> Result<Filter, Mistake> {
    match node.value() {
        DeValue::Table(table) if table.get("only").is_some() => {
            let table = node.table(&["only"])?;
            table.read("only", rule)?.map_or_else(|| node.expected("a rule"), |rule| Ok(Filter::Only(rule)))
        }
        DeValue::Table(_) => rule(node).map(Filter::Only),
        _ => node
            .word(
                "a filter: `\"keep\"`, `\"clear\"`, or a rule like `{ labels = \"kids\" }`",
                &[("keep", false), ("clear", true)],
            )
            .map(|clear| if clear { Filter::Clear } else { Filter::Keep }),
    }
}

fn restriction(node: Node<'_>) -> Result<Restriction, Mistake> {
    let table = node.table(&[
        "movies",
        "television",
        "music",
        "photos",
        "movies-and-television",
        "everything",
        "combine",
        "downloads",
        "live-tv",
        "end-streams",
    ])?;
    let two = table.read("movies-and-television", filter)?;
    let all = table.read("everything", filter)?;
    if two.is_some() && all.is_some() {
        return node.fail("`movies-and-television` and `everything` exclude each other");
    }
    let (downloads, live_tv) = if all.is_some() { (Some(false), Some(false)) } else { (None, None) };
    let of = |key, wider: &Option<Filter>| {
        let own = table.read(key, filter)?;
        Ok(own.or_else(|| wider.clone()).unwrap_or_default())
    };
    let wider = two.or_else(|| all.clone());
    let combine = [("replace", Combine::Replace), ("narrow", Combine::Narrow)];
    Ok(Restriction {
        movies: of("movies", &wider)?,
        television: of("television", &wider)?,
        music: of("music", &all)?,
        photos: of("photos", &all)?,
        combine: table
            .read("combine", |node| node.word("a way to combine filters", &combine))?
            .unwrap_or_default(),
        downloads: table.read("downloads", |node| node.truth())?.or(downloads),
        live_tv: table.read("live-tv", |node| node.truth())?.or(live_tv),
        end_streams: table.read("end-streams", |node| node.truth())?.unwrap_or_default(),
    })
}

/// An access: a word, or the contract's form. `true` if it was a word.
pub(super) fn access(node: Node<'_>) -> Result<(Access, bool), Mistake> {
    let (name, content) = node.variant("a state of access", &["absent", "granted", "restricted"])?;
    Ok(match (name, content) {
        ("absent", None) => (Access::Absent, true),
        ("absent", Some(content)) => return content.fail("write it as `access = \"absent\"`"),
        ("granted", None) => (Access::Granted(Grant::default()), true),
        ("granted", Some(content)) => (Access::Granted(grant(content)?), false),
        (_, None) => {
            (Access::Restricted(Restricted { before: Grant::default(), restriction: usual() }), true)
        }
        (_, Some(content)) => {
            let table = content.table(&["before", "restriction"])?;
            let restricted = Restricted {
                before: table.read("before", grant)?.unwrap_or_default(),
                restriction: table.read("restriction", restriction)?.unwrap_or_default(),
            };
            (Access::Restricted(restricted), false)
        }
    })
}

/// The restriction that stands where only the word is written.
pub(super) fn usual() -> Restriction {
    Restriction::movies_and_television(Rule::label("noAccess"))
}

/// A wake with its moment.
pub(super) fn wake(node: Node<'_>) -> Result<(String, Moment), Mistake> {
    let table = node.table(&["tag", "due"])?;
    match (table.get("tag"), table.get("due")) {
        (Some(tag), Some(due)) => Ok((tag.text()?.to_owned(), Moment::read(due)?)),
        _ => node.fail("a wake needs a `tag` and a `due`, like `{ tag = \"grace\", due = \"in 3 days\" }`"),
    }
}

fn message(node: Node<'_>) -> Result<Message, Mistake> {
    if let DeValue::String(text) = node.value() {
        return Ok(Message { text: text.as_ref().to_owned(), moment: Sent::Now });
    }
    let table = node.table(&["text", "moment"])?;
    let moments = [("now", Sent::Now), ("once-done", Sent::OnceDone)];
    Ok(Message {
        text: table.read("text", |node| node.text().map(ToOwned::to_owned))?.unwrap_or_default(),
        moment: table
            .read("moment", |node| node.word("a moment for a message", &moments))?
            .unwrap_or_default(),
    })
}

const ACTIONS: [&str; 11] = [
    "invite",
    "restrict-to",
    "unrestrict",
    "remove",
    "set-libraries",
    "tell",
    "quiet",
    "wake-at",
    "cancel-wake",
    "set-memo",
    "other",
];

fn action(node: Node<'_>) -> Result<Wanted, Mistake> {
    let (name, content) = node.variant("an action", &ACTIONS)?;
    let action = match (name, content) {
        ("invite", None) => Action::Invite(Grant::default()),
        ("invite", Some(content)) => Action::Invite(grant(content)?),
        ("unrestrict", None) => Action::Unrestrict,
        ("remove", None) => Action::Remove,
        ("quiet", None) => Action::Quiet,
        ("unrestrict" | "remove" | "quiet", Some(content)) => {
            return content.fail(format!("`{name}` has no content: write it as `\"{name}\"`"));
        }
        ("restrict-to", Some(content)) => Action::RestrictTo(restriction(content)?),
        ("set-libraries", Some(content)) => Action::SetLibraries(libraries(content)?),
        ("tell", Some(content)) => Action::Tell(message(content)?),
        ("wake-at", Some(content)) => {
            let (tag, due) = wake(content)?;
            return Ok(Wanted::Wake { tag, due });
        }
        ("cancel-wake", Some(content)) => Action::CancelWake(content.text()?.to_owned()),
        ("set-memo", Some(content)) => Action::SetMemo(content.text()?.to_owned()),
        ("other", Some(content)) => Action::Other(extension(content)?),
        (_, _) => {
            return node.fail(format!("`{name}` needs a content: write it as `{{ {name} = … }}`"));
        }
    };
    Ok(Wanted::Action(Box::new(action)))
}

/// What must follow: a list of actions, one of them, or `nothing`.
pub(super) fn actions(node: Node<'_>) -> Result<Vec<Wanted>, Mistake> {
    match node.value() {
        DeValue::String(text) if text.as_ref() == "nothing" => Ok(Vec::new()),
        _ => node.one_or_list().into_iter().map(action).collect(),
    }
}

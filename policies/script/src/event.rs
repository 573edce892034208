//! What a script sees of an event.

use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString};
use rolarr_policy::apply_all;
use rolarr_policy::contract::{
    Access, AccountChange, Cause, Event, Grant, Origin, Progress, Review, Role, Timestamp,
};

use crate::complaint::Complaint;
use crate::moment::Time;
use crate::vocabulary::Vocabulary;
use crate::{action, given};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// The event.
#[derive(Clone)]
pub(crate) struct EventView(Rc<Event>);

/// The person.
#[derive(Clone)]
struct MemberView(Rc<Event>);

/// The media server.
#[derive(Clone)]
struct ServiceView(Rc<Event>);

/// A wake that is to come.
#[derive(Clone)]
struct WakeView {
    tag: ImmutableString,
    due: Time,
}

/// Keys of roles that are held somewhere.
#[derive(Clone)]
struct Held(Rc<Vec<ImmutableString>>);

impl EventView {
    pub(crate) fn new(event: &Event) -> Self {
        Self(Rc::new(event.clone()))
    }

    /// The role that came or went.
    fn role(&self, property: &str) -> Fallible<&Role> {
        match &self.0.cause {
            Cause::RoleAdded(role) | Cause::RoleRemoved(role) => Ok(role),
            other => Err(only_with(property, &["role-added", "role-removed"], other)),
        }
    }

    fn here(&self) -> Held {
        Held::of(&self.0.member.roles)
    }

    fn grant(&self) -> Option<&Grant> {
        match &self.0.account.access {
            Access::Absent => None,
            Access::Granted(grant) => Some(grant),
            Access::Restricted(restricted) => Some(&restricted.before),
        }
    }
}

/// How many elements lists have that are made of such a value each time one is asked for.
pub(crate) fn elements(value: &Dynamic) -> usize {
    if let Some(held) = value.read_lock::<Held>() {
        return held.0.len();
    }
    if let Some(service) = value.read_lock::<ServiceView>() {
        return 2 * service.0.service.libraries.len();
    }
    let Some(event) = value.read_lock::<EventView>() else { return 0 };
    let Event { member, account, service, .. } = &*event.0;
    let elsewhere: usize = member.elsewhere.iter().map(|of| 1 + of.roles.len()).sum();
    let lists = member.roles.len() + elsewhere + account.wakes.len() + service.libraries.len();
    // Each is copied as a text.
    4 * lists
}

fn only_with(property: &str, causes: &[&str], cause: &Cause) -> Box<EvalAltResult> {
    Complaint::new(format!(
        "`event.{property}` is there only if `event.cause` is {}; here it is `{}`",
        crate::vocabulary::listed(causes.iter().copied()).replace(" and ", " or "),
        cause_word(cause)
    ))
    .into()
}

impl Held {
    fn of(roles: &[Role]) -> Self {
        Self(Rc::new(roles.iter().map(|role| role.key.as_str().into()).collect()))
    }

    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|held| held == key)
    }

    fn has_any(&self, keys: Array) -> Fallible<bool> {
        Ok(names(keys, "has_any")?.iter().any(|key| self.has(key)))
    }

    fn has_all(&self, keys: Array) -> Fallible<bool> {
        Ok(names(keys, "has_all")?.iter().all(|key| self.has(key)))
    }

    fn keys(&self) -> Array {
        self.0.iter().cloned().map(Dynamic::from).collect()
    }
}

/// A list of texts that a script gave.
pub(crate) fn names(list: Array, function: &str) -> Fallible<Vec<ImmutableString>> {
    list.into_iter()
        .map(|name| match name.as_immutable_string_ref() {
            Ok(text) => Ok(ImmutableString::clone(&text)),
            Err(_) => {
                let found = given::show(&name);
                Err(Complaint::new(format!("`{function}` takes a list of texts, and in it is {found}"))
                    .into())
            }
        })
        .collect()
}

pub(crate) fn cause_word(cause: &Cause) -> &'static str {
    match cause {
        Cause::RoleAdded(_) => "role-added",
        Cause::RoleRemoved(_) => "role-removed",
        Cause::MemberLeft => "member-left",
        Cause::Wake(_) => "wake",
        Cause::Account(_) => "account",
        Cause::Review(_) => "review",
        Cause::Other(_) => "other",
    }
}

fn access_word(access: &Access) -> &'static str {
    match access {
        Access::Absent => "absent",
        Access::Granted(_) => "granted",
        Access::Restricted(_) => "restricted",
    }
}

fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Live => "live",
        Origin::Sweep => "sweep",
        Origin::Timer => "timer",
        Origin::Administrator => "administrator",
    }
}

fn progress_word(progress: Progress) -> &'static str {
    match progress {
        Progress::Settled => "settled",
        Progress::Working => "working",
        Progress::Asking => "asking",
        Progress::AskExpired => "ask-expired",
        Progress::Invited => "invited",
        Progress::Declined => "declined",
        Progress::Lost => "lost",
        Progress::Held => "held",
        Progress::Parked => "parked",
    }
}

pub(crate) fn change_word(change: AccountChange) -> &'static str {
    match change {
        AccountChange::Identified => "identified",
        AccountChange::AskExpired => "ask-expired",
        AccountChange::Accepted => "accepted",
        AccountChange::Declined => "declined",
        AccountChange::LeftService => "left-service",
        AccountChange::RemovedByAdmin => "removed-by-admin",
    }
}

pub(crate) fn review_word(review: Review) -> &'static str {
    match review {
        Review::PolicyChanged => "policy-changed",
        Review::RolesChanged => "roles-changed",
        Review::Retry => "retry",
        Review::Asked => "asked",
    }
}

fn time(at: Timestamp) -> Time {
    Time::from_millis(at.0)
}

fn maybe<T: Clone + 'static>(value: Option<T>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Dynamic::from)
}

fn texts(list: &[String]) -> Array {
    list.iter().map(|text| Dynamic::from(text.clone())).collect()
}

/// Teaches the engine the event and what hangs on it.
pub(crate) fn register(engine: &mut Engine, vocabulary: &mut Vocabulary) {
    engine
        .register_type_with_name::<EventView>("event")
        .register_type_with_name::<MemberView>("member")
        .register_type_with_name::<ServiceView>("service")
        .register_type_with_name::<WakeView>("wake")
        .register_type_with_name::<Held>("roles held elsewhere");
    properties(engine, vocabulary);
    questions(engine, vocabulary);
    parts(engine, vocabulary);
}

fn properties(engine: &mut Engine, vocabulary: &mut Vocabulary) {
    vocabulary.properties(
        "event",
        &[
            "id",
            "at",
            "origin",
            "guild",
            "member",
            "service",
            "cause",
            "role",
            "role_id",
            "role_name",
            "tag",
            "change",
            "review",
            "roles",
            "access",
            "libraries",
            "downloads",
            "live_tv",
            "progress",
            "identified",
            "since",
            "wakes",
            "memo",
            "anywhere",
            "other_guilds",
        ],
    );
    engine
        .register_get("id", |e: &mut EventView| e.0.id.clone())
        .register_get("at", |e: &mut EventView| time(e.0.at))
        .register_get("origin", |e: &mut EventView| origin_word(e.0.origin))
        .register_get("guild", |e: &mut EventView| e.0.guild.0.clone())
        .register_get("member", |e: &mut EventView| MemberView(Rc::clone(&e.0)))
        .register_get("service", |e: &mut EventView| ServiceView(Rc::clone(&e.0)))
        .register_get("cause", |e: &mut EventView| cause_word(&e.0.cause))
        .register_get("role", |e: &mut EventView| Ok::<_, Box<EvalAltResult>>(e.role("role")?.key.clone()))
        .register_get("role_id", |e: &mut EventView| {
            Ok::<_, Box<EvalAltResult>>(e.role("role_id")?.id.0.clone())
        })
        .register_get("role_name", |e: &mut EventView| {
            Ok::<_, Box<EvalAltResult>>(e.role("role_name")?.name.clone())
        })
        .register_get("tag", |e: &mut EventView| match &e.0.cause {
            Cause::Wake(tag) => Ok(tag.clone()),
            other => Err(only_with("tag", &["wake"], other)),
        })
        .register_get("change", |e: &mut EventView| match &e.0.cause {
            Cause::Account(change) => Ok(change_word(*change)),
            other => Err(only_with("change", &["account"], other)),
        })
        .register_get("review", |e: &mut EventView| match &e.0.cause {
            Cause::Review(review) => Ok(review_word(*review)),
            other => Err(only_with("review", &["review"], other)),
        })
        .register_get("roles", |e: &mut EventView| e.here().keys())
        .register_get("access", |e: &mut EventView| access_word(&e.0.account.access))
        .register_get("libraries", |e: &mut EventView| {
            maybe(e.grant().and_then(|grant| grant.libraries.as_deref()).map(texts))
        })
        .register_get("downloads", |e: &mut EventView| maybe(e.grant().and_then(|grant| grant.downloads)))
        .register_get("live_tv", |e: &mut EventView| maybe(e.grant().and_then(|grant| grant.live_tv)))
        .register_get("progress", |e: &mut EventView| progress_word(e.0.account.progress))
        .register_get("identified", |e: &mut EventView| e.0.account.identified)
        .register_get("since", |e: &mut EventView| maybe(e.0.account.since.map(time)))
        .register_get("wakes", |e: &mut EventView| -> Array {
            let wake = |wake: &rolarr_policy::contract::Wake| WakeView {
                tag: wake.tag.as_str().into(),
                due: time(wake.due),
            };
            e.0.account.wakes.iter().map(wake).map(Dynamic::from).collect()
        })
        .register_get("memo", |e: &mut EventView| e.0.account.memo.clone())
        .register_get("other_guilds", |e: &mut EventView| -> Array {
            e.0.member.elsewhere.iter().map(|of| Dynamic::from(of.key.clone())).collect()
        })
        .register_get("anywhere", |e: &mut EventView| {
            let mut keys = e.here().0.to_vec();
            for guild in &e.0.member.elsewhere {
                for role in &guild.roles {
                    let key = ImmutableString::from(role.key.as_str());
                    if !keys.contains(&key) {
                        keys.push(key);
                    }
                }
            }
            Held(Rc::new(keys))
        });
}

fn questions(engine: &mut Engine, vocabulary: &mut Vocabulary) {
    for (name, usage) in [
        ("has", "event.has(\"role\")"),
        ("has_any", "event.has_any() or event.has_any([\"role\", …])"),
        ("has_all", "event.has_all([\"role\", …])"),
        ("elsewhere", "event.elsewhere(\"guild\")"),
        ("has_wake", "event.has_wake(\"tag\")"),
        ("wake_due", "event.wake_due(\"tag\")"),
        ("already", "event.already(action) or event.already([action, …])"),
        ("fact", "event.fact(\"name\")"),
    ] {
        vocabulary.function(name, usage);
    }
    engine
        .register_fn("has", |e: &mut EventView, key: &str| e.0.member.has_role(key))
        .register_fn("has_any", |e: &mut EventView| e.0.member.has_any_role())
        .register_fn("has_any", |e: &mut EventView, keys: Array| e.here().has_any(keys))
        .register_fn("has_all", |e: &mut EventView, keys: Array| e.here().has_all(keys))
        .register_fn("elsewhere", |e: &mut EventView, guild: &str| {
            let of = e.0.member.elsewhere.iter().find(|of| of.key == guild);
            Held::of(of.map_or(&[], |of| &of.roles))
        })
        .register_fn("has_wake", |e: &mut EventView, tag: &str| {
            e.0.account.wakes.iter().any(|wake| wake.tag == tag)
        })
        .register_fn("wake_due", |e: &mut EventView, tag: &str| {
            maybe(e.0.account.wakes.iter().find(|wake| wake.tag == tag).map(|wake| time(wake.due)))
        })
        .register_fn("already", |e: &mut EventView, actions: Dynamic| -> Fallible<bool> {
            let actions = action::collect(actions, "already")?;
            let access = &e.0.account.access;
            Ok(apply_all(access, &actions) == *access)
        })
        .register_fn("fact", |e: &mut EventView, name: &str| {
            maybe(e.0.facts.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()))
        });
    engine
        .register_fn("has", |held: &mut Held, key: &str| held.has(key))
        .register_fn("has_any", |held: &mut Held| !held.0.is_empty())
        .register_fn("has_any", |held: &mut Held, keys: Array| held.has_any(keys))
        .register_fn("has_all", |held: &mut Held, keys: Array| held.has_all(keys));
}

fn parts(engine: &mut Engine, vocabulary: &mut Vocabulary) {
    vocabulary.properties("member", &["id", "username", "joined_at", "screening"]);
    vocabulary.properties("service", &["key", "kind", "libraries"]);
    vocabulary.properties("wake", &["tag", "due"]);
    vocabulary.properties("roles held elsewhere", &["roles"]);
    engine
        .register_get("id", |m: &mut MemberView| m.0.member.id.0.clone())
        .register_get("username", |m: &mut MemberView| m.0.member.username.clone())
        .register_get("joined_at", |m: &mut MemberView| maybe(m.0.member.joined_at.map(time)))
        .register_get("screening", |m: &mut MemberView| m.0.member.screening)
        .register_get("key", |s: &mut ServiceView| s.0.service.key.clone())
        .register_get("kind", |s: &mut ServiceView| s.0.service.kind.clone())
        .register_get("libraries", |s: &mut ServiceView| texts(&s.0.service.libraries))
        .register_get("tag", |wake: &mut WakeView| wake.tag.clone())
        .register_get("due", |wake: &mut WakeView| wake.due)
        .register_get("roles", |held: &mut Held| held.keys());
}

//! Cases and stories in TOML.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    super::node::{Mistake, Node, Source, Table},
    model::{AccessCheck, Broken, Case, Expect, Kind, Spans, Step, Story, Test, What},
    moment::{self, Moment},
    words::{self, Roles},
};
use crate::{
    cli::policy::situation,
    domain::{
        Timestamp,
        contract::{Account, AccountChange, Cause, Event, Member, Origin, Review, Service, Wake},
    },
    policy::printable,
};

/// The format that this version reads.
const FORMAT: u64 = 1;

/// When events happen for which no time is given: 2026-01-01 00:00 UTC.
const USUALLY: Timestamp = Timestamp(1_767_225_600_000);

const FILE: [&str; 6] = ["format", "settings", "libraries", "roles", "case", "story"];

/// What is known of the member before anything happens.
const STATE: [&str; 13] = [
    "roles",
    "access",
    "at",
    "progress",
    "identified",
    "since",
    "memo",
    "wakes",
    "elsewhere",
    "member",
    "guild",
    "libraries",
    "facts",
];

const CASE: [&str; 9] =
    ["name", "settings", "cause", "origin", "expect", "reason", "max-fuel", "max-memory", "max-actions"];

const STORY: [&str; 3] = ["name", "settings", "step"];

const STEP: [&str; 13] = [
    "after",
    "cause",
    "roles",
    "elsewhere",
    "origin",
    "expect",
    "reason",
    "access",
    "wakes",
    "memo",
    "max-fuel",
    "max-memory",
    "max-actions",
];

type Tests = Vec<Result<Test, Broken>>;

/// Reads a text. What is wrong with one case is that case's.
pub(super) fn parse(text: &str) -> Result<Tests, Mistake> {
    let source = Source::new(text);
    let parsed = source.parse()?;
    let root = Table::root(&source, parsed.get_ref());
    // Of a file for a newer Rolarr nothing else may make sense.
    match root.get("format") {
        None => return root.fail("the file needs a `format`: begin it with `format = 1`"),
        Some(node) => match node.number()? {
            FORMAT => {}
            0 => return node.fail("`format` 0 does not exist: write 1"),
            newer => {
                return node.fail(format!(
                    "made for a newer Rolarr: this one knows `format` {FORMAT}, the file has {newer}"
                ));
            }
        },
    }
    let root = root.with_keys(&FILE)?;
    let file = File {
        settings: root.read("settings", settings)?,
        libraries: root
            .read("libraries", |node| node.texts())?
            .unwrap_or_else(|| ["Movies", "Shows", "Music"].map(str::to_owned).to_vec()),
        roles: root.read("roles", Roles::read)?.unwrap_or_default(),
    };
    let mut nodes = Vec::new();
    for (key, read) in
        [("case", File::case as fn(&File, Node<'_>) -> Result<Test, Mistake>), ("story", File::story)]
    {
        for node in root.read(key, |node| node.list())?.unwrap_or_default() {
            nodes.push((node, key, read));
        }
    }
    nodes.sort_by_key(|(node, ..)| node.span().start);
    let mut count = 0;
    Ok(nodes
        .into_iter()
        .map(|(node, kind, read)| {
            count += 1;
            read(&file, node).map_err(|mistake| {
                let name = node.any_table().ok().and_then(|table| table.get("name")?.text().ok());
                let name = name.map_or_else(|| format!("{kind} {count}"), printable);
                Broken { name, mistake }
            })
        })
        .collect())
}

/// What holds for all cases of a file.
struct File {
    settings: Option<Arc<Map<String, Value>>>,
    libraries: Vec<String>,
    roles: Roles,
}

impl File {
    fn case(&self, node: Node<'_>) -> Result<Test, Mistake> {
        let keys: Vec<&str> = CASE.into_iter().chain(STATE).collect();
        let table = node.table(&keys)?;
        let Some(cause_node) = table.get("cause") else {
            return table.fail("the case needs a `cause`, like `cause = { role-added = \"plus\" }`");
        };
        let cause = self.roles.cause(cause_node)?;
        let mut event = self.state(&table)?;
        let held = table.get("roles");
        match &cause {
            Cause::RoleAdded(role) if held.is_none() => event.member.roles = vec![role.clone()],
            Cause::RoleAdded(role) if !event.member.has_role(&role.key) => {
                return cause_node.fail(format!(
                    "`roles` are those held after the change, and the added role `{}` is not among them",
                    printable(&role.key)
                ));
            }
            Cause::RoleRemoved(role) if event.member.has_role(&role.key) => {
                return cause_node.fail(format!(
                    "`roles` are those held after the change, and the removed role `{}` is among them",
                    printable(&role.key)
                ));
            }
            Cause::MemberLeft if event.member.has_any_role() => {
                return cause_node.fail("who left holds no roles");
            }
            _ => {}
        }
        event.origin = origin(&table)?.unwrap_or_else(|| usual_origin(&cause));
        event.cause = cause;
        event.id = "0000000001".to_owned();
        let expect = expect(&table, "case")?;
        let name = table.read("name", |node| node.text())?;
        Ok(Test {
            name: name.map_or_else(|| situation::short(&event), printable),
            place: table.place(),
            settings: self.settings_of(&table)?,
            kind: Kind::Case(Box::new(Case { event, expect })),
        })
    }

    fn story(&self, node: Node<'_>) -> Result<Test, Mistake> {
        let keys: Vec<&str> = STORY.into_iter().chain(STATE).collect();
        let table = node.table(&keys)?;
        let start = self.state(&table)?;
        let steps = table.read("step", |node| node.list())?.unwrap_or_default();
        if steps.is_empty() {
            return table.fail("the story has no steps: write each as `[[story.step]]`");
        }
        let steps = steps.into_iter().map(|node| self.step(node)).collect::<Result<Vec<_>, _>>()?;
        let place = table.place();
        let name = table.read("name", |node| node.text())?;
        Ok(Test {
            name: name.map_or_else(|| format!("the story in line {}", place.line), printable),
            place,
            settings: self.settings_of(&table)?,
            kind: Kind::Story(Box::new(Story { start, steps })),
        })
    }

    fn step(&self, node: Node<'_>) -> Result<Step, Mistake> {
        let table = node.table(&STEP)?;
        let what = match (table.get("cause"), table.get("roles")) {
            (None, None) => What::Time,
            (None, Some(node)) => What::Roles(self.roles.list(node)?),
            (Some(node), None) => match self.roles.cause(node)? {
                Cause::Wake(_) => {
                    return node.fail(
                        "in a story wakes come by themselves: let the time pass with `after`, and give no cause",
                    );
                }
                cause => What::Cause(cause),
            },
            (Some(_), Some(node)) => {
                return node.fail(
                    "a step has a `cause` or the `roles` that are held from here on: give one of the two",
                );
            }
        };
        let after = table.read("after", moment::length)?.unwrap_or_default();
        if matches!(what, What::Time) && after == 0 && table.get("elsewhere").is_none() {
            return table.fail(
                "nothing happens in this step: it needs a `cause`, `roles`, or time that passes: `after`",
            );
        }
        let access = table.read("access", words::access)?.map(|(access, word)| match word {
            true => AccessCheck::Case(access),
            false => AccessCheck::Exactly(access),
        });
        Ok(Step {
            place: table.place(),
            after,
            what,
            elsewhere: table.read("elsewhere", |node| self.roles.elsewhere(node))?,
            origin: origin(&table)?,
            expect: expect(&table, "step")?,
            access,
            wakes: table.read("wakes", |node| node.texts())?,
            memo: table.read("memo", |node| node.text().map(ToOwned::to_owned))?,
        })
    }

    /// The member as they are known. The cause stands for nothing yet.
    fn state(&self, table: &Table<'_>) -> Result<Event, Mistake> {
        let at = table.read("at", Moment::read_fixed)?.unwrap_or(USUALLY);
        let moment = |node| Moment::read(node).map(|moment| moment.of(at));
        let member = match table.get("member") {
            None => Member { id: "900000001".into(), username: "ada".to_owned(), ..Member::default() },
            Some(node) => {
                let table = node.table(&["id", "username", "joined-at", "screening"])?;
                Member {
                    id: table.read("id", |node| node.text())?.unwrap_or("900000001").into(),
                    username: table.read("username", |node| node.text())?.unwrap_or("ada").to_owned(),
                    joined_at: table.read("joined-at", moment)?,
                    screening: table.read("screening", |node| node.truth())?.unwrap_or_default(),
                    ..Member::default()
                }
            }
        };
        let member = Member {
            roles: table.read("roles", |node| self.roles.list(node))?.unwrap_or_default(),
            elsewhere: table.read("elsewhere", |node| self.roles.elsewhere(node))?.unwrap_or_default(),
            ..member
        };
        let access = table.read("access", words::access)?.map(|(access, _)| access).unwrap_or_default();
        let mut wakes: Vec<Wake> = table
            .read("wakes", |node| {
                node.one_or_list().into_iter().map(words::wake).collect::<Result<Vec<_>, _>>()
            })?
            .unwrap_or_default()
            .into_iter()
            .map(|(tag, due)| Wake { tag, due: due.of(at) })
            .collect();
        wakes.sort_by(|one, other| (one.due, &one.tag).cmp(&(other.due, &other.tag)));
        let facts = match table.get("facts") {
            None => Vec::new(),
            Some(node) => node
                .any_table()?
                .entries()
                .into_iter()
                .map(|(name, node)| Ok((name.to_owned(), node.text()?.to_owned())))
                .collect::<Result<_, Mistake>>()?,
        };
        let identified = table.read("identified", |node| node.truth())?.unwrap_or(!access.is_absent());
        Ok(Event {
            at,
            guild: table.read("guild", |node| node.text())?.unwrap_or("900000000").into(),
            member,
            service: Service {
                key: "plex".to_owned(),
                kind: "plex".to_owned(),
                libraries: table
                    .read("libraries", |node| node.texts())?
                    .unwrap_or_else(|| self.libraries.clone()),
            },
            account: Account {
                access,
                progress: table
                    .read("progress", |node| node.word("a progress", &words::PROGRESS))?
                    .unwrap_or_default(),
                identified,
                since: table.read("since", moment)?,
                wakes,
                memo: table.read("memo", |node| node.text())?.unwrap_or_default().to_owned(),
            },
            facts,
            ..Event::new(Cause::MemberLeft)
        })
    }

    fn settings_of(&self, table: &Table<'_>) -> Result<Option<Arc<Map<String, Value>>>, Mistake> {
        Ok(table.read("settings", settings)?.or_else(|| self.settings.clone()))
    }
}

fn origin(table: &Table<'_>) -> Result<Option<Origin>, Mistake> {
    table.read("origin", |node| node.word("an origin", &words::ORIGINS))
}

/// How the host comes to know of a cause, usually.
pub(in crate::cli::policy) fn usual_origin(cause: &Cause) -> Origin {
    match cause {
        Cause::Wake(_) | Cause::Account(AccountChange::AskExpired) => Origin::Timer,
        Cause::Review(Review::Asked) | Cause::Account(AccountChange::RemovedByAdmin) => Origin::Administrator,
        _ => Origin::Live,
    }
}

fn expect(table: &Table<'_>, of: &str) -> Result<Expect, Mistake> {
    let Some(actions) = table.get("expect") else {
        return table.fail(format!(
            "the {of} has no `expect`, so there is nothing to compare: write `expect = []` if nothing follows"
        ));
    };
    let reason = table.get("reason");
    Ok(Expect {
        actions: words::actions(actions)?,
        reason: reason.map(|node| node.text().map(ToOwned::to_owned)).transpose()?,
        max_fuel: table.read("max-fuel", |node| node.number())?,
        max_memory: table.read("max-memory", moment::bytes)?,
        max_actions: table
            .read("max-actions", |node| node.number())?
            .map(|most| usize::try_from(most).unwrap_or(usize::MAX)),
        spans: Some(Spans { actions: actions.span(), reason: reason.map(|node| node.span()) }),
    })
}

/// The settings that the policy gets in many cases.
fn settings(node: Node<'_>) -> Result<Arc<Map<String, Value>>, Mistake> {
    node.settings().map(Arc::new)
}

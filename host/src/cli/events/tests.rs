//! The commands against real database files, in which names, ids and addresses stand everywhere.

use crate::domain::AuditKind;
use std::path::{Path, PathBuf};

use clap::Parser;
use rolarr_policy::{
    contract::{
        Access, AccountChange, Action, Cause, Decision, Event, Grant, GuildRoles, Member, Message, Origin,
        Progress, Restriction, Rule, Wake,
    },
    recording::{self, Recording},
};
use tempfile::TempDir;

use super::*;
use crate::{
    cli::{
        fixture::{
            ADA, BEN, DAY, HOME, OTHER, PLUS, START, database, decide, event_of, fail, fill, member, role,
        },
        policy::compiling,
        words,
    },
    domain::{
        Email, PlexAccountId, ShareId, UserId,
        account::{Account, Record},
    },
    policy::{Engine, Limits, Module, Policy},
    store::{EventState, NewEvent, Work},
};

/// Everything that must not be in an export.
const SECRETS: [&str; 13] = [
    "ada",
    "lovelace",
    "ben_q",
    "benjamin",
    "plex plus",
    "@",
    "example.org",
    "900000010",
    "900000011",
    "900000021",
    "900000022",
    "900000100",
    "770000001",
];

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    events: Events,
}

/// What a command does: its exit code or error, and what it prints.
fn run(folder: &Path, args: &[&str]) -> String {
    let cli = Cli::try_parse_from(std::iter::once("events").chain(args.iter().copied())).unwrap();
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let done = cli.events.run(&mut out, &mut notes, Timestamp(START + 10 * DAY));
    let mut text = String::from_utf8(out).unwrap() + &String::from_utf8(notes).unwrap();
    match done {
        Ok(exit) => text.push_str(&format!("exit code {}", exit as u8)),
        Err(error) => {
            let mut said = Vec::new();
            error.write(&mut said).unwrap();
            text.push_str(&format!("{}exit code {}", String::from_utf8(said).unwrap(), error.exit() as u8));
        }
    }
    text.replace(&folder.display().to_string(), "FOLDER")
}

/// A policy that puts all that it is told into all that it answers.
fn talkative(event: &Event) -> Decision {
    let Member { id, username, .. } = &event.member;
    let said = match &event.cause {
        Cause::RoleRemoved(role) => format!("{username} (<@{id}>) lost {} ({})", role.name, role.id),
        other => format!("{username}: {}", words::cause(other)),
    };
    let actions = [
        Action::Tell(Message { text: format!("Hello {username}! {said}."), ..Message::default() }),
        Action::SetMemo(format!("{};{said}", event.account.memo)),
        Action::WakeAt(Wake { tag: format!("grace {username}"), due: event.at.plus_millis(DAY) }),
        Action::RestrictTo(Restriction::movies_and_television(Rule::label(format!("for {username}")))),
    ];
    Decision::of(actions, format!("{said}, guild {}", event.guild))
}

/// A database with names, ids and addresses in every column that has a text.
fn full() -> (TempDir, PathBuf) {
    database(|tx| {
        member(tx, ADA, "ada");
        member(tx, BEN, "ben_q");
        let granted = || Access::Granted(Grant::default());
        let mut event = event_of(ADA, "Ada Lovelace", granted(), Cause::RoleRemoved(role()));
        event.member.elsewhere =
            vec![GuildRoles { guild: OTHER.into(), key: "other".to_owned(), roles: vec![role()] }];
        event.account.memo = "asked by benjamin, ada (900000022)".to_owned();
        event.account.wakes =
            vec![Wake { tag: "grace ada lovelace".to_owned(), due: Timestamp(START + DAY) }];
        event.facts = vec![("friend".to_owned(), "Ben_Q".to_owned())];
        let decision = talkative(&event);
        let id = decide(tx, event, decision, &["ada wrote from ada@example.org", "and ben_q"]);
        tx.add_task(Some(id), Some(ADA), &Work::Tell { text: "Hello Ada".to_owned() }, Timestamp(START))?;
        tx.audit(
            Timestamp(START),
            Some(id),
            Some(ADA),
            AuditKind::Decision,
            "<@900000021>: restrict (ada@example.org)",
        )?;

        let mut event = event_of(BEN, "benjamin", granted(), Cause::MemberLeft);
        event.at = Timestamp(START + DAY);
        let decision = Decision::of(
            [Action::Tell(Message { text: "Write to ada@example.org".to_owned(), ..Message::default() })],
            "left",
        );
        decide(tx, event, decision, &[]);

        let known = tx.account_for(ADA)?;
        let record = Record {
            email: Email::parse("ada@example.org").ok(),
            plex_account: Some(PlexAccountId(770_000_001)),
            share: Some(ShareId(770_000_002)),
            ..Record::clone(&known)
        };
        tx.put_account(&Account::load(record))?;
        let state = |state, remark: &str, cause| NewEvent {
            at: Timestamp(START + 2 * DAY),
            origin: Origin::Sweep,
            guild: HOME,
            user: BEN,
            cause,
            roles: vec![PLUS],
            state,
            remark: Some(remark.to_owned()),
        };
        let mut event = event_of(BEN, "ben", Access::Absent, Cause::RoleAdded(role()));
        event.at = Timestamp(START + 2 * DAY);
        event.origin = Origin::Sweep;
        fail(tx, event, "policy `x` crashed", &["Ben has no roles?"]);
        tx.journal(&state(EventState::Skipped, "this member is protected", Cause::MemberLeft))?;
        Ok(())
    })
}

fn export(file: &Path, more: &[&str]) -> String {
    let database = file.display().to_string();
    let mut args = vec!["export", "--database", &database];
    args.extend(more);
    let text = run(file.parent().unwrap(), &args);
    text.strip_suffix("exit code 0").unwrap_or_else(|| panic!("{text}")).to_owned()
}

fn parsed(text: &str) -> Vec<Recording> {
    recording::parse(text, Path::new("export.jsonl")).unwrap()
}

#[test]
fn an_export_names_nobody() {
    let (_folder, file) = full();
    let text = export(&file, &[]);
    let lower = text.to_lowercase();
    for secret in SECRETS {
        // A mention of an id is a mention, and no address.
        let clean = lower.replace("<@9", "");
        assert!(!clean.contains(secret), "`{secret}` is in\n{text}");
    }
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn without_redaction_all_is_as_it_was_but_the_addresses() {
    let (_folder, file) = full();
    let text = export(&file, &["--no-redact"]);
    let [first, second] = &parsed(&text)[..] else { panic!("{text}") };
    assert_eq!(first.event.member.username, "Ada Lovelace");
    assert_eq!(first.decision.as_ref().unwrap().actions, talkative(&first.event).actions);
    assert_eq!(second.event.cause, Cause::MemberLeft);
    assert!(!text.contains("ada@example.org") && text.contains("Write to (address)"), "{text}");
}

#[test]
fn what_a_policy_makes_of_a_redacted_event_is_the_redacted_decision() {
    let (_folder, file) = full();
    let text = export(&file, &[]);
    let first = parsed(&text).remove(0);
    assert!(first.decision.unwrap().is_met_by(&talkative(&first.event)), "{text}");
    assert_eq!(first.event.member.elsewhere[0].key, "other");
    assert_eq!(first.event.member.elsewhere[0].roles[0].key, "plus");
}

#[test]
fn the_default_policy_decides_a_redacted_export_as_it_was_decided() {
    let (_folder, file) = database(|tx| {
        let engine = Engine::new(compiling::settings(None)).unwrap();
        let module = Module::open("builtin:role-restriction").unwrap();
        let policy =
            Policy::load(&engine, &module, &serde_json::json!({}), Vec::new(), &Limits::default()).unwrap();
        let granted = || Access::Granted(Grant::default());
        let restricted = rolarr_policy::apply(
            &granted(),
            &Action::RestrictTo(Restriction::movies_and_television(Rule::label("noAccess"))),
        );
        let causes = [
            Cause::RoleAdded(role()),
            Cause::RoleRemoved(role()),
            Cause::MemberLeft,
            Cause::Account(AccountChange::Accepted),
        ];
        for cause in causes {
            for access in [Access::Absent, granted(), restricted.clone()] {
                let mut event = event_of(ADA, "ada", access, cause.clone());
                event.account.progress = Progress::Asking;
                if let Cause::RoleAdded(role) = &cause {
                    event.member.roles = vec![role.clone()];
                }
                let decision = policy.evaluate(&event).unwrap().decision;
                decide(tx, event, decision, &[]);
            }
        }
        // Somebody who is called like a word of the policy's.
        for (user, name) in [(BEN, "last"), (UserId(900_000_023), "carol"), (UserId(900_000_024), "dan")] {
            let event = event_of(user, name, granted(), Cause::RoleRemoved(role()));
            let decision = policy.evaluate(&event).unwrap().decision;
            decide(tx, event, decision, &[]);
        }
        Ok(())
    });
    let engine = Engine::new(compiling::settings(None)).unwrap();
    let module = Module::open("builtin:role-restriction").unwrap();
    let policy =
        Policy::load(&engine, &module, &serde_json::json!({}), Vec::new(), &Limits::default()).unwrap();
    let recordings = parsed(&export(&file, &[]));
    assert_eq!(recordings.len(), 15);
    for recording in recordings {
        let decided = policy.evaluate(&recording.event).unwrap().decision;
        assert!(recording.decision.as_ref().unwrap().is_met_by(&decided), "{recording:#?}\n{decided:#?}");
    }
}

#[test]
fn pseudonyms_are_the_same_in_every_export_of_an_installation_and_others_elsewhere() {
    let (_folder, file) = full();
    let first = export(&file, &[]);
    assert_eq!(first, export(&file, &[]));
    let (_elsewhere, other) = full();
    assert_ne!(first, export(&other, &[]));
}

#[test]
fn where_the_key_can_not_be_kept_the_export_is_made_and_says_so() {
    let (folder, file) = full();
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute_batch("CREATE TRIGGER closed BEFORE INSERT ON facts BEGIN SELECT RAISE(ABORT, 'closed'); END")
        .unwrap();
    drop(db);
    let output = folder.path().join("export.jsonl").display().to_string();
    let text = export(&file, &["--output", &output]);
    assert!(text.contains("note: the key for pseudonyms can't be kept in `FOLDER/rolarr.db`"), "{text}");
}

#[test]
fn the_time_of_joining_is_moved_by_the_same_amount_in_each_event_of_a_member() {
    let joined = START - 300 * DAY - 12_345;
    let (_folder, file) = database(move |tx| {
        for (user, name) in [(ADA, "ada"), (ADA, "ada"), (BEN, "ben")] {
            let cause = Cause::RoleRemoved(role());
            let mut event = event_of(user, name, Access::Granted(Grant::default()), cause);
            event.member.joined_at = Some(Timestamp(joined));
            decide(tx, event, Decision::of([], "nothing"), &[]);
        }
        Ok(())
    });
    let joined_in = |more: &[&str]| -> Vec<u64> {
        let export = export(&file, more);
        let lines = export.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|line| line["event"]["member"]["joined-at"].as_u64().unwrap()).collect()
    };
    assert_eq!(joined_in(&["--no-redact"]), [joined; 3]);
    let moved = joined_in(&[]);
    assert_eq!(moved[0], moved[1]);
    assert_ne!(moved[0], moved[2]);
    assert!(moved.iter().all(|moved| *moved < joined && joined - moved < 90 * DAY), "{moved:?}");
    assert_eq!(joined_in(&[]), moved, "the next export says the same");
}

#[test]
fn a_time_and_a_member_choose_events() {
    let (_folder, file) = full();
    let count = |more: &[&str]| export(&file, more).lines().count();
    assert_eq!(count(&["--since", "9d"]), 1);
    assert_eq!(count(&["--since", "30d"]), 2);
    assert_eq!(count(&["--until", "2026-09-22"]), 1);
    assert_eq!(count(&["--since", "2026-09-21T14:13:20Z", "--until", "2026-09-21T14:13:21Z"]), 1);
    assert_eq!(count(&["--member", "900000022"]), 1);
    assert!(Cli::try_parse_from(["events", "export", "--since", "yesterday"]).is_err());
    assert!(Cli::try_parse_from(["events", "export", "--member", "ada"]).is_err());
}

#[test]
fn a_file_is_private_whole_and_not_replaced_by_accident() {
    let (folder, file) = full();
    let output = folder.path().join("events.jsonl");
    let shown = output.display().to_string();
    let runs = [
        export(&file, &["--output", &shown]),
        export(&file, &["--output", &shown, "--force", "--no-redact"]),
        run(folder.path(), &["export", "--database", &file.display().to_string(), "--output", &shown]),
        run(
            folder.path(),
            &["export", "--database", &file.display().to_string(), "--output", &format!("{shown}/x")],
        ),
        run(folder.path(), &["export", "--database", &file.display().to_string(), "--since", "1h"]),
    ];
    assert_eq!(recording::read_file(&output).unwrap().len(), 2);
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&output).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    insta::assert_snapshot!(runs.join("\n----\n"));
}

#[test]
fn the_list_shows_what_happened_and_what_followed() {
    let (folder, file) = full();
    let database = file.display().to_string();
    let runs = [
        run(folder.path(), &["list", "--database", &database]),
        run(folder.path(), &["list", "--database", &database, "--last", "1", "--member", "900000021"]),
        run(folder.path(), &["list", "--database", &database, "--since", "1h"]),
    ];
    insta::assert_snapshot!(runs.join("\n\n----\n"));
}

#[test]
fn an_event_is_shown_with_everything_but_addresses_and_messages() {
    let (folder, file) = full();
    let database = file.display().to_string();
    let shown = |id: &str| run(folder.path(), &["show", id, "--database", &database]);
    let runs = [shown("1"), shown("000000000003"), shown("4"), shown("99")];
    insta::assert_snapshot!(runs.join("\n\n----\n"));
    assert!(!runs.concat().contains("ada@example.org") && !runs.concat().contains("Hello"));
    for id in ["0", "-1", "x", "1.5", "99999999999999999999"] {
        assert!(Cli::try_parse_from(["events", "show", id]).is_err(), "{id}");
    }
}

#[test]
fn the_page_about_it_shows_what_is_shown() {
    const PAGE: &str = include_str!("../../../../docs/comparing-policies.md");
    let (folder, file) = database(|_| Ok(()));
    // The event gets the number that it has on the page.
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', 41)", []).unwrap();
    drop(db);
    fill(&file, |tx| {
        let mut event = event_of(ADA, "ada", Access::Granted(Grant::default()), Cause::RoleRemoved(role()));
        event.member.joined_at = None;
        event.account.since = Some(Timestamp(START - 50 * DAY - 18_800_000));
        let restriction =
            Restriction { end_streams: true, ..Restriction::movies_and_television(Rule::label("noAccess")) };
        let decision = Decision::of([Action::RestrictTo(restriction)], "lost the last role `plus`");
        let id = decide(tx, event, decision, &[]);
        let work = Work::Tell { text: "x".repeat(158) };
        let task = tx.add_task(Some(id), Some(ADA), &work, Timestamp(START))?;
        tx.begin_task(task, crate::domain::ChannelId(1), Timestamp(START + 2_000))?;
        tx.end_task(task, crate::store::TaskState::Done, None)?;
        let text = "<@900000021>: restrict (lost the last role `plus`)";
        tx.remark(Timestamp(START), Some(id), Some(ADA), AuditKind::Decision, text)
    });
    let database = file.display().to_string();
    let shown =
        run(folder.path(), &["show", "42", "--database", &database]).replace(&"d16e57".repeat(10), "…");
    let shown = shown.strip_suffix("exit code 0").unwrap();
    assert!(PAGE.contains(&format!("```text\n{shown}```")), "{shown}");
}

#[test]
fn an_event_as_json_is_its_line_of_the_export() {
    let (folder, file) = full();
    let database = file.display().to_string();
    let shown = run(folder.path(), &["show", "1", "--json", "--database", &database]);
    let shown = shown.strip_suffix("exit code 0").unwrap();
    assert_eq!(parsed(shown), parsed(&export(&file, &["--member", "900000021"])));
    let plain = run(folder.path(), &["show", "1", "--json", "--no-redact", "--database", &database]);
    assert!(plain.contains("Ada Lovelace"), "{plain}");
    let skipped = run(folder.path(), &["show", "4", "--json", "--database", &database]);
    assert!(skipped.starts_with("error: no policy was asked about event 4"), "{skipped}");
}

#[test]
fn what_a_policy_failed_on_is_exported_on_wish_and_can_be_tried_anew() {
    let (folder, file) = full();
    let database = file.display().to_string();
    assert!(!export(&file, &[]).contains("000000000003"), "it has no decision to test against");
    let line = export(&file, &["--undecided"]);
    let recording: Recording = serde_json::from_str(&line).unwrap();
    assert!(recording.decision.is_none());
    assert_eq!(recording.policy.map(|policy| policy.digest), Some("badbad".repeat(10)));
    assert_eq!(recording.event.id, "000000000003");
    assert!(!line.contains(&BEN.to_string()) && !line.to_lowercase().contains("\"ben\""), "{line}");
    let shown = run(folder.path(), &["show", "3", "--json", "--database", &database]);
    assert_eq!(parsed(shown.strip_suffix("exit code 0").unwrap()), parsed(&line));
    let nothing =
        run(folder.path(), &["export", "--undecided", "--member", "900000021", "--database", &database]);
    assert!(nothing.starts_with("error: no such event stayed undecided"), "{nothing}");
}

#[test]
fn a_database_that_can_not_be_read_is_said_and_left_as_it_is() {
    let (folder, file) = full();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let change = |name: &str, sql: &str| {
        std::fs::copy(&file, path(name)).unwrap();
        let db = rusqlite::Connection::open(path(name)).unwrap();
        db.execute_batch(sql).unwrap();
    };
    // All that was written is in the one file.
    rusqlite::Connection::open(&file).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    change("newer.db", "PRAGMA user_version = 999");
    change("unreadable.db", "UPDATE decisions SET input = '{\"from\": \"later\"}' WHERE event = 2");
    std::fs::write(path("text.db"), "not a database, but long enough to be looked at. ".repeat(100)).unwrap();
    std::fs::write(path("empty.db"), "").unwrap();
    let other = rusqlite::Connection::open(path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    drop(other);
    let mut runs = Vec::new();
    for name in ["missing.db", "newer.db", "text.db", "empty.db", "other.db", "unreadable.db"] {
        runs.push(run(
            folder.path(),
            &["export", "--no-redact", "--output", &path("x.jsonl"), "--database", &path(name)],
        ));
        runs.push(run(folder.path(), &["show", "2", "--database", &path(name)]));
        assert!(!folder.path().join("x.jsonl").exists());
    }
    runs.push(run(folder.path(), &["list", "--config", &path("missing.toml")]));
    assert!(!folder.path().join("missing.db").exists());
    insta::assert_snapshot!(runs.join("\n"));
}

#[test]
fn the_settings_are_known_if_the_configured_policy_decided() {
    let (folder, file) = full();
    let config = folder.path().join("config.toml");
    // The tokens are texts in files, as the environment of a test is not its own.
    std::fs::write(folder.path().join("token"), "secret").unwrap();
    std::fs::write(
        &config,
        r#"
        store.path = "rolarr.db"
        [discord]
        token = { file = "token" }
        [[discord.guilds]]
        id = "900000010"
        key = "home"
        [[discord.guilds.roles]]
        key = "plus"
        id = "900000100"
        [plex]
        token = { file = "token" }
        server = "My Server"
        [policy.settings]
        label = "for ada"
        "#,
    )
    .unwrap();
    let module = Module::open("builtin:role-restriction").unwrap();
    let digest = Policy::digest_of(&module, &serde_json::json!({ "label": "for ada" }));
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute("UPDATE decisions SET digest = ?1 WHERE event = 2", [digest]).unwrap();
    drop(db);
    let text = run(folder.path(), &["export", "--config", &config.display().to_string()]);
    let recordings = parsed(text.strip_suffix("exit code 0").unwrap());
    assert_eq!(recordings[0].settings, None);
    let label = recordings[1].settings.as_ref().unwrap()["label"].as_str().unwrap();
    assert!(label.starts_with("for member-"), "{label}");
}

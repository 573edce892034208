//! Databases for tests, written as the bot writes them.

use std::path::{Path, PathBuf};

use rolarr_policy::contract::{Access, Account, Cause, Decision, Event, Member, Role, Service};
use tempfile::TempDir;

use crate::{
    domain::{EventId, GuildId, RoleId, Timestamp, UserId},
    store::{DecisionRow, EventState, FailureRow, MemberRow, NewEvent, Store, StoreError, Threads, Tx},
};

pub(super) const HOME: GuildId = GuildId(900_000_010);
pub(super) const OTHER: GuildId = GuildId(900_000_011);
pub(super) const PLUS: RoleId = RoleId(900_000_100);
pub(super) const ADA: UserId = UserId(900_000_021);
pub(super) const BEN: UserId = UserId(900_000_022);
/// 2026-09-21 14:13:20 UTC.
pub(super) const START: u64 = 1_790_000_000_000;
pub(super) const DAY: u64 = 86_400_000;

/// A database in a folder of its own.
pub(super) fn database(
    work: impl FnOnce(&Tx<'_>) -> Result<(), StoreError> + Send + 'static,
) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rolarr.db");
    fill(&file, work);
    (folder, file)
}

/// Writes into a database.
pub(super) fn fill(file: &Path, work: impl FnOnce(&Tx<'_>) -> Result<(), StoreError> + Send + 'static) {
    let store = Store::open(file, Threads::None).unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.write(work)).unwrap();
}

pub(super) fn role() -> Role {
    Role { id: PLUS.into(), key: "plus".to_owned(), name: "Plex Plus".to_owned() }
}

pub(super) fn member(tx: &Tx<'_>, user: UserId, name: &str) {
    tx.put_member(&MemberRow {
        guild: HOME,
        user,
        username: name.to_owned(),
        roles: vec![PLUS],
        joined_at: None,
        screening: false,
        bot: false,
        present: true,
        seen_at: Timestamp(START),
    })
    .unwrap();
}

pub(super) fn event_of(user: UserId, name: &str, access: Access, cause: Cause) -> Event {
    let mut event = Event::new(cause);
    event.at = Timestamp(START);
    event.guild = HOME.into();
    event.member = Member {
        id: user.into(),
        username: name.to_owned(),
        joined_at: Some(Timestamp(START - 100 * DAY)),
        ..Member::default()
    };
    event.service =
        Service { key: "plex".to_owned(), kind: "plex".to_owned(), libraries: vec!["Movies".to_owned()] };
    event.account = Account { access, identified: true, ..Account::default() };
    event
}

fn journal(tx: &Tx<'_>, event: &Event, state: EventState, remark: Option<&str>) -> EventId {
    tx.journal(&NewEvent {
        at: event.at,
        origin: event.origin,
        guild: HOME,
        user: event.member.id.0.parse().unwrap(),
        cause: event.cause.clone(),
        roles: Vec::new(),
        state,
        remark: remark.map(str::to_owned),
    })
    .unwrap()
}

/// Writes an event with the decision on it.
pub(super) fn decide(tx: &Tx<'_>, mut event: Event, decision: Decision, logs: &[&str]) -> EventId {
    let id = journal(tx, &event, EventState::Decided, None);
    event.id = id.padded();
    tx.put_decision(&DecisionRow {
        event: id,
        at: event.at.plus_millis(40),
        input: serde_json::to_string(&event).unwrap(),
        actions: decision.actions,
        reason: decision.reason,
        policy: "role-restriction".to_owned(),
        version: "0.1.0".to_owned(),
        digest: "d16e57".repeat(10),
        fuel: 12_345,
        micros: 321,
        logs: logs.iter().map(|line| (*line).into()).collect(),
    })
    .unwrap();
    id
}

/// Writes an event on which the policy failed.
pub(super) fn fail(tx: &Tx<'_>, mut event: Event, why: &str, logs: &[&str]) -> EventId {
    let id = journal(tx, &event, EventState::Undecided, Some(why));
    event.id = id.padded();
    tx.put_failure(&FailureRow {
        event: id,
        at: event.at.plus_millis(40),
        input: serde_json::to_string(&event).unwrap(),
        why: why.to_owned(),
        policy: "x".to_owned(),
        version: "2.0.0".to_owned(),
        digest: "badbad".repeat(10),
        fuel: 77,
        micros: 12,
        logs: logs.iter().map(|line| (*line).into()).collect(),
        again: None,
    })
    .unwrap();
    id
}

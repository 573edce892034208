//! The store against real files.

use std::path::PathBuf;

use rolarr_policy::contract::{Cause, Origin, Role};
use tempfile::TempDir;

use super::*;
use crate::domain::{
    AccountId, Email, EventId, Field, FieldValue, GuildId, PlexAccountId, RoleId, ShareId, Timestamp, UserId,
    account::{Held, HeldReason},
    contract::Grant,
    reconcile::fields::FieldLedger,
};

const GUILD: GuildId = GuildId(1);
pub(super) const ANN: UserId = UserId(2);
const BEN: UserId = UserId(3);

pub(super) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rolarr.db");
    (folder, file)
}

pub(super) fn event(user: UserId) -> NewEvent {
    NewEvent {
        at: Timestamp(7),
        origin: Origin::Live,
        guild: GUILD,
        user,
        cause: Cause::RoleAdded(Role {
            id: RoleId(9).into(),
            key: "plex".to_owned(),
            name: "Plex".to_owned(),
        }),
        roles: vec![RoleId(9)],
        state: EventState::Waiting,
        remark: None,
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    for threads in [Threads::Own, Threads::None] {
        let (_folder, file) = folder();
        let store = Store::open(&file, threads).unwrap();
        let id = store.write(|tx| tx.journal(&event(ANN))).await.unwrap();
        drop(store);
        let store = Store::open(&file, threads).unwrap();
        let row = store.read(move |tx| tx.event(id)).await.unwrap().unwrap();
        assert_eq!(row.event, event(ANN));
    }
}

#[tokio::test]
async fn a_failed_transaction_takes_back_only_itself() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::Own).unwrap();
    let good = (0..50).map(|_| store.write(|tx| tx.journal(&event(ANN))));
    let bad = (0..50).map(|_| {
        store.write(|tx| {
            tx.journal(&event(BEN))?;
            Err::<(), _>(StoreError::Closed)
        })
    });
    let (good, bad) =
        futures_util::future::join(futures_util::future::join_all(good), futures_util::future::join_all(bad))
            .await;
    assert!(good.iter().all(Result::is_ok));
    assert!(bad.iter().all(Result::is_err));
    assert_eq!(store.read(|tx| tx.story(ANN)).await.unwrap().len(), 50);
    assert!(store.read(|tx| tx.story(BEN)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_store_whose_thread_ended_is_closed_from_then_on() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::Own).unwrap();
    let ended =
        store.write(|_| -> Result<(), StoreError> { std::panic::resume_unwind(Box::new("the thread")) });
    assert!(matches!(ended.await, Err(StoreError::Closed)));
    for _ in 0..2 {
        assert!(matches!(store.write(|tx| tx.journal(&event(ANN))).await, Err(StoreError::Closed)));
    }
}

#[tokio::test]
async fn waiting_events_come_in_order_and_by_member() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::None).unwrap();
    for user in [BEN, ANN, BEN] {
        store.write(move |tx| tx.journal(&event(user))).await.unwrap();
    }
    assert_eq!(store.read(|tx| tx.waiting_users(10)).await.unwrap(), [BEN, ANN]);
    let first = store.read(|tx| tx.next_waiting(BEN)).await.unwrap().unwrap();
    store
        .write(move |tx| tx.close_event(first.id, EventState::Undecided, Some("the policy failed")))
        .await
        .unwrap();
    assert_eq!(store.read(|tx| tx.waiting_users(10)).await.unwrap(), [ANN, BEN]);
    assert!(store.read(|tx| tx.next_waiting(BEN)).await.unwrap().unwrap().id > first.id);
}

#[tokio::test]
async fn addresses_and_shares_belong_to_one_person() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::None).unwrap();
    let take = |user: UserId, address: &'static str, share: u64| {
        store.write(move |tx| {
            let email = Email::parse(address).ok();
            let known = tx.account_for(user)?;
            let record = Record { email, share: Some(ShareId(share)), ..Record::clone(&known) };
            tx.put_account(&Account::load(record))
        })
    };
    take(ANN, "ann@example.org", 1).await.unwrap();
    assert!(matches!(take(BEN, "ANN@example.ORG", 2).await, Err(StoreError::Taken)));
    assert!(matches!(take(BEN, "ben@example.org", 1).await, Err(StoreError::Taken)));
    take(BEN, "ben@example.org", 2).await.unwrap();
}

/// An account in which every column holds something.
fn full(id: AccountId) -> Record {
    let at = |minutes: u64| Some(Timestamp(1_767_225_600_000 + minutes * 60_000));
    Record {
        id,
        user: Some(ANN),
        email: Email::parse("ann@example.org").ok(),
        claim: Email::parse("claimed@example.org").ok(),
        correction: Email::parse("corrected@example.org").ok(),
        corrections: 2,
        plex_account: Some(PlexAccountId(7)),
        share: Some(ShareId(8)),
        stage: Stage::Leaving,
        granted: Some(Grant { downloads: Some(true), ..Grant::default() }),
        invite_for: Some(EventId(9)),
        adopt: true,
        decided_by: Some(EventId(10)),
        held: Some(Held { why: HeldReason::SharedAlready, words: "is shared already".to_owned() }),
        parked: Some(Parked { why: ParkReason::Token, words: "the token is refused".to_owned() }),
        told: Told::Restricted,
        quiet_for: Some(EventId(11)),
        tell: Some((EventId(12), "Bye".to_owned())),
        due: at(1),
        attempts: 3,
        refusals: 4,
        generation: 5,
        mend: true,
        invited: true,
        commanded: true,
        created_until: at(2),
        ended_until: at(3),
        written_until: at(4),
        absent_since: at(5),
        streams_due: at(6),
    }
}

#[tokio::test]
async fn an_account_and_its_fields_are_read_back_as_they_were_stored() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::None).unwrap();
    let row = LedgerRow {
        of: Some(PlexAccountId(7)),
        field: Field::Movies,
        ledger: FieldLedger {
            base: FieldValue("label=Kids".to_owned()),
            sent: vec![FieldValue("label=Kids".to_owned()), FieldValue("label=noAccess".to_owned())],
            confirmed: true,
            reported: Some(FieldValue(String::new())),
        },
    };
    let stored = row.clone();
    let (account, fields) = store
        .write(move |tx| {
            let account = Account::load(full(tx.account_for(ANN)?.id));
            tx.put_account(&account)?;
            tx.put_ledger(account.id, &stored)?;
            Ok((account.clone(), tx.ledgers(account.id)?))
        })
        .await
        .unwrap();
    assert_eq!(store.read(|tx| tx.account_of(ANN)).await.unwrap().unwrap(), account);
    assert_eq!(fields, [row]);
}

#[tokio::test]
async fn a_forgotten_address_is_gone_from_every_file() {
    for threads in [Threads::Own, Threads::None] {
        let (folder, file) = folder();
        let store = Store::open(&file, threads).unwrap();
        let set = |address: Option<&'static str>| {
            store.write(move |tx| {
                let known = tx.account_for(ANN)?;
                let email = address.and_then(|address| Email::parse(address).ok());
                tx.put_account(&Account::load(Record { email, ..Record::clone(&known) }))
            })
        };
        set(Some("ann@example.org")).await.unwrap();
        assert!(holds(&folder, b"ann@example.org"));
        set(None).await.unwrap();
        store.scrub().await.unwrap();
        assert!(!holds(&folder, b"ann@example.org"));
    }
}

fn holds(folder: &TempDir, text: &[u8]) -> bool {
    std::fs::read_dir(folder.path()).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text)
    })
}

#[cfg(unix)]
#[test]
fn nobody_but_its_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, file) = folder();
    let _store = Store::open(&file, Threads::None).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_said_so_and_left_as_it_is() {
    let (_folder, file) = folder();
    let text = "this is a letter to my grandmother, and no database at all\n".repeat(100);
    std::fs::write(&file, &text).unwrap();
    assert!(matches!(Store::open(&file, Threads::Own), Err(StoreError::Corrupt)));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_database_is_an_error_and_no_crash() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::None).unwrap();
    for _ in 0..500 {
        store.write(|tx| tx.journal(&event(ANN))).await.unwrap();
    }
    store.scrub().await.unwrap();
    drop(store);
    let mut bytes = std::fs::read(&file).unwrap();
    let length = bytes.len();
    bytes[4_096..length - 100].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    let read = match Store::open(&file, Threads::None) {
        Ok(store) => store.read(|tx| tx.story(ANN)).await.map(drop),
        Err(error) => Err(error),
    };
    assert!(matches!(read, Err(StoreError::Corrupt)), "{read:?}");
}

#[tokio::test]
async fn a_value_that_no_version_writes_is_an_error() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::None).unwrap();
    store.write(|tx| tx.journal(&event(ANN))).await.unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute("UPDATE events SET cause = '\"something-new\"'", []).unwrap();
    let read = store.read(|tx| tx.story(ANN)).await;
    assert!(matches!(read, Err(StoreError::Unreadable(_))), "{read:?}");
}

#[test]
fn a_database_of_a_later_version_is_not_touched() {
    let (_folder, file) = folder();
    drop(Store::open(&file, Threads::None).unwrap());
    let db = rusqlite::Connection::open(&file).unwrap();
    db.pragma_update(None, "user_version", 999).unwrap();
    drop(db);
    assert!(matches!(Store::open(&file, Threads::None), Err(StoreError::Newer)));
}

#[test]
fn a_folder_that_does_not_exist_is_an_error() {
    let (folder, _) = folder();
    let opened = Store::open(&folder.path().join("nowhere/rolarr.db"), Threads::Own);
    assert!(matches!(opened, Err(StoreError::Open(_))), "{opened:?}");
}

#[tokio::test]
async fn a_database_in_use_by_another_program_is_said_so() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::None).unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let written = store.write(|tx| tx.journal(&event(ANN))).await;
    assert!(matches!(written, Err(StoreError::Locked)), "{written:?}");
    other.execute_batch("ROLLBACK").unwrap();
    store.write(|tx| tx.journal(&event(ANN))).await.unwrap();
}

/// A hold of each of two people, and what another program made of the first one's.
async fn two_holds(file: &std::path::Path, damage: &str) -> (Store, [crate::domain::AccountId; 2]) {
    let store = Store::open(file, Threads::None).unwrap();
    let accounts = store
        .write(|tx| {
            let mut accounts = Vec::new();
            for user in [ANN, BEN] {
                let account = tx.account_for(user)?.id;
                tx.put_hold(&HoldRow {
                    account,
                    event: None,
                    reason: HoldReason::TooMany,
                    role: None,
                    since: Timestamp(7),
                    before: Vec::new(),
                    tell: Vec::new(),
                    announced: false,
                    shown: false,
                    ordered: None,
                    changed: Timestamp(7),
                    told_by: None,
                })?;
                accounts.push(account);
            }
            Ok([accounts[0], accounts[1]])
        })
        .await
        .unwrap();
    let other = rusqlite::Connection::open(file).unwrap();
    other.execute(&format!("UPDATE holds SET {damage} WHERE account = ?1"), [accounts[0]]).unwrap();
    (store, accounts)
}

#[tokio::test]
async fn a_row_that_can_not_be_read_is_named_in_a_list_and_is_an_error_by_itself() {
    for damage in ["before = '{}'", "since = -1", "role = CAST(x'ff' AS TEXT)"] {
        let (_folder, file) = folder();
        let (store, [bad, good]) = two_holds(&file, damage).await;
        let mut holds = store.read(|tx| tx.holds()).await.unwrap();
        holds.sort_by_key(|hold| hold.as_ref().map_or(bad, |hold| hold.account));
        assert_eq!(holds[0].as_ref().err(), Some(&bad), "{damage}");
        assert_eq!(holds[1].as_ref().map(|hold| hold.account), Ok(good), "{damage}");
        let alone = store.read(move |tx| tx.hold(bad)).await;
        assert!(matches!(alone, Err(StoreError::Unreadable(_))), "{damage}: {alone:?}");
        let first = store.read(|tx| tx.first_unannounced_hold()).await.unwrap();
        assert_eq!(first, Some(Timestamp(7)), "{damage}");
    }
}

#[tokio::test]
async fn what_is_done_apart_is_taken_back_alone_where_it_meets_what_can_not_be_read() {
    for threads in [Threads::Own, Threads::None] {
        let (_folder, file) = folder();
        let (_, [bad, _]) = two_holds(&file, "before = '{}'").await;
        let store = Store::open(&file, threads).unwrap();
        let met = store.write(move |tx| {
            let before = tx.apart(|tx| tx.journal(&event(ANN)))?.is_ok();
            let met = tx.apart(|tx| {
                tx.journal(&event(BEN))?;
                tx.hold(bad)
            })?;
            tx.journal(&event(ANN))?;
            Ok(before && met.is_err())
        });
        assert!(met.await.unwrap());
        assert_eq!(store.read(|tx| tx.story(ANN)).await.unwrap().len(), 2);
        assert!(store.read(|tx| tx.story(BEN)).await.unwrap().is_empty());
        let failed = store.write(|tx| {
            tx.apart(|tx| {
                tx.journal(&event(BEN))?;
                Err::<(), _>(StoreError::Taken)
            })
        });
        assert!(
            matches!(failed.await, Err(StoreError::Taken)),
            "any other failure ends the whole transaction"
        );
        assert!(store.read(|tx| tx.story(BEN)).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_loss_that_is_taken_out_of_the_count_leaves_the_one_before_it_there() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::Own).unwrap();
    store
        .write(|tx| {
            let counted = |since| tx.shrunk_since(Timestamp(since)).unwrap();
            tx.count_shrink(ANN, Timestamp(10), Timestamp(10))?;
            // Two decisions of which neither is carried out, one after the other.
            for (at, pending) in [(20, 20), (25, 20)] {
                tx.count_shrink(ANN, Timestamp(at), Timestamp(pending))?;
            }
            assert_eq!((counted(9), counted(24), counted(25)), (1, 1, 0));
            tx.discount_shrink(ANN, Timestamp(20))?;
            assert_eq!((counted(9), counted(10)), (1, 0));
            tx.discount_shrink(ANN, Timestamp(20))?;
            assert_eq!(counted(9), 1, "it was taken out already");
            tx.discount_shrink(ANN, Timestamp(10))?;
            assert_eq!(counted(0), 0);
            Ok(())
        })
        .await
        .unwrap();
}

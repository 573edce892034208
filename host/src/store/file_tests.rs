//! What may become of the file: other versions, other programs, full disks, damage.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::Duration,
};

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::tests::{ANN, event, folder};
use super::*;
use crate::domain::{Field, FieldValue, account::HeldReason};

/// The migrations that were published, with their digests. A published migration never changes: somebody has a
/// database that it has been applied to.
const PUBLISHED: [(&str, &str); 3] = [
    (include_str!("migrations/001.sql"), "b79854e3389cb34abe4ce144038218fe7526c469bb8d6916b8a01b34f92ff0b4"),
    (include_str!("migrations/002.sql"), "e881aa407627be5505de55fbca80c43ec326b21470b4f2ea39d4adca5e2b93e7"),
    (include_str!("migrations/003.sql"), "1f798383c8084a0d9fe0cdcfe3b781b97c157f8a64e0cee1d8b0655244678008"),
];

#[test]
fn published_migrations_never_change() {
    for (number, (text, digest)) in PUBLISHED.iter().enumerate() {
        let found: String =
            Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, *digest, "migration {}", number + 1);
    }
}

/// What a database looks like.
fn schema(db: &Connection) -> Vec<(String, String)> {
    let sql =
        "SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// One row in every table of the first schema.
const ROWS: &str = "
    INSERT INTO facts VALUES ('client', 'x');
    INSERT INTO guilds VALUES (1, '[9]');
    INSERT INTO members VALUES (1, 2, 'ann', '[\"9\"]', NULL, 0, 0, 1, 7);
    INSERT INTO events VALUES (1, 7, '\"live\"', 1, 2, '\"member-left\"', '[]', 'decided', NULL);
    INSERT INTO decisions VALUES (1, 7, '{}', '[]', 'why', 'p', '1', 'd', 1, 1, '[]');
    INSERT INTO grants VALUES (1, 2, '\"absent\"', NULL, '');
    INSERT INTO wakes VALUES (1, 2, 'tag', 7, 'p');
    INSERT INTO accounts (user, email, email_key, stage, held, wish) VALUES (2, 'ann@example.org', 'ann@example.org',
        'joined', 'the Plex account or share belongs to another member. Nothing was changed.', 5);
    INSERT INTO fields VALUES (1, '\"movies\"', 'a', NULL, 'b', 'b');
    INSERT INTO prompts VALUES (1, 2, 1, 'open', 7, 8, NULL, NULL);
    INSERT INTO tasks (user, work, state, due) VALUES (2, '{\"tell\":{\"text\":\"x\"}}', 'waiting', 7);
    INSERT INTO audit VALUES (1, 7, NULL, 2, 'kind', 'text');";

#[tokio::test]
async fn a_database_of_every_published_schema_is_brought_up_to_date_with_all_its_rows() {
    let (_fresh_folder, fresh) = folder();
    drop(Store::open(&fresh, Threads::None).unwrap());
    let wanted = schema(&Connection::open(&fresh).unwrap());
    for version in 1..=PUBLISHED.len() {
        let (_folder, file) = folder();
        let db = Connection::open(&file).unwrap();
        for (sql, _) in &PUBLISHED[..version] {
            db.execute_batch(sql).unwrap();
        }
        db.execute_batch(ROWS).unwrap();
        db.pragma_update(None, "user_version", version as u32).unwrap();
        drop(db);
        let store = Store::open(&file, Threads::Own).unwrap();
        let account = store.read(|tx| tx.account_of(ANN)).await.unwrap().unwrap();
        assert_eq!((account.stage, account.generation), (Stage::Joined, 5));
        assert_eq!(account.held.as_ref().map(|held| held.why), Some(HeldReason::OthersShare));
        assert!(!account.mend);
        assert_eq!(account.invited, version == 1, "whoever has a share was invited");
        let ledgers = store.read(move |tx| tx.ledgers(account.id)).await.unwrap();
        let [LedgerRow { field: Field::Movies, ledger, .. }] = ledgers.as_slice() else {
            panic!("{ledgers:?}")
        };
        assert_eq!((ledger.base.0.as_str(), ledger.confirmed), ("a", true), "the owner's value is kept");
        assert_eq!(ledger.sent, [FieldValue("b".to_owned())]);
        drop(store);
        let db = Connection::open(&file).unwrap();
        assert_eq!(schema(&db), wanted, "from version {version}");
        for (table, _) in schema(&db)
            .iter()
            .filter(|(name, sql)| sql.starts_with("CREATE TABLE") && ROWS.contains(&format!("INTO {name} ")))
        {
            let count: i64 =
                db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
            assert_eq!(count, 1, "{table}");
        }
    }
}

#[test]
fn a_new_database_that_two_open_at_the_same_moment_serves_both() {
    for _ in 0..20 {
        let (_folder, file) = folder();
        std::thread::scope(|scope| {
            let openers: Vec<_> = (0..3).map(|_| scope.spawn(|| Store::open(&file, Threads::None))).collect();
            for opener in openers {
                opener.join().unwrap().unwrap();
            }
        });
    }
}

/// How many events are stored.
async fn count(file: &Path) -> usize {
    let store = Store::open(file, Threads::None).unwrap();
    store.read(|tx| tx.story(ANN)).await.unwrap().len()
}

#[tokio::test]
async fn a_full_disk_is_said_and_loses_nothing_and_when_there_is_room_it_goes_on() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::Own).unwrap();
    // SQLite says of a file that may not grow what it says of a disk that is full.
    let pages = |limit: u32| move |tx: &Tx<'_>| Ok(tx.db.pragma_update(None, "max_page_count", limit)?);
    store.write(pages(60)).await.unwrap();
    let mut stored = 0;
    let full = loop {
        match store.write(|tx| tx.journal(&event(ANN))).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Full), "{full:?}");
    assert!(full.to_string().contains("make room"), "{full}");
    // Many at once share one commit: all of them fail, and nothing of them stands.
    let many = (0..100).map(|_| store.write(|tx| tx.journal(&event(ANN))));
    let refused = futures_util::future::join_all(many).await;
    assert!(refused.iter().all(|result| matches!(result, Err(StoreError::Full))), "{refused:?}");
    assert_eq!(store.read(|tx| tx.story(ANN)).await.unwrap().len(), stored);
    store.write(pages(100_000)).await.unwrap();
    store.write(|tx| tx.journal(&event(ANN))).await.unwrap();
    drop(store);
    assert_eq!(count(&file).await, stored + 1);
}

#[tokio::test]
async fn a_file_that_can_only_be_read_is_said_and_loses_nothing() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::Own).unwrap();
    store.write(|tx| tx.journal(&event(ANN))).await.unwrap();
    // What SQLite says of a file system that is mounted read-only, also to root.
    store.write(|tx| Ok(tx.db.pragma_update(None, "query_only", true)?)).await.unwrap();
    let refused = store.write(|tx| tx.journal(&event(ANN))).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly), "{refused:?}");
    assert!(refused.to_string().contains("read-only"), "{refused}");
    drop(store);
    assert_eq!(count(&file).await, 1);
}

#[tokio::test]
async fn a_file_that_another_program_locks_is_said_and_goes_on_after() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::Own).unwrap();
    store.write(|tx| tx.journal(&event(ANN))).await.unwrap();
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.write(|tx| tx.journal(&event(ANN))).await.unwrap_err();
    assert!(matches!(refused, StoreError::Locked), "{refused:?}");
    other.execute_batch("COMMIT").unwrap();
    store.write(|tx| tx.journal(&event(ANN))).await.unwrap();
    drop(store);
    assert_eq!(count(&file).await, 2);
}

/// A database with so many events that it has many pages, closed.
async fn filled(file: &Path) {
    let store = Store::open(file, Threads::None).unwrap();
    store
        .write(|tx| {
            for _ in 0..500 {
                tx.journal(&event(ANN))?;
            }
            Ok(())
        })
        .await
        .unwrap();
    store.scrub().await.unwrap();
}

fn opened(file: &Path) -> StoreError {
    Store::open(file, Threads::None).map(drop).unwrap_err()
}

#[tokio::test]
async fn what_is_no_database_is_said_to_be_damaged_and_is_left_as_it_is() {
    let (_folder, file) = folder();
    let bytes = b"not a database, but long enough to be looked at as one. ".repeat(100);
    fs::write(&file, &bytes).unwrap();
    let refused = opened(&file);
    assert!(matches!(refused, StoreError::Corrupt), "{refused:?}");
    assert!(refused.to_string().contains("put a backup in its place"), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_said_to_be_damaged() {
    let (_folder, file) = folder();
    filled(&file).await;
    let length = fs::metadata(&file).unwrap().len();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(length / 2 - 100).unwrap();
    let refused = match Store::open(&file, Threads::None) {
        Err(refused) => refused,
        Ok(store) => store.read(|tx| tx.story(ANN)).await.unwrap_err(),
    };
    assert!(matches!(refused, StoreError::Corrupt), "{refused:?}");
}

#[tokio::test]
async fn pages_that_hold_something_else_are_said_to_be_damaged() {
    let (_folder, file) = folder();
    filled(&file).await;
    let length = fs::metadata(&file).unwrap().len();
    let mut damaged = fs::OpenOptions::new().write(true).open(&file).unwrap();
    for page in 1..length / 4096 {
        damaged.seek(SeekFrom::Start(page * 4096)).unwrap();
        damaged.write_all(&[0xa5; 64]).unwrap();
    }
    drop(damaged);
    let refused = match Store::open(&file, Threads::None) {
        Err(refused) => refused,
        Ok(store) => store.read(|tx| tx.story(ANN)).await.unwrap_err(),
    };
    assert!(matches!(refused, StoreError::Corrupt), "{refused:?}");
}

#[tokio::test]
async fn an_unfinished_write_at_the_end_of_the_log_is_not_taken_for_one() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::None).unwrap();
    for _ in 0..5 {
        store.write(|tx| tx.journal(&event(ANN))).await.unwrap();
    }
    let (_copy_folder, copy) = folder();
    fs::copy(&file, &copy).unwrap();
    let log = |file: &Path| file.with_file_name("rolarr.db-wal");
    fs::copy(log(&file), log(&copy)).unwrap();
    fs::OpenOptions::new().append(true).open(log(&copy)).unwrap().write_all(&[0x5a; 5_000]).unwrap();
    assert_eq!(count(&copy).await, 5);
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_as_it_is() {
    let (_folder, file) = folder();
    let other = Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    drop(other);
    let refused = opened(&file);
    assert!(matches!(refused, StoreError::Foreign), "{refused:?}");
    assert_eq!(schema(&Connection::open(&file).unwrap()).len(), 1);
}

#[tokio::test]
async fn a_folder_in_its_place_and_a_database_of_a_later_version_are_said() {
    let (place, file) = folder();
    assert!(matches!(opened(place.path()), StoreError::NotAFile { what: "a folder", .. }));
    drop(Store::open(&file, Threads::None).unwrap());
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 999).unwrap();
    assert!(matches!(opened(&file), StoreError::Newer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_made_while_somebody_writes_is_whole_and_can_be_opened() {
    let (place, file) = folder();
    filled(&file).await;
    let store = Store::open(&file, Threads::Own).unwrap();
    let busy = tokio::spawn(async move {
        for _ in 0..300 {
            store.write(|tx| tx.journal(&event(ANN))).await.unwrap();
        }
    });
    let copy = place.path().join("copy.db");
    for _ in 0..5 {
        let (from, to) = (file.clone(), copy.clone());
        tokio::task::spawn_blocking(move || backup(&from, &to, Existing::Replace)).await.unwrap().unwrap();
        let whole = count(&copy).await;
        assert!((500..=800).contains(&whole), "{whole}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    busy.await.unwrap();
    backup(&file, &copy, Existing::Replace).unwrap();
    assert_eq!(count(&copy).await, 800);
    assert!(!place.path().join("copy.db.partial").exists());
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&copy).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_copy_that_fails_leaves_the_earlier_one() {
    let (place, file) = folder();
    filled(&file).await;
    let copy = place.path().join("copy.db");
    backup(&file, &copy, Existing::Replace).unwrap();
    fs::write(&file, b"not a database").unwrap();
    assert!(backup(&file, &copy, Existing::Replace).is_err());
    assert_eq!(count(&copy).await, 500);
    assert!(!place.path().join("copy.db.partial").exists());
    assert!(matches!(
        backup(&copy, &place.path().join("no/folder.db"), Existing::Keep),
        Err(StoreError::Open(_))
    ));
}

#[tokio::test]
async fn whoever_is_held_in_the_second_schema_is_held_in_the_next() {
    let (_folder, file) = folder();
    let db = Connection::open(&file).unwrap();
    for (sql, _) in &PUBLISHED[..2] {
        db.execute_batch(sql).unwrap();
    }
    db.execute_batch(ROWS).unwrap();
    db.execute_batch(
        "INSERT INTO accounts (user) VALUES (3);
         INSERT INTO holds (account, reason, role, since, before, announced)
         VALUES (1, 'role-deleted', 'plex', 7, '[[\"1\",\"absent\"]]', 1), (2, 'too-many', NULL, 8, '[]', 0);",
    )
    .unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    drop(db);
    let store = Store::open(&file, Threads::Own).unwrap();
    let held: Vec<_> = store.read(|tx| tx.holds()).await.unwrap().into_iter().flatten().collect();
    assert_eq!(held[0].role.as_deref(), Some("plex"));
    assert_eq!(held[0].before.len(), 1);
    // Whoever was told of is decided on with the next word, and others are not.
    assert_eq!(held.iter().map(|hold| hold.shown).collect::<Vec<_>>(), [true, false]);
    let order = store.write(|tx| tx.put_order(&Order::Approve(None))).await.unwrap();
    let held: Vec<_> = store.read(|tx| tx.holds()).await.unwrap().into_iter().flatten().collect();
    assert_eq!(held.iter().map(|hold| hold.ordered).collect::<Vec<_>>(), [Some(order), None]);
}

#[test]
fn a_copy_of_a_large_database_is_finished_while_the_bot_writes_all_the_time() {
    let (place, file) = folder();
    let store = Store::open(&file, Threads::None).unwrap();
    let db = Connection::open(&file).unwrap();
    // More pages than were once copied in one step.
    db.execute_batch(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO audit (at, kind, text) SELECT i, 'x', hex(zeroblob(3000)) FROM n",
    )
    .unwrap();
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    assert!(pages > 3_000, "{pages}");
    drop(store);
    let done = std::sync::atomic::AtomicBool::new(false);
    let done = &done;
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut commits = 0;
            // It gives up so that a copy that never ends fails and does not hang.
            while !done.load(std::sync::atomic::Ordering::Relaxed) && commits < 20_000 {
                db.execute_batch("UPDATE audit SET at = at + 1 WHERE id = 1").unwrap();
                commits += 1;
            }
            commits
        });
        let copy = place.path().join("copy.db");
        for _ in 0..3 {
            backup(&file, &copy, Existing::Replace).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let commits = writer.join().unwrap();
        assert!(commits < 20_000, "the copies were finished only after the bot had stopped to write");
        let rows: i64 = Connection::open(&copy)
            .unwrap()
            .query_row("SELECT count(*) FROM audit", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 3_000);
    });
}

#[test]
fn a_second_bot_is_refused_until_the_first_has_ended_and_commands_are_not() {
    let (_folder, file) = folder();
    let first = Instance::claim(&file).unwrap();
    let store = Store::open(&file, Threads::Own).unwrap();
    let refused = Instance::claim(&file).unwrap_err();
    assert!(matches!(refused, StoreError::Running), "{refused:?}");
    assert!(refused.to_string().contains("stop it first"), "{refused}");
    drop(Store::open(&file, Threads::None).unwrap());
    drop((store, first));
    drop(Instance::claim(&file).unwrap());
}

#[test]
fn the_connection_waits_for_the_disk_at_each_commit() {
    let (_folder, file) = folder();
    let store = Store::open(&file, Threads::None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let of = |name: &'static str| {
        let read = store.read(move |tx| {
            Ok(tx
                .db
                .query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, rusqlite::types::Value>(0))?)
        });
        runtime.block_on(read).unwrap()
    };
    assert_eq!(of("synchronous"), rusqlite::types::Value::Integer(2));
    assert_eq!(of("journal_mode"), rusqlite::types::Value::Text("wal".to_owned()));
    assert_eq!(of("secure_delete"), rusqlite::types::Value::Integer(1));
}

#[tokio::test]
async fn a_store_that_was_closed_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rolarr.db");
    for _ in 0..50 {
        let store = Store::open(&file, Threads::Own).unwrap();
        store.write(|tx| tx.put_fact("one", "file")).await.unwrap();
        store.read(|tx| tx.fact("one")).await.unwrap();
        drop(store);
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["rolarr.db"]);
    }
}

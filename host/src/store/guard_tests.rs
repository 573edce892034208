//! Which files are no database for a bot, and that they stay as they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::tests::folder;
use super::*;

/// Another program's database, in a journal mode.
fn foreign(folder: &Path, mode: &str, sql: &str) -> PathBuf {
    let file = folder.join("theirs.db");
    let db = Connection::open(&file).unwrap();
    db.pragma_update(None, "journal_mode", mode).unwrap();
    db.execute_batch(sql).unwrap();
    drop(db);
    file
}

/// Every file of a folder with its content.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

/// Every way to open a database.
fn open_each(file: &Path) -> Vec<StoreError> {
    let copy = file.with_file_name("copy.db");
    [
        Instance::claim(file).err(),
        Store::open(file, Threads::None).err(),
        Store::open_present(file).err(),
        Journal::open(file).err(),
        backup(file, &copy, Existing::Keep).err(),
    ]
    .into_iter()
    .map(Option::unwrap)
    .collect()
}

#[test]
fn another_programs_database_is_left_as_it_is_whatever_opens_it() {
    for (mode, sql) in [
        ("delete", "CREATE TABLE songs (title TEXT)"),
        ("wal", "CREATE TABLE songs (title TEXT)"),
        ("delete", "CREATE VIEW one AS SELECT 1"),
        // It is prepared and holds nothing yet.
        ("delete", "PRAGMA application_id = 77"),
        ("delete", "PRAGMA user_version = 3"),
        // A table of ours in name only.
        ("delete", "CREATE TABLE facts (about TEXT)"),
        ("wal", "CREATE TABLE facts (about TEXT); PRAGMA user_version = 2"),
    ] {
        let (place, _) = folder();
        let file = foreign(place.path(), mode, sql);
        let before = files(place.path());
        for error in open_each(&file) {
            assert!(matches!(error, StoreError::Foreign), "{mode} {sql}: {error:?}");
        }
        assert!(files(place.path()) == before, "{mode} {sql}");
    }
}

#[test]
fn another_programs_database_in_use_keeps_its_log_and_its_rows() {
    let (place, _) = folder();
    let file = place.path().join("theirs.db");
    let db = Connection::open(&file).unwrap();
    db.pragma_update(None, "journal_mode", "wal").unwrap();
    // All of it stands in the log.
    db.execute_batch("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('x')").unwrap();
    let content = |name: &str| fs::read(place.path().join(name)).unwrap();
    let before = [content("theirs.db"), content("theirs.db-wal")];
    assert!(matches!(Store::open(&file, Threads::None), Err(StoreError::Foreign)));
    assert_eq!([content("theirs.db"), content("theirs.db-wal")], before);
    db.execute_batch("INSERT INTO songs VALUES ('y')").unwrap();
}

#[test]
fn a_new_database_whose_tables_stand_in_its_log_is_ours() {
    let (_place, file) = folder();
    let _first = Store::open(&file, Threads::None).unwrap();
    assert!(Store::open(&file, Threads::None).is_ok());
    assert!(Store::open_present(&file).is_ok());
}

#[cfg(unix)]
#[test]
fn a_database_that_others_can_write_is_refused_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt;
    let chmod = |file: &Path, mode| fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    for (name, mode) in [("rolarr.db", 0o666), ("rolarr.db", 0o620), ("rolarr.db-wal", 0o602)] {
        let (place, file) = folder();
        drop(Store::open(&file, Threads::None).unwrap());
        let open = Store::open(&file, Threads::None).unwrap();
        let exposed = place.path().join(name);
        chmod(&exposed, mode);
        for error in open_each(&file) {
            assert!(matches!(error, StoreError::Exposed { .. }), "{name}: {error:?}");
            assert!(error.to_string().contains("`chmod 600`"), "{error}");
        }
        chmod(&exposed, 0o600);
        assert!(Store::open(&file, Threads::None).is_ok());
        drop(open);
    }
    // Read by others: that is said, and no reason to stop.
    let (_place, file) = folder();
    drop(Store::open(&file, Threads::None).unwrap());
    chmod(&file, 0o644);
    assert!(Store::open(&file, Threads::None).is_ok());
}

#[cfg(unix)]
#[test]
fn another_users_database_is_refused() {
    // Only the superuser can give files away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (_place, file) = folder();
    drop(Store::open(&file, Threads::None).unwrap());
    std::os::unix::fs::chown(&file, Some(12_345), None).unwrap();
    for error in [Instance::claim(&file).err(), Store::open(&file, Threads::None).err()] {
        let error = error.unwrap();
        assert!(matches!(error, StoreError::NotOwned { owner: 12_345, .. }), "{error:?}");
        assert!(error.to_string().contains("`chown`"), "{error}");
    }
    // The superuser may look at it.
    assert!(Journal::open(&file).is_ok());
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_at_once_in_every_place() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let pipe = |path: &Path| mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    for name in ["rolarr.db", "rolarr.db-wal", "rolarr.db-shm", "rolarr.db-journal"] {
        let (place, file) = folder();
        pipe(&place.path().join(name));
        for error in open_each(&file) {
            assert!(matches!(error, StoreError::NotAFile { what: "a named pipe", .. }), "{name}: {error:?}");
        }
    }
    let (place, file) = folder();
    pipe(&place.path().join("rolarr.db.lock"));
    let error = Instance::claim(&file).unwrap_err();
    assert!(error.to_string().contains("rolarr.db.lock` is a named pipe"), "{error}");
    let (_place, file) = folder();
    fs::create_dir(&file).unwrap();
    assert!(matches!(Store::open(&file, Threads::None), Err(StoreError::NotAFile { what: "a folder", .. })));
    let (_place, file) = folder();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    assert!(matches!(Instance::claim(&file), Err(StoreError::NotAFile { what: "a device", .. })));
}

#[cfg(unix)]
#[test]
fn one_database_has_one_bot_whichever_way_leads_to_it() {
    use std::os::unix::fs::symlink;
    let (place, file) = folder();
    let elsewhere = tempfile::tempdir().unwrap();
    let claim = Instance::claim(&file).unwrap();
    // To the file before it exists, to its folder, through a relative link, and through two.
    symlink(&file, elsewhere.path().join("link.db")).unwrap();
    symlink(place.path(), elsewhere.path().join("folder")).unwrap();
    symlink("link.db", elsewhere.path().join("second.db")).unwrap();
    let ways = ["link.db", "folder/rolarr.db", "second.db"].map(|name| elsewhere.path().join(name));
    for way in &ways {
        assert!(matches!(Instance::claim(way), Err(StoreError::Running)), "{}", way.display());
    }
    drop(claim);
    // Made through a link, it is as private as otherwise, and has its companions beside itself.
    let _store = Store::open(&ways[0], Threads::None).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(place.path().join("rolarr.db-wal").exists());
    for way in &ways {
        let claim = Instance::claim(way).unwrap();
        assert!(matches!(Instance::claim(&file), Err(StoreError::Running)));
        drop(claim);
    }
    fs::hard_link(&file, elsewhere.path().join("hard.db")).unwrap();
    for way in [file, elsewhere.path().join("hard.db")] {
        assert!(matches!(Instance::claim(&way), Err(StoreError::SecondName { .. })), "{}", way.display());
    }
    symlink("b", elsewhere.path().join("a")).unwrap();
    symlink("a", elsewhere.path().join("b")).unwrap();
    assert!(matches!(Instance::claim(&elsewhere.path().join("a")), Err(StoreError::Open(_))));
}

#[test]
fn a_command_never_brings_a_database_up_to_date() {
    let (_place, file) = folder();
    drop(Store::open(&file, Threads::None).unwrap());
    assert!(Store::open_present(&file).is_ok());
    let set = |version: u32| {
        Connection::open(&file).unwrap().pragma_update(None, "user_version", version).unwrap();
    };
    set(1);
    let error = Store::open_present(&file).unwrap_err();
    assert!(matches!(error, StoreError::Earlier), "{error:?}");
    let version: u32 =
        Connection::open(&file).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
    set(999);
    assert!(matches!(Store::open_present(&file), Err(StoreError::Newer)));
}

#[test]
fn a_copy_neither_follows_nor_writes_what_others_put_in_its_place() {
    let (place, file) = folder();
    drop(Store::open(&file, Threads::None).unwrap());
    let to = place.path().join("copy.db");
    // What an attacker who knows the name of the copy would prepare.
    let theirs = place.path().join("theirs");
    for name in ["copy.db.partial", "copy.db"] {
        fs::write(&theirs, "theirs").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&theirs, place.path().join(name)).unwrap();
        #[cfg(not(unix))]
        fs::write(place.path().join(name), "theirs").unwrap();
    }
    assert!(backup(&file, &to, Existing::Keep).is_err());
    backup(&file, &to, Existing::Replace).unwrap();
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
    assert!(fs::symlink_metadata(&to).unwrap().is_file());
    assert!(Journal::open(&to).is_ok());
    let left =
        fs::read_dir(place.path()).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    assert!(!left.into_iter().any(|name| name.starts_with(".rolarr-backup")));
}

//! The real binary, as its caller sees it: exit codes, and what is printed where.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

const SMALL: &str = r#"[discord]
token = { env = "DISCORD_TOKEN" }
[[discord.guilds]]
id = "900000001"
key = "home"
[[discord.guilds.roles]]
key = "plex"
id = "900000002"
[plex]
token = { env = "PLEX_TOKEN" }
server = "My Server"
"#;

fn rolarr(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolarr"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn folder_with(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.toml"), config).unwrap();
    folder
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_mistake_in_the_configuration_ends_with_two() {
    let folder = folder_with(&SMALL.replace("server =", "sevrer ="));
    let environment = [("DISCORD_TOKEN", "discord-secret"), ("PLEX_TOKEN", "plex-secret")];
    let output = rolarr(folder.path(), &["run"], &environment);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "error: config.toml:11: unknown key `sevrer` in [plex]\nhint: did you mean `server`?\n"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn a_token_that_is_not_there_ends_with_two() {
    let folder = folder_with(SMALL);
    let output = rolarr(folder.path(), &["run", "--config", "config.toml"], &[("DISCORD_TOKEN", "x")]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "error: config.toml:10: `plex.token` is to come from the environment variable `PLEX_TOKEN`, which is \
         not set\nhint: set the variable where Rolarr is started, or correct its name in this line\n"
    );
}

#[test]
fn a_configuration_that_is_not_there_ends_with_two() {
    let folder = tempfile::tempdir().unwrap();
    let output = rolarr(folder.path(), &["run", "-c", "absent.toml"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("error: absent.toml: the configuration can't be read"));
}

#[test]
fn a_log_filter_that_can_not_be_understood_ends_with_two() {
    let folder = folder_with(SMALL);
    let environment = [("DISCORD_TOKEN", "x"), ("PLEX_TOKEN", "y"), ("RUST_LOG", "rolarr=loud")];
    let output = rolarr(folder.path(), &["run"], &environment);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("error: the environment variable `RUST_LOG`"));
    assert!(text(&output.stderr).contains("\nhint: "));
}

#[test]
fn a_wrong_command_line_ends_with_two_and_help_with_zero() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["run", "--help"], 0),
        (&["--version"], 0),
        (&[], 2),
        (&["rum"], 2),
        (&["run", "--confg", "x"], 2),
        (&["run", "--color", "sometimes"], 2),
    ] {
        let output = rolarr(folder.path(), arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let (said, silent) =
            if code == 0 { (&output.stdout, &output.stderr) } else { (&output.stderr, &output.stdout) };
        assert!(!said.is_empty() && silent.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let folder = tempfile::tempdir().unwrap();
    let output = rolarr(folder.path(), &["--version"], &[]);
    assert_eq!(text(&output.stdout), format!("rolarr {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_policy_can_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("text.wasm"), "no wasm").unwrap();
    for (policy, code, said) in [
        ("builtin:role-restriction", 0, "It loads, and decides every event"),
        ("text.wasm", 1, "not WebAssembly"),
        ("absent.wasm", 1, "absent.wasm"),
    ] {
        let output = rolarr(folder.path(), &["policy", "check", policy], &[]);
        assert_eq!(output.status.code(), Some(code), "{policy}");
        assert!(text(&output.stdout).contains(said), "{policy}: {}", text(&output.stdout));
    }
}

#[test]
fn nothing_that_is_typed_acts_on_the_terminal() {
    let odd = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{61c}";
    let folder = folder_with(SMALL);
    fs::write(folder.path().join("a\u{1b}[2J.toml"), "x = 1").unwrap();
    let long = format!("--{odd}");
    for arguments in [
        vec![odd],
        vec!["run", odd],
        vec![long.as_str()],
        vec!["events", "show", odd],
        vec!["events", "list", "--since", odd],
        vec!["policy", "test", "--settings", odd],
        vec!["policy", "check", odd],
        vec!["demo", "--policy", odd],
        vec!["--color", "always", "policy", "check", odd],
        vec!["--color", "always", odd],
        vec!["run", "--config", odd],
        vec!["run", "--config", "a\u{1b}[2J.toml"],
        vec!["backup", odd, "--config", odd],
        vec!["holds", "list", "--config", odd],
    ] {
        let output = rolarr(folder.path(), &arguments, &[]);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(
            !said.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{61c}']),
            "{arguments:?}: {said:?}"
        );
        assert!(!output.status.success() && said.contains('\\'), "{arguments:?}: {said:?}");
    }
}

/// A database as the first version of Rolarr made it.
fn early_database(file: &Path) {
    let db = rusqlite::Connection::open(file).unwrap();
    db.execute_batch(include_str!("../src/store/migrations/001.sql")).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    drop(db);
    #[cfg(unix)]
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn no_command_brings_a_database_up_to_date_that_an_earlier_bot_may_be_at_work_with() {
    let folder = folder_with(&(SMALL.to_owned() + "[store]\npath = \"rolarr.db\"\n"));
    let file = folder.path().join("rolarr.db");
    early_database(&file);
    let before = fs::read(&file).unwrap();
    let environment = [("DISCORD_TOKEN", "discord-secret"), ("PLEX_TOKEN", "plex-secret")];
    for command in [
        &["holds", "list"] as &[&str],
        &["holds", "approve"],
        &["policy", "history"],
        &["policy", "shadow"],
        &["policy", "reload"],
        &["policy", "rollback"],
        &["policy", "apply", "--dry-run"],
        &["invite-missing", "--dry-run"],
        &["backup", "copy.db"],
        &["events", "list"],
    ] {
        let output = rolarr(folder.path(), command, &environment);
        let said = text(&output.stderr);
        // What only reads may understand it all the same.
        let reads = command == ["events", "list"] || command == ["backup", "copy.db"];
        assert!(reads || output.status.code() == Some(1), "{command:?}: {said}");
        let says =
            said.contains("written by an earlier version of Rolarr: start the bot with this version first");
        assert!(reads || says, "{command:?}: {said}");
        assert_eq!(fs::read(&file).unwrap(), before, "{command:?}");
        assert!(!folder.path().join("rolarr.db-wal").exists(), "{command:?}");
    }
}

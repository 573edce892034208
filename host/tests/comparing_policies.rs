//! The page about comparing policies: its commands are run, in their order, beside a database with what happened.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "../src/cli/fixture.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod fixture;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::{SystemTime, UNIX_EPOCH},
};

// The fixture is part of the library's own tests, too.
use rolarr::{domain, store};
use rolarr_policy::contract::{Access, Cause, Decision, Event, Grant};

use self::{
    domain::{Timestamp, UserId},
    fixture::{ADA, BEN, DAY, decide, event_of, fail, fill, member, role},
};

const PAGE: &str = include_str!("../../docs/comparing-policies.md");

const CONFIG: &str = r#"[discord]
token = { env = "DISCORD_TOKEN" }
[[discord.guilds]]
id = "900000010"
key = "home"
[[discord.guilds.roles]]
key = "plus"
id = "900000100"
[plex]
token = { env = "PLEX_TOKEN" }
server = "My Server"
[store]
path = "rolarr.db"
"#;

/// The events of the page: who it asks about has the last one, of the number that it shows.
const EVENTS: u64 = 42;

/// The words of a command line; what stands between quotes is one.
fn words(line: &str) -> Vec<String> {
    line.split('\'')
        .enumerate()
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

fn run(folder: &Path, line: &str) -> Output {
    let words = words(line);
    let (program, arguments) = words.split_first().unwrap();
    assert_eq!(program, "rolarr", "{line}");
    Command::new(env!("CARGO_BIN_EXE_rolarr"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("DISCORD_TOKEN", "discord-secret")
        .env("PLEX_TOKEN", "plex-secret")
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap()
}

/// What happened yesterday: members lost the role or left, and nothing followed.
fn event(number: u64) -> (UserId, &'static str, Event) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let (user, name) = if number.is_multiple_of(2) { (ADA, "ada") } else { (BEN, "ben") };
    let cause = if number.is_multiple_of(3) { Cause::RoleRemoved(role()) } else { Cause::MemberLeft };
    let mut event = event_of(user, name, Access::Granted(Grant::default()), cause);
    event.at = Timestamp(u64::try_from(now).unwrap() - DAY + number * 1_000);
    (user, name, event)
}

/// A folder as an operator has it, with the policy that is thought about.
fn operators() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/prebuilt/role-restriction.wasm");
    fs::copy(policy, folder.path().join("my-policy.wasm")).unwrap();
    fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
    fill(&folder.path().join("rolarr.db"), |tx| {
        for number in 1..=EVENTS {
            let (user, name, event) = event(number);
            member(tx, user, name);
            decide(tx, event, Decision::nothing("it was another policy"), &[]);
        }
        // On one more the policy failed.
        fail(tx, event(EVENTS + 1).2, "policy `x` crashed", &[]);
        Ok(())
    });
    folder
}

#[test]
fn every_command_does_what_the_page_says() {
    let folder = operators();
    let blocks = PAGE.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let lines: Vec<&str> = blocks.flat_map(str::lines).collect();
    assert!(lines.len() >= 14, "{lines:?}");
    for line in lines {
        let output = run(folder.path(), line);
        let (said, problem) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        // What was decided at the time, and other settings, differ; the policy itself is the built-in one.
        let differs = line.contains(" recorded ") || line.contains("-settings ");
        assert_eq!(output.status.code(), Some(i32::from(differs)), "{line}\n{said}{problem}");
        assert_eq!(problem, "", "{line}");
        let heard = match line.split_once(" --").map_or(line, |(before, _)| before) {
            "rolarr backup copy.db" => "copy.db",
            "rolarr events list" => "\n42 ",
            "rolarr events show 42" => "Event 000000000042: lost the role `plus`",
            "rolarr events export" if line.contains("--undecided") => "1 event of 1 member",
            "rolarr events export" if line.contains("--member") => "21 events of 1 member",
            "rolarr events export" => "42 events of 2 members",
            "rolarr policy bench my-policy.wasm" => "evaluations: ",
            _ if line.contains("--carry") => "2 members",
            _ => "42 events of 2 members compared",
        };
        assert!(said.contains(heard), "{line}\n{said}");
    }
    let written = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(written("last-month.jsonl").lines().count(), 42);
    assert!(!written("surprise.jsonl").contains("ada"));
    assert!(written("difference.html").contains("granted"));
}

#[test]
fn what_could_not_be_done_goes_to_the_standard_error_and_ends_with_two() {
    let folder = operators();
    for line in [
        "rolarr policy diff recorded builtin:other",
        "rolarr policy diff recorded my-policy.wasm --config other.toml",
        "rolarr policy diff recorded my-policy.wasm --html missing/page.html",
        "rolarr policy diff recorded my-policy.wasm --events last-month.jsonl --last 90d",
        "rolarr policy bench builtin:other",
        "rolarr policy bench my-policy.wasm --events missing.jsonl",
    ] {
        let output = run(folder.path(), line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{line}");
        assert!(output.stderr.starts_with(b"error: "), "{line}");
        if line.contains(" --last") {
            continue;
        }
        let json = run(folder.path(), &format!("{line} --json"));
        assert_eq!((json.status.code(), &json.stderr), (Some(2), &output.stderr), "{line}");
        let said: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        let problem = said["problem"].as_str().unwrap();
        assert!(String::from_utf8(output.stderr).unwrap().contains(problem), "{line}: {problem}");
    }
}

#[test]
fn each_file_that_is_linked_exists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for target in PAGE.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(folder.join(target).exists(), "{target}");
    }
}

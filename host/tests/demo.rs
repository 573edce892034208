//! `rolarr demo` as its caller sees it: the real binary, with everything that it starts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// Runs the demo with its temporary files in a folder of the test's own.
fn demo(arguments: &[&str]) -> (Output, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rolarr"))
        .arg("demo")
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    (output, folder)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The files that the demo left behind.
fn left(folder: &TempDir) -> Vec<PathBuf> {
    folder.path().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn prebuilt(policy: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/prebuilt").join(policy);
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_whole_story_comes_out_as_it_should() {
    let (output, folder) = demo(&[]);
    let story = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{story}{}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    // The time that it took is all that differs between two runs.
    let (before, after) = story.split_once(" checks, ").unwrap();
    let (seconds, after) = after.split_once(' ').unwrap();
    assert!(seconds.parse::<u32>().is_ok(), "{seconds}");
    insta::assert_snapshot!(format!("{before} checks, N {after}"));
    assert!(left(&folder).is_empty(), "{:?}", left(&folder));
}

#[test]
fn the_built_module_does_what_the_one_in_the_binary_does() {
    let (output, _folder) = demo(&["--policy", &prebuilt("role-restriction.wasm"), "--as-default"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("All is well"));
}

#[test]
fn a_wrong_state_at_plex_ends_with_one_and_says_what_was_expected() {
    let (output, folder) = demo(&["--settings", r#"{"label": "hidden"}"#, "--as-default"]);
    assert_eq!(output.status.code(), Some(1));
    let story = text(&output.stdout);
    let wrong = "    ✗ both filters read `label=noAccess`\n      \
                 expected: \"filterMovies label=noAccess, filterTelevision label=noAccess\"\n      \
                 it is:    \"filterMovies label=hidden, filterTelevision label=hidden\"\n";
    assert!(story.contains(wrong), "{story}");
    assert!(!story.contains("Ann gets the role back"), "what follows builds on it: {story}");
    assert!(!story.contains("All is well"));
    // What helps to find out why is kept, and named.
    let kept = left(&folder);
    let [kept] = kept.as_slice() else { panic!("{kept:?}") };
    assert!(text(&output.stderr).contains(kept.to_str().unwrap()));
    assert!(kept.join("rolarr.log").exists() && kept.join("rolarr.db").exists());
}

#[test]
fn other_settings_are_shown_and_not_judged() {
    let (output, _folder) = demo(&["--settings", r#"{"block": "everything"}"#]);
    let story = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{story}");
    assert!(
        story.contains("Movies: nothing | TV Shows: nothing | Music: nothing | Photos: nothing"),
        "{story}"
    );
    assert!(story.contains("was not judged") && !story.contains('✓') && !story.contains("All is well"));
}

#[test]
fn a_policy_that_does_not_load_ends_with_two_and_starts_nothing() {
    let not_wasm = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let (output, folder) = demo(&["--policy", not_wasm]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("the file is not WebAssembly"), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    assert!(left(&folder).is_empty());

    let (output, _folder) = demo(&["--policy", "absent.wasm"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("`absent.wasm` can't be read"), "{}", text(&output.stderr));

    let (output, _folder) = demo(&["--settings", r#"{"labl": "x"}"#]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("there is no setting `labl`"), "{}", text(&output.stderr));
}

#[test]
fn colour_is_for_terminals_or_when_asked_for() {
    let title = "Ann gets the role";
    let (always, _folder) = demo(&["--color", "always"]);
    assert!(text(&always.stdout).contains(&format!("\x1b[1m{title}\x1b[0m")));
    let (piped, _folder) = demo(&[]);
    assert!(text(&piped.stdout).contains(title) && !text(&piped.stdout).contains('\x1b'));
}

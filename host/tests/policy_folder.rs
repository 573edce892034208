//! `rolarr policy new` and `rolarr policy build`, with the real binary. What a language's own tools do is played
//! by scripts here, so that every outcome can be tried on every machine; tests/scaffolds builds each language
//! for real.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A folder to work in, and one with all the programs that there are.
struct Rig {
    folder: TempDir,
    programs: TempDir,
}

impl Rig {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), programs: tempfile::tempdir().unwrap() }
    }

    /// A rig with a policy in it.
    fn with(name: &str, language: &str) -> Self {
        let rig = Self::new();
        assert_eq!(rig.rolarr(&["policy", "new", name, "--lang", language]).status.code(), Some(0));
        rig
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// A program that the shell runs.
    fn program(&self, name: &str, script: &str) {
        let file = self.programs.path().join(name);
        fs::write(&file, format!("#!/bin/sh\nset -eu\n{script}\n")).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolarr"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", self.programs.path()).env("HOME", "/home/ada").stdin(Stdio::null());
        command
    }

    fn rolarr(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a build ends with and says, with times taken out.
    fn build(&self, folder: &str) -> String {
        let output = self.rolarr(&["policy", "build", folder]);
        let text = format!(
            "{}{}ends with {}\n",
            text(&output.stdout),
            text(&output.stderr),
            output.status.code().unwrap()
        );
        without_times(&text.replace(&self.folder.path().display().to_string(), "[folder]"))
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// How long something took is never the same.
fn without_times(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    for at in 1..words.len() {
        let [before, word] = [at - 1, at].map(|at| words.get(at).copied().unwrap_or_default());
        if before == "in" && word.parse::<f64>().is_ok() {
            words.splice(at..=at, ["[time]"]);
        }
    }
    words.join(" ")
}

/// A module that loads.
fn sound_module() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/prebuilt/role-restriction.wasm")
}

/// An `npm` that counts its calls, and a `node` that gives what `give` writes to the file `$out`.
fn javascript(give: &str) -> Rig {
    let rig = Rig::with("tiers", "js");
    rig.program(
        "npm",
        "echo \"$@\" >>npm-calls\n/bin/mkdir -p node_modules/componentize-qjs\n: >node_modules/componentize-qjs/cli.mjs",
    );
    rig.program("node", &format!("for out in \"$@\"; do :; done\n{give}"));
    rig
}

fn give_sound() -> String {
    format!("/bin/cp '{}' \"$out\"", sound_module().display())
}

#[test]
fn new_ends_with_two_for_a_bad_name_and_with_one_for_a_folder_that_is_there() {
    let rig = Rig::new();
    for (arguments, code) in [
        (&["policy", "new", "tiers"][..], 0),
        (&["policy", "new", "tiers"], 1),
        (&["policy", "new", "Tiers"], 2),
        (&["policy", "new", ""], 2),
        (&["policy", "new", "../tiers"], 2),
        (&["policy", "new", "more", "--lang", "cobol"], 2),
        (&["policy", "new"], 2),
    ] {
        let output = rig.rolarr(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert_eq!(output.stderr.is_empty(), code == 0, "{arguments:?}");
    }
    let said = rig.rolarr(&["policy", "new", "gracePeriod"]);
    insta::assert_snapshot!(text(&said.stderr), @r#"
    error: invalid value 'gracePeriod' for '<NAME>': a name has small letters (a to z), digits and single hyphens, begins with a letter and does not end with a hyphen, like `grace-period`
    
    For more information, try '--help'.
    "#);
    assert_eq!(fs::read_dir(rig.folder.path()).unwrap().count(), 1);
}

#[test]
fn a_place_that_can_not_be_written_to_is_said() {
    let rig = Rig::new();
    fs::set_permissions(rig.folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Root writes anywhere.
    if fs::write(rig.path("probe"), "").is_err() {
        let output = rig.rolarr(&["policy", "new", "tiers"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("hint: go to a folder that you may write to"));
    }
    fs::set_permissions(rig.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn each_language_says_what_is_missing_and_how_to_get_it() {
    let mut said = String::new();
    for language in ["rust", "js", "c", "python"] {
        let rig = Rig::with("tiers", language);
        said.push_str(&format!("{language}\n{}\n", rig.build("tiers")));
        assert!(!rig.path("tiers/tiers.wasm").exists());
    }
    insta::assert_snapshot!(said);
}

#[test]
fn what_a_compiler_lacks_for_webassembly_is_named() {
    let mut said = String::new();

    let rig = Rig::with("tiers", "rust");
    rig.program("cargo", "exit 9");
    rig.program("rustc", "echo /nowhere");
    said.push_str(&format!("rust without the target\n{}\n", rig.build("tiers")));

    let rig = Rig::with("tiers", "c");
    rig.program("clang-19", "case $2 in -print-file-name=*) echo crt1-reactor.o ;; *) echo /bin/sh ;; esac");
    said.push_str(&format!("clang without a libc\n{}\n", rig.build("tiers")));

    let rig = Rig::with("tiers", "js");
    rig.program("npm", "exit 1");
    said.push_str(&format!("npm that can't reach anything\n{}\n", rig.build("tiers")));

    let rig = Rig::with("tiers", "python");
    rig.program("python3", "echo 'ensurepip is not available'; exit 1");
    said.push_str(&format!("python without venv\n{}\n", rig.build("tiers")));

    insta::assert_snapshot!(said);
}

#[test]
fn what_is_needed_is_installed_once_and_again_if_it_changes() {
    let rig = javascript(&give_sound());
    insta::assert_snapshot!(rig.build("tiers"), @r#"
    install  what package.json names, with npm
    compile  policy.js, with componentize-qjs
    built    tiers/tiers.wasm: 158 KiB, in [time] s
    loaded   in [time] s, 1.1 MiB of memory at the start
    ends with 0
    "#);
    assert!(rig.path("tiers/tiers.wasm").is_file());
    insta::assert_snapshot!(rig.build("tiers"), @r#"
    compile  policy.js, with componentize-qjs
    built    tiers/tiers.wasm: 158 KiB, in [time] s
    loaded   in [time] s, 1.1 MiB of memory at the start
    ends with 0
    "#);
    fs::write(rig.path("tiers/package.json"), "{}").unwrap();
    assert!(rig.build("tiers").starts_with("install"));
    let calls = fs::read_to_string(rig.path("tiers/npm-calls")).unwrap();
    assert_eq!(calls.lines().count(), 2, "{calls}");
}

#[test]
fn what_fails_to_compile_is_shown_and_the_earlier_file_stays() {
    let rig = javascript("echo 'policy.js:3: no such thing' >&2; exit 1");
    fs::write(rig.path("tiers/tiers.wasm"), "earlier").unwrap();
    insta::assert_snapshot!(rig.build("tiers"), @r#"
    install  what package.json names, with npm
    compile  policy.js, with componentize-qjs
    error: `node` ended with 1:
      policy.js:3: no such thing
    ends with 1
    "#);
    assert_eq!(fs::read_to_string(rig.path("tiers/tiers.wasm")).unwrap(), "earlier");
    let left: Vec<_> = fs::read_dir(rig.path("tiers"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_str().unwrap().starts_with(".build"))
        .collect();
    assert_eq!(left, Vec::<std::ffi::OsString>::new(), "nothing is left behind");
}

#[test]
fn what_is_built_and_is_no_policy_is_refused() {
    let mut said = String::new();
    for give in [": >\"$out\"", "echo text >\"$out\"", "printf '\\0asm\\1\\0\\0\\0' >\"$out\"", ":"] {
        let rig = javascript(give);
        fs::write(rig.path("tiers/tiers.wasm"), "earlier").unwrap();
        said.push_str(&format!("{give}\n{}\n", rig.build("tiers")));
        assert_eq!(fs::read_to_string(rig.path("tiers/tiers.wasm")).unwrap(), "earlier");
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_path_of_this_machine_in_what_was_built_is_refused() {
    // A custom section, as compilers write their notes into.
    let rig = javascript(&format!("{}\n/bin/cat section >>\"$out\"", give_sound()));
    let path = format!("{}/policy.js", fs::canonicalize(rig.path("tiers")).unwrap().display());
    let content = [&[4][..], b"note", path.as_bytes()].concat();
    let section = [&[0, u8::try_from(content.len()).unwrap()][..], &content].concat();
    fs::write(rig.path("tiers/section"), section).unwrap();
    assert!(path.len() < 100, "one byte is enough for its length");
    let said = rig.build("tiers").replace(&path, "[path]");
    assert!(said.contains("stands in what was built"), "{said}");
    assert!(said.ends_with("ends with 1\n"), "{said}");
    assert!(!rig.path("tiers/tiers.wasm").exists());
}

#[test]
fn a_folder_that_is_no_policy_is_said() {
    let mut said = String::new();
    let rig = Rig::new();
    fs::create_dir(rig.path("empty")).unwrap();
    said.push_str(&rig.build("empty"));
    said.push_str(&rig.build("absent"));
    said.push_str(&rig.build("."));
    for manifest in
        ["", "language = \"cobol\"\nmodule = \"x.wasm\"", "language = \"js\"\nmodule = \"../x.wasm\""]
    {
        fs::write(rig.path("empty/rolarr-policy.toml"), manifest).unwrap();
        said.push_str(&rig.build("empty"));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn every_shipped_folder_can_be_built() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let cache = tempfile::tempdir().unwrap();
    let mut built = 0;
    for entry in fs::read_dir(policies).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("rolarr-policy.toml").exists() {
            continue;
        }
        let mut command = Rig::new().command(&["policy", "build", "."]);
        let output = command.current_dir(&folder).env("XDG_CACHE_HOME", cache.path()).output().unwrap();
        assert!(output.status.success(), "{}: {}", folder.display(), text(&output.stderr));
        let name = folder.file_name().unwrap().to_str().unwrap();
        let script = format!("script   {name}.rhai: nothing to build\nloaded");
        assert!(text(&output.stdout).starts_with(&script), "{}", text(&output.stdout));
        built += 1;
    }
    assert_eq!(built, 6);
    // What runs scripts is kept, and compiled once for all of them.
    assert!(fs::read_dir(cache.path().join("rolarr")).unwrap().next().is_some());
}

fn wait_for(what: impl Fn() -> bool) {
    while !what() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn interrupt(process: &Child) {
    // The shell's own `kill`: the program is not everywhere.
    let id = process.id().to_string();
    assert!(Command::new("sh").args(["-c", r#"kill -INT "$0""#, &id]).status().unwrap().success());
}

#[test]
fn who_interrupts_a_build_ends_all_of_it() {
    // A builder with a child of its own, as npm and cargo have.
    let rig = javascript("/bin/sleep 1000 & echo $! >child; wait");
    fs::write(rig.path("tiers/tiers.wasm"), "earlier").unwrap();
    let mut command = rig.command(&["policy", "build", "tiers"]);
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let child = rig.path("tiers/child");
    wait_for(|| fs::read_to_string(&child).is_ok_and(|id| id.ends_with('\n')));
    let child = fs::read_to_string(child).unwrap();
    interrupt(&process);
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "error: stopped; nothing was changed\n");
    assert_eq!(fs::read_to_string(rig.path("tiers/tiers.wasm")).unwrap(), "earlier");
    wait_for(|| {
        // Who has ended and was not waited for is still listed, as a zombie.
        fs::read_to_string(format!("/proc/{}/stat", child.trim())).map_or(true, |stat| stat.contains(") Z "))
    });
}

//! policies/build.sh on machines with each kind of compiler, and with none: compilers that only note how they
//! are called stand in for the real ones.
#![expect(clippy::unwrap_used, reason = "nothing of this is shipped: what fails here is a failed test")]
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// What the script and the stand-ins call, besides the compilers.
const TOOLS: [&str; 20] = [
    "cat",
    "chmod",
    "cmp",
    "cp",
    "cut",
    "dirname",
    "find",
    "grep",
    "mkdir",
    "mktemp",
    "readlink",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "sort",
    "tr",
    "wc",
    "xargs",
    "touch",
];

const TARGET: &str = "lib/rustlib/wasm32-unknown-unknown/lib";
const SOURCES: &str = "lib/rustlib/src/rust/library";

/// A machine with a project, and nothing on its path but the tools that are put there.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["bin", "debian", "tmp", "project/policies/sdk/src", "project/wit"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        for name in ["policies/sdk/Cargo.toml", "policies/sdk/src/lib.rs", "wit/policy.wit"] {
            fs::write(machine.path("project").join(name), name).unwrap();
        }
        for policy in ["role-restriction", "script"] {
            let folder = machine.path("project/policies").join(policy);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("lib.rs"), policy).unwrap();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/build.sh");
        fs::copy(script, machine.path("project/policies/build.sh")).unwrap();
        for tool in TOOLS {
            machine.link(tool);
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn link(&self, tool: &str) {
        let found = ["/usr/bin", "/bin", "/usr/local/bin"].iter().map(|folder| Path::new(folder).join(tool));
        let found = found.into_iter().find(|file| file.exists()).unwrap();
        symlink(found, self.path("bin").join(tool)).unwrap();
    }

    fn program(&self, place: &str, text: &str) {
        let file = self.path(place);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn rustc(&self, place: &str, sysroot: &str, name: &str) {
        let sysroot = self.path(sysroot);
        self.program(
            place,
            &format!(
                "case \"$*\" in\n'--print sysroot') echo '{}' ;;\n--version) echo '{name}' ;;\n\
                 -vV) echo '{name}'; echo 'commit-hash: abc123' ;;\nesac",
                sysroot.display()
            ),
        );
    }

    /// A cargo that notes how it is called and makes the module.
    fn cargo(&self, place: &str) {
        let made = "$CARGO_TARGET_DIR/wasm32-unknown-unknown/policy";
        self.program(
            place,
            &format!(
                "echo \"$0 $* with $RUSTC $RUSTFLAGS\" >>'{}'\nmkdir -p \"{made}\"\n\
                 for last; do :; done\necho \"module of $last\" >\"{made}/$(echo \"$last\" | tr - _).wasm\"",
                self.path("calls").display()
            ),
        );
    }

    fn with_rustup(self) -> Self {
        self.rustc("bin/rustc", "toolchain", "rustc 9.9.9 (rustup)");
        self.rustc("toolchain/bin/rustc", "toolchain", "rustc 9.9.9 (rustup)");
        self.cargo("bin/cargo");
        self
    }

    fn with_debian(self) -> Self {
        self.rustc("debian/rustc", "debian-root", "rustc 8.8.8 (debian)");
        self.cargo("debian/cargo");
        self.having(&format!("debian-root/{SOURCES}"))
    }

    fn having(self, folder: &str) -> Self {
        fs::create_dir_all(self.path(folder)).unwrap();
        self
    }

    fn with_linker(self) -> Self {
        self.program("bin/wasm-ld-19", "exit 0");
        self
    }

    fn run_with(&self, arguments: &[&str], home: Option<&Path>) -> Output {
        let mut command = Command::new("/bin/sh");
        command.arg(self.path("project/policies/build.sh")).args(arguments).env_clear();
        command.env("PATH", self.path("bin")).env("TMPDIR", self.path("tmp"));
        command.env("ROLARR_POLICY_RUSTC_PREFIX", self.path("debian"));
        if let Some(home) = home {
            command.env("HOME", home);
        }
        command.output().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, Some(&self.path("home")))
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn built(machine: &Machine, output: &Output) {
    assert!(output.status.success(), "{}", said(output));
    for module in ["role-restriction", "script"] {
        let module = machine.path(&format!("project/policies/prebuilt/{module}.wasm"));
        assert!(module.exists(), "{}", said(output));
    }
}

#[test]
fn rustups_target_builds_without_the_sources_of_the_standard_library() {
    let machine = Machine::new().with_rustup().having(&format!("toolchain/{TARGET}"));
    built(&machine, &machine.run(&[]));
    let again = machine.run(&["--check"]);
    assert!(again.status.success(), "{}", said(&again));
    assert!(said(&again).contains("the committed module is what its sources give"), "{}", said(&again));
    assert!(!machine.calls().contains("rustlib/src"), "{}", machine.calls());
}

#[test]
fn rustups_target_builds_with_the_sources_of_the_standard_library_which_are_named_as_without_them() {
    let machine = Machine::new().with_rustup().having(&format!("toolchain/{TARGET}"));
    let machine = machine.having(&format!("toolchain/{SOURCES}"));
    built(&machine, &machine.run(&[]));
    assert!(machine.calls().contains("rustlib/src/rust=/rustc/abc123"), "{}", machine.calls());
    assert!(!machine.calls().contains("build-std"), "{}", machine.calls());
}

#[test]
fn debians_packages_build_where_rustup_lacks_the_target() {
    let machine = Machine::new().with_rustup().with_debian().with_linker();
    built(&machine, &machine.run(&[]));
    assert!(machine.calls().contains("debian/cargo build"), "{}", machine.calls());
    assert!(machine.calls().contains("build-std"), "{}", machine.calls());
}

#[test]
fn half_of_debians_packages_is_refused_with_what_is_missing() {
    let machine = Machine::new().with_debian();
    let output = machine.run(&[]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("what is missing is wasm-ld-19 (package lld-19)"), "{}", said(&output));
    fs::remove_file(machine.path("debian/cargo")).unwrap();
    assert!(said(&machine.run(&[])).contains("cargo-web) and wasm-ld-19"));
}

#[test]
fn without_a_compiler_both_ways_to_get_one_are_named() {
    for machine in [Machine::new(), Machine::new().with_rustup()] {
        let output = machine.run(&["--check"]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        for way in ["rustup target add wasm32-unknown-unknown", "apt-get install rustc-web"] {
            assert!(said(&output).contains(way), "{}", said(&output));
        }
    }
}

#[test]
fn every_failure_is_said() {
    let machine = Machine::new().with_rustup().having(&format!("toolchain/{TARGET}"));
    assert!(said(&machine.run(&["--chek"])).contains("usage: "));
    // The compiler ends without a word.
    machine.program("bin/cargo", "exit 7");
    let output = machine.run(&[]);
    assert_eq!(output.status.code(), Some(7));
    assert!(said(&output).contains("failed while building role-restriction"), "{}", said(&output));
    // It succeeds, and there is no module.
    machine.program("bin/cargo", "exit 0");
    assert!(said(&machine.run(&[])).contains("role-restriction: cargo built no "));
    // The compiler can't say its version.
    machine.program("toolchain/bin/rustc", "exit 3");
    let output = machine.run(&[]);
    assert!(said(&output).contains("failed while asking ") && said(&output).contains("(exit code 3)"));
    // A tool is not there.
    fs::remove_file(machine.path("bin/sha256sum")).unwrap();
    assert!(said(&machine.run(&[])).contains("please install: sha256sum"));
}

#[test]
fn a_module_with_a_path_of_this_machine_is_refused_and_a_missing_home_is_none() {
    let machine = Machine::new().with_rustup().having(&format!("toolchain/{TARGET}"));
    for home in [None, Some(Path::new("/"))] {
        built(&machine, &machine.run_with(&[], home));
    }
    let made = "$CARGO_TARGET_DIR/wasm32-unknown-unknown/policy";
    machine.program(
        "bin/cargo",
        &format!("mkdir -p \"{made}\"; echo \"$CARGO_TARGET_DIR/x\" >\"{made}/role_restriction.wasm\""),
    );
    let output = machine.run(&[]);
    assert!(said(&output).contains("a path of this machine is in the module"), "{}", said(&output));
}

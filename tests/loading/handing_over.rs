//! What the loader hands over, and in which folder.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rolarr::policy::{Engine, EngineSettings, Limits, LoadProblem, Loader, Module, Policy};
use serde_json::Value;

use crate::wat_policies::{Parts, core_module};
use crate::{load, settings};

fn sound() -> Vec<u8> {
    core_module(&Parts::default())
}

fn engine(cache: &Path) -> Engine {
    Engine::new(EngineSettings { cache_dir: Some(cache.to_owned()), ..settings() }).unwrap()
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The machine code in a cache.
fn code(cache: &Path) -> PathBuf {
    let entries: Vec<_> =
        fs::read_dir(cache.join("compiled")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].join("code")
}

/// A program in the loader's place.
fn program(folder: &Path, text: &str) -> Engine {
    let path = folder.join("program");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    allow(&path, 0o755);
    Engine::new(EngineSettings { loader: Loader::At(path), ..EngineSettings::default() }).unwrap()
}

fn problem(engine: &Engine) -> LoadProblem {
    load(engine, "sound", sound(), &Limits { load_clock_ms: 2_000, ..Limits::default() }).unwrap_err().problem
}

#[test]
fn what_is_in_the_cache_is_not_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    load(&engine(&cache), "sound", sound(), &Limits::default()).unwrap();
    // Nobody could compile it.
    let loader = Loader::At("/nonexistent".into());
    let settings = EngineSettings { cache_dir: Some(cache.clone()), loader, ..settings() };
    let without = Engine::new(settings).unwrap();
    load(&without, "sound", sound(), &Limits::default()).unwrap();
    // And if the entry is gone, nobody does: not this process either.
    fs::remove_file(code(&cache)).unwrap();
    let error = load(&without, "sound", sound(), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("can't be started"), "{error}");
    load(&engine(&cache), "sound", sound(), &Limits::default()).unwrap();
}

#[test]
fn machine_code_that_others_could_have_written_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let with_cache = engine(&cache);
    load(&with_cache, "sound", sound(), &Limits::default()).unwrap();
    let code = code(&cache);
    let entry = code.parent().unwrap().to_owned();
    let elsewhere = folder.path().join("elsewhere");
    let no_program = EngineSettings {
        cache_dir: Some(cache.clone()),
        loader: Loader::At("/nonexistent".into()),
        ..EngineSettings::default()
    };
    let without = Engine::new(no_program).unwrap();
    let is_used = || load(&without, "sound", sound(), &Limits::default()).is_ok();
    assert!(is_used());

    allow(&code, 0o666);
    assert!(!is_used(), "others can write to the file");
    allow(&code, 0o600);
    assert!(is_used());
    for (path, mode) in [(entry.as_path(), 0o777), (entry.parent().unwrap(), 0o777), (&cache, 0o777)] {
        allow(path, mode);
        assert!(!is_used(), "others can write to {}", path.display());
        allow(path, 0o700);
        assert!(is_used());
    }
    fs::rename(&code, &elsewhere).unwrap();
    symlink(&elsewhere, &code).unwrap();
    assert!(!is_used(), "a link");
    fs::remove_file(&code).unwrap();
    fs::create_dir(&code).unwrap();
    assert!(!is_used(), "a folder");
    fs::remove_dir(&code).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&code).status().unwrap();
    assert!(made.success());
    let begun = Instant::now();
    assert!(!is_used(), "a pipe");
    assert!(begun.elapsed() < Duration::from_secs(5));
    fs::remove_file(&code).unwrap();
    let mut bytes = fs::read(&elsewhere).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&code, &bytes).unwrap();
    assert!(!is_used(), "damaged");
    // It is made anew where somebody can.
    load(&with_cache, "sound", sound(), &Limits::default()).unwrap();
    assert!(is_used());
    // As root this user can give things away.
    if std::os::unix::fs::chown(&entry, Some(65_534), None).is_ok() {
        assert!(!is_used(), "a folder of somebody else's");
        std::os::unix::fs::chown(&entry, Some(0), None).unwrap();
        std::os::unix::fs::chown(&cache, Some(65_534), None).unwrap();
        assert!(!is_used(), "a cache of somebody else's");
        let engine = engine(&cache);
        load(&engine, "sound", sound(), &Limits::default()).unwrap();
    }
}

#[test]
fn without_a_cache_a_folder_beside_or_among_the_temporary_files_is_used_and_nothing_is_left_there() {
    let beside = tempfile::tempdir().unwrap();
    for cache_dir in [None, Some(PathBuf::from("/proc/nowhere"))] {
        let fallback_dir = Some(beside.path().to_owned());
        let engine = Engine::new(EngineSettings { cache_dir, fallback_dir, ..settings() }).unwrap();
        let policy = load(&engine, "sound", sound(), &Limits::default()).unwrap();
        assert!(policy.starts_from_a_snapshot());
        assert_eq!(fs::read_dir(beside.path()).unwrap().count(), 0);
    }
    let nowhere = Some(PathBuf::from("/proc/nowhere"));
    let settings = EngineSettings { cache_dir: nowhere.clone(), fallback_dir: nowhere, ..settings() };
    load(&Engine::new(settings).unwrap(), "sound", sound(), &Limits::default()).unwrap();
}

#[test]
fn a_program_that_was_replaced_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let answer = r#"{"protocol":1,"rolarr":"9.9.9","engine":"","description":null,"outcome":"Described"}"#;
    let engine = program(folder.path(), &format!("cat > /dev/null; echo '{answer}'"));
    let said = problem(&engine).to_string();
    assert!(said.contains("its file was replaced") && said.contains("9.9.9"), "{said}");
    // Nor does one that answers nothing, too much, or something else do harm.
    for text in ["true", "cat > /dev/null; echo '{}'", "echo no >&2; exit 1", "kill -SEGV $$", "yes"] {
        let said = problem(&program(folder.path(), text)).to_string();
        crate::is_one_line(&said);
    }
}

#[test]
fn a_loader_that_does_not_end_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note");
    let text = format!("sleep 1000 & echo $! > {}; exec sleep 1000", note.display());
    let engine = program(folder.path(), &text);
    let begun = Instant::now();
    let limits = Limits { load_clock_ms: 1_000, ..Limits::default() };
    let error = load(&engine, "sound", sound(), &limits).unwrap_err();
    assert!(matches!(error.problem, LoadProblem::LoadingTakesLong { name: "load_clock", .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    let started: u32 = fs::read_to_string(&note).unwrap().trim().parse().unwrap();
    let gone = || {
        let stat = fs::read_to_string(format!("/proc/{started}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    let until = Instant::now() + Duration::from_secs(5);
    while !gone() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(gone());
}

#[test]
fn what_is_given_up_ends_soon() {
    let folder = tempfile::tempdir().unwrap();
    let engine = program(folder.path(), "exec sleep 1000");
    let begun = Instant::now();
    let error = std::thread::scope(|scope| {
        let loading = scope.spawn(|| load(&engine, "sound", sound(), &Limits::default()).unwrap_err());
        std::thread::sleep(Duration::from_millis(200));
        engine.give_up();
        loading.join().unwrap()
    });
    assert_eq!(error.problem, LoadProblem::GivenUp);
    assert!(begun.elapsed() < Duration::from_secs(2));
    engine.close();
    assert_eq!(
        load(&engine, "sound", sound(), &Limits::default()).unwrap_err().problem,
        LoadProblem::GivenUp
    );
}

#[test]
fn the_loader_has_an_empty_environment_no_files_but_its_pipes_and_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note");
    let text =
        format!("(env; ls -l /proc/$$/fd; cut -d' ' -f5 /proc/$$/stat; echo group $$) > {}", note.display());
    let said = problem(&program(folder.path(), &text));
    assert!(matches!(said, LoadProblem::Crashed(_)), "{said}");
    let note = fs::read_to_string(&note).unwrap();
    for name in ["PATH=/", "HOME=", "CARGO", "TOKEN"] {
        // The shell has a path of its own making, and where it is.
        assert!(name == "PATH=/" || !note.contains(name), "{note}");
    }
    // The shell has its script open as well.
    let open = note.lines().filter(|line| line.contains("->") && !line.contains("pipe:")).count();
    assert!(open <= 2, "{note}");
    let group = note.lines().last().unwrap().strip_prefix("group ").unwrap();
    assert!(note.lines().any(|line| line == group), "it leads a group of its own: {note}");
}

#[test]
fn a_guest_of_each_kind_that_comes_with_rolarr_loads_cold_on_a_machine_four_times_slower() {
    let engine = Engine::new(settings()).unwrap();
    let usual = Limits::default();
    // What is not optimised takes twice as long by itself.
    let slower = if cfg!(debug_assertions) { 2 } else { 4 };
    let slow = Limits {
        load_cpu_ms: usual.load_cpu_ms / slower,
        load_cpu_per_mib_ms: usual.load_cpu_per_mib_ms / slower,
        load_clock_ms: 60_000,
        ..usual
    };
    for name in ["builtin:role-restriction", "builtin:grace-period"] {
        let module = Module::open(name).unwrap();
        let begun = Instant::now();
        Policy::load(&engine, &module, &Value::Null, Vec::new(), &slow).unwrap();
        println!("{name} loads cold in {:.1} s", begun.elapsed().as_secs_f64());
    }
}

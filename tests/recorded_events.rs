//! Every recorded event in `tests/events`, decided by the native build of the default policy and by its
//! WebAssembly build. Both must give what the recording says, and exactly the same: so a prebuilt module
//! that is older than its source can't pass.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rolarr::policy::{Engine, EngineSettings, Limits, Module, Policy, Start};
use rolarr_policy::contract::{Access, Action, Cause, Decision};
use rolarr_policy::recording::{self, Recording};
use rolarr_policy::{Policy as _, Settings};
use role_restriction::RoleRestriction;
use serde_json::Value;

/// An engine whose policies are loaded as the program loads them.
fn loading() -> EngineSettings {
    let loader = rolarr::policy::Loader::At(env!("CARGO_BIN_EXE_rolarr-steps").into());
    EngineSettings { loader, ..EngineSettings::default() }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// All recordings with what to call them in a message.
fn recordings() -> Vec<(String, Recording)> {
    let mut all = Vec::new();
    for file in files() {
        for recording in recording::read_file(&file).unwrap() {
            let name = recording.name.clone().unwrap_or_default();
            all.push((format!("{}: {name}", file.file_name().unwrap().display()), recording));
        }
    }
    assert!(all.len() > 30, "only {} recordings were found", all.len());
    all
}

fn settings(recording: &Recording) -> Value {
    Value::Object(recording.settings.clone().unwrap_or_default())
}

fn natively(recording: &Recording) -> Decision {
    let settings = settings(recording).to_string();
    RoleRestriction::configure(Settings::new(&settings), Vec::new())
        .unwrap()
        .evaluate(&recording.event)
        .unwrap()
}

/// The WebAssembly build, loaded once for each settings.
struct Wasm {
    engine: Engine,
    module: Module,
    start: Start,
    loaded: HashMap<String, Policy>,
}

impl Wasm {
    fn new() -> Self {
        Self {
            engine: Engine::new(loading()).unwrap(),
            module: Module::open("builtin:role-restriction").unwrap(),
            start: Start::Snapshot,
            loaded: HashMap::new(),
        }
    }

    fn decide(&mut self, recording: &Recording) -> (Decision, u64) {
        let settings = settings(recording);
        let Self { engine, module, start, loaded } = self;
        let policy = loaded.entry(settings.to_string()).or_insert_with(|| {
            Policy::load_for(*start, engine, module, &settings, Vec::new(), &Limits::default()).unwrap()
        });
        let evaluation = policy.evaluate(&recording.event).unwrap();
        assert_eq!(evaluation.logs, []);
        (evaluation.decision, evaluation.fuel)
    }
}

#[test]
fn the_native_and_the_wasm_build_decide_every_recorded_event_as_recorded() {
    let mut wasm = Wasm::new();
    for (name, recording) in recordings() {
        let native = natively(&recording);
        let (decided, fuel) = wasm.decide(&recording);
        assert_eq!(native, decided, "{name}: the builds differ; run policies/build.sh");
        let expected = recording.decision.as_ref().expect(&name);
        assert!(expected.is_met_by(&decided), "{name}\nexpected {expected:#?}\ndecided {decided:#?}");
        assert_eq!(wasm.decide(&recording), (decided, fuel), "{name}: the second time is different");
    }
}

#[test]
fn the_same_rules_as_a_script_decide_every_recorded_event_identically() {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/role-restriction/role-restriction.rhai");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("script-policies");
    let engine = Engine::new(EngineSettings { cache_dir: Some(folder), ..loading() }).unwrap();
    let module = Module::open(script.to_str().unwrap()).unwrap();
    // Nothing is compiled for each of the settings.
    let mut as_script = Wasm { engine, module, start: Start::Configure, loaded: HashMap::new() };
    for (name, recording) in recordings() {
        let (decided, _) = as_script.decide(&recording);
        assert_eq!(decided, natively(&recording), "{name}");
    }
}

#[test]
fn the_default_policy_starts_from_a_snapshot() {
    let engine = Engine::new(loading()).unwrap();
    let module = Module::open("builtin:role-restriction").unwrap();
    let policy = Policy::load(&engine, &module, &Value::Null, Vec::new(), &Limits::default()).unwrap();
    assert!(policy.starts_from_a_snapshot());
    assert_eq!(policy.metadata(), &RoleRestriction::describe());
}

#[test]
fn every_row_of_the_table_is_recorded() {
    let rows = [
        "table-1-role-added",
        "table-2-role-back",
        "table-3-last-role-removed",
        "table-4-another-role-remains",
        "table-5-member-left",
        "table-6-removed-by-admin",
    ];
    let names: Vec<String> =
        files().iter().map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    for row in rows {
        assert!(names.iter().any(|name| name == row), "{row} is missing");
    }
}

#[test]
fn the_recordings_reach_every_cause_every_access_and_every_action_of_the_default_policy() {
    let all = recordings();
    let has = |what: &str, found: &dyn Fn(&Recording) -> bool| {
        assert!(all.iter().any(|(_, recording)| found(recording)), "no recording has {what}");
    };
    has("role-added", &|r| matches!(r.event.cause, Cause::RoleAdded(_)));
    has("role-removed", &|r| matches!(r.event.cause, Cause::RoleRemoved(_)));
    has("member-left", &|r| matches!(r.event.cause, Cause::MemberLeft));
    has("wake", &|r| matches!(r.event.cause, Cause::Wake(_)));
    has("account", &|r| matches!(r.event.cause, Cause::Account(_)));
    has("review", &|r| matches!(r.event.cause, Cause::Review(_)));
    has("absent", &|r| r.event.account.access == Access::Absent);
    has("granted", &|r| r.event.account.access.is_granted());
    has("restricted", &|r| r.event.account.access.is_restricted());
    let does = |action: fn(&Action) -> bool| {
        move |r: &Recording| r.decision.as_ref().is_some_and(|d| d.actions.iter().any(action))
    };
    has("invite", &does(|action| matches!(action, Action::Invite(_))));
    has("restrict-to", &does(|action| matches!(action, Action::RestrictTo(_))));
    has("unrestrict", &does(|action| matches!(action, Action::Unrestrict)));
    has("remove", &does(|action| matches!(action, Action::Remove)));
}

#[test]
fn no_recording_holds_an_address_or_a_real_id() {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains('@'), "{}", file.display());
        for (name, recording) in recordings() {
            assert!(recording.event.member.id.0.starts_with("90000000"), "{name}");
        }
    }
}

//! From a module to machine code: looks at it, makes a component of it, asks it what it is, gives it its settings, keeps
//! the memory that this leaves behind, and compiles all that.

use std::path::Path;
use std::sync::Arc;

use rolarr_policy::Convert;
use rolarr_policy::contract::{Metadata, Source};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::wire::{CODE, COMPONENT, Outcome, Ready, Request, Task};
use crate::engine::{Code, Engine};
use crate::error::{Failure, LoadProblem};
use crate::functions::Functions;
use crate::inspect;
use crate::limits::Limits;
use crate::link::link;
use crate::logs::{LogLine, one_line};
use crate::module::Description;
use crate::run::Run;
use crate::start::Start;
use crate::state::State;
use crate::{answer, cache, hex, snapshot, v1};

/// What came of the work.
pub(super) struct Worked {
    /// For which engine it was compiled.
    pub(super) engine: String,
    /// What can be said of the module.
    pub(super) description: Option<Description>,
    pub(super) outcome: Outcome,
}

type Problem = (LoadProblem, Vec<LogLine>);

/// Does what is asked.
///
/// # Errors
///
/// wasmtime can't run here.
pub(super) fn work(request: &Request, module: &[u8], root: &Path) -> Result<Worked, String> {
    let functions =
        Arc::new(Functions::new(request.functions.as_ref().map(|name| root.join(name)).as_deref()));
    // Only what runs scripts is loaded again and again.
    let _open = (!request.sources.is_empty()).then(|| functions.open());
    let engine = Engine::for_loading(&functions, Code::Lasting).map_err(|error| error.to_string())?;
    let mut worked =
        Worked { engine: engine.compatibility().to_owned(), description: None, outcome: Outcome::Described };
    let refused = |problem| Outcome::Refused { problem, logs: Vec::new() };
    let (component, description) = match inspect::inspect(module) {
        Ok(inspected) => inspected,
        Err(problem) => {
            worked.outcome = refused(problem);
            return Ok(worked);
        }
    };
    let (limits, needs) = (&request.limits, description.initial_memory);
    let contract = description.contract.clone();
    worked.description = Some(description);
    let folder = root.join(&request.folder);
    let write = |name: &str, bytes: &[u8]| {
        let failed = |error: std::io::Error| Outcome::NotHandedOver(error.to_string().into());
        std::fs::write(folder.join(name), bytes).map_err(failed)
    };
    worked.outcome = match request.task {
        Task::Describe => Outcome::Described,
        Task::Componentise => match write(COMPONENT, &component) {
            Ok(()) => Outcome::Componentised,
            Err(outcome) => outcome,
        },
        Task::Load(_) if needs > limits.memory_bytes as u64 => {
            refused(LoadProblem::InitialMemory { needs, limit: limits.memory_bytes })
        }
        Task::Load(start) => {
            let passing =
                Engine::for_loading(&functions, Code::Passing).map_err(|error| error.to_string())?;
            let parts = request.functions.is_some() && !request.sources.is_empty();
            let parts = parts.then_some(Parts { root, folder: &folder });
            let contract = contract.raw();
            let loading = Loading { start, engine: &engine, passing: &passing, limits, contract, parts };
            match loading.make(&component, &request.settings, &request.sources) {
                Ok((code, ready)) => match write(CODE, &code) {
                    Ok(()) => Outcome::Loaded(Box::new(ready)),
                    Err(outcome) => outcome,
                },
                Err((problem, logs)) => Outcome::Refused { problem, logs },
            }
        }
    };
    Ok(worked)
}

struct Loading<'a> {
    start: Start,
    engine: &'a Engine,
    /// For what is instrumented, which runs once.
    passing: &'a Engine,
    limits: &'a Limits,
    contract: &'a str,
    /// What runs scripts is kept compiled; none: this is no script, or nothing can be kept.
    parts: Option<Parts<'a>>,
}

/// Where what is the same for many policies is kept.
#[derive(Clone, Copy)]
struct Parts<'a> {
    /// The cache.
    root: &'a Path,
    /// The folder for this policy.
    folder: &'a Path,
}

/// A component that was compiled.
struct Compiled {
    component: Component,
    prepared: v1::Prepared<State>,
}

impl Loading<'_> {
    /// The machine code of the policy, and what there is to know about it.
    fn make(
        &self,
        component: &[u8],
        settings: &str,
        scripts: &[Source],
    ) -> Result<(Vec<u8>, Ready), Problem> {
        let bare = |problem| (problem, Vec::new());
        let sources: Vec<v1::types::Source> = scripts.to_vec().convert();
        let instrumented = match self.start {
            Start::Snapshot => snapshot::instrument(component),
            Start::Configure => None,
        };
        let (engine, compiled) = match &instrumented {
            Some(instrumented) => (self.passing, self.part(self.passing, &instrumented.bytes, "passing")),
            None => (self.engine, self.part(self.engine, component, "lasting")),
        };
        let compiled = compiled.map_err(bare)?;

        // What runs scripts knows what it is only once it has the script.
        let describe = |run: &mut Run, rules: &v1::Instance| -> Result<Metadata, Failure> {
            let answer = rules.rolarr_policy_rules().call_describe(&mut run.store);
            let metadata: Metadata = answer.map_err(|error| run.failure(&error))?.convert();
            answer::metadata(metadata).map_err(|what| Failure::Malformed(Box::new(what)))
        };
        let (described, _) = self
            .once(engine, &compiled.prepared, |run, _, rules| describe(run, rules))
            .map_err(|(failure, logs)| (LoadProblem::Describe(failure), logs))?;

        let ((snapshot, metadata), logs) = self
            .once(engine, &compiled.prepared, |run, instance, rules| {
                let answer = rules.rolarr_policy_rules().call_configure(&mut run.store, settings, &sources);
                answer.map_err(|error| run.failure(&error))?.map_err(|text| Failure::Refused(text.into()))?;
                let metadata = match scripts {
                    [] => described.clone(),
                    _ => describe(run, rules)?,
                };
                let snapshot =
                    instrumented.as_ref().and_then(|instrumented| instrumented.snapshot(run, instance));
                Ok((snapshot, metadata))
            })
            .map_err(|(failure, logs)| (LoadProblem::of_configure(failure, scripts), logs))?;

        if let Some(bytes) = snapshot
            && let Some(initial_memory) = inspect::initial_memory(&bytes)
            && initial_memory <= self.limits.memory_bytes as u64
            && let Ok(compiled) = self.compile(self.engine, &bytes)
        {
            return compiled.finish(Start::Snapshot, metadata, logs, initial_memory);
        }
        // What was instrumented costs more than the component itself.
        let compiled = match instrumented {
            Some(_) => self.compile(self.engine, component).map_err(bare)?,
            None => compiled,
        };
        let initial_memory = inspect::initial_memory(component).unwrap_or(u64::MAX);
        compiled.finish(Start::Configure, metadata, logs, initial_memory)
    }

    /// Compiles what is the same for every script, if it was not compiled already.
    fn part(&self, engine: &Engine, component: &[u8], code: &str) -> Result<Compiled, LoadProblem> {
        let Some(parts) = self.parts else { return self.compile(engine, component) };
        let sum = hex(&Sha256::digest(component));
        let version = env!("CARGO_PKG_VERSION");
        let compiled = format!("{sum} {code} rolarr {version} engine {}", engine.compatibility());
        if let Some(component) = cache::load_part(parts.root, &compiled, &engine.inner().wasmtime) {
            let prepared = link(engine, &component, self.contract)?;
            return Ok(Compiled { component, prepared });
        }
        let made = self.compile(engine, component)?;
        // It only costs time at the next load if it can't be kept.
        let place = parts.folder.join(code);
        if let Ok(bytes) = made.component.serialize()
            && crate::folders::create_private(&place).is_ok()
        {
            let _ = cache::keep_part(parts.root, &compiled, &place, &bytes);
        }
        Ok(made)
    }

    /// Compiles a component, and sees whether it can be linked.
    fn compile(&self, engine: &Engine, component: &[u8]) -> Result<Compiled, LoadProblem> {
        let inner = engine.inner();
        let component = Component::new(&inner.wasmtime, component)
            .map_err(|error| LoadProblem::Compile(one_line(&format!("{error:#}"))))?;
        let prepared = link(engine, &component, self.contract)?;
        Ok(Compiled { component, prepared })
    }

    /// Does something with a fresh instance, and once more if the time was up.
    fn once<T>(
        &self,
        engine: &Engine,
        prepared: &v1::Prepared<State>,
        mut work: impl FnMut(&mut Run, wasmtime::component::Instance, &v1::Instance) -> Result<T, Failure>,
    ) -> Result<(T, Vec<LogLine>), (Failure, Vec<LogLine>)> {
        let _entered = engine.enter();
        let mut attempt = || {
            let mut run =
                Run::new(engine, self.limits, self.limits.of_loading()).map_err(|f| (f, Vec::new()))?;
            let done =
                run.instantiate(prepared).and_then(|(instance, rules)| work(&mut run, instance, &rules));
            let logs = run.finish();
            match done {
                Ok(value) => Ok((value, logs)),
                Err(failure) => Err((failure, logs)),
            }
        };
        match attempt() {
            Err((Failure::OutOfTime { .. }, _)) => attempt(),
            other => other,
        }
    }
}

impl Compiled {
    fn finish(
        self,
        start: Start,
        metadata: Metadata,
        logs: Vec<LogLine>,
        initial_memory: u64,
    ) -> Result<(Vec<u8>, Ready), Problem> {
        match self.component.serialize() {
            Ok(code) => {
                let sum = hex(&Sha256::digest(&code));
                Ok((code, Ready { start, metadata, logs, initial_memory, sum }))
            }
            Err(error) => Err((LoadProblem::Compile(one_line(&format!("{error:#}"))), logs)),
        }
    }
}

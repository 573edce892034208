//! From a module to a policy that is ready.

use std::sync::Arc;

use rolarr_policy::Convert;
use rolarr_policy::contract::{Metadata, Source};
use serde_json::Value;
use wasmtime::component::Component;

use super::engine::{Engine, MOST_MEMORY};
use super::error::{Failure, LoadError, LoadProblem};
use super::limits::Limits;
use super::logs::{LogLine, printable_lines};
use super::module::{self, Description, Module};
use super::run::Run;
use super::{answer, cache, snapshot, v1};

/// A policy that was loaded with its settings and can decide events. Cloning is cheap, and one policy can
/// be used by many threads.
#[derive(Clone)]
pub struct Policy(pub(super) Arc<Loaded>);

pub(super) struct Loaded {
    pub(super) engine: Engine,
    pub(super) name: String,
    pub(super) limits: Limits,
    pub(super) prepared: v1::Prepared<super::run::State>,
    pub(super) setup: Setup,
    metadata: Metadata,
    description: Description,
    digest: String,
    logs: Vec<LogLine>,
}

/// Where the events of a policy start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// From the memory that `configure` left behind, if the policy is of a kind that it can be read out of: an event
    /// is quick. Loading takes longer, because this makes a component that must be compiled.
    #[default]
    Snapshot,
    /// From `configure`, which runs for every event: an event is slower. Loading compiles nothing but the module
    /// itself, which for every script is the same; so a script that was edited is ready at once.
    Configure,
}

/// What a fresh instance needs before it can decide.
pub(super) enum Setup {
    /// Nothing: it starts from the memory that `configure` left behind.
    Snapshot,
    /// To be configured.
    Configure { settings: String, sources: Vec<v1::types::Source> },
}

impl Policy {
    /// Loads a policy: looks at the file, compiles it, asks it what it is, gives it its settings, and keeps
    /// the memory that this leaves behind.
    ///
    /// `settings` is a JSON object; null counts as an empty one. `sources` are further files for a policy that takes
    /// some; the script of a [`Module`] that is one comes first. The limits are part of the policy from here on.
    ///
    /// # Errors
    ///
    /// One line that says what is wrong with the file, the settings or the limits.
    /// [`in_full`](LoadError::in_full) may have more.
    pub fn load(
        engine: &Engine,
        module: &Module,
        settings: &Value,
        sources: Vec<Source>,
        limits: &Limits,
    ) -> Result<Self, LoadError> {
        Self::load_for(Start::Snapshot, engine, module, settings, sources, limits)
    }

    /// Loads a policy like [`load`](Self::load), with a choice of where its events start from.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn load_for(
        start: Start,
        engine: &Engine,
        module: &Module,
        settings: &Value,
        sources: Vec<Source>,
        limits: &Limits,
    ) -> Result<Self, LoadError> {
        let failed = |problem, logs| LoadError { policy: module.name.clone(), problem, logs };
        check_limits(limits, module).map_err(|problem| failed(problem, Vec::new()))?;
        let (component, description) =
            module::inspect(&module.bytes).map_err(|problem| failed(problem, Vec::new()))?;
        if description.initial_memory > limits.memory_bytes as u64 {
            let problem =
                LoadProblem::InitialMemory { needs: description.initial_memory, limit: limits.memory_bytes };
            return Err(failed(problem, Vec::new()));
        }

        let settings = canonical(settings);
        let sources: Vec<Source> = module.sources.iter().cloned().chain(sources).collect();
        let digest = cache::digest(&module.bytes, &settings, &sources);
        let _functions = module.is_script().then(|| engine.inner().functions.open());
        let loading = Loading { start, engine, limits, contract: &description.contract };
        let made = match loading.kept(&digest) {
            Some(made) => made,
            None => {
                let made = loading
                    .make(&component, settings, sources)
                    .map_err(|(problem, logs)| failed(problem, logs))?;
                if let (Some(folder), Some(bytes)) = (&engine.inner().snapshots, &made.snapshot)
                    && let Err(error) = cache::store(folder, &digest, &made.metadata, bytes)
                {
                    // It only costs time at the next start.
                    tracing::warn!(policy = module.name, %error, "the snapshot of a policy can't be kept");
                }
                made
            }
        };
        Ok(Self(Arc::new(Loaded {
            engine: engine.clone(),
            name: module.name.clone(),
            limits: limits.clone(),
            prepared: made.prepared,
            setup: made.setup,
            metadata: made.metadata,
            description,
            digest,
            logs: made.logs,
        })))
    }

    /// The [`digest`](Self::digest) that a policy would have, without loading it.
    #[must_use]
    pub fn digest_of(module: &Module, settings: &Value) -> String {
        cache::digest(&module.bytes, &canonical(settings), &module.sources)
    }

    /// What the policy says of itself.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// What can be said of its file.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// The SHA-256 of module, settings and sources, in hexadecimal: what a decision depends on besides its
    /// event.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// What the policy logged while it was loaded. Empty if its snapshot was in the cache.
    #[must_use]
    pub fn logs(&self) -> &[LogLine] {
        &self.0.logs
    }

    /// How the operator named the module.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether events start from a snapshot. If not, `configure` runs for every event.
    #[must_use]
    pub fn starts_from_a_snapshot(&self) -> bool {
        matches!(self.0.setup, Setup::Snapshot)
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.0.name)
            .field("metadata", &self.0.metadata)
            .field("digest", &self.0.digest)
            .finish_non_exhaustive()
    }
}

/// The one text of settings that are the same.
fn canonical(settings: &Value) -> String {
    match settings {
        Value::Null => "{}".to_owned(),
        some => cache::canonical(some),
    }
}

fn check_limits(limits: &Limits, module: &Module) -> Result<(), LoadProblem> {
    if limits.memory_bytes > MOST_MEMORY {
        return Err(LoadProblem::Limit {
            name: "memory_bytes",
            value: limits.memory_bytes,
            most: MOST_MEMORY,
        });
    }
    if module.bytes.len() > limits.module_bytes {
        return Err(LoadProblem::TooLarge { size: module.bytes.len(), limit: limits.module_bytes });
    }
    Ok(())
}

/// A component that is ready, and what it says of itself.
struct Made {
    prepared: v1::Prepared<super::run::State>,
    setup: Setup,
    metadata: Metadata,
    logs: Vec<LogLine>,
    /// The bytes of the snapshot, to be kept.
    snapshot: Option<Vec<u8>>,
}

type Problem = (LoadProblem, Vec<LogLine>);

struct Loading<'a> {
    start: Start,
    engine: &'a Engine,
    limits: &'a Limits,
    contract: &'a str,
}

impl Loading<'_> {
    /// A snapshot from the cache. One that was made under a larger limit on memory counts as missing: no
    /// instance of it could be made.
    fn kept(&self, digest: &str) -> Option<Made> {
        if self.start == Start::Configure {
            return None;
        }
        let folder = self.engine.inner().snapshots.as_deref()?;
        let (metadata, bytes) = cache::load(folder, digest)?;
        let prepared = self.prepare_snapshot(&bytes)?;
        Some(Made { prepared, setup: Setup::Snapshot, metadata, logs: Vec::new(), snapshot: None })
    }

    fn make(&self, component: &[u8], settings: String, scripts: Vec<Source>) -> Result<Made, Problem> {
        let bare = |problem| (problem, Vec::new());
        let sources: Vec<v1::types::Source> = scripts.clone().convert();
        let instrumented = match self.start {
            Start::Snapshot => snapshot::instrument(component),
            Start::Configure => None,
        };
        let prepared = match &instrumented {
            Some(instrumented) => self.prepare(&instrumented.bytes),
            None => self.prepare(component),
        }
        .map_err(bare)?;

        // What runs scripts knows what it is only once it has the script.
        let describe = |run: &mut Run, rules: &v1::Instance| -> Result<Metadata, Failure> {
            let answer = rules.rolarr_policy_rules().call_describe(&mut run.store);
            let metadata: Metadata = answer.map_err(|error| run.failure(&error))?.convert();
            answer::check_metadata(&metadata).map_err(|what| Failure::Malformed(Box::new(what)))?;
            Ok(metadata)
        };
        let (described, _) = self
            .once(&prepared, |run, _, rules| describe(run, rules))
            .map_err(|(failure, logs)| (LoadProblem::Describe(failure), logs))?;

        let ((snapshot, metadata), logs) = self
            .once(&prepared, |run, instance, rules| {
                let answer = rules.rolarr_policy_rules().call_configure(&mut run.store, &settings, &sources);
                answer
                    .map_err(|error| run.failure(&error))?
                    .map_err(|text| Failure::Refused(printable_lines(&text)))?;
                let metadata = match scripts.as_slice() {
                    [] => described.clone(),
                    _ => describe(run, rules)?,
                };
                let snapshot =
                    instrumented.as_ref().and_then(|instrumented| instrumented.snapshot(run, instance));
                Ok((snapshot, metadata))
            })
            .map_err(|(failure, logs)| (LoadProblem::of_configure(failure, &scripts), logs))?;

        if let Some(bytes) = snapshot
            && let Some(prepared) = self.prepare_snapshot(&bytes)
        {
            return Ok(Made { prepared, setup: Setup::Snapshot, metadata, logs, snapshot: Some(bytes) });
        }
        // What was instrumented costs more than the component itself.
        let prepared = match instrumented {
            Some(_) => self.prepare(component).map_err(bare)?,
            None => prepared,
        };
        let setup = Setup::Configure { settings, sources };
        Ok(Made { prepared, setup, metadata, logs, snapshot: None })
    }

    /// Compiles a snapshot and links it. A snapshot that needs more memory than an instance may have, or that
    /// does not compile, is as good as none.
    fn prepare_snapshot(&self, bytes: &[u8]) -> Option<v1::Prepared<super::run::State>> {
        let needs = module::initial_memory(bytes)?;
        if needs > self.limits.memory_bytes as u64 {
            return None;
        }
        self.prepare(bytes).ok()
    }

    /// Compiles a component and links it.
    fn prepare(&self, component: &[u8]) -> Result<v1::Prepared<super::run::State>, LoadProblem> {
        let inner = self.engine.inner();
        let component = Component::new(&inner.wasmtime, component)
            .map_err(|error| LoadProblem::Compile(module::one_line(&format!("{error:#}"))))?;
        inner.linker.instantiate_pre(&component).and_then(v1::Prepared::new).map_err(|error| {
            match module::newer_minor(self.contract) {
                Some(problem) => problem,
                None => LoadProblem::NotAPolicy(format!(
                    "what it imports or exports is not what the contract says: {}",
                    module::one_line(&format!("{error:#}"))
                )),
            }
        })
    }

    /// Does something with a fresh instance, and once more if the time was up.
    fn once<T>(
        &self,
        prepared: &v1::Prepared<super::run::State>,
        mut work: impl FnMut(&mut Run, wasmtime::component::Instance, &v1::Instance) -> Result<T, Failure>,
    ) -> Result<(T, Vec<LogLine>), (Failure, Vec<LogLine>)> {
        let _entered = self.engine.enter();
        let mut attempt = || {
            let mut run =
                Run::new(self.engine, self.limits, self.limits.of_loading()).map_err(|f| (f, Vec::new()))?;
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

//! From a module to a policy that is ready.

use std::sync::Arc;

use rolarr_policy::Convert;
use rolarr_policy::contract::{Metadata, Source};
use serde_json::Value;
use wasmtime::component::Component;

use super::cache::About;
use super::engine::{Engine, MOST_MEMORY};
use super::error::{LoadError, LoadProblem};
use super::folders::Place;
use super::limits::Limits;
use super::link::link;
use super::loader::{Ask, CODE, COMPONENT, Loading, Outcome, Task};
use super::logs::LogLine;
use super::marks::{self, Marked};
use super::module::{Description, Module};
use super::start::Start;
use super::state::State;
use super::{cache, code, folders, v1};
use rolarr_domain::UntrustedText;
use rolarr_edge::files::shown;

/// A policy that was loaded with its settings and can decide events. Cloning is cheap, and one policy can
/// be used by many threads.
#[derive(Clone)]
pub struct Policy(pub(super) Arc<Loaded>);

pub(super) struct Loaded {
    pub(super) engine: Engine,
    pub(super) name: String,
    pub(super) limits: Limits,
    pub(super) prepared: v1::Prepared<State>,
    pub(super) setup: Setup,
    metadata: Metadata,
    description: Description,
    digest: String,
    logs: Vec<LogLine>,
    marked: Vec<Marked>,
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
        check_limits(limits, module).map_err(|problem| failed(module, problem))?;
        let settings = canonical(settings);
        let sources: Vec<Source> = module.sources.iter().cloned().chain(sources).collect();
        let digest = cache::digest(&module.bytes, &settings, &sources);
        let inner = engine.inner();
        let key = cache::key(&digest, start, engine.compatibility());
        let kept = inner.folders.cache.as_deref().and_then(|cache| cache::load(cache, &key, &inner.wasmtime));
        // One that was made under a larger limit on memory counts as missing: no instance of it could be made.
        let fits = |about: &About| {
            let most = limits.memory_bytes as u64;
            about.description.initial_memory <= most && about.ready.initial_memory <= most
        };
        let kept = kept.filter(|(about, _)| fits(about)).and_then(|(about, component)| {
            let prepared = link(engine, &component, about.description.contract.raw()).ok()?;
            Some((about, prepared))
        });
        let (about, prepared) = match kept {
            Some((mut about, prepared)) => {
                about.ready.logs.clear();
                (about, prepared)
            }
            None => {
                let ask = Ask {
                    task: Task::Load(start),
                    module: &module.bytes,
                    settings: &settings,
                    sources: &sources,
                    limits,
                };
                let (about, component) =
                    fetch(engine, &ask, Some(&key)).map_err(|failed| failed.of(module))?;
                let prepared = link(engine, &component, about.description.contract.raw())
                    .map_err(|problem| failed(module, problem))?;
                (about, prepared)
            }
        };
        let marked = marks::of(about.ready.metadata.settings_schema.as_deref(), &settings);
        marks::check_labels(&marked).map_err(|refusal| failed(module, LoadProblem::Configure(refusal)))?;
        let setup = match about.ready.start {
            Start::Snapshot => Setup::Snapshot,
            Start::Configure => Setup::Configure { settings, sources: sources.convert() },
        };
        Ok(Self(Arc::new(Loaded {
            engine: engine.clone(),
            name: module.name.clone(),
            limits: limits.clone(),
            prepared,
            setup,
            metadata: about.ready.metadata,
            description: about.description,
            digest,
            logs: about.ready.logs,
            marked,
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

    /// What the policy's schema marks among its settings.
    #[must_use]
    pub fn marked(&self) -> &[Marked] {
        &self.0.marked
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

fn failed(module: &Module, problem: LoadProblem) -> LoadError {
    Failed { problem, logs: Vec::new(), description: None }.of(module)
}

/// Why a module could not be loaded, without its name.
struct Failed {
    problem: LoadProblem,
    logs: Vec<LogLine>,
    description: Option<Box<Description>>,
}

impl Failed {
    fn of(self, module: &Module) -> LoadError {
        let Self { problem, logs, description } = self;
        LoadError { policy: module.name.as_str().into(), problem, logs, description }
    }
}

impl From<LoadProblem> for Failed {
    fn from(problem: LoadProblem) -> Self {
        Self { problem, logs: Vec::new(), description: None }
    }
}

/// Has the loader do something, in the first folder that it can hand things over in. `take` takes them.
fn ask<T>(
    engine: &Engine,
    ask: &Ask<'_>,
    take: impl Fn(&Place, Option<Description>, Outcome) -> Result<T, Result<Failed, String>>,
) -> Result<T, Failed> {
    let inner = engine.inner();
    let given_up = engine.watch();
    let mut unusable: Vec<String> = inner.folders.no_cache.iter().cloned().collect();
    for kind in inner.folders.kinds() {
        let place = match kind.begin() {
            Ok(place) => place,
            Err(what) => {
                unusable.push(what);
                continue;
            }
        };
        let functions = place.is_kept && folders::create_private(&place.root.join(FUNCTIONS)).is_ok();
        let loading = Loading {
            loader: &inner.loader,
            root: &place.root,
            folder: place.name(),
            functions: functions.then_some(FUNCTIONS),
            engine: engine.compatibility(),
            given_up: &given_up,
        };
        let answer = loading.ask(ask)?;
        match (answer.description, answer.outcome) {
            (description, Outcome::Refused { problem, logs }) => {
                return Err(Failed { problem, logs, description: description.map(Box::new) });
            }
            (_, Outcome::NotHandedOver(what)) => {
                unusable.push(format!("`{}`: {what}", shown(&place.root)));
            }
            (description, outcome) => match take(&place, description, outcome) {
                Ok(taken) => return Ok(taken),
                Err(Ok(failed)) => return Err(failed),
                Err(Err(what)) => unusable.push(what),
            },
        }
    }
    Err(LoadProblem::NoFolder(UntrustedText::short(&unusable.join("; "), MOST_OF_FOLDERS)).into())
}

/// The folder in the cache for the machine code of single functions.
const FUNCTIONS: &str = "functions";

/// How many characters the reasons may have why no folder can be used.
const MOST_OF_FOLDERS: usize = 300;

fn unexpected() -> Result<Failed, String> {
    Ok(LoadProblem::Loader("the process that loads it answered something else".into()).into())
}

/// Has the loader compile a policy, and takes the machine code. With a key it is kept in the cache.
fn fetch(engine: &Engine, wanted: &Ask<'_>, key: Option<&str>) -> Result<(About, Component), Failed> {
    ask(engine, wanted, |place, description, outcome| {
        let (Outcome::Loaded(ready), Some(description)) = (outcome, description) else {
            return Err(unexpected());
        };
        let component =
            code::open(&engine.inner().wasmtime, place.work.path(), CODE, &ready.sum).map_err(Err)?;
        let about = About { ready: *ready, description };
        if let (true, Some(key)) = (place.is_kept, key)
            && let Err(error) = cache::keep(&place.root, key, place.work.path(), &about)
        {
            // It only costs time at the next start.
            tracing::warn!(%error, "a compiled policy can't be kept");
        }
        Ok((about, component))
    })
}

impl Engine {
    /// Says what a module is. Nothing of it is compiled or run.
    ///
    /// # Errors
    ///
    /// It is not a policy, or not one for this Rolarr; or looking at it takes more than the limits allow.
    pub fn describe(&self, module: &Module, limits: &Limits) -> Result<Description, LoadError> {
        let wanted = Ask { task: Task::Describe, module: &module.bytes, settings: "", sources: &[], limits };
        ask(self, &wanted, |_, description, outcome| match (description, outcome) {
            (Some(description), Outcome::Described) => Ok(description),
            _ => Err(unexpected()),
        })
        .map_err(|failed| failed.of(module))
    }

    /// The module as a component, in whichever form it comes. Nothing of it is compiled or run.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn componentise(&self, module: &Module, limits: &Limits) -> Result<Vec<u8>, LoadError> {
        let wanted =
            Ask { task: Task::Componentise, module: &module.bytes, settings: "", sources: &[], limits };
        ask(self, &wanted, |place, _, outcome| match outcome {
            Outcome::Componentised => {
                let path = place.work.path().join(COMPONENT);
                rolarr_edge::files::read(&path, Module::MOST).map_err(|error| Err(error.to_string()))
            }
            _ => Err(unexpected()),
        })
        .map_err(|failed| failed.of(module))
    }
}

//! From what stands on the command line to the cases that are tested, each with the policy that it is for.

use std::{collections::HashMap, convert::Infallible, path::PathBuf, sync::OnceLock};

use serde_json::{Map, Value};

use super::{
    event::{Tested, Verdict},
    judge::judge,
    parallel,
};
use crate::{
    cli::policy::{
        cases::{self, CaseFile, Found},
        named::Named,
    },
    policy::{Engine, Limits, Module, Policy, Start, printable},
};

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// The policy in place of the cases' own.
    pub(super) policy: Option<String>,
    /// The settings in place of the cases' own.
    pub(super) settings: Option<Map<String, Value>>,
    /// Files and folders.
    pub(super) paths: Vec<PathBuf>,
    /// Only cases whose name holds one of these; empty: all.
    pub(super) names: Vec<String>,
    /// A policy is loaded in the way that is ready soonest, and not in the one in which events are quickest.
    pub(super) at_once: bool,
}

/// The policy that is used where nothing names one.
const DEFAULT: &str = "builtin:role-restriction";

/// Everything that is tested.
pub(super) struct Plan {
    /// What could not be read.
    pub(super) problems: Vec<String>,
    /// The policies, as they are named.
    pub(super) policies: Vec<String>,
    /// The files that were read.
    pub(super) files: Vec<CaseFile>,
    /// What is looked at, in order.
    pub(super) entries: Vec<Entry>,
    modules: Vec<Result<Module, String>>,
    variants: Vec<Variant>,
    at_once: bool,
    watched: Vec<PathBuf>,
}

/// A case of a file, with the policy that it is for.
pub(super) struct Entry {
    file: usize,
    index: usize,
    variant: usize,
}

/// A policy with its settings. It is loaded when the first case needs it.
struct Variant {
    module: usize,
    settings: Value,
    /// How many cases there are for it.
    cases: usize,
    loaded: OnceLock<Result<Policy, String>>,
}

/// From so many cases on it is worth it to compile what a script left behind when it was read.
const MANY: usize = 2_000;

impl Plan {
    /// Finds and reads everything.
    pub(super) fn make(wish: &Wish) -> Self {
        let mut plan = Self {
            problems: Vec::new(),
            policies: Vec::new(),
            files: Vec::new(),
            entries: Vec::new(),
            modules: Vec::new(),
            variants: Vec::new(),
            at_once: wish.at_once,
            watched: Vec::new(),
        };
        let mut found = Vec::new();
        for path in &wish.paths {
            match cases::find(path) {
                Ok(some) => found.extend(some),
                Err(problem) => plan.problems.push(problem),
            }
        }
        let mut seen = std::collections::HashSet::new();
        for found in &mut found {
            // A file that is named twice is tested once.
            found.files.retain(|file| seen.insert(file.clone()));
        }
        let mut variants = HashMap::new();
        for found in &found {
            plan.read(found, wish, &mut variants);
        }
        plan.filter(&wish.names);
        plan
    }

    fn read(&mut self, found: &Found, wish: &Wish, variants: &mut HashMap<(usize, String), usize>) {
        self.watched.extend(found.manifest.iter().map(|manifest| manifest.file.clone()));
        let named = match (&wish.policy, &found.manifest) {
            (Some(name), _) => Named::find(name),
            (None, Some(manifest)) => Ok(manifest.clone().into()),
            (None, None) => Named::find(DEFAULT),
        };
        let usual = match &named {
            Ok(Named { manifest: Some(own), .. }) => own.settings.clone(),
            _ => found.manifest.as_ref().and_then(|manifest| manifest.settings.clone()),
        };
        let module = self.module(wish.policy.as_deref().unwrap_or_default(), named);
        self.watched.extend(found.files.iter().cloned());
        let mut read = Vec::new();
        let _: Result<(), Infallible> = parallel::in_order(
            &found.files,
            |path| cases::read(path),
            |outcome| {
                read.push(outcome);
                Ok(())
            },
        );
        for outcome in read {
            let file = match outcome {
                Ok(file) => file,
                Err(error) => {
                    self.problems.push(error.to_string());
                    continue;
                }
            };
            for (index, test) in file.tests.iter().enumerate() {
                let own = test.as_ref().ok().and_then(|test| test.settings.as_deref());
                let settings = wish.settings.as_ref().or(own).or(usual.as_ref()).cloned().unwrap_or_default();
                let settings = Value::Object(settings);
                let variant = *variants.entry((module, settings.to_string())).or_insert_with(|| {
                    self.variants.push(Variant { module, settings, cases: 0, loaded: OnceLock::new() });
                    self.variants.len() - 1
                });
                if let Some(variant) = self.variants.get_mut(variant) {
                    variant.cases += 1;
                }
                self.entries.push(Entry { file: self.files.len(), index, variant });
            }
            self.files.push(file);
        }
    }

    /// The module that is named, opened once. `given` is its name on the command line, if it stands there.
    fn module(&mut self, given: &str, named: Result<Named, String>) -> usize {
        let name = named.as_ref().map_or(given, |named| &named.module);
        if let Some(known) = self.policies.iter().position(|known| known == name) {
            return known;
        }
        let name = name.to_owned();
        self.watched.push(PathBuf::from(&name));
        let opened = named.and_then(|named| {
            self.watched.extend(named.manifest.iter().map(|manifest| manifest.file.clone()));
            named.open()
        });
        if let Err(problem) = &opened {
            self.problems.push(problem.clone());
        }
        self.policies.push(name);
        self.modules.push(opened);
        self.modules.len() - 1
    }

    /// Keeps the cases whose name holds one of these. A name that no case has is a problem: somebody relies on a
    /// test that is not run.
    fn filter(&mut self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let mut hits = vec![false; names.len()];
        let files = &self.files;
        self.entries.retain(|entry| {
            let name =
                files.get(entry.file).and_then(|file| file.tests.get(entry.index)).map(|test| match test {
                    Ok(test) => test.name.as_str(),
                    Err(broken) => broken.name.as_str(),
                });
            let name = name.unwrap_or_default();
            let mut kept = false;
            for (wanted, hit) in names.iter().zip(&mut hits) {
                if name.contains(wanted.as_str()) {
                    (*hit, kept) = (true, true);
                }
            }
            kept
        });
        for (wanted, _) in names.iter().zip(hits).filter(|(_, hit)| !hit) {
            self.problems.push(format!("no case has `{}` in its name", printable(wanted)));
        }
    }

    /// Tests one case.
    pub(super) fn test(&self, engine: &Engine, entry: &Entry) -> Option<Tested> {
        let file = self.files.get(entry.file)?;
        let error = |name: &str, line, problem| Tested {
            file: file.path.clone(),
            index: entry.index,
            line,
            name: name.to_owned(),
            verdict: Verdict::Error(problem),
            steps: Vec::new(),
            coverage: Default::default(),
            took: Default::default(),
        };
        Some(match file.tests.get(entry.index)? {
            Err(broken) => {
                let line = broken.mistake.place.map(|place| place.line);
                error(&broken.name, line, broken.mistake.in_file(&file.path))
            }
            Ok(test) => match self.policy(engine, entry.variant)? {
                Ok(policy) => judge(policy, file, entry.index, test),
                Err(problem) => {
                    error(&test.name, file.is_written().then_some(test.place.line), problem.clone())
                }
            },
        })
    }

    fn policy(&self, engine: &Engine, variant: usize) -> Option<&Result<Policy, String>> {
        let variant = self.variants.get(variant)?;
        let module = self.modules.get(variant.module)?;
        Some(variant.loaded.get_or_init(|| {
            let module = module.as_ref().map_err(|_| "the policy can't be used, see above".to_owned())?;
            let start = match self.at_once || module.is_script() && variant.cases < MANY {
                true => Start::Configure,
                false => Start::Snapshot,
            };
            Policy::load_for(start, engine, module, &variant.settings, Vec::new(), &limits())
                .map_err(|error| error.in_full())
        }))
    }

    /// All files whose change would change the outcome.
    pub(super) fn watched(&self) -> &[PathBuf] {
        &self.watched
    }
}

/// The limits that a policy has by default, but with clocks that count only where nothing else ends: a busy machine is
/// not a slow policy, and fuel ends whatever runs without end.
pub(in crate::cli::policy) fn limits() -> Limits {
    const LONG: u64 = 60 * 1_000;
    Limits { clock_ms: LONG, configure_clock_ms: LONG, ..Limits::default() }
}

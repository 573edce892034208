//! Where policies come from.

use serde_json::Value;

use crate::{
    policy::{Module, Policy},
    store::KeptPolicy,
};

/// What the pipeline needs to know to load a policy again, whatever became of its file.
#[derive(Clone)]
pub struct Loaded {
    /// The policy.
    pub policy: Policy,
    /// Its module, with the name that the operator gave it, and its script if it is one.
    pub module: Module,
    /// Its settings: a JSON object.
    pub settings: Value,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("module", &self.module.name).field("policy", &self.policy).finish()
    }
}

/// What the configuration names.
#[derive(Debug)]
pub struct Configured {
    /// The policy that is to decide.
    pub active: Loaded,
    /// The candidate that is to be asked too, if there is one; or why it can't be.
    pub candidate: Option<Result<Policy, String>>,
}

/// Something that is the same as long as a policy's files are: changed times and lengths, for example.
pub type Stamp = u64;

/// Loads policies. All of it blocks: it is called beside the runtime.
pub trait Policies: Send + Sync {
    /// Reads the configuration anew and loads what it names.
    ///
    /// # Errors
    /// Why that can't be done, in one line for people.
    fn load(&self) -> Result<Configured, String>;

    /// The sections of the configuration, beside the policy's, that say something else than at the start, when the
    /// configuration was read last: they take effect with the next start.
    fn changed_elsewhere(&self) -> Vec<String> {
        Vec::new()
    }

    /// Loads a policy that was kept.
    ///
    /// # Errors
    /// Why that can't be done, in one line for people.
    fn load_kept(&self, kept: &KeptPolicy, module: Vec<u8>) -> Result<Loaded, String>;

    /// Gives up on what is being loaded now: it ends soon, with an error.
    fn give_up(&self) {}

    /// Gives up on what is being loaded now, and on all that would be loaded from now on.
    fn close(&self) {}

    /// The stamp of the files of the policy that the configuration named last. None: there is none to watch.
    fn stamp(&self) -> Option<Stamp>;
}

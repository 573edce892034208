//! A policy's module, and what can be said of it.

use rolarr_policy::contract::Source;
use serde::{Deserialize, Serialize};

use rolarr_domain::UntrustedText;

/// A policy's module, not looked at yet.
#[derive(Clone, Debug)]
pub struct Module {
    /// How the operator named it: a path or `builtin:NAME`. For messages.
    pub name: String,
    /// Its bytes. If it is a script, those of the module that runs scripts.
    pub bytes: Vec<u8>,
    /// The script, if it is one, else empty.
    pub sources: Vec<Source>,
}

impl Module {
    /// A larger file is not read, whatever the limits say: 256 MiB.
    pub const MOST: u64 = 256 << 20;

    /// A module that is in memory already. `name` is for messages.
    #[must_use]
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), bytes, sources: Vec::new() }
    }

    /// Whether it is a script.
    #[must_use]
    pub fn is_script(&self) -> bool {
        !self.sources.is_empty()
    }
}

/// In which form a policy comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A component.
    Component,
    /// A core module that has the contract embedded, as compilers give it. Rolarr makes a component of it.
    CoreModule,
}

/// What can be said of a module without running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Its form.
    pub kind: Kind,
    /// The size of the file in bytes.
    pub size: usize,
    /// The version of the contract that it was made for.
    pub contract: UntrustedText,
    /// Everything that it imports.
    pub imports: Vec<UntrustedText>,
    /// Memory that it has from the start, in bytes.
    pub initial_memory: u64,
}

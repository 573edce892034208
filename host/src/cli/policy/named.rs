//! A policy as it is named on the command line: a built-in one, a file, or a policy's folder.

use std::path::Path;

use serde_json::{Map, Value};

use super::manifest::{self, Manifest};
use crate::{
    files,
    policy::{Module, is_script, printable},
};

/// What a name stands for. Nothing of the policy is read yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    /// The name of the module, as [`Module::open`] takes it.
    pub(super) module: String,
    /// The manifest, if it is a policy's folder.
    pub(super) manifest: Option<Manifest>,
}

impl Named {
    /// Of a folder, its manifest says what is loaded.
    ///
    /// # Errors
    ///
    /// It is a folder, but no policy's, or something is wrong with its manifest. One line for people.
    pub(super) fn find(name: &str) -> Result<Self, String> {
        if !Path::new(name).is_dir() {
            return Ok(Self { module: name.to_owned(), manifest: None });
        }
        match Manifest::of(Path::new(name)) {
            Ok(Some(manifest)) => Ok(manifest.into()),
            Ok(None) => Err(printable(&format!(
                "`{name}` is a folder without a `{}`: name the policy's file in it",
                manifest::FILE
            ))),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Reads the module.
    ///
    /// # Errors
    ///
    /// It can't be read. One line for people.
    pub(super) fn open(&self) -> Result<Module, String> {
        let name = &self.module;
        Module::open(name).map_err(|error| match &self.manifest {
            Some(manifest) if !manifest.module.exists() => {
                let build = if is_script(name) { "" } else { ": `rolarr policy build` makes it" };
                let manifest = files::shown(&manifest.file);
                printable(&format!("the policy `{name}` that {manifest} names does not exist{build}"))
            }
            _ => error.to_string(),
        })
    }

    /// The settings that stand in the manifest.
    pub(super) fn settings(&self) -> Option<&Map<String, Value>> {
        self.manifest.as_ref()?.settings.as_ref()
    }
}

impl From<Manifest> for Named {
    fn from(manifest: Manifest) -> Self {
        Self { module: manifest.module.to_string_lossy().into_owned(), manifest: Some(manifest) }
    }
}
